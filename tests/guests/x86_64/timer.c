/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The timer of the calling CPU's local APIC, one-shot.
 */
#include "x86_64.h"

void timer_arm_us(uint64_t us)
{
    uint64_t count = us * (TIMER_HZ / 1000000);
    lapic_write(LAPIC_DIVIDE, TIMER_DIVIDE_1);
    lapic_write(LAPIC_LVT_TIMER, VECTOR_TIMER);
    lapic_write(LAPIC_INITIAL, count == 0 ? 1 : count > UINT32_MAX ? UINT32_MAX : count);
}

void timer_stop(void)
{
    lapic_write(LAPIC_LVT_TIMER, LVT_MASKED | VECTOR_TIMER);
    lapic_write(LAPIC_INITIAL, 0);
}

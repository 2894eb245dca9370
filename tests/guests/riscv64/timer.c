/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The timer of the calling CPU, by stimecmp (Sstc) or by SBI.
 */
#include "riscv64.h"

void timer_arm_at(uint64_t ticks)
{
    if (cmdline_is("timer", "sbi")) {
        sbi_call(SBI_EXT_TIME, 0, ticks, 0, 0);
    } else {
        csr_write(CSR_STIMECMP, ticks);
    }
}

void timer_arm_us(uint64_t us)
{
    timer_arm_at(time_ticks() + us * (time_hz() / 1000000));
}

void timer_stop(void)
{
    timer_arm_at(UINT64_MAX);
}

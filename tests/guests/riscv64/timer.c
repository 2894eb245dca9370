/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The timer of the calling CPU, by stimecmp (Sstc) or by SBI.
 */
#include "riscv64.h"

static bool by_stimecmp; /* written before any other CPU starts */

void timer_init(void)
{
    by_stimecmp = timer_has_sstc() && !cmdline_is("timer", "sbi");
}

bool timer_has_sstc(void)
{
    return tree_contains("_sstc");
}

void timer_arm_at(uint64_t ticks)
{
    if (by_stimecmp) {
        csr_write(CSR_STIMECMP, ticks);
    } else {
        sbi_call(SBI_EXT_TIME, 0, ticks, 0, 0);
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

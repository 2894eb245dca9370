/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The virtual timer (PPI 27) of the calling CPU.
 */
#include "aarch64.h"

void timer_arm_us(uint64_t us)
{
    uint64_t hz = time_hz();
    sysreg_write(cntv_cval_el0, time_ticks() + us / 1000000 * hz + us % 1000000 * hz / 1000000);
    sysreg_write(cntv_ctl_el0, CNTV_CTL_ENABLE);
    isb();
}

void timer_stop(void)
{
    sysreg_write(cntv_ctl_el0, 0);
    isb();
}

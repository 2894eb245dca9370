/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Time: the physical counter, and the EL2 physical timer as the scheduler's deadline.
 *
 * Source: Arm ARM DDI 0487, D11 (The Generic Timer).
 */
#include <arch/sysreg.h>
#include <hv/arch/time.h>

uint64_t arch_time_now(void)
{
    isb(); /* the counter may otherwise be read early (D11.1.2) */
    return read_sysreg(cntpct_el0);
}

uint64_t arch_time_frequency(void)
{
    return read_sysreg(cntfrq_el0);
}

void arch_timer_set(uint64_t deadline)
{
    if (deadline == TIME_NEVER) {
        write_sysreg(cnthp_ctl_el2, 0);
    } else {
        write_sysreg(cnthp_cval_el2, deadline);
        write_sysreg(cnthp_ctl_el2, CNT_CTL_ENABLE);
    }
    isb();
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The board's own firmware: PSCI by SMC, for starting CPUs and turning the machine off. These two
 * calls are all the hypervisor ever makes; none is made on behalf of a guest.
 *
 * Source: Arm PSCI, DEN 0022D, 5.6 and 5.10.
 */
#include <arch/psci.h>
#include <arch/sysreg.h>
#include <hv/arch/cpu.h>
#include <hv/log.h>
#include <hv/tables.h>

extern const char boot_secondary[]; /* boot.S */

static int64_t firmware_call(uint64_t function, uint64_t a1, uint64_t a2, uint64_t a3)
{
    register uint64_t x0 __asm__("x0") = function;
    register uint64_t x1 __asm__("x1") = a1;
    register uint64_t x2 __asm__("x2") = a2;
    register uint64_t x3 __asm__("x3") = a3;

    __asm__ volatile("smc #0"
                     : "+r"(x0), "+r"(x1), "+r"(x2), "+r"(x3)
                     :
                     : "x4", "x5", "x6", "x7", "x8", "x9", "x10", "x11", "x12", "x13", "x14", "x15",
                       "x16", "x17", "memory");
    return (int64_t)x0;
}

enum hv_err arch_cpu_start(struct pcpu *pcpu)
{
    int64_t result;

    dsb_ish(); /* the new CPU reads our tables before it has a map */
    result = firmware_call(PSCI_CPU_ON | SMCCC_64, pcpu->config->arch.mpidr,
                           (uint64_t)boot_secondary, (uint64_t)pcpu);
    return result == PSCI_SUCCESS ? HV_OK : HV_ERR_STATE;
}

void arch_power_off(void)
{
    firmware_call(PSCI_SYSTEM_OFF, 0, 0, 0);
    arch_cpu_halt();
}

void arch_power_reset(void)
{
    firmware_call(PSCI_SYSTEM_RESET, 0, 0, 0);
    arch_cpu_halt();
}

void arch_cpu_halt(void)
{
    for (;;) {
        __asm__ volatile("wfi");
    }
}

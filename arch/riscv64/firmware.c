/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The board's own firmware. See arch/firmware.h.
 *
 * Source: RISC-V Supervisor Binary Interface 2.0, chapters 6 (TIME), 7 (IPI), 8 (RFENCE), 9 (HSM),
 * 10 (SRST) and 11 (PMU).
 */
#include <arch/asm.h>
#include <arch/csr.h>
#include <arch/firmware.h>
#include <arch/sbi.h>
#include <hv/arch/cpu.h>
#include <hv/tables.h>

extern const char boot_secondary[]; /* boot.S */

/* Firmware keeps all registers but a0 and a1 (SBI 2.0, chapter 3). Returns the error code. */
static int64_t firmware_call(uint64_t extension, uint64_t function, const uint64_t arguments[5])
{
    register uint64_t a0 __asm__("a0") = arguments[0];
    register uint64_t a1 __asm__("a1") = arguments[1];
    register uint64_t a2 __asm__("a2") = arguments[2];
    register uint64_t a3 __asm__("a3") = arguments[3];
    register uint64_t a4 __asm__("a4") = arguments[4];
    register uint64_t a6 __asm__("a6") = function;
    register uint64_t a7 __asm__("a7") = extension;

    __asm__ volatile("ecall"
                     : "+r"(a0), "+r"(a1)
                     : "r"(a2), "r"(a3), "r"(a4), "r"(a6), "r"(a7)
                     : "memory");
    return (int64_t)a0;
}

enum hv_err arch_cpu_start(struct pcpu *pcpu)
{
    const uint64_t arguments[5] = { pcpu->config->arch.hart_id, (uint64_t)boot_secondary,
                                    (uint64_t)pcpu };

    /* The new hart reads our tables before it has a map. */
    __asm__ volatile("fence rw, rw" ::: "memory");
    return firmware_call(SBI_EXT_HSM, SBI_HSM_HART_START, arguments) == SBI_SUCCESS ? HV_OK
                                                                                    : HV_ERR_STATE;
}

void firmware_send_ipi(const struct pcpu *pcpu)
{
    /* What the kick is about is seen before it. */
    __asm__ volatile("fence rw, rw" ::: "memory");
    (void)firmware_call(SBI_EXT_IPI, SBI_IPI_SEND_IPI,
                        (uint64_t[5]){ 1, pcpu->config->arch.hart_id });
}

void firmware_set_timer(uint64_t deadline)
{
    (void)firmware_call(SBI_EXT_TIME, SBI_TIME_SET_TIMER, (uint64_t[5]){ deadline });
}

void firmware_remote_fence_i(struct hart_set harts)
{
    (void)firmware_call(SBI_EXT_RFENCE, SBI_RFENCE_FENCE_I,
                        (uint64_t[5]){ harts.mask, harts.base });
}

void firmware_remote_hfence_vvma(struct hart_set harts, uint64_t start, uint64_t size)
{
    (void)firmware_call(SBI_EXT_RFENCE, SBI_RFENCE_HFENCE_VVMA,
                        (uint64_t[5]){ harts.mask, harts.base, start, size });
}

bool firmware_pmu(uint64_t function, uint64_t counters, uint64_t flags, uint64_t argument)
{
    return firmware_call(SBI_EXT_PMU, function, (uint64_t[5]){ 0, counters, flags, argument }) ==
           SBI_SUCCESS;
}

void arch_power_off(void)
{
    (void)firmware_call(SBI_EXT_SRST, SBI_SRST_RESET, (uint64_t[5]){ SBI_SRST_SHUTDOWN });
    arch_cpu_halt();
}

void arch_power_reset(void)
{
    (void)firmware_call(SBI_EXT_SRST, SBI_SRST_RESET, (uint64_t[5]){ SBI_SRST_COLD_REBOOT });
    arch_cpu_halt();
}

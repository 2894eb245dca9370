/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is private to a physical CPU: the HS-mode controls that are the same for every guest, its
 * interrupts and timer; and the proof that assembly's numbers are right.
 *
 * Source: RISC-V Privileged Architecture 20240411, 18.2.
 */
#include <arch/asm.h>
#include <arch/csr.h>
#include <arch/firmware.h>
#include <arch/irq.h>
#include <arch/trap.h>
#include <hv/arch/cpu.h>
#include <hv/arch/task.h>
#include <hv/arch/time.h>
#include <hv/tables.h>

_Static_assert(sizeof(struct pcpu) == PCPU_SIZE, "boot.S walks pcpus[]");
_Static_assert(offsetof(struct pcpu, config) == PCPU_CONFIG, "boot.S reads it");
_Static_assert(offsetof(struct pcpu, loaded) == PCPU_LOADED, "vectors.S reads it");
_Static_assert(offsetof(struct pcpu_config, stack_top) == PCPU_CONFIG_STACK, "boot.S reads it");
_Static_assert(offsetof(struct pcpu_config, arch.hart_id) == PCPU_CONFIG_HART, "boot.S reads it");
_Static_assert(offsetof(struct vcpu, arch.x) == 0, "vectors.S stores x1 behind it");
_Static_assert(offsetof(struct arch_vcpu, hv_sp) == VCPU_HV_SP, "vectors.S stores it there");
_Static_assert(offsetof(struct arch_vcpu, hv_tp) == VCPU_HV_TP, "vectors.S stores it there");
_Static_assert(offsetof(struct arch_vcpu, f) == VCPU_F, "fp.S stores them there");
_Static_assert(offsetof(struct arch_vcpu, fcsr) == VCPU_FCSR, "fp.S stores it there");
_Static_assert(offsetof(struct arch_task, sp) == 0, "vectors.S stores it there");
_Static_assert((int)EXIT_COUNT == TRAP_RESUME, "vectors.S compares with it");

/* A guest's own exceptions are its own to handle; not guest page faults, virtual instructions and
 * calls to its firmware. */
#define HEDELEG_GUEST                                                                    \
    (BIT(CAUSE_INSTRUCTION_MISALIGN) | BIT(CAUSE_INSTRUCTION_ACCESS) |                   \
     BIT(CAUSE_ILLEGAL_INSTRUCTION) | BIT(CAUSE_BREAKPOINT) | BIT(CAUSE_LOAD_MISALIGN) | \
     BIT(CAUSE_LOAD_ACCESS) | BIT(CAUSE_STORE_MISALIGN) | BIT(CAUSE_STORE_ACCESS) |      \
     BIT(CAUSE_ECALL_U) | BIT(CAUSE_INSTRUCTION_PAGE) | BIT(CAUSE_LOAD_PAGE) |           \
     BIT(CAUSE_STORE_PAGE))

/* Cache block operations as far as the hart has them; its own timer as far as there is one. */
#define HENVCFG_GUEST (HENVCFG_CBIE_FLUSH | HENVCFG_CBCFE | HENVCFG_CBZE)

#define HSTATEEN0_GUEST (HSTATEEN0_IMSIC | HSTATEEN0_AIA | HSTATEEN0_CSRIND | HSTATEEN0_SENVCFG)

/* What arch_task_switch() expects on a task's stack: ra, s0-s11, and one word of padding. */
struct task_frame {
    uint64_t ra_s0_to_s11[14];
};

extern const char task_entry[]; /* vectors.S */

void arch_cpu_init(struct pcpu *pcpu)
{
    csr_write(CSR_HEDELEG, HEDELEG_GUEST);
    csr_write(CSR_HIDELEG, HVIP_GUEST);
    csr_write(CSR_HCOUNTEREN, HCOUNTEREN_TM);
    csr_write(CSR_HENVCFG, HENVCFG_GUEST | (board.has_sstc ? HENVCFG_STCE : 0));
    if (board.has_stateen) {
        csr_write(CSR_HSTATEEN0, HSTATEEN0_GUEST);
    }
    csr_write(CSR_HVIP, 0);
    csr_write(CSR_VSIE, 0);
    hfence_all();
    arch_timer_set(TIME_NEVER);
    irq_init_cpu(pcpu);
}

void arch_cpu_idle(void)
{
    __asm__ volatile("wfi" ::: "memory"); /* a pending interrupt ends it, masked or not (3.3.3) */
}

void arch_cpu_halt(void)
{
    csr_write(CSR_SIE, 0);
    for (;;) {
        __asm__ volatile("wfi");
    }
}

void arch_task_init(struct arch_task *task, uintptr_t stack_top, struct vcpu *v)
{
    struct task_frame *frame = (struct task_frame *)(stack_top - sizeof(struct task_frame));

    *frame = (struct task_frame){ { 0 } };
    frame->ra_s0_to_s11[0] = (uint64_t)task_entry;
    frame->ra_s0_to_s11[1] = (uint64_t)v;
    task->sp = (uintptr_t)frame;
}

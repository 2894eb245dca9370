/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is private to a physical CPU: the EL2 controls that are the same for every guest, its
 * interrupt interface and timer; and the proof that assembly's numbers are right.
 *
 * Source: Arm ARM DDI 0487, D19.2 (CPTR_EL2, MDCR_EL2, VTCR_EL2), D11 (CNTHCTL_EL2).
 */
#include <arch/asm.h>
#include <arch/gicv3_driver.h>
#include <arch/sysreg.h>
#include <arch/vgic.h>
#include <hv/arch/cpu.h>
#include <hv/arch/task.h>
#include <hv/arch/time.h>
#include <hv/tables.h>

_Static_assert(sizeof(struct pcpu) == PCPU_SIZE, "boot.S walks pcpus[]");
_Static_assert(offsetof(struct pcpu, config) == PCPU_CONFIG, "boot.S reads it");
_Static_assert(offsetof(struct pcpu, loaded) == PCPU_LOADED, "vectors.S reads it");
_Static_assert(offsetof(struct pcpu_config, stack_top) == PCPU_CONFIG_STACK, "boot.S reads it");
_Static_assert(offsetof(struct pcpu_config, arch.mpidr) == PCPU_CONFIG_MPIDR, "boot.S reads it");
_Static_assert(offsetof(struct vcpu, arch.x) == 0, "vectors.S stores x0 there");
_Static_assert(offsetof(struct arch_vcpu, fpcr) == VCPU_FPCR, "fp.S stores it there");
_Static_assert(offsetof(struct arch_vcpu, fpsr) == VCPU_FPCR + 8, "fp.S stores it there");
_Static_assert(offsetof(struct arch_vcpu, q) == VCPU_Q, "fp.S stores them there");
_Static_assert(offsetof(struct arch_task, sp) == 0, "vectors.S stores it there");
_Static_assert((int)EXIT_COUNT == TRAP_RESUME, "vectors.S compares with it");

/* RES1 bits; SVE (bit 8), SME (bit 12) and trace registers (bit 20) trap, FP and SIMD do not. */
#define CPTR_EL2_VALUE UINT64_C(0x1033ff)

/* Performance monitors, debug, OS lock, debug ROM, trace filter trap. HPMN [4:0] stays as it is. */
#define MDCR_HPMN  UINT64_C(0x1f)
#define MDCR_TRAPS (BIT(5) | BIT(6) | BIT(9) | BIT(10) | BIT(11) | BIT(19))

/* Guests read the physical counter freely (EL1PCTEN); the physical timer traps (EL1PCEN is 0). */
#define CNTHCTL_EL2_VALUE BIT(0)

/* Stage 2: 39-bit addresses, walk starts at level 1, walks cached and inner shareable, 4 KiB
 * granule, 40-bit output, RES1 bit 31. The generator's arm_stage2 prints tables of just this form.
 */
#define VTCR_EL2_VALUE                                                           \
    (BIT(31) | (UINT64_C(2) << 16) | (UINT64_C(3) << 12) | (UINT64_C(1) << 10) | \
     (UINT64_C(1) << 8) | (UINT64_C(1) << 6) | UINT64_C(25))

/* Room that arch_task_switch() expects on a task's stack: x19-x30. */
struct task_frame {
    uint64_t x19_to_x30[12];
};

extern const char task_entry[]; /* vectors.S */

void arch_cpu_init(struct pcpu *pcpu)
{
    static bool distributor_is_ready; /* written by the boot CPU before it starts any other */

    write_sysreg(cptr_el2, CPTR_EL2_VALUE);
    write_sysreg(hstr_el2, 0);
    write_sysreg(mdcr_el2, (read_sysreg(mdcr_el2) & MDCR_HPMN) | MDCR_TRAPS);
    write_sysreg(mdscr_el1, 0); /* a guest cannot: its debug registers trap */
    write_sysreg(cnthctl_el2, CNTHCTL_EL2_VALUE);
    write_sysreg(vtcr_el2, VTCR_EL2_VALUE);
    write_sysreg(hcr_el2, HCR_RW | HCR_FMO | HCR_IMO | HCR_AMO);
    write_sysreg(cntv_ctl_el0, 0);
    arch_timer_set(TIME_NEVER);
    __asm__ volatile("tlbi alle1; dsb nsh" ::: "memory");
    isb();

    if (!distributor_is_ready) {
        gicv3_init_distributor();
        distributor_is_ready = true;
    }
    gicv3_init_cpu(pcpu);
    vgic_init_cpu();
    gicv3_close_sre();
}

void arch_cpu_kick(struct pcpu *pcpu)
{
    gicv3_kick(pcpu);
}

void arch_cpu_idle(void)
{
    __asm__ volatile("dsb sy; wfi" ::: "memory"); /* a pending interrupt ends it, masked or not */
}

void arch_task_init(struct arch_task *task, uintptr_t stack_top, struct vcpu *v)
{
    struct task_frame *frame = (struct task_frame *)(stack_top - sizeof(struct task_frame));

    *frame = (struct task_frame){ { 0 } };
    frame->x19_to_x30[0] = (uint64_t)v;
    frame->x19_to_x30[11] = (uint64_t)task_entry;
    task->sp = (uintptr_t)frame;
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A vCPU's registers: reset, and their way into and out of the machine.
 *
 * The generated program counter and PSTATE of a loaded vCPU are in ELR_EL2 and SPSR_EL2, its system
 * registers, FP registers and timer in the registers themselves, its interrupts in the list
 * registers. x0-x30 are saved at each trap (vectors.S).
 *
 * Source: Arm ARM DDI 0487, D1.3 (reset), D11.2.4 (CNTVOFF_EL2), D8.14 (TLB maintenance).
 */
#include <arch/gicv3.h>
#include <arch/gicv3_driver.h>
#include <arch/sysreg.h>
#include <arch/trap.h>
#include <arch/vgic.h>
#include <hv/arch/time.h>
#include <hv/arch/vcpu.h>
#include <hv/string.h>
#include <hv/tables.h>

/* SCTLR_EL1: MMU and caches off; the bits that are RES1 in Armv8.0. */
#define SCTLR_EL1_RESET UINT64_C(0x30d00800)

#define MPIDR_RES1 BIT(31)

#define HCR_GUEST                                                                                  \
    (HCR_VM | HCR_SWIO | HCR_PTW | HCR_FMO | HCR_IMO | HCR_AMO | HCR_BSU_IS | HCR_TID3 | HCR_TSC | \
     HCR_TIDCP | HCR_TACR | HCR_RW | HCR_TLOR)

/* Every register of struct arch_sysregs but the timer's: field, register. */
#define FOR_EACH_SYSREG(DO) \
    DO(sp_el0)              \
    DO(sp_el1)              \
    DO(elr_el1)             \
    DO(spsr_el1)            \
    DO(sctlr_el1)           \
    DO(cpacr_el1)           \
    DO(tcr_el1)             \
    DO(ttbr0_el1)           \
    DO(ttbr1_el1)           \
    DO(mair_el1)            \
    DO(amair_el1)           \
    DO(vbar_el1)            \
    DO(esr_el1)             \
    DO(far_el1)             \
    DO(afsr0_el1)           \
    DO(afsr1_el1)           \
    DO(par_el1)             \
    DO(contextidr_el1)      \
    DO(tpidr_el0)           \
    DO(tpidrro_el0)         \
    DO(tpidr_el1)           \
    DO(csselr_el1)          \
    DO(cntkctl_el1)

#define SAVE_SYSREG(name) sys->name = read_sysreg(name);
#define LOAD_SYSREG(name) write_sysreg(name, sys->name);

/* FP and SIMD registers; defined in fp.S, the one file that may touch them. */
void fp_save(struct arch_vcpu *arch);
void fp_load(const struct arch_vcpu *arch);

void arch_vm_reset(struct vm *vm)
{
    vm->arch.counter_offset = arch_time_now();
    vgic_vm_reset(vm);
    if (vm->config->arch.uart != NULL) {
        vpl011_reset(vm->config->arch.uart);
    }
    if (vm->config->arch.watchdog != NULL) {
        vgwdt_reset(vm->config->arch.watchdog);
    }
}

void arch_vcpu_reset(struct vcpu *v, uint64_t entry, uint64_t argument)
{
    struct arch_vcpu *arch = &v->arch;

    memset(arch->x, 0, sizeof arch->x);
    memset(&arch->sys, 0, sizeof arch->sys);
    memset(arch->q, 0, sizeof arch->q);
    arch->fpcr = 0;
    arch->fpsr = 0;
    arch->x[0] = argument;
    arch->pc = entry;
    arch->pstate = PSTATE_EL1H_MASKED;
    arch->sys.sctlr_el1 = SCTLR_EL1_RESET;
    arch->flush_always = sched_has_sibling(v);
    arch->flush_once = true;
    vgic_vcpu_reset(v);
}

/* Drops what this CPU's TLBs and instruction cache hold for the VM whose VTTBR_EL2 is in place. */
static void flush_local(void)
{
    __asm__ volatile("dsb nshst; tlbi vmalls12e1; ic iallu; dsb nsh" ::: "memory");
    isb();
}

static void load_timer(const struct vcpu *v)
{
    const struct arch_sysregs *sys = &v->arch.sys;

    write_sysreg(cntvoff_el2, v->vm->arch.counter_offset);
    write_sysreg(cntv_cval_el0, sys->cntv_cval_el0);
    if (vgic_vtimer_in_flight(v)) {
        gicv3_set_private_active(v->pcpu, board.vtimer_intid, true);
    }
    write_sysreg(cntv_ctl_el0, sys->cntv_ctl_el0);
}

/* When the guest timer in the saved registers will want the vCPU, in ticks of the machine's
 * counter.
 */
static uint64_t timer_deadline(const struct vcpu *v)
{
    const struct arch_sysregs *sys = &v->arch.sys;
    uint64_t offset = v->vm->arch.counter_offset;

    if ((sys->cntv_ctl_el0 & (CNT_CTL_ENABLE | CNT_CTL_IMASK)) != CNT_CTL_ENABLE ||
        vgic_vtimer_in_flight(v) || sys->cntv_cval_el0 >= TIME_NEVER - offset) {
        return TIME_NEVER;
    }
    return sys->cntv_cval_el0 + offset;
}

/* Stops the timer; while it is out, the scheduler watches its deadline. */
static void save_timer(struct vcpu *v)
{
    struct arch_sysregs *sys = &v->arch.sys;

    sys->cntv_ctl_el0 = read_sysreg(cntv_ctl_el0);
    sys->cntv_cval_el0 = read_sysreg(cntv_cval_el0);
    write_sysreg(cntv_ctl_el0, 0);
    isb();
    if (vgic_vtimer_in_flight(v)) {
        gicv3_set_private_active(v->pcpu, board.vtimer_intid, false);
    }
    v->wake_at = timer_deadline(v);
}

void arch_vcpu_load(struct vcpu *v)
{
    struct arch_vcpu *arch = &v->arch;
    const struct arch_sysregs *sys = &arch->sys;

    write_sysreg(hcr_el2, HCR_GUEST | (v->config->exclusive ? 0 : HCR_TWI));
    write_sysreg(vttbr_el2, v->vm->config->stage2_root.pa | (uint64_t)v->vm->config->vmid << 48);
    write_sysreg(vpidr_el2, read_sysreg(midr_el1));
    write_sysreg(vmpidr_el2, v->config->arch.mpidr | MPIDR_RES1);
    isb();
    if (arch->flush_once || arch->flush_always) {
        flush_local();
        arch->flush_once = false;
    }
    write_sysreg(elr_el2, arch->pc);
    write_sysreg(spsr_el2, arch->pstate);
    FOR_EACH_SYSREG(LOAD_SYSREG)
    fp_load(arch);
    vgic_load(v);
    load_timer(v);
}

void arch_vcpu_off(struct vcpu *v)
{
    vgic_vcpu_off(v);
}

void arch_vcpu_save(struct vcpu *v)
{
    struct arch_vcpu *arch = &v->arch;
    struct arch_sysregs *sys = &arch->sys;

    arch->pc = read_sysreg(elr_el2);
    arch->pstate = read_sysreg(spsr_el2);
    FOR_EACH_SYSREG(SAVE_SYSREG)
    fp_save(arch);
    vgic_save(v);
    save_timer(v);
}

enum exit_reason arch_vcpu_run(struct vcpu *v)
{
    if (__atomic_load_n(&v->arch.vgic.stale, __ATOMIC_SEQ_CST)) {
        vgic_flush(v);
    }
    return vcpu_enter(v);
}

bool arch_vcpu_has_interrupt(struct vcpu *v)
{
    /* A timer that expired while it was out raises its interrupt as soon as it is loaded. */
    return vgic_has_pending(v) || (v->pcpu->loaded != v && timer_deadline(v) <= arch_time_now());
}

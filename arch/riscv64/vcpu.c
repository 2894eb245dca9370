/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A vCPU's registers: reset, and their way into and out of the machine.
 *
 * The program counter and privilege of a loaded vCPU are in sepc, sstatus and hstatus, its VS-mode
 * registers, FP registers and timer in the registers themselves, its interrupts in hvip. x1-x31 are
 * saved at each trap (vectors.S).
 *
 * Source: RISC-V Privileged Architecture 20240411, 18.2 (registers), 18.5 (two-stage translation);
 * SBI 2.0, 9.1 (state of a hart that starts).
 */
#include <arch/csr.h>
#include <arch/imsic.h>
#include <arch/sbi.h>
#include <arch/time.h>
#include <arch/trap.h>
#include <arch/vaplic.h>
#include <arch/vcpu.h>
#include <arch/vplic.h>
#include <hv/arch/time.h>
#include <hv/arch/vcpu.h>
#include <hv/string.h>
#include <hv/tables.h>
#include <hv/v16550.h>

#define X_A0 10
#define X_A1 11

/* Every register of struct arch_csrs: field, register. */
#define FOR_EACH_CSR(DO)           \
    DO(vsstatus, CSR_VSSTATUS)     \
    DO(vsie, CSR_VSIE)             \
    DO(vstvec, CSR_VSTVEC)         \
    DO(vsscratch, CSR_VSSCRATCH)   \
    DO(vsepc, CSR_VSEPC)           \
    DO(vscause, CSR_VSCAUSE)       \
    DO(vstval, CSR_VSTVAL)         \
    DO(vsatp, CSR_VSATP)           \
    DO(scounteren, CSR_SCOUNTEREN) \
    DO(senvcfg, CSR_SENVCFG)

#define SAVE_CSR(name, number) csrs->name = csr_read(number);
#define LOAD_CSR(name, number) csr_write(number, csrs->name);

/* FP registers; defined in fp.S, the one file that may touch them. */
void fp_save(struct arch_vcpu *arch);
void fp_load(const struct arch_vcpu *arch);

void arch_vm_reset(struct vm *vm)
{
    vm->arch.time_offset = arch_time_now();
    if (vm->config->arch.controller.plic != NULL) {
        vplic_vm_reset(vm);
    } else {
        vaplic_vm_reset(vm);
    }
    if (vm->config->arch.uart != NULL) {
        v16550_reset(vm->config->arch.uart);
    }
    if (vm->config->arch.watchdog != NULL) {
        vwdog_reset(vm->config->arch.watchdog);
    }
}

void arch_vcpu_reset(struct vcpu *v, uint64_t entry, uint64_t argument)
{
    struct arch_vcpu *arch = &v->arch;

    memset(arch, 0, offsetof(struct arch_vcpu, context)); /* which is its controller's to reset */
    arch->x[X_A0] = v->config->arch.hart_id;
    arch->x[X_A1] = argument;
    arch->pc = entry;
    arch->sstatus = SSTATUS_SPP | SSTATUS_FS_CLEAN | SSTATUS_UXL_64;
    arch->hstatus = HSTATUS_VSXL_64 | HSTATUS_SPV | HSTATUS_SPVP |
                    (uint64_t)v->config->arch.vgein << HSTATUS_VGEIN_SHIFT |
                    (v->config->exclusive ? 0 : HSTATUS_VTW);
    arch->csrs.vsstatus = SSTATUS_UXL_64;
    arch->timer = TIME_NEVER;
    arch->flush_always = sched_has_sibling(v);
    arch->flush_once = true;
    sbi_pmu_reset(v);
    if (v->config->arch.vgein != 0) {
        imsic_reset_file(v->config->arch.vgein);
    }
}

/* The FP registers are saved if the guest has written them since they were loaded; sstatus.FS,
 * which a guest cannot see, says so whatever its own vsstatus.FS says (18.2.12). */
static void save_fp(struct arch_vcpu *arch)
{
    if ((arch->sstatus & SSTATUS_FS) == SSTATUS_FS_DIRTY) {
        fp_save(arch);
    }
    arch->sstatus = (arch->sstatus & ~SSTATUS_FS) | SSTATUS_FS_CLEAN;
}

/* The hart's FS must not be off, and is left clean. */
static void load_fp(const struct arch_vcpu *arch)
{
    csr_write(CSR_SSTATUS, arch->sstatus);
    fp_load(arch);
    csr_write(CSR_SSTATUS, arch->sstatus);
}

/* Brings this hart's translations and instruction fetches up to date for the VM in hgatp. Its
 * second stage never changes. */
static void flush_local(void)
{
    hfence_vvma();
    fence_i();
}

uint64_t vm_hgatp(const struct vm_config *vm)
{
    return (uint64_t)vm->arch.stage2_mode << HGATP_MODE_SHIFT |
           (uint64_t)vm->vmid << HGATP_VMID_SHIFT | vm->stage2_root.pa / HV_PAGE_SIZE;
}

void arch_vcpu_load(struct vcpu *v)
{
    struct arch_vcpu *arch = &v->arch;
    const struct arch_csrs *csrs = &arch->csrs;

    csr_write(CSR_HGATP, vm_hgatp(v->vm->config));
    if (arch->flush_once || arch->flush_always) {
        flush_local();
        arch->flush_once = false;
    }
    csr_write(CSR_HSTATUS, arch->hstatus);
    csr_write(CSR_SEPC, arch->pc);
    load_fp(arch);
    FOR_EACH_CSR(LOAD_CSR)
    csr_write(CSR_HVIP, arch->hvip);
    time_guest_load(v);
    if (v->config->arch.vgein != 0) {
        csr_write(CSR_VSISELECT, arch->vsiselect);
        imsic_watch(v->config->arch.vgein, false);
    } else {
        vcontext_flush(v);
    }
}

void arch_vcpu_save(struct vcpu *v)
{
    struct arch_vcpu *arch = &v->arch;
    struct arch_csrs *csrs = &arch->csrs;

    arch->hstatus = csr_read(CSR_HSTATUS);
    arch->pc = csr_read(CSR_SEPC);
    arch->sstatus = csr_read(CSR_SSTATUS);
    save_fp(arch);
    FOR_EACH_CSR(SAVE_CSR)
    arch->hvip = csr_read(CSR_HVIP) & (BIT(IRQ_VSSI) | BIT(IRQ_VSTI));
    csr_write(CSR_HVIP, 0);
    csr_write(CSR_VSIE, 0); /* nothing of it wakes this hart any more */
    time_guest_save(v);
    if (v->config->arch.vgein != 0) {
        arch->vsiselect = csr_read(CSR_VSISELECT);
        imsic_watch(v->config->arch.vgein, true);
        /* What became pending just then need not interrupt: QEMU 10 computes SGEIP before it takes
         * its lock, and overwrites what another hart's message made of it meanwhile. */
        if (imsic_file_is_pending(v->config->arch.vgein)) {
            sched_ready(v);
        }
    }
}

void vcpu_send_ipi(struct vcpu *v)
{
    if (v == arch_this_pcpu()->loaded) {
        csr_set(CSR_HVIP, BIT(IRQ_VSSI));
    } else if (!__atomic_exchange_n(&v->arch.ipi, 1, __ATOMIC_SEQ_CST)) {
        vcpu_notify(v); /* who finds it set knows that he who set it notifies */
    }
}

void vcpu_clear_ipi(struct vcpu *v)
{
    __atomic_store_n(&v->arch.ipi, 0, __ATOMIC_SEQ_CST);
    csr_clear(CSR_HVIP, BIT(IRQ_VSSI));
}

void vcpu_flush(struct vcpu *v)
{
    if (__atomic_exchange_n(&v->arch.ipi, 0, __ATOMIC_SEQ_CST)) {
        csr_set(CSR_HVIP, BIT(IRQ_VSSI));
    }
    if (__atomic_load_n(&v->arch.context.stale, __ATOMIC_ACQUIRE)) {
        vcontext_flush(v);
    }
}

void vcpu_resume_at(struct vcpu *v, uint64_t entry, uint64_t argument)
{
    v->arch.x[X_A0] = v->config->arch.hart_id;
    v->arch.x[X_A1] = argument;
    csr_write(CSR_SEPC, entry);
    csr_clear(CSR_VSSTATUS, SSTATUS_SIE);
    csr_write(CSR_VSATP, 0);
}

enum exit_reason arch_vcpu_run(struct vcpu *v)
{
    if (vcpu_is_stale(v)) {
        vcpu_flush(v);
    }
    return vcpu_enter(v);
}

/* Interrupts that stand for the vCPU, as hip and vsie have them. */
static uint64_t interrupts(const struct vcpu *v)
{
    uint32_t file = v->config->arch.vgein;
    uint64_t pending;

    if (v->pcpu->loaded == v) {
        pending = csr_read(CSR_HIP);
    } else {
        pending = v->arch.hvip;
        pending |= time_guest_deadline(v) <= arch_time_now() ? BIT(IRQ_VSTI) : 0;
        pending |= file != 0 && imsic_file_is_pending(file) ? BIT(IRQ_VSEI) : 0;
    }
    pending |= __atomic_load_n(&v->arch.ipi, __ATOMIC_SEQ_CST) ? BIT(IRQ_VSSI) : 0;
    pending |= vcontext_is_signalled(&v->arch.context) ? BIT(IRQ_VSEI) : 0;
    return pending;
}

void arch_vcpu_off(struct vcpu *v)
{
    (void)v; /* what is pending for it stays in its VM's controller, or in its interrupt file */
}

bool arch_vcpu_has_interrupt(struct vcpu *v)
{
    /* vsie has the guest's bits one place lower than hip has them (18.2.13). */
    uint64_t enabled = v->pcpu->loaded == v ? csr_read(CSR_VSIE) : v->arch.csrs.vsie;

    return (interrupts(v) & (enabled << 1) & HVIP_GUEST) != 0;
}

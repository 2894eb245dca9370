/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Model-specific registers, by the VM's generated policy: what is in no table faults.
 *
 * Source: AMD64 Architecture Programmer's Manual volume 2 (24593), 3.1.7 (EFER), 7.8.2
 * (PAT), 13.2.4 (TSC), appendix A.
 */
#include <arch/direct.h>
#include <arch/svm.h>
#include <arch/trap.h>
#include <arch/vlapic.h>
#include <arch/x86.h>
#include <hv/arch/time.h>
#include <hv/tables.h>

#define LENGTH_MSR 2u

#define EFER_GUEST (EFER_SCE | EFER_LME | EFER_NXE | EFER_FFXSR)

static bool is_apic(uint32_t msr)
{
    return msr - MSR_X2APIC_BASE < MSR_X2APIC_END - MSR_X2APIC_BASE || msr == MSR_APIC_BASE;
}

static const struct msr_policy *find(const struct vcpu *v, uint32_t msr)
{
    const struct arch_vm_config *config = &v->vm->config->arch;
    const struct msr_policy *policy = config->msrs;

    for (uint32_t count = config->msr_count; count > 1;) {
        uint32_t half = count / 2;

        policy += msr >= policy[half].msr ? half : 0;
        count -= half;
    }
    return config->msr_count > 0 && policy->msr == msr ? policy : NULL;
}

static bool read_emulated(const struct vcpu *v, uint32_t msr, uint64_t *value)
{
    switch (msr) {
    case MSR_EFER:
        *value = v->arch.vmcb->efer & ~EFER_SVME;
        return true;
    case MSR_PAT:
        *value = v->arch.vmcb->g_pat;
        return true;
    case MSR_TSC:
        *value = arch_time_now() + v->arch.vmcb->tsc_offset;
        return true;
    case MSR_TSC_AUX:
        *value = v->arch.tsc_aux;
        return true;
    case MSR_KVM_WALL_CLOCK:
    case MSR_KVM_SYSTEM_TIME:
        *value = 0; /* where the guest put its structures is its own to remember */
        return true;
    default:
        return false;
    }
}

/* LMA is not the guest's to write, and long mode is not switched while paging is on. */
static bool write_efer(const struct vcpu *v, uint64_t value)
{
    struct vmcb *vmcb = v->arch.vmcb;
    uint64_t changed = (vmcb->efer ^ value) & EFER_LME;

    if ((value & ~(EFER_GUEST | EFER_LMA)) != 0 || (changed != 0 && (vmcb->cr0 & CR0_PG) != 0)) {
        return false;
    }
    vmcb->efer = (value & EFER_GUEST) | (vmcb->efer & (EFER_LMA | EFER_SVME));
    vmcb->clean &= ~CLEAN_CR;
    return true;
}

/* Eight memory types: 0, 1, 4, 5, 6 and 7 exist. */
static bool write_pat(const struct vcpu *v, uint64_t value)
{
    for (uint32_t i = 0; i < 8; i++) {
        uint8_t type = (uint8_t)(value >> 8 * i);

        if (type > 7 || type == 2 || type == 3) {
            return false;
        }
    }
    v->arch.vmcb->g_pat = value;
    v->arch.vmcb->clean &= ~CLEAN_NP;
    return true;
}

static bool write_emulated(struct vcpu *v, uint32_t msr, uint64_t value)
{
    switch (msr) {
    case MSR_EFER:
        return write_efer(v, value);
    case MSR_PAT:
        return write_pat(v, value);
    case MSR_TSC:
        v->arch.vmcb->tsc_offset = value - arch_time_now();
        v->arch.vmcb->clean &= ~CLEAN_INTERCEPTS;
        return true;
    case MSR_TSC_AUX:
        if (value > UINT32_MAX) {
            return false;
        }
        v->arch.tsc_aux = value;
        wrmsr(MSR_TSC_AUX, value);
        return true;
    case MSR_KVM_WALL_CLOCK:
    case MSR_KVM_SYSTEM_TIME:
        return pvclock_write(v, msr, value);
    default:
        return false;
    }
}

static bool msr_read(struct vcpu *v, uint32_t msr, uint64_t *value)
{
    const struct msr_policy *policy;

    if (is_apic(msr)) {
        return vlapic_read_msr(v, msr, value);
    }
    policy = find(v, msr);
    if (policy == NULL) {
        return false;
    }
    *value = policy->value;
    return policy->kind != MSR_EMULATED || read_emulated(v, msr, value);
}

static bool msr_write(struct vcpu *v, uint32_t msr, uint64_t value)
{
    const struct msr_policy *policy;

    if (is_apic(msr)) {
        return v->arch.owns_apic ? direct_write(v, msr, value) : vlapic_write_msr(v, msr, value);
    }
    policy = find(v, msr);
    if (policy == NULL) {
        return false;
    }
    return policy->kind == MSR_CONSTANT ||
           (policy->kind == MSR_EMULATED && write_emulated(v, msr, value));
}

/* RDMSR or WRMSR (EXITINFO1 is 1) of MSR ECX. */
uint32_t msr_exit(struct vcpu *v)
{
    struct vmcb *vmcb = v->arch.vmcb;
    uint32_t msr = (uint32_t)v->arch.regs[REG_RCX];
    uint64_t value;
    bool ok;

    if (vmcb->exit_info_1 != 0) {
        value = (v->arch.regs[REG_RDX] << 32) | (uint32_t)vmcb->rax;
        ok = msr_write(v, msr, value);
        return trap_finish(v, ok, LENGTH_MSR,
                           msr == MSR_X2APIC_BASE + LAPIC_ICR ? EXIT_SEND_IPI : EXIT_SYSREG);
    }
    ok = msr_read(v, msr, &value);
    if (ok) {
        vmcb->rax = (uint32_t)value;
        v->arch.regs[REG_RDX] = value >> 32;
    }
    return trap_finish(v, ok, LENGTH_MSR, EXIT_SYSREG);
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * CPUID, by the VM's generated policy: of each leaf the bits that come from the machine and those
 * that are always there. What differs from vCPU to vCPU is put in here: APIC ids.
 *
 * Source: AMD64 Architecture Programmer's Manual volume 3 (24594), appendix E.
 */
#include <arch/trap.h>
#include <arch/vcpu.h>
#include <arch/x86.h>
#include <hv/tables.h>

#define LEAF_FEATURES 0x1u
#define LEAF_TOPOLOGY 0xbu
#define LEAF_APIC_ID  0x8000001eu

#define LENGTH_CPUID 2u

#define APIC_ID_SHIFT 24 /* LEAF_FEATURES, EBX */

/* The policy of a leaf and subleaf, or NULL. */
static const struct cpuid_policy *find(const struct arch_vm_config *config, uint32_t leaf,
                                       uint32_t subleaf)
{
    const struct cpuid_policy *end = config->cpuid + config->cpuid_count;
    const struct cpuid_policy *policy = config->cpuid + config->cpuid_first[CPUID_PLACE(leaf)];

    for (; policy < end && policy->leaf == leaf; policy++) {
        if (policy->subleaf == subleaf || policy->subleaf == CPUID_ANY_SUBLEAF) {
            return policy;
        }
    }
    return NULL;
}

/* CPUID: leaf in EAX, subleaf in ECX. */
uint32_t cpuid_exit(struct vcpu *v)
{
    struct vmcb *vmcb = v->arch.vmcb;
    uint64_t *regs = v->arch.regs;
    uint32_t leaf = (uint32_t)vmcb->rax, subleaf = (uint32_t)regs[REG_RCX];
    const struct cpuid_policy *policy = find(&v->vm->config->arch, leaf, subleaf);
    uint32_t apic_id = v->config->arch.apic_id;
    uint32_t out[4] = { 0 };

    if (policy != NULL) {
        cpuid(leaf, subleaf, out);
        out[EAX] = (out[EAX] & policy->keep[EAX]) | policy->set[EAX];
        out[EBX] = (out[EBX] & policy->keep[EBX]) | policy->set[EBX];
        out[ECX] = (out[ECX] & policy->keep[ECX]) | policy->set[ECX];
        out[EDX] = (out[EDX] & policy->keep[EDX]) | policy->set[EDX];
    }
    if (leaf == LEAF_FEATURES) {
        out[EBX] = (out[EBX] & ~(0xffu << APIC_ID_SHIFT)) | apic_id << APIC_ID_SHIFT;
    } else if (leaf == LEAF_TOPOLOGY) {
        out[EDX] = apic_id;
    } else if (leaf == LEAF_APIC_ID && policy != NULL) {
        out[EAX] = apic_id;
    }
    vmcb->rax = out[EAX];
    regs[REG_RBX] = out[EBX];
    regs[REG_RCX] = out[ECX];
    regs[REG_RDX] = out[EDX];
    return trap_finish(v, true, LENGTH_CPUID, EXIT_SYSREG);
}

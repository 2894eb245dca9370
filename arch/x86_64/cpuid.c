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

#define APIC_ID_SHIFT 24 /* LEAF_FEATURES, EBX */

/* The last policy at or below (leaf, subleaf), if it is for them; a binary search. */
static const struct cpuid_policy *find(const struct arch_vm_config *config, uint32_t leaf,
                                       uint32_t subleaf)
{
    const struct cpuid_policy *policy = config->cpuid;
    uint64_t key = (uint64_t)leaf << 32 | subleaf;

    for (uint32_t count = config->cpuid_count; count > 1;) {
        uint32_t half = count / 2;
        const struct cpuid_policy *middle = policy + half;
        uint32_t first = middle->subleaf == CPUID_ANY_SUBLEAF ? 0 : middle->subleaf;

        policy += key >= ((uint64_t)middle->leaf << 32 | first) ? half : 0;
        count -= half;
    }
    return config->cpuid_count > 0 && policy->leaf == leaf &&
                   (policy->subleaf == subleaf || policy->subleaf == CPUID_ANY_SUBLEAF)
               ? policy
               : NULL;
}

void cpuid_emulate(struct vcpu *v)
{
    uint64_t *rax = vcpu_register(v, REG_RAX);
    uint32_t leaf = (uint32_t)*rax, subleaf = (uint32_t)v->arch.regs[REG_RCX];
    uint32_t apic_id = v->config->arch.apic_id;
    const struct cpuid_policy *policy = find(&v->vm->config->arch, leaf, subleaf);
    uint32_t out[4] = { 0 };

    if (policy != NULL) {
        cpuid(leaf, subleaf, out);
        for (uint32_t i = 0; i < 4; i++) {
            out[i] = (out[i] & policy->keep[i]) | policy->set[i];
        }
    }
    if (leaf == LEAF_FEATURES) {
        out[EBX] = (out[EBX] & ~(0xffu << APIC_ID_SHIFT)) | apic_id << APIC_ID_SHIFT;
    } else if (leaf == LEAF_TOPOLOGY) {
        out[EDX] = apic_id;
    } else if (leaf == LEAF_APIC_ID && policy != NULL) {
        out[EAX] = apic_id;
    }
    *rax = out[EAX];
    v->arch.regs[REG_RBX] = out[EBX];
    v->arch.regs[REG_RCX] = out[ECX];
    v->arch.regs[REG_RDX] = out[EDX];
}

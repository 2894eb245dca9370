/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Direct delivery of a virtual APLIC. See arch/vaplic_idc.h.
 *
 * An IDC's context has as `enabled` the sources that are directed to its hart; whether they are
 * enabled is the bank's affair.
 *
 * Section numbers are of the RISC-V Advanced Interrupt Architecture 1.0.
 */
#include <arch/aplic.h>
#include <arch/vaplic.h>
#include <arch/vaplic_idc.h>
#include <hv/tables.h>

#define PRIORITY_MASK (VCONTEXT_LEVEL_COUNT - 1)

static struct vaplic_bank *bank_of(const struct vm *vm, uint32_t index)
{
    return &vm->config->arch.controller.aplic[index];
}

static struct vcpu *hart_of(const struct vm *vm, uint32_t target)
{
    return vm_find_vcpu(vm, target >> APLIC_TARGET_HART_SHIFT);
}

/* Level of a priority, and priority of a level; 0, where it is allowed, stays 0. */
static uint32_t mirrored(uint32_t value)
{
    return (VCONTEXT_LEVEL_COUNT - value) & PRIORITY_MASK;
}

static uint32_t level_of(uint32_t target)
{
    return mirrored(target & PRIORITY_MASK);
}

/* Sources of a bank that wait for a hart at a level. */
static uint32_t waiting(const struct vcpu *v, uint32_t index, uint32_t level)
{
    const struct vaplic_bank *bank = bank_of(v->vm, index);

    return bank->pending & bank->enabled & bank->at[level] & v->arch.context.enabled[index];
}

void vaplic_idc_follow(struct vm *vm, uint32_t index, uint32_t sources)
{
    const struct vaplic_bank *bank = bank_of(vm, index);

    for (; sources != 0; sources &= sources - 1) {
        uint32_t target = bank->target[__builtin_ctz(sources)];
        struct vcpu *v = hart_of(vm, target);

        if (v != NULL) {
            vcontext_follow(v, index, level_of(target), waiting(v, index, level_of(target)));
        }
    }
}

void vaplic_idc_direct(struct vm *vm, uint32_t source, uint32_t target)
{
    uint32_t index = source / 32, bit = 1u << source % 32;
    struct vaplic_bank *bank = bank_of(vm, index);
    uint32_t old = bank->target[source % 32];
    struct vcpu *from = hart_of(vm, old);
    struct vcpu *to;

    bank->at[level_of(old)] &= ~bit;
    if (from != NULL) {
        from->arch.context.enabled[index] &= ~bit;
        vcontext_follow(from, index, level_of(old), waiting(from, index, level_of(old)));
    }
    bank->target[source % 32] = 0;
    if ((bank->active & bit) == 0) {
        return;
    }
    target &= APLIC_TARGET_HART_MASK << APLIC_TARGET_HART_SHIFT | PRIORITY_MASK;
    target |= (target & PRIORITY_MASK) == 0 ? 1 : 0; /* priority 0 becomes 1 (4.5.16) */
    to = hart_of(vm, target);
    bank->target[source % 32] = target;
    bank->at[level_of(target)] |= bit;
    if (to != NULL) {
        to->arch.context.enabled[index] |= bit;
    }
    vaplic_idc_follow(vm, index, bit);
}

/* Nothing is delivered unless both the domain and the IDC say so (4.8.1). */
static void follow_mute(struct vcpu *v)
{
    v->arch.context.is_muted =
        !v->arch.context.is_delivering || !v->vm->config->arch.controller.state->is_enabled;
    vcontext_signal(v);
}

void vaplic_idc_enable(struct vm *vm)
{
    for (uint32_t i = 0; i < vm->config->vcpu_count; i++) {
        follow_mute(vm_vcpu(vm, i));
    }
}

/* The first source that waits for a hart and passes its threshold, or 0: number and priority as in
 * topi (4.8.1). */
static uint32_t top(const struct vcpu *v)
{
    uint32_t level = vcontext_level(&v->arch.context);
    uint32_t index;

    if (level <= v->arch.context.threshold) {
        return 0;
    }
    index = vcontext_bank(&v->arch.context, level);
    return (32 * index + (uint32_t)__builtin_ctz(waiting(v, index, level))) << APLIC_TOPI_SHIFT |
           mirrored(level);
}

/* The same, after a look at the inputs of devices. Each round takes one source away. */
static uint32_t settled_top(const struct vcpu *v)
{
    uint32_t value;

    do {
        value = top(v);
    } while (value != 0 && vaplic_has_fallen(v->vm, value >> APLIC_TOPI_SHIFT));
    return value;
}

/* Reads claimi: a source that was claimed is no longer pending, unless it is level-sensitive, which
 * its input alone decides (4.7); a claim of nothing takes the forced interrupt away (4.8.1). */
static uint32_t claim(struct vcpu *v)
{
    uint32_t value = settled_top(v);

    if (value == 0) {
        v->arch.context.is_forced = false;
        vcontext_signal(v);
    } else {
        vaplic_claimed(v->vm, value >> APLIC_TOPI_SHIFT);
    }
    return value;
}

static void write_register(struct vcpu *v, uint32_t offset, uint32_t value)
{
    struct vcontext *context = &v->arch.context;

    switch (offset) {
    case APLIC_IDC_IDELIVERY:
        context->is_delivering = (value & 1) != 0;
        follow_mute(v);
        break;
    case APLIC_IDC_IFORCE:
        context->is_forced = (value & 1) != 0;
        vcontext_signal(v);
        break;
    case APLIC_IDC_ITHRESHOLD:
        context->threshold = mirrored(value & PRIORITY_MASK);
        vcontext_signal(v);
        break;
    default:
        break;
    }
}

static uint32_t read_register(struct vcpu *v, uint32_t offset)
{
    const struct vcontext *context = &v->arch.context;

    switch (offset) {
    case APLIC_IDC_IDELIVERY:
        return context->is_delivering;
    case APLIC_IDC_IFORCE:
        return context->is_forced;
    case APLIC_IDC_ITHRESHOLD:
        return mirrored(context->threshold);
    case APLIC_IDC_TOPI:
        return settled_top(v);
    case APLIC_IDC_CLAIMI:
        return claim(v);
    default:
        return 0;
    }
}

uint32_t vaplic_idc_access(struct vm *vm, uint32_t offset, bool is_write, uint32_t value)
{
    struct vcpu *v = vm_find_vcpu(vm, offset / APLIC_IDC_SIZE);

    if (v == NULL) {
        return 0;
    }
    if (!is_write) {
        return read_register(v, offset % APLIC_IDC_SIZE);
    }
    write_register(v, offset % APLIC_IDC_SIZE, value);
    return 0;
}

void vaplic_idc_reset(struct vm *vm)
{
    for (uint32_t i = 0; i < vm->config->vcpu_count; i++) {
        vm_vcpu(vm, i)->arch.context = (struct vcontext){ .is_muted = true, .stale = true };
    }
}

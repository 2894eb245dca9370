/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Virtual PLIC. See arch/vplic.h.
 *
 * A source is pending from the moment its gateway forwards a request until some context claims it,
 * whatever becomes of its input meanwhile; its gateway forwards no other until it is completed
 * (PLIC 1.0.0, chapters 1.2 and 8). For a source linked to a physical one the physical gateway does
 * that: it stays claimed as long as the virtual source is pending or claimed, and the guest's
 * completion is passed on to it.
 *
 * Chapter numbers are of the PLIC specification 1.0.0.
 */
#include <arch/plic.h>
#include <arch/vplic.h>
#include <hv/tables.h>

/* Priorities and thresholds are WARL with three bits (chapters 4 and 7). */
#define LEVEL_MASK (VCONTEXT_LEVEL_COUNT - 1)

static const struct vcontroller_config *config_of(const struct vm *vm)
{
    return &vm->config->arch.controller;
}

/* Brings the context's notion of bank `index` at one priority up to date. */
static void follow_bank(struct vcpu *v, uint32_t index, uint32_t level)
{
    const struct vplic_bank *bank = &config_of(v->vm)->plic[index];

    vcontext_follow(v, index, level,
                    bank->pending & bank->at[level] & v->arch.context.enabled[index]);
}

/* Source b of a bank became pending or is no longer: tells the contexts in which it is enabled. */
static void follow_source(struct vm *vm, uint32_t index, uint32_t b, uint32_t level)
{
    uint64_t listeners = config_of(vm)->plic[index].listeners[b];

    while (listeners != 0) {
        follow_bank(vm_vcpu(vm, take_bit(&listeners)), index, level);
    }
}

/* The gateway of source b has a request: it is forwarded unless one is on its way already. */
static void request(struct vm *vm, uint32_t index, uint32_t b)
{
    struct vplic_bank *bank = &config_of(vm)->plic[index];
    uint32_t bit = 1u << b;

    if (((bank->pending | bank->claimed) & bit) == 0) {
        bank->pending |= bit;
        follow_source(vm, index, b, bank->priority[b]);
    }
}

/* The CPU to which a linked source's interrupt goes: that of the first vCPU for which the guest
 * enabled it; NULL if there is none. */
static const struct pcpu *route(const struct vm *vm, uint64_t listeners)
{
    return listeners == 0 ? NULL : vm_vcpu(vm, (uint32_t)__builtin_ctzll(listeners))->pcpu;
}

/* The guest's enables of a linked source changed: the physical source's follow. */
static void follow_route(const struct vm *vm, uint32_t source, uint64_t old, uint64_t new)
{
    uint32_t physical = config_of(vm)->physical[source];
    const struct pcpu *from = route(vm, old);
    const struct pcpu *to = route(vm, new);

    if (physical == 0 || from == to) {
        return;
    }
    if (to != NULL) {
        plic_set_enabled(physical, to, true);
    }
    if (from != NULL) {
        plic_set_enabled(physical, from, false);
    }
}

void vplic_inject(struct vm *vm, uint32_t virq)
{
    struct vcontroller *state = config_of(vm)->state;

    spin_lock(&state->lock);
    request(vm, virq / 32, virq % 32);
    spin_unlock(&state->lock);
}

void vplic_set_line(struct vm *vm, uint32_t virq, bool level)
{
    struct vcontroller *state = config_of(vm)->state;
    struct vplic_bank *bank = &config_of(vm)->plic[virq / 32];

    spin_lock(&state->lock);
    if (level) {
        bank->line |= 1u << virq % 32;
        request(vm, virq / 32, virq % 32);
    } else {
        bank->line &= ~(1u << virq % 32);
    }
    spin_unlock(&state->lock);
}

/* The most important source that waits for a context, the lowest number first (chapter 1.4), or 0.
 * The threshold has no say (chapter 8). */
static uint32_t claim(struct vcpu *v)
{
    const struct vcontext *context = &v->arch.context;
    uint32_t level = vcontext_level(context);
    struct vplic_bank *bank;
    uint32_t index, b;

    if (level == 0) {
        return 0;
    }
    index = vcontext_bank(context, level);
    bank = &config_of(v->vm)->plic[index];
    b = (uint32_t)__builtin_ctz(bank->pending & bank->at[level] & context->enabled[index]);
    bank->pending &= ~(1u << b);
    bank->claimed |= 1u << b;
    follow_source(v->vm, index, b, level);
    return 32 * index + b;
}

/* Completes a source; one that is not enabled in the context is ignored (chapter 9). */
static void complete(struct vcpu *v, uint32_t source)
{
    struct vm *vm = v->vm;
    uint32_t index = source / 32, bit = 1u << source % 32;
    struct vplic_bank *bank;

    if (!vcontroller_has(config_of(vm), source)) {
        return;
    }
    bank = &config_of(vm)->plic[index];
    if ((v->arch.context.enabled[index] & bank->claimed & bit) == 0) {
        return;
    }
    bank->claimed &= ~bit;
    if (config_of(vm)->physical[source] != 0) {
        plic_complete(config_of(vm)->physical[source], route(vm, bank->listeners[source % 32]));
    } else if (bank->line & bit) {
        request(vm, index, source % 32);
    }
}

static void set_priority(struct vm *vm, uint32_t source, uint32_t level)
{
    uint32_t index = source / 32, b = source % 32;
    struct vplic_bank *bank = &config_of(vm)->plic[index];
    uint32_t old = bank->priority[b];

    if (old == level) {
        return;
    }
    bank->at[old] &= ~(1u << b);
    bank->at[level] |= 1u << b;
    bank->priority[b] = (uint8_t)level;
    if (bank->pending >> b & 1) {
        /* first where it goes, so that a signal that stays does not flicker */
        follow_source(vm, index, b, level);
        follow_source(vm, index, b, old);
    }
}

/* Writes 32 enable bits of a context. */
static void set_enabled(struct vcpu *v, uint32_t index, uint32_t value)
{
    const struct vcontroller_config *config = config_of(v->vm);
    struct vplic_bank *bank = &config->plic[index];
    uint64_t changed = (value & config->sources[index]) ^ v->arch.context.enabled[index];

    v->arch.context.enabled[index] ^= (uint32_t)changed;
    while (changed != 0) {
        uint32_t b = take_bit(&changed);
        uint64_t old = bank->listeners[b];

        bank->listeners[b] ^= UINT64_C(1) << v->config->index;
        follow_route(v->vm, 32 * index + b, old, bank->listeners[b]);
        if (bank->pending >> b & 1) {
            follow_bank(v, index, bank->priority[b]);
        }
    }
}

/* Threshold, and claim and complete. */
static void access_context(struct vcpu *v, uint64_t offset, struct mmio_access *access)
{
    struct vcontext *context = &v->arch.context;

    if (offset == PLIC_CLAIM) {
        if (access->is_write) {
            complete(v, (uint32_t)access->value);
        } else {
            access->value = claim(v);
        }
    } else if (offset == PLIC_THRESHOLD) {
        if (access->is_write) {
            context->threshold = (uint32_t)access->value & LEVEL_MASK;
            vcontext_signal(v);
        } else {
            access->value = context->threshold;
        }
    }
}

static void access_enable(struct vcpu *v, uint32_t index, struct mmio_access *access)
{
    if (index >= config_of(v->vm)->bank_count) {
        return;
    }
    if (access->is_write) {
        set_enabled(v, index, (uint32_t)access->value);
    } else {
        access->value = v->arch.context.enabled[index];
    }
}

/* A priority or 32 pending bits: one word, which is read whole without the lock. */
static uint32_t read_source(const struct vm *vm, uint64_t offset)
{
    const struct vcontroller_config *config = config_of(vm);
    uint32_t number = (uint32_t)(offset % PLIC_PENDING / 4);

    if (offset >= PLIC_PENDING) {
        return number < config->bank_count ? config->plic[number].pending : 0;
    }
    return vcontroller_has(config_of(vm), number) ? config->plic[number / 32].priority[number % 32]
                                                  : 0;
}

/* Pending bits cannot be written (chapter 5). */
static void write_source(struct vm *vm, uint64_t offset, uint32_t value)
{
    uint32_t number = (uint32_t)(offset / 4);

    if (offset < PLIC_PENDING && vcontroller_has(config_of(vm), number)) {
        set_priority(vm, number, value & LEVEL_MASK);
    }
}

/* Everything but reads of sources. Not inlined, so that those need no stack frame for it. */
static __attribute__((noinline)) void access_locked(const struct vcpu *v, uint64_t offset,
                                                    struct mmio_access *access)
{
    struct vm *vm = v->vm;
    struct vcontroller *state = config_of(vm)->state;
    struct vcpu *target;

    spin_lock(&state->lock);
    if (offset >= PLIC_CONTEXT) {
        target = vm_find_vcpu(vm, (offset - PLIC_CONTEXT) / PLIC_CONTEXT_STRIDE);
        if (target != NULL) {
            access_context(target, offset % PLIC_CONTEXT_STRIDE, access);
        }
    } else if (offset >= PLIC_ENABLE) {
        target = vm_find_vcpu(vm, (offset - PLIC_ENABLE) / PLIC_ENABLE_STRIDE);
        if (target != NULL) {
            access_enable(target, (uint32_t)(offset % PLIC_ENABLE_STRIDE / 4), access);
        }
    } else {
        write_source(vm, offset, (uint32_t)access->value);
    }
    spin_unlock(&state->lock);
}

bool vplic_access(struct vcpu *v, void *device, struct mmio_access *access)
{
    uint64_t offset = access->address.ipa - config_of(v->vm)->base.ipa;

    (void)device;
    if (access->size != 4 || offset % 4 != 0) {
        return false;
    }
    if (!access->is_write) {
        access->value = 0;
        if (offset < PLIC_ENABLE) {
            access->value = read_source(v->vm, offset);
            return true;
        }
    }
    access_locked(v, offset, access);
    return true;
}

/* A linked physical source back to silence. */
static void reset_physical(struct vm *vm, struct vplic_bank *bank, uint32_t source)
{
    uint32_t physical = config_of(vm)->physical[source];
    const struct pcpu *pcpu = route(vm, bank->listeners[source % 32]);

    if (physical == 0) {
        return;
    }
    if ((bank->pending | bank->claimed) >> source % 32 & 1) {
        if (pcpu == NULL) {
            /* Only a context in which it is enabled can complete a source (chapter 9). */
            pcpu = vm_vcpu(vm, 0)->pcpu;
            plic_set_enabled(physical, pcpu, true);
        }
        plic_complete(physical, pcpu);
    }
    if (pcpu != NULL) {
        plic_set_enabled(physical, pcpu, false);
    }
}

static void reset_bank(struct vm *vm, uint32_t index)
{
    struct vplic_bank *bank = &config_of(vm)->plic[index];
    uint32_t line = bank->line;

    for (uint32_t b = 0; b < 32; b++) {
        reset_physical(vm, bank, 32 * index + b);
    }
    *bank = (struct vplic_bank){ .line = line, .pending = line };
    bank->at[0] = UINT32_MAX;
}

void vplic_vm_reset(struct vm *vm)
{
    struct vcontroller *state = config_of(vm)->state;

    spin_lock(&state->lock);
    for (uint32_t index = 0; index < config_of(vm)->bank_count; index++) {
        reset_bank(vm, index);
    }
    for (uint32_t i = 0; i < vm->config->vcpu_count; i++) {
        vm_vcpu(vm, i)->arch.context = (struct vcontext){ .stale = true };
    }
    spin_unlock(&state->lock);
}

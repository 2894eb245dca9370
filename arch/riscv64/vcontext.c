/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What waits for a hart at its virtual interrupt controller. See arch/vcontext.h.
 */
#include <arch/hvip.h>
#include <arch/vcontext.h>
#include <hv/tables.h>

#define LEVEL_MAX (VCONTEXT_LEVEL_COUNT - 1)

/* The bit of a level in `levels`. */
static uint32_t level_bit(uint32_t level)
{
    return 1u << (LEVEL_MAX - level);
}

void vcontext_signal(struct vcpu *v)
{
    struct vcontext *context = &v->arch.context;
    const struct pcpu *here = arch_this_pcpu();
    bool waits = (context->levels & (level_bit(context->threshold) - 1)) != 0;
    bool signalled = !context->is_muted && (waits || context->is_forced);

    if (signalled == context->signalled) {
        return;
    }
    __atomic_store_n(&context->signalled, signalled, __ATOMIC_SEQ_CST);
    if (here->loaded == v) {
        hvip_set_vsei(signalled);
    } else {
        __atomic_store_n(&context->stale, true, __ATOMIC_SEQ_CST);
    }
    /* A signal that goes away needs no haste: a guest that comes for it finds nothing to claim. */
    if (signalled && here->running != v) {
        vcpu_notify(v);
    }
}

void vcontext_follow(struct vcpu *v, uint32_t index, uint32_t level, uint32_t sources)
{
    struct vcontext *context = &v->arch.context;

    if (level == 0) {
        return;
    }
    if (sources != 0) {
        context->waiting[level] |= 1u << index;
        context->levels |= level_bit(level);
    } else {
        context->waiting[level] &= ~(1u << index);
        if (context->waiting[level] == 0) {
            context->levels &= ~level_bit(level);
        }
    }
    vcontext_signal(v);
}

uint32_t vcontext_level(const struct vcontext *context)
{
    return context->levels == 0 ? 0 : LEVEL_MAX - (uint32_t)__builtin_ctz(context->levels);
}

uint32_t vcontext_bank(const struct vcontext *context, uint32_t level)
{
    return (uint32_t)__builtin_ctz(context->waiting[level]);
}

void vcontext_flush(struct vcpu *v)
{
    struct vcontext *context = &v->arch.context;

    /* In this order: who changes `signalled` after it was read here makes it stale again. */
    __atomic_store_n(&context->stale, false, __ATOMIC_SEQ_CST);
    hvip_set_vsei(vcontext_is_signalled(context));
}

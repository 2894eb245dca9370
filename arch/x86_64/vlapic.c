/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Virtual local APIC: what is requested and what is in service, priorities, reset. See
 * arch/vlapic.h; the registers are in vlapic_registers.c, the timer in vlapic_timer.c, what the ICR
 * sends in vlapic_icr.c.
 *
 * Section numbers are of the Intel SDM vol. 3, chapter 12; the APM's chapter 16 says the same.
 */
#include <arch/irq.h>
#include <arch/vioapic.h>
#include <arch/vlapic_parts.h>
#include <hv/arch/cpu.h>
#include <hv/string.h>
#include <hv/tables.h>

/* Six entries in the local vector table; no EOI broadcast suppression (12.4.8). */
#define VERSION (0x14u | (LVT_COUNT - 1) << 16)

/* ---- Sets of vectors ---- */

static void vectors_add(struct vlapic_vectors *set, uint8_t vector)
{
    set->word[vector / 64] |= UINT64_C(1) << vector % 64;
    set->words |= 1u << vector / 64;
}

static void vectors_remove(struct vlapic_vectors *set, uint8_t vector)
{
    set->word[vector / 64] &= ~(UINT64_C(1) << vector % 64);
    if (set->word[vector / 64] == 0) {
        set->words &= ~(1u << vector / 64);
    }
}

/* The highest vector of a set, or -1. */
static int vectors_highest(const struct vlapic_vectors *set)
{
    uint32_t w;

    if (set->words == 0) {
        return -1;
    }
    w = 31 - (uint32_t)__builtin_clz(set->words);
    return (int)(64 * w + 63) - __builtin_clzll(set->word[w]);
}

/* ---- Priorities ---- */

/* The PPR is the higher class of the TPR and of what is in service, -1: nothing (12.8.3.1). */
static void update_ppr(struct vlapic *apic, int serviced)
{
    uint32_t class = serviced < 0 ? 0 : (uint32_t)serviced & 0xf0;
    uint32_t tpr = apic->reg[LAPIC_TPR];

    apic->reg[LAPIC_PPR] = tpr >= class ? tpr : class;
}

uint8_t vlapic_tpr(const struct vcpu *v)
{
    return (uint8_t)v->arch.lapic.reg[LAPIC_TPR];
}

void vlapic_set_tpr(struct vcpu *v, uint8_t tpr)
{
    v->arch.lapic.reg[LAPIC_TPR] = tpr;
    update_ppr(&v->arch.lapic, vectors_highest(&v->arch.lapic.isr));
}

void vlapic_take_posted(struct vlapic *apic)
{
    uint64_t words = __atomic_exchange_n(&apic->posted_words, 0, __ATOMIC_SEQ_CST);

    while (words != 0) {
        uint32_t w = take_bit(&words);

        apic->irr.word[w] |= __atomic_exchange_n(&apic->posted[w], 0, __ATOMIC_SEQ_CST);
        apic->irr.words |= (uint32_t)(apic->irr.word[w] != 0) << w;
    }
}

int vlapic_pending(struct vcpu *v)
{
    struct vlapic *apic = &v->arch.lapic;
    int vector;

    if (__atomic_load_n(&apic->posted_words, __ATOMIC_SEQ_CST) != 0) {
        vlapic_take_posted(apic);
    }
    if (apic->irr.words == 0) {
        return -1;
    }
    vector = vectors_highest(&apic->irr);
    return vector > (int)(apic->reg[LAPIC_PPR] | 0xf) ? vector : -1; /* of a higher class */
}

bool vlapic_is_held_back(const struct vcpu *v)
{
    const struct vlapic *apic = &v->arch.lapic;

    return apic->irr.words != 0 && vectors_highest(&apic->irr) <= (int)(apic->reg[LAPIC_TPR] | 0xf);
}

void vlapic_accept(struct vcpu *v, uint8_t vector)
{
    struct vlapic *apic = &v->arch.lapic;

    vectors_remove(&apic->irr, vector);
    vectors_add(&apic->isr, vector);
    update_ppr(apic, vector); /* or else it was not pending */
}

bool vlapic_has_interrupt(struct vcpu *v)
{
    vlapic_expire(v);
    return vlapic_pending(v) >= 0;
}

void vlapic_eoi(struct vcpu *v)
{
    struct vlapic *apic = &v->arch.lapic;
    int serviced = vectors_highest(&apic->isr);

    if (serviced < 0) {
        return;
    }
    vectors_remove(&apic->isr, (uint8_t)serviced);
    update_ppr(apic, vectors_highest(&apic->isr));
    if (vlapic_is_level(apic, (uint32_t)serviced)) {
        vioapic_eoi(v->vm, (uint8_t)serviced);
    }
}

/* ---- Interrupts that come in ---- */

/* The TMR says how a vector was sent last (12.8.4). Almost always it says so already. */
static inline void set_trigger(struct vlapic *apic, uint32_t w, uint64_t bit, bool is_level)
{
    bool was_level = (__atomic_load_n(&apic->tmr[w], __ATOMIC_RELAXED) & bit) != 0;

    if (is_level && !was_level) {
        __atomic_fetch_or(&apic->tmr[w], bit, __ATOMIC_SEQ_CST);
    } else if (was_level && !is_level) {
        __atomic_fetch_and(&apic->tmr[w], ~bit, __ATOMIC_SEQ_CST);
    }
}

bool vlapic_post(struct vcpu *target, uint8_t vector, bool is_level)
{
    struct vlapic *apic = &target->arch.lapic;
    uint64_t bit = UINT64_C(1) << vector % 64;
    uint32_t w = vector / 64;
    uint64_t word = UINT64_C(1) << w;

    if (!__atomic_load_n(&apic->is_accepting, __ATOMIC_RELAXED)) {
        return false;
    }
    set_trigger(apic, w, bit, is_level);
    if (target->arch.is_direct) {
        irq_send(target->pcpu->config->arch.apic_id, COMMAND_FIXED | vector);
        return true;
    }
    /* Who finds his bit set knows that he who set it goes on and notifies. */
    if ((__atomic_fetch_or(&apic->posted[w], bit, __ATOMIC_SEQ_CST) & bit) == 0 &&
        (__atomic_fetch_or(&apic->posted_words, word, __ATOMIC_SEQ_CST) & word) == 0 &&
        arch_this_pcpu()->running != target) {
        vcpu_notify(target);
    }
    return true;
}

void vlapic_raise_lvt(struct vcpu *v, uint32_t entry)
{
    struct vlapic *apic = &v->arch.lapic;
    uint8_t vector = (uint8_t)apic->reg[LAPIC_LVT + entry];

    if ((apic->reg[LAPIC_LVT + entry] & LVT_MASKED) != 0) {
        return;
    }
    if (vector < APIC_VECTOR_MIN) {
        apic->errors |= ESR_RECEIVE_ILLEGAL_VECTOR;
    } else {
        vlapic_post(v, vector, false);
    }
}

void vlapic_log_error(struct vcpu *v, uint32_t error)
{
    bool is_armed = v->arch.lapic.errors == 0;

    v->arch.lapic.errors |= error;
    if (is_armed) {
        vlapic_raise_lvt(v, LVT_ERROR);
    }
}

/* ---- Reset ---- */

void vlapic_update_accepting(struct vlapic *apic)
{
    bool is_accepting =
        (apic->base & APIC_BASE_EN) != 0 && (apic->reg[LAPIC_SVR] & SVR_ENABLE) != 0;

    __atomic_store_n(&apic->is_accepting, is_accepting, __ATOMIC_RELAXED);
}

void vlapic_identify(struct vcpu *v)
{
    uint32_t *reg = v->arch.lapic.reg;
    uint32_t id = v->config->index;
    bool is_x2apic = (v->arch.lapic.base & APIC_BASE_EXTD) != 0;

    reg[LAPIC_ID] = is_x2apic ? id : id << 24;
    reg[LAPIC_ICR_HIGH] = 0;
    __atomic_store_n(&reg[LAPIC_LDR], is_x2apic ? id / 16 << 16 | 1u << id % 16 : 0,
                     __ATOMIC_RELAXED);
    __atomic_store_n(&reg[LAPIC_DFR], UINT32_MAX, __ATOMIC_RELAXED);
}

void vlapic_reset_registers(struct vcpu *v)
{
    struct vlapic *apic = &v->arch.lapic;

    memset(apic->reg, 0, sizeof apic->reg);
    vlapic_update_accepting(apic); /* first: what is posted from now on is refused */
    for (uint32_t w = 0; w < 4; w++) {
        __atomic_store_n(&apic->posted[w], 0, __ATOMIC_SEQ_CST);
        __atomic_store_n(&apic->tmr[w], 0, __ATOMIC_SEQ_CST);
    }
    __atomic_store_n(&apic->posted_words, 0, __ATOMIC_SEQ_CST);
    apic->irr = (struct vlapic_vectors){ 0 };
    apic->isr = (struct vlapic_vectors){ 0 };
    apic->errors = 0;
    apic->reg[LAPIC_VERSION] = VERSION;
    apic->reg[LAPIC_SVR] = 0xff;
    for (uint32_t i = 0; i < LVT_COUNT; i++) {
        apic->reg[LAPIC_LVT + i] = LVT_MASKED;
    }
    vlapic_identify(v);
    vlapic_timer_reset(v);
}

void vlapic_vm_reset(struct vm *vm)
{
    for (uint32_t i = 0; i < vm->config->vcpu_count; i++) {
        struct vlapic *apic = &vm_vcpu(vm, i)->arch.lapic;

        __atomic_store_n(&apic->base, 0, __ATOMIC_RELAXED);
        vlapic_update_accepting(apic);
    }
}

void vlapic_reset(struct vcpu *v)
{
    struct vlapic *apic = &v->arch.lapic;

    if (apic->base == 0) {
        uint64_t bsp = v->config->index == 0 ? APIC_BASE_BSP : 0;

        __atomic_store_n(&apic->base, APIC_BASE_ADDRESS | APIC_BASE_EN | APIC_BASE_EXTD | bsp,
                         __ATOMIC_RELAXED);
    }
    vlapic_reset_registers(v);
}

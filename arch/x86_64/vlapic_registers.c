/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Registers of a virtual local APIC, as MSRs and in the xAPIC page. See arch/vlapic.h.
 *
 * One table of writable bits and one pair of functions serve both modes. They differ in what a
 * guest's mistake leads to: #GP in x2APIC mode, and in xAPIC mode bits that are ignored, or a
 * register that is not there and an error in the ESR.
 *
 * Section numbers are of the Intel SDM vol. 3, chapter 12.
 */
#include <arch/vcpu.h>
#include <arch/vlapic_icr.h>
#include <arch/vlapic_parts.h>
#include <hv/tables.h>

#define READ_ONLY_LVT_BITS (LVT_DELIVERY_STATUS | LVT_REMOTE_IRR)
#define LVT_LINT_BITS \
    (LVT_VECTOR | LVT_DELIVERY_MODE | LVT_POLARITY | LVT_LEVEL | LVT_MASKED | READ_ONLY_LVT_BITS)

/* Bits of each register that a guest may write; 0: it has none. Status bits of the LVT and the ICR
 * may be written back as they were read. */
static const uint32_t writable[LAPIC_REGISTER_COUNT] = {
    [LAPIC_TPR] = 0xff,
    [LAPIC_LDR] = 0xff000000,
    [LAPIC_DFR] = 0xf0000000,
    [LAPIC_SVR] = SVR_ENABLE | SVR_FOCUS_DISABLED | 0xff,
    [LAPIC_ICR] = ICR_VECTOR | ICR_MODE_MASK << ICR_MODE_SHIFT | ICR_LOGICAL | ICR_DELIVERY_STATUS |
                  ICR_ASSERT | ICR_LEVEL | ICR_SHORTHAND,
    [LAPIC_ICR_HIGH] = ICR_XAPIC_DESTINATION,
    [LAPIC_LVT + LVT_TIMER] = LVT_VECTOR | LVT_DELIVERY_STATUS | LVT_MASKED | LVT_TIMER_PERIODIC,
    [LAPIC_LVT + 1] = LVT_VECTOR | LVT_DELIVERY_MODE | LVT_DELIVERY_STATUS | LVT_MASKED,
    [LAPIC_LVT + 2] = LVT_VECTOR | LVT_DELIVERY_MODE | LVT_DELIVERY_STATUS | LVT_MASKED,
    [LAPIC_LVT + 3] = LVT_LINT_BITS,
    [LAPIC_LVT + 4] = LVT_LINT_BITS,
    [LAPIC_LVT + LVT_ERROR] = LVT_VECTOR | LVT_DELIVERY_STATUS | LVT_MASKED,
    [LAPIC_INITIAL_COUNT] = UINT32_MAX,
    [LAPIC_DIVIDE] = 0xb,
    [LAPIC_SELF_IPI] = 0xff,
};

/* Registers that can be read: bit i is register i. */
#define X2APIC_READABLE                                                                      \
    (BIT(LAPIC_ID) | BIT(LAPIC_VERSION) | BIT(LAPIC_TPR) | BIT(LAPIC_PPR) | BIT(LAPIC_LDR) | \
     BIT(LAPIC_SVR) | (BIT(LAPIC_ESR + 1) - BIT(LAPIC_ISR)) | BIT(LAPIC_ICR) |               \
     (BIT(LAPIC_CURRENT_COUNT + 1) - BIT(LAPIC_LVT)) | BIT(LAPIC_DIVIDE))
#define XAPIC_READABLE (X2APIC_READABLE | BIT(LAPIC_EOI) | BIT(LAPIC_DFR) | BIT(LAPIC_ICR_HIGH))

/* Of APIC_BASE; 0 is disabled. */
#define MODE_XAPIC  APIC_BASE_EN
#define MODE_X2APIC (APIC_BASE_EN | APIC_BASE_EXTD)
#define MODE_MASK   MODE_X2APIC

static bool is_x2apic(const struct vlapic *apic)
{
    return (apic->base & APIC_BASE_EXTD) != 0;
}

/* There is no direct way from disabled to x2APIC mode, nor from that to xAPIC mode (12.12.5). */
static bool write_base(struct vcpu *v, uint64_t value)
{
    struct vlapic *apic = &v->arch.lapic;
    uint64_t old = apic->base & MODE_MASK;
    uint64_t mode = value & MODE_MASK;

    if ((value & ~(uint64_t)APIC_BASE_BSP) != (APIC_BASE_ADDRESS | mode) ||
        mode == APIC_BASE_EXTD || (old == 0 && mode == MODE_X2APIC) ||
        (old == MODE_X2APIC && mode == MODE_XAPIC)) {
        return false;
    }
    __atomic_store_n(&apic->base, value, __ATOMIC_RELAXED);
    if (mode == 0) {
        vlapic_reset_registers(v);
        vcpu_timer_changed(v);
    } else if (mode != old) {
        vlapic_identify(v);
    }
    return true;
}

/* ---- Registers ---- */

/* Reads a register. Returns false if it is not one of `readable`. */
static bool read_register(struct vcpu *v, uint32_t index, uint64_t readable, uint32_t *value)
{
    struct vlapic *apic = &v->arch.lapic;

    if (index >= LAPIC_REGISTER_COUNT || (readable & BIT(index)) == 0) {
        return false;
    }
    if (index >= LAPIC_ISR && index < LAPIC_ESR) {
        const uint64_t *words = index < LAPIC_TMR   ? apic->isr.word
                                : index < LAPIC_IRR ? apic->tmr
                                                    : apic->irr.word;

        vlapic_take_posted(apic);
        *value =
            (uint32_t)(__atomic_load_n(&words[index % 8 / 2], __ATOMIC_RELAXED) >> index % 2 * 32);
    } else if (index == LAPIC_CURRENT_COUNT) {
        *value = vlapic_timer_count(v);
    } else {
        *value = apic->reg[index];
    }
    return true;
}

/* An entry of the local vector table; masked as long as software disables the APIC (12.4.7.2). */
static void write_lvt(struct vcpu *v, uint32_t entry, uint32_t value)
{
    struct vlapic *apic = &v->arch.lapic;

    if (entry == LVT_TIMER) {
        vlapic_expire(v); /* what was due before is as the old entry says */
    }
    if ((apic->reg[LAPIC_SVR] & SVR_ENABLE) == 0) {
        value |= LVT_MASKED;
    }
    apic->reg[LAPIC_LVT + entry] = value & ~READ_ONLY_LVT_BITS;
    if (entry == LVT_TIMER) {
        vcpu_timer_changed(v);
    }
}

static void write_svr(struct vcpu *v, uint32_t value)
{
    struct vlapic *apic = &v->arch.lapic;

    vlapic_expire(v);
    apic->reg[LAPIC_SVR] = value;
    vlapic_update_accepting(apic);
    if ((value & SVR_ENABLE) == 0) {
        for (uint32_t i = 0; i < LVT_COUNT; i++) {
            apic->reg[LAPIC_LVT + i] |= LVT_MASKED;
        }
        vcpu_timer_changed(v);
    }
}

/* Sends what the ICR says, in the format of x2APIC mode. */
static void send(struct vcpu *v, uint64_t icr)
{
    if (!vlapic_send_icr(v, icr)) {
        vlapic_log_error(v, ESR_SEND_ILLEGAL_VECTOR);
    }
}

static bool write_icr(struct vcpu *v, uint64_t value)
{
    if (((uint32_t)value & ~writable[LAPIC_ICR]) != 0) {
        return false;
    }
    v->arch.lapic.reg[LAPIC_ICR] = (uint32_t)value & ~ICR_DELIVERY_STATUS;
    v->arch.lapic.reg[LAPIC_ICR_HIGH] = (uint32_t)(value >> 32);
    send(v, value);
    return true;
}

/* Writes a register that both modes have; the value has no bits that are reserved. Returns false if
 * there is none, or it is read only. */
static bool write_register(struct vcpu *v, uint32_t index, uint32_t value)
{
    struct vlapic *apic = &v->arch.lapic;

    if (index >= LAPIC_LVT && index < LAPIC_LVT + LVT_COUNT) {
        write_lvt(v, index - LAPIC_LVT, value);
        return true;
    }
    switch (index) {
    case LAPIC_TPR:
        vlapic_set_tpr(v, (uint8_t)value);
        return true;
    case LAPIC_EOI:
        vlapic_eoi(v);
        return true;
    case LAPIC_SVR:
        write_svr(v, value);
        return true;
    case LAPIC_ESR:
        apic->reg[LAPIC_ESR] = apic->errors;
        apic->errors = 0;
        return true;
    case LAPIC_INITIAL_COUNT:
        vlapic_timer_write(v, value);
        return true;
    case LAPIC_DIVIDE:
        vlapic_timer_set_divide(v, value);
        return true;
    default:
        return false;
    }
}

bool vlapic_read_msr(struct vcpu *v, uint32_t msr, uint64_t *value)
{
    struct vlapic *apic = &v->arch.lapic;
    uint32_t word = 0;

    if (msr == MSR_APIC_BASE) {
        *value = apic->base;
        return true;
    }
    if (!is_x2apic(apic) || !read_register(v, msr - MSR_X2APIC_BASE, X2APIC_READABLE, &word)) {
        return false;
    }
    *value = word;
    if (msr == MSR_X2APIC_BASE + LAPIC_ICR) {
        *value |= (uint64_t)apic->reg[LAPIC_ICR_HIGH] << 32;
    }
    return true;
}

static bool write_x2apic(struct vcpu *v, uint32_t index, uint64_t value)
{
    if (index >= LAPIC_REGISTER_COUNT || (value & ~(uint64_t)writable[index]) != 0) {
        return false;
    }
    if (index == LAPIC_SELF_IPI) {
        send(v, ICR_SHORTHAND_SELF | value);
        return true;
    }
    return write_register(v, index, (uint32_t)value);
}

/* The frequent ones first. */
bool vlapic_write_msr(struct vcpu *v, uint32_t msr, uint64_t value)
{
    if (!is_x2apic(&v->arch.lapic)) {
        return msr == MSR_APIC_BASE && write_base(v, value);
    }
    if (msr == MSR_X2APIC_BASE + LAPIC_ICR) {
        return write_icr(v, value);
    }
    if (msr == MSR_X2APIC_BASE + LAPIC_EOI && value == 0) {
        vlapic_eoi(v);
        return true;
    }
    if (msr == MSR_X2APIC_BASE + LAPIC_INITIAL_COUNT && value <= UINT32_MAX) {
        vlapic_timer_write(v, (uint32_t)value);
        return true;
    }
    if (msr == MSR_APIC_BASE) {
        return write_base(v, value);
    }
    return write_x2apic(v, msr - MSR_X2APIC_BASE, value);
}

/* ---- The xAPIC page ---- */

static uint32_t read_xapic(struct vcpu *v, uint32_t index)
{
    uint32_t value = 0;

    if (!read_register(v, index, XAPIC_READABLE, &value)) {
        vlapic_log_error(v, ESR_ILLEGAL_REGISTER);
    }
    return value;
}

static void write_xapic_icr(struct vcpu *v, uint32_t value)
{
    struct vlapic *apic = &v->arch.lapic;
    uint64_t destination = apic->reg[LAPIC_ICR_HIGH] >> ICR_XAPIC_DESTINATION_BIT;

    apic->reg[LAPIC_ICR] = value & ~ICR_DELIVERY_STATUS;
    if (destination == APIC_XAPIC_BROADCAST) {
        destination = APIC_BROADCAST;
    }
    send(v, destination << ICR_DESTINATION_SHIFT | value);
}

static void write_xapic(struct vcpu *v, uint32_t index, uint32_t value)
{
    uint32_t *reg = v->arch.lapic.reg;

    value &= index < LAPIC_REGISTER_COUNT ? writable[index] : 0;
    if (index == LAPIC_ICR) {
        write_xapic_icr(v, value);
    } else if (index == LAPIC_DFR) {
        __atomic_store_n(&reg[index], value | ~writable[index], __ATOMIC_RELAXED);
    } else if (index == LAPIC_LDR || index == LAPIC_ICR_HIGH) {
        __atomic_store_n(&reg[index], value, __ATOMIC_RELAXED);
    } else if (!write_register(v, index, value)) {
        vlapic_log_error(v, ESR_ILLEGAL_REGISTER);
    }
}

bool vlapic_access(struct vcpu *v, void *device, struct mmio_access *access)
{
    uint32_t index = (uint32_t)(access->address.ipa - APIC_BASE_ADDRESS) / 16;

    (void)device;
    if (access->size != 4 || access->address.ipa % 16 != 0) {
        return false;
    }
    if ((v->arch.lapic.base & MODE_MASK) != MODE_XAPIC) {
        access->value = UINT32_MAX;
    } else if (access->is_write) {
        write_xapic(v, index, (uint32_t)access->value);
    } else {
        access->value = read_xapic(v, index);
    }
    return true;
}

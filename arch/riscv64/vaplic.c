/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Virtual APLIC. See arch/vaplic.h.
 *
 * An emulated source becomes pending when its rectified input rises or when the guest sets it
 * pending, and is then sent as soon as it is enabled and the domain is: pending says no more than
 * that a message is due. A level-sensitive source that the guest has dealt with is sent again when
 * the guest writes setipnum and the input is still high (4.9.2).
 *
 * A linked source's enable bit in the machine is the guest's, gated by the guest's domain.
 *
 * Section numbers are of the RISC-V Advanced Interrupt Architecture 1.0.
 */
#include <arch/aplic.h>
#include <arch/imsic.h>
#include <arch/vaplic.h>
#include <arch/vaplic_idc.h>
#include <hv/tables.h>

/* Bits of target that exist: one guest has one file on each of its harts. */
#define TARGET_MASK (APLIC_TARGET_HART_MASK << APLIC_TARGET_HART_SHIFT | APLIC_TARGET_EIID_MASK)

static const struct vaplic_config *config_of(const struct vm *vm)
{
    return &vm->config->arch.vaplic;
}

/* True when the VM has the source. */
static bool exists(const struct vm *vm, uint32_t source)
{
    const struct vaplic_config *config = config_of(vm);

    return source / 32 < config->bank_count && (config->sources[source / 32] >> source % 32 & 1);
}

/* Inputs of emulated sources after inversion; those that nobody looks at are low (4.7). */
static uint32_t inputs(const struct vaplic_bank *bank)
{
    return (bank->line ^ bank->low) & bank->wired;
}

/* Sends what is due in a bank. */
static void send(struct vm *vm, uint32_t index)
{
    struct vaplic_bank *bank = &config_of(vm)->banks[index];
    uint64_t due = config_of(vm)->state->is_enabled ? bank->pending & bank->enabled : 0;

    bank->pending &= ~(uint32_t)due;
    while (due != 0) {
        uint32_t target = bank->target[take_bit(&due)];
        const struct vcpu *v = vm_find_vcpu(vm, target >> APLIC_TARGET_HART_SHIFT);

        if (v != NULL) {
            imsic_send(v->pcpu, v->config->arch.vgein, target & APLIC_TARGET_EIID_MASK);
        }
    }
}

/* Whether these sources of a bank are pending or enabled may have changed. */
static void follow(struct vm *vm, uint32_t index, uint32_t sources)
{
    if (config_of(vm)->is_direct) {
        vaplic_idc_follow(vm, index, sources);
    } else {
        send(vm, index);
    }
}

/* Inputs of a bank changed from `old`: rising ones become pending, and what is level-sensitive and
 * low is no longer. With direct delivery, what is level-sensitive is pending just as its input is
 * high (4.7). */
static void follow_inputs(struct vm *vm, uint32_t index, uint32_t old)
{
    struct vaplic_bank *bank = &config_of(vm)->banks[index];
    uint32_t new = inputs(bank);
    uint32_t was_pending = bank->pending;

    bank->pending |= new & ~old;
    bank->pending &= ~(bank->level & ~new);
    if (config_of(vm)->is_direct) {
        bank->pending |= bank->level & new;
    }
    follow(vm, index, was_pending ^ bank->pending);
}

void vaplic_set_line(struct vm *vm, uint32_t virq, bool level)
{
    struct vaplic *vaplic = config_of(vm)->state;
    uint32_t bit = 1u << virq % 32;
    struct vaplic_bank *bank;
    uint32_t old;

    if (!exists(vm, virq)) {
        return;
    }
    bank = &config_of(vm)->banks[virq / 32];
    spin_lock(&vaplic->lock);
    old = inputs(bank);
    bank->line = level ? bank->line | bit : bank->line & ~bit;
    follow_inputs(vm, virq / 32, old);
    spin_unlock(&vaplic->lock);
}

/* ---- What the guest writes about sources ---- */

/* The machine's enable bits of linked sources follow the guest's. */
static void follow_enables(struct vm *vm, uint32_t index, uint64_t bits)
{
    const struct vaplic_config *config = config_of(vm);

    while (bits != 0) {
        uint32_t b = take_bit(&bits);
        uint32_t physical = config->physical[32 * index + b];

        if (physical != 0) {
            aplic_set_enabled(physical, config->state->is_enabled &&
                                            (config->banks[index].enabled >> b & 1) != 0);
        }
    }
}

static void set_enabled(struct vm *vm, uint32_t index, uint32_t bits, bool enabled)
{
    struct vaplic_bank *bank = &config_of(vm)->banks[index];
    uint32_t old = bank->enabled;

    bits &= bank->active;
    bank->enabled = enabled ? old | bits : old & ~bits;
    follow_enables(vm, index, old ^ bank->enabled);
    follow(vm, index, old ^ bank->enabled);
}

static void set_pending(struct vm *vm, uint32_t index, uint32_t bits, bool pending)
{
    const struct vaplic_config *config = config_of(vm);
    struct vaplic_bank *bank = &config->banks[index];
    uint64_t rest;

    bits &= bank->active;
    if (config->is_direct) {
        bits &= ~bank->level; /* their inputs alone decide (4.7) */
    }
    rest = bits;
    while (rest != 0) {
        uint32_t b = take_bit(&rest);
        uint32_t bit = 1u << b;
        uint32_t physical = config->physical[32 * index + b];

        if (physical != 0 && pending && (bank->level & bit) != 0) {
            aplic_end(physical);
        } else if (physical != 0) {
            aplic_set_pending(physical, pending);
        } else if (!pending) {
            bank->pending &= ~bit;
        } else if ((bank->level & ~inputs(bank) & bit) == 0) {
            bank->pending |= bit; /* level-sensitive: only while the input is high (4.7) */
        }
    }
    follow(vm, index, bits);
}

/* Writes sourcecfg. Without child domains the delegate bit does not exist; a mode that is reserved
 * means inactive (4.5.2). */
static void set_mode(struct vm *vm, uint32_t source, uint32_t value)
{
    static const uint8_t legal = 1u << APLIC_SM_DETACHED | 1u << APLIC_SM_EDGE1 |
                                 1u << APLIC_SM_EDGE0 | 1u << APLIC_SM_LEVEL1 |
                                 1u << APLIC_SM_LEVEL0;
    const struct vaplic_config *config = config_of(vm);
    uint32_t index = source / 32, b = source % 32, bit = 1u << b;
    struct vaplic_bank *bank = &config->banks[index];
    uint32_t mode = value <= APLIC_SM_MASK && (legal >> value & 1) ? value : APLIC_SM_INACTIVE;
    uint32_t old = inputs(bank);

    if (config->physical[source] != 0) {
        aplic_set_mode(config->physical[source], mode);
    }
    bank->mode[b] = (uint8_t)mode;
    bank->active &= ~bit;
    bank->wired &= ~bit;
    bank->level &= ~bit;
    bank->low &= ~bit;
    bank->active |= mode != APLIC_SM_INACTIVE ? bit : 0;
    bank->wired |= mode >= APLIC_SM_EDGE1 ? bit : 0;
    bank->level |= mode >= APLIC_SM_LEVEL1 ? bit : 0;
    bank->low |= mode == APLIC_SM_EDGE0 || mode == APLIC_SM_LEVEL0 ? bit : 0;
    if (mode == APLIC_SM_INACTIVE) {
        set_enabled(vm, index, bit, false);
        bank->enabled &= ~bit;
        bank->pending &= ~bit;
    }
    if (config->is_direct) {
        vaplic_idc_direct(vm, source, bank->target[b]);
    } else if (mode == APLIC_SM_INACTIVE) {
        bank->target[b] = 0;
    }
    if (config->physical[source] == 0) {
        follow_inputs(vm, index, old);
    }
}

static void set_target(struct vm *vm, uint32_t source, uint32_t value)
{
    const struct vaplic_config *config = config_of(vm);
    struct vaplic_bank *bank = &config->banks[source / 32];
    uint32_t physical = config->physical[source];
    uint32_t identity = value & APLIC_TARGET_EIID_MASK;
    const struct vcpu *v = vm_find_vcpu(vm, value >> APLIC_TARGET_HART_SHIFT);

    if ((bank->active >> source % 32 & 1) == 0) {
        return;
    }
    if (config->is_direct) {
        vaplic_idc_direct(vm, source, value);
        return;
    }
    bank->target[source % 32] = value & TARGET_MASK;
    if (physical != 0) {
        if (v == NULL) {
            v = vm_vcpu(vm, 0);
            identity = 0; /* none: messages to nobody go nowhere */
        }
        aplic_set_target(physical, v->pcpu, v->config->arch.vgein, identity);
    }
}

static void set_domain(struct vm *vm, uint32_t value)
{
    const struct vaplic_config *config = config_of(vm);
    bool is_enabled = (value & APLIC_DOMAINCFG_IE) != 0;

    if (is_enabled == config->state->is_enabled) {
        return;
    }
    config->state->is_enabled = is_enabled;
    if (config->is_direct) {
        vaplic_idc_enable(vm);
        return;
    }
    for (uint32_t index = 0; index < config->bank_count; index++) {
        follow_enables(vm, index, config->banks[index].enabled);
        send(vm, index);
    }
}

/* genmsi: a message of the guest's making (4.5.15); it is sent at once, so never busy. */
static void generate(const struct vm *vm, uint32_t value)
{
    const struct vcpu *v = vm_find_vcpu(vm, value >> APLIC_TARGET_HART_SHIFT);

    if (v != NULL && !config_of(vm)->is_direct) {
        imsic_send(v->pcpu, v->config->arch.vgein, value & APLIC_TARGET_EIID_MASK);
    }
}

/* ---- Registers ---- */

/* Pending bits or inputs of a bank: the emulated sources' are here, the linked ones' in the
 * machine. */
static uint32_t read_state(const struct vm *vm, uint32_t index, bool is_input)
{
    const struct vaplic_config *config = config_of(vm);
    const struct vaplic_bank *bank = &config->banks[index];
    uint32_t bits = is_input ? inputs(bank) : bank->pending;
    uint64_t rest = bank->active;

    while (rest != 0) {
        uint32_t b = take_bit(&rest);
        uint32_t physical = config->physical[32 * index + b];

        if (physical != 0) {
            bool is_set = is_input ? aplic_input(physical) : aplic_is_pending(physical);

            bits = (bits & ~(1u << b)) | (uint32_t)is_set << b;
        }
    }
    return bits;
}

static uint32_t read_bits(const struct vm *vm, uint32_t offset)
{
    uint32_t index = offset % 0x80 / 4;

    if (index >= config_of(vm)->bank_count) {
        return 0;
    }
    switch (offset - offset % 0x80) {
    case APLIC_SETIP:
        return read_state(vm, index, false);
    case APLIC_IN_CLRIP:
        return read_state(vm, index, true);
    case APLIC_SETIE:
        return config_of(vm)->banks[index].enabled;
    default:
        return 0;
    }
}

/* The registers that name bits of 32 sources. */
static void write_bits(struct vm *vm, uint32_t offset, uint32_t bits)
{
    uint32_t index = offset % 0x80 / 4;

    if (index >= config_of(vm)->bank_count) {
        return;
    }
    switch (offset - offset % 0x80) {
    case APLIC_SETIP:
        set_pending(vm, index, bits, true);
        break;
    case APLIC_IN_CLRIP:
        set_pending(vm, index, bits, false);
        break;
    case APLIC_SETIE:
        set_enabled(vm, index, bits, true);
        break;
    case APLIC_CLRIE:
        set_enabled(vm, index, bits, false);
        break;
    default:
        break;
    }
}

/* The registers that name one source. Returns false if it is not one of them. */
static bool write_number(struct vm *vm, uint32_t offset, uint32_t source)
{
    uint32_t index = source / 32, bit = 1u << source % 32;
    bool is_known = exists(vm, source);

    switch (offset) {
    case APLIC_SETIPNUM_BE:
    case APLIC_SETIPNUM_LE:
    case APLIC_SETIPNUM:
    case APLIC_CLRIPNUM:
        if (is_known) {
            set_pending(vm, index, bit, offset != APLIC_CLRIPNUM);
        }
        return true;
    case APLIC_SETIENUM:
    case APLIC_CLRIENUM:
        if (is_known) {
            set_enabled(vm, index, bit, offset == APLIC_SETIENUM);
        }
        return true;
    default:
        return false;
    }
}

static uint32_t read_register(const struct vm *vm, uint32_t offset)
{
    const struct vaplic_config *config = config_of(vm);
    uint32_t source = offset % 0x1000 / 4;

    if (offset == APLIC_DOMAINCFG) {
        return APLIC_DOMAINCFG_ONES | (config->is_direct ? 0 : APLIC_DOMAINCFG_DM) |
               (config->state->is_enabled ? APLIC_DOMAINCFG_IE : 0);
    }
    if (offset < 0x1000) {
        return exists(vm, source) ? config->banks[source / 32].mode[source % 32] : 0;
    }
    if (offset >= APLIC_SETIP && offset < APLIC_SETIPNUM_LE) {
        return read_bits(vm, offset);
    }
    if (offset > APLIC_TARGET && offset < APLIC_IDC) {
        return exists(vm, source) ? config->banks[source / 32].target[source % 32] : 0;
    }
    return 0;
}

static uint32_t swap_bytes(uint32_t value)
{
    return value >> 24 | (value >> 8 & 0xff00) | (value & 0xff00) << 8 | value << 24;
}

static void write_register(struct vm *vm, uint32_t offset, uint32_t value)
{
    uint32_t source = offset % 0x1000 / 4;

    if (offset == APLIC_DOMAINCFG) {
        set_domain(vm, value);
    } else if (offset < 0x1000) {
        if (exists(vm, source)) {
            set_mode(vm, source, value);
        }
    } else if (offset == APLIC_GENMSI) {
        generate(vm, value);
    } else if (offset > APLIC_TARGET && offset < APLIC_IDC) {
        if (exists(vm, source)) {
            set_target(vm, source, value);
        }
    } else if (!write_number(vm, offset, offset == APLIC_SETIPNUM_BE ? swap_bytes(value) : value)) {
        write_bits(vm, offset, value);
    }
}

bool vaplic_access(struct vcpu *v, void *device, struct mmio_access *access)
{
    struct vm *vm = v->vm;
    struct vaplic *vaplic = config_of(vm)->state;
    uint32_t offset = (uint32_t)(access->address.ipa - config_of(vm)->base.ipa);

    (void)device;
    if (access->size != 4 || offset % 4 != 0) {
        return false;
    }
    spin_lock(&vaplic->lock);
    if (offset >= APLIC_IDC && config_of(vm)->is_direct) {
        access->value =
            vaplic_idc_access(vm, offset - APLIC_IDC, access->is_write, (uint32_t)access->value);
    } else if (access->is_write) {
        write_register(vm, offset, (uint32_t)access->value);
    } else {
        access->value = read_register(vm, offset);
    }
    spin_unlock(&vaplic->lock);
    return true;
}

void vaplic_vm_reset(struct vm *vm)
{
    const struct vaplic_config *config = config_of(vm);

    spin_lock(&config->state->lock);
    config->state->is_enabled = false;
    for (uint32_t index = 0; index < config->bank_count; index++) {
        struct vaplic_bank *bank = &config->banks[index];

        for (uint32_t b = 0; b < 32; b++) {
            uint32_t physical = config->physical[32 * index + b];

            if (physical != 0) {
                aplic_set_mode(physical, APLIC_SM_INACTIVE);
            }
        }
        *bank = (struct vaplic_bank){ .line = bank->line };
    }
    if (config->is_direct) {
        vaplic_idc_reset(vm);
    }
    spin_unlock(&config->state->lock);
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Virtual APLIC. See arch/vaplic.h.
 *
 * An emulated source becomes pending when its rectified input rises or when the guest sets it
 * pending, and is then sent as soon as it is enabled and the domain is: pending says no more than
 * that a message is due. A level-sensitive source that the guest has dealt with is sent again when
 * the guest writes setipnum and the input is still high (4.9.2).
 *
 * A linked source's enable bit in the machine is the guest's, gated by the guest's domain. With
 * direct delivery the machine sends a linked source's interrupt to the hypervisor, which takes it
 * as a sign that the input rose. No other comes (`held`) until the guest has dealt with that one:
 * claimed it, if it is edge-sensitive, else lowered the input, which is looked at when the guest
 * asks for what is next. So no guest can storm the hypervisor with a device.
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

/* Registers of one bit a source come in blocks (4.5.5 to 4.5.12): 32 words, and at their end one
 * that takes a number. */
#define BITS_SIZE   0x100u
#define BITS_NUMBER (APLIC_SETIPNUM - APLIC_SETIP)

static const struct vcontroller_config *config_of(const struct vm *vm)
{
    return &vm->config->arch.controller;
}

/* Inputs of emulated sources after inversion; those that nobody looks at are low (4.7). */
static uint32_t inputs(const struct vaplic_bank *bank)
{
    return (bank->line ^ bank->low) & bank->wired;
}

/* Sends what is due in a bank. */
static void send(struct vm *vm, uint32_t index)
{
    struct vaplic_bank *bank = &config_of(vm)->aplic[index];
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

/* Moves the inputs of emulated sources: rising ones become pending, and what is level-sensitive and
 * low is no longer. With direct delivery, what is level-sensitive is pending just as its input is
 * high (4.7). */
static void follow_inputs(struct vm *vm, uint32_t index, uint32_t old)
{
    struct vaplic_bank *bank = &config_of(vm)->aplic[index];
    uint32_t new = inputs(bank);
    uint32_t was_pending = bank->pending;

    bank->pending |= new & ~old;
    bank->pending &= ~(bank->level & ~new);
    if (config_of(vm)->is_direct) {
        bank->pending |= bank->level & new;
    }
    follow(vm, index, was_pending ^ bank->pending);
}

static void move_line(struct vm *vm, uint32_t index, uint32_t bit, bool level)
{
    struct vaplic_bank *bank = &config_of(vm)->aplic[index];
    uint32_t old = inputs(bank);

    bank->line = level ? bank->line | bit : bank->line & ~bit;
    follow_inputs(vm, index, old);
}

void vaplic_set_line(struct vm *vm, uint32_t virq, bool level)
{
    struct vcontroller *state = config_of(vm)->state;

    spin_lock(&state->lock);
    move_line(vm, virq / 32, 1u << virq % 32, level);
    spin_unlock(&state->lock);
}

/* ---- Linked sources ---- */

/* The machine's source that has a virtual one's state, 0: the state is here. */
static uint32_t keeper(const struct vcontroller_config *config, uint32_t source)
{
    return config->is_direct ? 0 : config->physical[source];
}

/* The machine's enable bits of linked sources follow the guest's. */
static void follow_enables(struct vm *vm, uint32_t index, uint64_t bits)
{
    const struct vcontroller_config *config = config_of(vm);
    const struct vaplic_bank *bank = &config->aplic[index];
    uint32_t enabled = config->state->is_enabled ? bank->enabled & ~bank->held : 0;

    while (bits != 0) {
        uint32_t b = take_bit(&bits);
        uint32_t physical = config->physical[32 * index + b];
        bool is_enabled = (enabled >> b & 1) != 0;

        if (physical == 0) {
            continue;
        }
        aplic_set_enabled(physical, is_enabled);
        if (config->is_direct && is_enabled && (bank->level >> b & 1) != 0) {
            aplic_end(physical); /* messages tell only of inputs that rise */
        }
    }
}

/* ... and where they send to its targets. */
static void follow_target(const struct vm *vm, uint32_t source)
{
    const struct vcontroller_config *config = config_of(vm);
    uint32_t target = config->aplic[source / 32].target[source % 32];
    const struct vcpu *v = vm_find_vcpu(vm, target >> APLIC_TARGET_HART_SHIFT);
    uint32_t physical = config->physical[source];
    uint32_t identity = target & APLIC_TARGET_EIID_MASK;

    if (physical == 0) {
        return;
    }
    if (config->is_direct) {
        identity = IMSIC_ID_SOURCE(physical);
    }
    if (v == NULL) {
        v = vm_vcpu(vm, 0);
        identity = 0; /* none: messages to nobody go nowhere */
    }
    aplic_set_target(physical, v->pcpu, v->config->arch.vgein, identity);
}

/* The guest has dealt with these sources: they may interrupt the hypervisor again. */
static void release(struct vm *vm, uint32_t index, uint32_t bits)
{
    struct vaplic_bank *bank = &config_of(vm)->aplic[index];

    bits &= bank->held;
    bank->held &= ~bits;
    bank->line &= ~bits;
    follow_enables(vm, index, bits);
}

void vaplic_inject(struct vm *vm, uint32_t virq)
{
    struct vcontroller *state = config_of(vm)->state;
    uint32_t index = virq / 32, bit = 1u << virq % 32;
    struct vaplic_bank *bank = &config_of(vm)->aplic[index];

    spin_lock(&state->lock);
    bank->held |= bit;
    follow_enables(vm, index, bit);
    move_line(vm, index, bit, true);
    bank->line &= bank->level | ~bit; /* an edge is no level that would stay */
    spin_unlock(&state->lock);
}

bool vaplic_has_fallen(struct vm *vm, uint32_t source)
{
    const struct vcontroller_config *config = config_of(vm);
    uint32_t index = source / 32, bit = 1u << source % 32;

    if (config->physical[source] == 0 || (config->aplic[index].level & bit) == 0 ||
        aplic_input(config->physical[source])) {
        return false;
    }
    move_line(vm, index, bit, false);
    release(vm, index, bit);
    return true;
}

void vaplic_claimed(struct vm *vm, uint32_t source)
{
    uint32_t index = source / 32, bit = 1u << source % 32;
    struct vaplic_bank *bank = &config_of(vm)->aplic[index];

    if ((bank->level & bit) == 0) {
        bank->pending &= ~bit;
        follow(vm, index, bit);
        release(vm, index, bit);
    }
}

/* ---- What the guest writes about sources ---- */

static void set_enabled(struct vm *vm, uint32_t index, uint32_t bits, bool enabled)
{
    struct vaplic_bank *bank = &config_of(vm)->aplic[index];
    uint32_t old = bank->enabled;

    bits &= bank->active;
    bank->enabled = enabled ? old | bits : old & ~bits;
    follow_enables(vm, index, old ^ bank->enabled);
    follow(vm, index, old ^ bank->enabled);
}

static void set_pending(struct vm *vm, uint32_t index, uint32_t bits, bool pending)
{
    const struct vcontroller_config *config = config_of(vm);
    struct vaplic_bank *bank = &config->aplic[index];
    uint64_t rest;

    bits &= bank->active;
    if (config->is_direct) {
        bits &= ~bank->level; /* their inputs alone decide (4.7) */
    }
    rest = bits;
    while (rest != 0) {
        uint32_t b = take_bit(&rest);
        uint32_t bit = 1u << b;
        uint32_t physical = keeper(config, 32 * index + b);

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
    if (!pending) {
        release(vm, index, bits);
    }
}

/* Where the guest directs a source; an inactive one is directed nowhere. */
static void set_target(struct vm *vm, uint32_t source, uint32_t value)
{
    struct vaplic_bank *bank = &config_of(vm)->aplic[source / 32];

    if (config_of(vm)->is_direct) {
        vaplic_idc_direct(vm, source, value);
    } else {
        bank->target[source % 32] = value & TARGET_MASK;
    }
    follow_target(vm, source);
}

/* Writes sourcecfg. Without child domains the delegate bit does not exist; a mode that is reserved
 * means inactive (4.5.2). */
static void set_mode(struct vm *vm, uint32_t source, uint32_t value)
{
    static const uint8_t legal = 1u << APLIC_SM_DETACHED | 1u << APLIC_SM_EDGE1 |
                                 1u << APLIC_SM_EDGE0 | 1u << APLIC_SM_LEVEL1 |
                                 1u << APLIC_SM_LEVEL0;
    const struct vcontroller_config *config = config_of(vm);
    uint32_t index = source / 32, b = source % 32, bit = 1u << b;
    struct vaplic_bank *bank = &config->aplic[index];
    uint32_t mode = value <= APLIC_SM_MASK && (legal >> value & 1) ? value : APLIC_SM_INACTIVE;
    uint32_t physical = config->physical[source];
    uint32_t old = inputs(bank);

    if (physical != 0) {
        aplic_set_mode(physical, mode);
    }
    bank->mode[b] = (uint8_t)mode;
    bank->active &= ~bit;
    bank->wired &= ~bit;
    bank->level &= ~bit;
    bank->low &= ~bit;
    bank->active |= mode != APLIC_SM_INACTIVE ? bit : 0;
    bank->wired |= mode >= APLIC_SM_EDGE1 ? bit : 0;
    bank->level |= mode >= APLIC_SM_LEVEL1 ? bit : 0;
    if (physical == 0) { /* or else the machine inverts */
        bank->low |= mode == APLIC_SM_EDGE0 || mode == APLIC_SM_LEVEL0 ? bit : 0;
    }
    if (mode == APLIC_SM_INACTIVE) {
        bank->enabled &= ~bit;
        bank->pending &= ~bit;
    }
    set_target(vm, source, mode == APLIC_SM_INACTIVE ? 0 : bank->target[b]);
    release(vm, index, bit);
    if (keeper(config, source) == 0) {
        follow_inputs(vm, index, old);
    }
}

static void set_domain(struct vm *vm, uint32_t value)
{
    const struct vcontroller_config *config = config_of(vm);
    bool is_enabled = (value & APLIC_DOMAINCFG_IE) != 0;

    if (is_enabled == config->state->is_enabled) {
        return;
    }
    config->state->is_enabled = is_enabled;
    for (uint32_t index = 0; index < config->bank_count; index++) {
        follow_enables(vm, index, config->aplic[index].enabled);
        follow(vm, index, 0);
    }
    if (config->is_direct) {
        vaplic_idc_enable(vm);
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
    const struct vcontroller_config *config = config_of(vm);
    const struct vaplic_bank *bank = &config->aplic[index];
    uint32_t bits = is_input ? inputs(bank) : bank->pending;
    uint64_t rest = bank->active;

    while (rest != 0) {
        uint32_t b = take_bit(&rest);
        uint32_t source = 32 * index + b;
        uint32_t physical = is_input ? config->physical[source] : keeper(config, source);

        if (physical != 0) {
            bool is_set = is_input ? aplic_input(physical) : aplic_is_pending(physical);

            bits = (bits & ~(1u << b)) | (uint32_t)is_set << b;
        }
    }
    return bits;
}

/* The registers that hold one bit of each source, 32 bits in each. */
static uint32_t read_bits(const struct vm *vm, uint32_t offset)
{
    uint32_t index = offset % BITS_SIZE / 4;

    if (index >= config_of(vm)->bank_count) {
        return 0;
    }
    switch (offset - offset % BITS_SIZE) {
    case APLIC_SETIP:
        return read_state(vm, index, false);
    case APLIC_IN_CLRIP:
        return read_state(vm, index, true);
    case APLIC_SETIE:
        return config_of(vm)->aplic[index].enabled;
    default:
        return 0;
    }
}

/* The same, and the registers beside them by which one source is named with its number. */
static void write_bits(struct vm *vm, uint32_t offset, uint32_t value)
{
    uint32_t place = offset % BITS_SIZE;
    uint32_t index = place == BITS_NUMBER ? value / 32 : place / 4;
    uint32_t bits = place == BITS_NUMBER ? 1u << value % 32 : value;

    if (index >= config_of(vm)->bank_count) {
        return;
    }
    switch (offset - place) {
    case APLIC_SETIP:
    case APLIC_IN_CLRIP:
        set_pending(vm, index, bits, offset - place == APLIC_SETIP);
        break;
    case APLIC_SETIE:
    case APLIC_CLRIE:
        set_enabled(vm, index, bits, offset - place == APLIC_SETIE);
        break;
    default:
        break;
    }
}

static uint32_t read_register(const struct vm *vm, uint32_t offset)
{
    const struct vcontroller_config *config = config_of(vm);
    uint32_t source = offset % 0x1000 / 4;

    if (offset == APLIC_DOMAINCFG) {
        return APLIC_DOMAINCFG_ONES | (config->is_direct ? 0 : APLIC_DOMAINCFG_DM) |
               (config->state->is_enabled ? APLIC_DOMAINCFG_IE : 0);
    }
    if (offset >= APLIC_SETIP && offset < APLIC_SETIPNUM_LE) {
        return read_bits(vm, offset);
    }
    if (!vcontroller_has(config_of(vm), source)) {
        return 0;
    }
    if (offset < 0x1000) {
        return config->aplic[source / 32].mode[source % 32];
    }
    return offset > APLIC_TARGET && offset < APLIC_IDC
               ? config->aplic[source / 32].target[source % 32]
               : 0;
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
    } else if (offset >= APLIC_SETIP && offset < APLIC_SETIPNUM_LE) {
        write_bits(vm, offset, value);
    } else if (offset == APLIC_SETIPNUM_LE) {
        write_bits(vm, APLIC_SETIPNUM, value);
    } else if (offset == APLIC_SETIPNUM_BE) {
        write_bits(vm, APLIC_SETIPNUM, swap_bytes(value));
    } else if (offset == APLIC_GENMSI) {
        generate(vm, value);
    } else if (offset < 0x1000 && vcontroller_has(config_of(vm), source)) {
        set_mode(vm, source, value);
    } else if (offset > APLIC_TARGET && offset < APLIC_IDC &&
               vcontroller_has(config_of(vm), source) &&
               (config_of(vm)->aplic[source / 32].active >> source % 32 & 1) != 0) {
        set_target(vm, source, value);
    }
}

bool vaplic_access(struct vcpu *v, void *device, struct mmio_access *access)
{
    struct vm *vm = v->vm;
    struct vcontroller *state = config_of(vm)->state;
    uint32_t offset = (uint32_t)(access->address.ipa - config_of(vm)->base.ipa);

    (void)device;
    if (access->size != 4 || offset % 4 != 0) {
        return false;
    }
    spin_lock(&state->lock);
    if (offset >= APLIC_IDC && config_of(vm)->is_direct) {
        access->value =
            vaplic_idc_access(vm, offset - APLIC_IDC, access->is_write, (uint32_t)access->value);
    } else if (access->is_write) {
        write_register(vm, offset, (uint32_t)access->value);
    } else {
        access->value = read_register(vm, offset);
    }
    spin_unlock(&state->lock);
    return true;
}

void vaplic_vm_reset(struct vm *vm)
{
    const struct vcontroller_config *config = config_of(vm);

    spin_lock(&config->state->lock);
    config->state->is_enabled = false;
    for (uint32_t index = 0; index < config->bank_count; index++) {
        struct vaplic_bank *bank = &config->aplic[index];

        for (uint32_t b = 0; b < 32; b++) {
            uint32_t physical = config->physical[32 * index + b];

            if (physical != 0) {
                aplic_set_mode(physical, APLIC_SM_INACTIVE);
            }
        }
        *bank = (struct vaplic_bank){ .line = bank->line & ~bank->held };
    }
    if (config->is_direct) {
        vaplic_idc_reset(vm);
    }
    spin_unlock(&config->state->lock);
}

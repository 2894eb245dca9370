/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Virtual IOAPIC. See arch/vioapic.h.
 *
 * A level-triggered pin is sent when it is asserted, not masked, and no local APIC works on it
 * (remote IRR); whatever may make that true calls send_level(). An edge-triggered pin is sent when
 * its input becomes asserted while it is not masked, and never later.
 *
 * Section numbers are of the Intel 82093AA datasheet.
 */
#include <arch/direct.h>
#include <arch/vioapic.h>
#include <arch/vlapic_icr.h>
#include <hv/tables.h>

#define IOREGSEL 0x00u
#define IOWIN    0x10u

#define IOAPICID     0x00u
#define IOAPICVER    0x01u
#define IOAPICARB    0x02u
#define IOREDTBL     0x10u /* two registers for each pin, the lower half first */
#define IOREDTBL_END (IOREDTBL + 2 * VIOAPIC_PIN_COUNT)

#define IOAPICID_MASK 0x0f000000u
#define VERSION       (0x11u | (VIOAPIC_PIN_COUNT - 1) << 16)

#define RTE_MODE_SHIFT        8
#define RTE_MODE_MASK         7u
#define RTE_LOGICAL           0x00800u
#define RTE_ACTIVE_LOW        0x02000u
#define RTE_REMOTE_IRR        0x04000u
#define RTE_LEVEL             0x08000u
#define RTE_MASKED            0x10000u
#define RTE_DESTINATION_SHIFT 56
/* What a guest can write: delivery status (always idle) and remote IRR are read only (3.2.4). */
#define RTE_WRITABLE UINT64_C(0xff0000000001afff)

static bool is_asserted(const struct vioapic *ioapic, uint32_t pin)
{
    bool is_low = (ioapic->table[pin] & RTE_ACTIVE_LOW) != 0;

    return ((ioapic->line >> pin & 1) != 0) != is_low;
}

/* Sends a pin's message. Returns true if a local APIC took it. */
static bool send(struct vm *vm, uint64_t entry)
{
    struct apic_message message = {
        .destination = (uint32_t)(entry >> RTE_DESTINATION_SHIFT),
        .vector = (uint8_t)entry,
        .mode = entry >> RTE_MODE_SHIFT & RTE_MODE_MASK,
        .is_logical = (entry & RTE_LOGICAL) != 0,
        .is_level = (entry & RTE_LEVEL) != 0,
    };

    /* INIT takes a lock that comes before ours, and no board wires it to a pin. */
    if (message.mode > APIC_MODE_LOWEST && message.mode != APIC_MODE_NMI) {
        return false;
    }
    if (message.destination == APIC_XAPIC_BROADCAST) {
        message.destination = APIC_BROADCAST;
    }
    return vlapic_send(vm, NULL, &message);
}

/* Sends a level-triggered pin if it is due. Remote IRR is for modes that end by an EOI. */
static void send_level(struct vm *vm, uint32_t pin)
{
    struct vioapic *ioapic = vm->config->arch.ioapic;
    uint64_t entry = ioapic->table[pin];
    uint32_t bit = 1u << pin;

    if ((entry & (RTE_LEVEL | RTE_MASKED)) == RTE_LEVEL && (ioapic->remote_irr & bit) == 0 &&
        (entry >> RTE_MODE_SHIFT & RTE_MODE_MASK) <= APIC_MODE_LOWEST && is_asserted(ioapic, pin) &&
        send(vm, entry)) {
        ioapic->remote_irr |= bit;
    }
}

void vioapic_set_line(struct vm *vm, uint32_t pin, bool level)
{
    struct vioapic *ioapic = vm->config->arch.ioapic;
    bool was_asserted;

    if (pin >= VIOAPIC_PIN_COUNT) {
        return;
    }
    spin_lock(&ioapic->lock);
    was_asserted = is_asserted(ioapic, pin);
    ioapic->line = (ioapic->line & ~(1u << pin)) | (uint32_t)level << pin;
    if (is_asserted(ioapic, pin) && !was_asserted) {
        if ((ioapic->table[pin] & (RTE_LEVEL | RTE_MASKED)) == 0) {
            send(vm, ioapic->table[pin]);
        }
        send_level(vm, pin);
    }
    spin_unlock(&ioapic->lock);
}

void vioapic_eoi(struct vm *vm, uint8_t vector)
{
    struct vioapic *ioapic = vm->config->arch.ioapic;
    uint32_t waiting;

    spin_lock(&ioapic->lock);
    waiting = ioapic->remote_irr;
    while (waiting != 0) {
        uint32_t pin = (uint32_t)__builtin_ctz(waiting);

        waiting &= waiting - 1;
        if ((uint8_t)ioapic->table[pin] == vector) {
            ioapic->remote_irr &= ~(1u << pin);
            send_level(vm, pin);
        }
    }
    spin_unlock(&ioapic->lock);
}

/* An entry that becomes edge-triggered forgets that it waits for an EOI; kernels end an interrupt
 * that way whose EOI was lost. */
static void write_entry(struct vm *vm, uint32_t pin, uint64_t value)
{
    struct vioapic *ioapic = vm->config->arch.ioapic;

    ioapic->table[pin] = value & RTE_WRITABLE;
    if ((value & RTE_LEVEL) == 0) {
        ioapic->remote_irr &= ~(1u << pin);
    } else if ((value & RTE_MASKED) == 0) {
        direct_watch_eoi(vm);
    }
    send_level(vm, pin);
}

static uint32_t read_register(const struct vioapic *ioapic)
{
    uint32_t pin = (ioapic->select - IOREDTBL) / 2;
    uint64_t entry;

    switch (ioapic->select) {
    case IOAPICID:
    case IOAPICARB:
        return ioapic->id;
    case IOAPICVER:
        return VERSION;
    default:
        if (ioapic->select < IOREDTBL || ioapic->select >= IOREDTBL_END) {
            return 0;
        }
        entry = ioapic->table[pin] | ((ioapic->remote_irr >> pin & 1) != 0 ? RTE_REMOTE_IRR : 0);
        return (uint32_t)(ioapic->select % 2 == 0 ? entry : entry >> 32);
    }
}

static void write_register(struct vm *vm, uint32_t value)
{
    struct vioapic *ioapic = vm->config->arch.ioapic;
    uint32_t pin = (ioapic->select - IOREDTBL) / 2;

    if (ioapic->select == IOAPICID) {
        ioapic->id = value & IOAPICID_MASK;
    } else if (ioapic->select >= IOREDTBL && ioapic->select < IOREDTBL_END) {
        uint64_t entry = ioapic->table[pin];

        write_entry(vm, pin,
                    ioapic->select % 2 == 0 ? (entry >> 32 << 32) | value
                                            : (uint64_t)value << 32 | (uint32_t)entry);
    }
}

bool vioapic_access(struct vcpu *v, void *device, struct mmio_access *access)
{
    struct vioapic *ioapic = v->vm->config->arch.ioapic;
    uint32_t offset = access->address.ipa % HV_PAGE_SIZE;
    uint64_t value = 0;

    (void)device;
    if (access->size != 4 || offset % 4 != 0) {
        return false;
    }
    spin_lock(&ioapic->lock);
    if (offset == IOREGSEL && access->is_write) {
        ioapic->select = (uint8_t)access->value;
    } else if (offset == IOREGSEL) {
        value = ioapic->select;
    } else if (offset == IOWIN && access->is_write) {
        write_register(v->vm, (uint32_t)access->value);
    } else if (offset == IOWIN) {
        value = read_register(ioapic);
    }
    spin_unlock(&ioapic->lock);
    if (!access->is_write) {
        access->value = value;
    }
    return true;
}

void vioapic_vm_reset(struct vm *vm)
{
    struct vioapic *ioapic = vm->config->arch.ioapic;

    spin_lock(&ioapic->lock);
    ioapic->select = 0;
    ioapic->id = 0;
    ioapic->remote_irr = 0;
    for (uint32_t pin = 0; pin < VIOAPIC_PIN_COUNT; pin++) {
        ioapic->table[pin] = RTE_MASKED;
    }
    spin_unlock(&ioapic->lock);
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Virtual IOAPIC. See arch/vioapic.h.
 *
 * A level-triggered pin is sent when it is asserted, not masked, and no local APIC works on it
 * (remote IRR); whatever may make that true calls send_level(). An edge-triggered pin is sent when
 * its input becomes asserted while it is not masked, and never later.
 *
 * A physical pin has no input here: its entry in the machine has the guest's mask, trigger and
 * polarity. Where the vCPU that it is for owns its CPU's APIC, it sends the guest's own vector
 * there and no interrupt costs an exit; else it sends the hypervisor one of its own, to that vCPU's
 * CPU, and is closed while the guest works on a level-triggered one. Only fixed and lowest-priority
 * delivery open it.
 *
 * Section numbers are of the Intel 82093AA datasheet.
 */
#include <arch/asm.h>
#include <arch/direct.h>
#include <arch/irq.h>
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

static struct apic_message message_of(uint64_t entry)
{
    uint32_t destination = (uint32_t)(entry >> RTE_DESTINATION_SHIFT);

    return (struct apic_message){
        .destination = destination == APIC_XAPIC_BROADCAST ? APIC_BROADCAST : destination,
        .vector = (uint8_t)entry,
        .mode = entry >> RTE_MODE_SHIFT & RTE_MODE_MASK,
        .is_logical = (entry & RTE_LOGICAL) != 0,
        .is_level = (entry & RTE_LEVEL) != 0,
    };
}

/* Sends a pin's message. Returns true if a local APIC took it. */
static bool send(struct vm *vm, uint64_t entry)
{
    struct apic_message message = message_of(entry);

    /* INIT takes a lock that comes before ours, and no board wires it to a pin. */
    if (message.mode > APIC_MODE_LOWEST && message.mode != APIC_MODE_NMI) {
        return false;
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

/* ---- Physical pins ---- */

static bool is_physical(const struct vm *vm, uint32_t pin)
{
    return pin < irq_route_count && irq_routes[pin].owner == IRQ_OWNER_VM &&
           &vms[irq_routes[pin].vm] == vm;
}

/* Whom a pin's interrupt is for; NULL: it is masked. */
static struct vcpu *target_of(const struct vm *vm, uint64_t entry)
{
    struct apic_message message = message_of(entry);

    return (entry & RTE_MASKED) != 0 || message.mode > APIC_MODE_LOWEST ||
                   message.vector < APIC_VECTOR_MIN
               ? NULL
               : vlapic_addressee(vm, &message);
}

static bool owns_apic(const struct vcpu *v)
{
    return __atomic_load_n(&v->arch.owns_apic, __ATOMIC_SEQ_CST);
}

/* Programs the machine's pin as the guest's entry says. */
static void follow_entry(struct vm *vm, uint32_t pin)
{
    uint64_t entry = vm->config->arch.ioapic->table[pin];
    uint32_t how = (uint32_t)entry & (RTE_LEVEL | RTE_ACTIVE_LOW);
    const struct vcpu *target = target_of(vm, entry);

    if ((vm->config->arch.ioapic->remote_irr >> pin & 1) != 0) {
        irq_close_pin(pin);
    } else if (target == NULL) {
        irq_set_pin(pin, how | IOAPIC_MASKED, vm_vcpu(vm, 0)->pcpu);
    } else if (owns_apic(target)) {
        irq_set_pin(pin, how | (uint8_t)entry, target->pcpu);
    } else {
        irq_set_pin(pin, how | (VECTOR_PIN + pin), target->pcpu);
    }
}

/* An interrupt that was on its way while the guest changed the entry goes where that says now; a
 * level that the guest's own APIC ends comes again by itself. */
void vioapic_forward(struct vm *vm, uint32_t pin)
{
    struct vioapic *ioapic = vm->config->arch.ioapic;
    bool is_level;
    struct vcpu *target;

    spin_lock(&ioapic->lock);
    is_level = (ioapic->table[pin] & RTE_LEVEL) != 0;
    target = target_of(vm, ioapic->table[pin]);
    if (target != NULL && !is_level) {
        vlapic_post(target, (uint8_t)ioapic->table[pin], false);
    } else if (target != NULL && !owns_apic(target)) {
        irq_close_pin(pin);
        ioapic->remote_irr |= (uint32_t)vlapic_post(target, (uint8_t)ioapic->table[pin], true)
                              << pin;
    }
    spin_unlock(&ioapic->lock);
}

void vioapic_follow(struct vm *vm)
{
    struct vioapic *ioapic = vm->config->arch.ioapic;

    spin_lock(&ioapic->lock);
    for (uint32_t pin = 0; pin < VIOAPIC_PIN_COUNT; pin++) {
        if (is_physical(vm, pin) && (ioapic->table[pin] & RTE_MASKED) == 0) {
            follow_entry(vm, pin);
        }
    }
    spin_unlock(&ioapic->lock);
}

/* A pin may interrupt again: its entry changed, or an interrupt of it ended. */
static void update(struct vm *vm, uint32_t pin)
{
    if (is_physical(vm, pin)) {
        follow_entry(vm, pin);
    } else {
        send_level(vm, pin);
    }
}

/* ---- Inputs, and ends of interrupts ---- */

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
    uint64_t waiting;

    spin_lock(&ioapic->lock);
    waiting = ioapic->remote_irr;
    while (waiting != 0) {
        uint32_t pin = take_bit(&waiting);

        if ((uint8_t)ioapic->table[pin] == vector) {
            ioapic->remote_irr &= ~(1u << pin);
            update(vm, pin);
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
    } else if ((value & RTE_MASKED) == 0 && !is_physical(vm, pin)) {
        direct_watch_eoi(vm);
    }
    update(vm, pin);
}

static bool is_in_service(const struct vm *vm, uint32_t pin)
{
    return (vm->config->arch.ioapic->remote_irr >> pin & 1) != 0 ||
           (is_physical(vm, pin) && irq_pin_is_in_service(pin));
}

static bool is_table(uint32_t number)
{
    return number >= IOREDTBL && number < IOREDTBL_END;
}

static uint32_t read_register(const struct vm *vm, uint32_t number)
{
    const struct vioapic *ioapic = vm->config->arch.ioapic;
    uint32_t pin = (number - IOREDTBL) / 2;

    if (is_table(number)) {
        uint64_t entry = ioapic->table[pin] | (is_in_service(vm, pin) ? RTE_REMOTE_IRR : 0);

        return (uint32_t)(number % 2 == 0 ? entry : entry >> 32);
    }
    return number == IOAPICVER                         ? VERSION
           : number == IOAPICID || number == IOAPICARB ? ioapic->id
                                                       : 0;
}

static void write_register(struct vm *vm, uint32_t number, uint32_t value)
{
    struct vioapic *ioapic = vm->config->arch.ioapic;
    uint32_t pin = (number - IOREDTBL) / 2;

    if (number == IOAPICID) {
        ioapic->id = value & IOAPICID_MASK;
    } else if (is_table(number)) {
        uint64_t entry = ioapic->table[pin];

        write_entry(vm, pin,
                    number % 2 == 0 ? (entry >> 32 << 32) | value
                                    : (uint64_t)value << 32 | (uint32_t)entry);
    }
}

/* Other words of the page read 0 and ignore writes. */
bool vioapic_access(struct vcpu *v, void *device, struct mmio_access *access)
{
    struct vioapic *ioapic = v->vm->config->arch.ioapic;
    uint32_t offset = access->address.ipa % HV_PAGE_SIZE;

    (void)device;
    if (access->size != 4 || offset % 4 != 0) {
        return false;
    }
    spin_lock(&ioapic->lock);
    if (!access->is_write) {
        access->value = offset == IOREGSEL ? ioapic->select
                        : offset == IOWIN  ? read_register(v->vm, ioapic->select)
                                           : 0;
    } else if (offset == IOREGSEL) {
        ioapic->select = (uint8_t)access->value;
    } else if (offset == IOWIN) {
        write_register(v->vm, ioapic->select, (uint32_t)access->value);
    }
    spin_unlock(&ioapic->lock);
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
        if (is_physical(vm, pin)) {
            irq_close_pin(pin);
        }
    }
    spin_unlock(&ioapic->lock);
}

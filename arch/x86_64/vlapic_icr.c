/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Messages to local APICs. See arch/vlapic_icr.h.
 *
 * Who is in x2APIC mode compares all of a destination, who is in xAPIC mode its own eight bits. A
 * fixed interrupt to one physical id, which is what kernels send, is found without a loop; the loop
 * of everything else goes once over the vCPUs of the VM.
 *
 * Section numbers are of the Intel SDM vol. 3, chapter 12.
 */
#include <arch/vcpu.h>
#include <arch/vlapic_icr.h>
#include <hv/tables.h>

/* xAPIC logical destinations: eight flat bits, or a cluster's number and four bits (12.6.2.2). */
static bool matches_xapic(const struct vlapic *apic, uint32_t destination)
{
    uint32_t own = __atomic_load_n(&apic->reg[LAPIC_LDR], __ATOMIC_RELAXED) >> 24;
    bool is_flat = __atomic_load_n(&apic->reg[LAPIC_DFR], __ATOMIC_RELAXED) >> 28 == 0xf;

    if (is_flat) {
        return (own & destination) != 0;
    }
    return own >> 4 == destination >> 4 && (own & destination & 0xf) != 0;
}

/* x2APIC logical destinations: a cluster's number and sixteen bits; the logical id follows from the
 * id (12.12.10.2). */
static bool matches_x2apic(uint32_t id, uint32_t destination)
{
    return id / 16 == destination >> 16 && (destination >> id % 16 & 1) != 0;
}

static bool is_addressed(const struct vcpu *target, const struct apic_message *message)
{
    const struct vlapic *apic = &target->arch.lapic;

    if (message->destination == APIC_BROADCAST) {
        return true;
    }
    if (!message->is_logical) {
        return message->destination == target->config->index;
    }
    return (__atomic_load_n(&apic->base, __ATOMIC_RELAXED) & APIC_BASE_EXTD) != 0
               ? matches_x2apic(target->config->index, message->destination)
               : matches_xapic(apic, message->destination);
}

/* Returns true if the target takes it. */
static bool deliver(struct vcpu *target, const struct apic_message *message)
{
    switch (message->mode) {
    case APIC_MODE_FIXED:
    case APIC_MODE_LOWEST:
        return message->vector >= APIC_VECTOR_MIN &&
               vlapic_post(target, message->vector, message->is_level);
    case APIC_MODE_NMI:
        vcpu_nmi(target);
        return true;
    case APIC_MODE_INIT:
        vcpu_init_received(target);
        return true;
    case APIC_MODE_STARTUP:
        vcpu_startup(target, message->vector);
        return true;
    default:
        return false;
    }
}

bool vlapic_send(struct vm *vm, const struct vcpu *but, const struct apic_message *message)
{
    bool is_taken = false;

    for (uint32_t i = 0; i < vm->config->vcpu_count; i++) {
        struct vcpu *target = vm_vcpu(vm, i);

        if (target != but && is_addressed(target, message) && deliver(target, message)) {
            is_taken = true;
            if (message->mode == APIC_MODE_LOWEST) {
                break; /* all priorities count as equal: the first one is as good as any */
            }
        }
    }
    return is_taken;
}

struct vcpu *vlapic_addressee(const struct vm *vm, const struct apic_message *message)
{
    for (uint32_t i = 0; i < vm->config->vcpu_count; i++) {
        if (is_addressed(vm_vcpu(vm, i), message)) {
            return vm_vcpu(vm, i);
        }
    }
    return NULL;
}

/* Shorthands and modes other than fixed, and destinations of more than one. */
static void send_other(struct vcpu *v, uint64_t icr)
{
    uint32_t shorthand = (uint32_t)icr & ICR_SHORTHAND;
    struct apic_message message = {
        .destination = (uint32_t)(icr >> ICR_DESTINATION_SHIFT),
        .vector = (uint8_t)(icr & ICR_VECTOR),
        .mode = icr >> ICR_MODE_SHIFT & ICR_MODE_MASK,
        .is_logical = (icr & ICR_LOGICAL) != 0,
    };

    if (message.mode == APIC_MODE_INIT && (icr & (ICR_LEVEL | ICR_ASSERT)) == ICR_LEVEL) {
        return; /* the level de-assert, which no processor of today knows (12.6.1) */
    }
    if (shorthand == 0) {
        vlapic_send(v->vm, NULL, &message);
        return;
    }
    if (shorthand != ICR_SHORTHAND_OTHERS && message.mode != APIC_MODE_FIXED) {
        return; /* not to the sender itself (table 12-3) */
    }
    message.destination = shorthand == ICR_SHORTHAND_SELF ? v->config->index : APIC_BROADCAST;
    message.is_logical = false;
    vlapic_send(v->vm, shorthand == ICR_SHORTHAND_OTHERS ? v : NULL, &message);
}

bool vlapic_send_icr(struct vcpu *v, uint64_t icr)
{
    const uint32_t mode = ICR_MODE_MASK << ICR_MODE_SHIFT;
    const struct vm_config *vm = v->vm->config;
    uint64_t destination = icr >> ICR_DESTINATION_SHIFT;
    uint8_t vector = (uint8_t)icr;

    if ((icr & (ICR_SHORTHAND | ICR_LOGICAL | mode)) == 0 && vector >= APIC_VECTOR_MIN &&
        destination < vm->vcpu_count) {
        vlapic_post(vm_vcpu(v->vm, (uint32_t)destination), vector, false);
        return true;
    }
    if (vector < APIC_VECTOR_MIN && (icr & mode) <= APIC_MODE_LOWEST << ICR_MODE_SHIFT) {
        return false;
    }
    send_other(v, icr);
    return true;
}

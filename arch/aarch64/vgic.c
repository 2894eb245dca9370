/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Virtual GICv3: the state of interrupts, and everything that changes it.
 *
 * Register writes change words of a bank and then call vgic_changed(), which marks the vCPUs that
 * must look. Events are in vgic_inject.c.
 *
 * Section numbers are of IHI 0069H.
 */
#include <arch/vgic_state.h>
#include <hv/vcpu.h>

void vgic_mark(struct vcpu *v, uint32_t index)
{
    vgic_mark_as(v, index, VGIC_STALE);
}

void vgic_mark_all(struct vm *vm, struct vcpu *owner, uint32_t index, uint32_t bits)
{
    const struct vgic_bank *bank = vgic_bank_at(vm, owner, index);

    if (index == 0) {
        vgic_mark(owner, 0);
        return;
    }
    while (bits != 0) {
        uint32_t b = vgic_take_bit(&bits);
        bool is_listed = bank->listed >> b & 1;
        struct vcpu *v = vgic_vcpu(vm, is_listed ? bank->home[b] : bank->target[b]);

        if (v != NULL) {
            vgic_mark(v, index);
        }
    }
}

void vgic_end_physical(struct vm *vm, struct vgic_bank *bank, uint32_t index, uint32_t b)
{
    if (bank->phys_listed >> b & 1) {
        bank->phys_listed &= ~(1u << b);
        gicv3_deactivate(vgic_physical(vm, index, b));
    }
}

/* Marks the vCPUs that have to pay for those of these interrupts that owe and are not pending. What
 * is routed to nowhere owes until it is routed elsewhere. */
static void mark_payers(struct vm *vm, struct vcpu *owner, uint32_t index, uint32_t bits)
{
    const struct vgic_bank *bank = vgic_bank_at(vm, owner, index);

    bits &= bank->phys_pending & ~bank->pending;
    while (bits != 0) {
        uint32_t b = vgic_take_bit(&bits);
        struct vcpu *v = index == 0 ? owner : vgic_vcpu(vm, bank->target[b]);

        if (v != NULL) {
            vgic_mark(v, index);
        }
    }
}

void vgic_defer_physical(struct vm *vm, struct vcpu *owner, uint32_t index, uint32_t b)
{
    struct vgic_bank *bank = vgic_bank_at(vm, owner, index);
    uint32_t owed = bank->phys_listed & 1u << b;

    bank->phys_listed &= ~owed;
    bank->phys_pending |= owed;
    mark_payers(vm, owner, index, owed);
}

void vgic_deactivate(struct vcpu *v, uint64_t icc_dir)
{
    struct vm *vm = v->vm;
    struct vgic *vgic = vgic_of(vm);
    uint32_t index = (uint32_t)(icc_dir & 0xffffff) / 32;

    if (index > vm->config->arch.vgic.spi_bank_count) {
        return;
    }
    spin_lock(&vgic->lock);
    vgic_lr_sync(v);
    vgic_clear_active(vm, v, index, 1u << icc_dir % 32);
    spin_unlock(&vgic->lock);
}

void vgic_update_forwarded(const struct vgic *vgic, struct vgic_bank *bank)
{
    uint32_t groups = 0;

    if (vgic->ctlr & GICD_CTLR_ENABLE_GRP1) {
        groups |= bank->group1;
    }
    if (vgic->ctlr & GICD_CTLR_ENABLE_GRP0) {
        groups |= ~bank->group1;
    }
    bank->forwarded = groups & bank->enabled;
}

void vgic_enable(struct vm *vm, struct vcpu *owner, uint32_t index, uint32_t bits)
{
    struct vgic_bank *bank = vgic_bank_at(vm, owner, index);
    uint32_t linked;

    bits &= ~bank->enabled;
    if (bits == 0) {
        return;
    }
    bank->enabled |= bits;
    vgic_update_forwarded(vgic_of(vm), bank);
    linked = bits & bank->hardware;
    /* A guest that enables a level-sensitive interrupt again expects to see its level now, not as
     * it was when the hypervisor acknowledged it: the physical interrupt is to be let go, and comes
     * again if its line is still high. */
    bank->pending &= ~(linked & bank->phys_pending & ~bank->edge);
    mark_payers(vm, owner, index, linked);
    while (index != 0 && linked != 0) { /* a physical PPI is always enabled */
        gicv3_set_enabled(vgic_physical(vm, index, vgic_take_bit(&linked)), true);
    }
    vgic_changed(vm, owner, index, bits);
}

void vgic_disable(struct vm *vm, struct vcpu *owner, uint32_t index, uint32_t bits)
{
    struct vgic_bank *bank = vgic_bank_at(vm, owner, index);
    uint32_t linked;

    bits &= bank->enabled;
    if (bits == 0) {
        return;
    }
    bank->enabled &= ~bits;
    vgic_update_forwarded(vgic_of(vm), bank);
    linked = index != 0 ? bits & bank->hardware : 0;
    while (linked != 0) {
        gicv3_set_enabled(vgic_physical(vm, index, vgic_take_bit(&linked)), false);
    }
    vgic_changed(vm, owner, index, bits);
}

void vgic_set_pending(struct vm *vm, struct vcpu *owner, uint32_t index, uint32_t bits)
{
    vgic_bank_at(vm, owner, index)->pending |= bits;
    vgic_changed(vm, owner, index, bits);
}

void vgic_clear_pending(struct vm *vm, struct vcpu *owner, uint32_t index, uint32_t bits)
{
    struct vgic_bank *bank = vgic_bank_at(vm, owner, index);

    bank->pending &= ~bits;
    bank->listed_latch &= ~bits;
    mark_payers(vm, owner, index, bits);
    vgic_changed(vm, owner, index, bits);
}

void vgic_set_active(struct vm *vm, struct vcpu *owner, uint32_t index, uint32_t bits)
{
    struct vgic_bank *bank = vgic_bank_at(vm, owner, index);

    /* One that is pending in a list register right now stays so: the guest is about to take it. */
    bits &= ~bank->active & ~bank->listed;
    bank->active |= bits;
    while (bits != 0) {
        uint32_t b = vgic_take_bit(&bits);
        struct vcpu *v = owner;

        if (index != 0) {
            v = vgic_vcpu(vm, bank->target[b]);
            v = v != NULL ? v : vgic_vcpu(vm, 0);
            bank->home[b] = (uint8_t)v->config->index;
        }
        v->arch.vgic.parked |= 1u << index;
        vgic_mark(v, index);
    }
}

void vgic_clear_active(struct vm *vm, struct vcpu *owner, uint32_t index, uint32_t bits)
{
    struct vgic_bank *bank = vgic_bank_at(vm, owner, index);

    bits &= bank->active | bank->listed;
    while (bits != 0) {
        uint32_t b = vgic_take_bit(&bits);
        uint32_t bit = 1u << b;

        if (bank->listed & bit) {
            bank->ending |= bit;
            vgic_mark(index == 0 ? owner : vgic_vcpu(vm, bank->home[b]), index);
        } else {
            bank->active &= ~bit;
            vgic_defer_physical(vm, owner, index, b);
            vgic_changed(vm, owner, index, bit);
        }
    }
}

void vgic_route(struct vm *vm, uint32_t index, uint32_t b, uint32_t target)
{
    struct vgic_bank *bank = vgic_spi_bank(vm, index);
    struct vcpu *v = vgic_vcpu(vm, target);

    bank->target[b] = v != NULL ? (uint8_t)target : VGIC_NOWHERE;
    if (v != NULL && (bank->hardware >> b & 1)) {
        bank->moved |= 1u << b;
        vgic_mark(v, index);
    }
    vgic_changed(vm, NULL, index, 1u << b);
}

void vgic_set_groups(struct vm *vm, uint32_t ctlr)
{
    struct vgic *vgic = vgic_of(vm);

    if (vgic->ctlr == ctlr) {
        return;
    }
    __atomic_store_n(&vgic->ctlr, ctlr, __ATOMIC_RELAXED);
    /* Concerns every interrupt of every vCPU. */
    for (uint32_t index = 1; index <= vm->config->arch.vgic.spi_bank_count; index++) {
        vgic_update_forwarded(vgic, vgic_spi_bank(vm, index));
    }
    for (uint32_t i = 0; i < vm->config->vcpu_count; i++) {
        struct vcpu *v = vgic_vcpu(vm, i);

        vgic_update_forwarded(vgic, &v->arch.vgic.bank);
        v->arch.vgic.maybe = vgic_all_banks(vm);
        vgic_mark(v, 0);
    }
}

/* Reset state of what the guest can write (12.9: most of it is unknown at reset; zero is kind).
 * Input lines are the devices' affair. */
static void reset_bank(struct vgic_bank *bank)
{
    uint32_t line = bank->line;

    *bank = (struct vgic_bank){ .line = line };
}

static void reset_spis(struct vm *vm, uint32_t index)
{
    struct vgic_bank *bank = vgic_spi_bank(vm, index);
    uint32_t owed = bank->phys_pending | bank->phys_listed;

    reset_bank(bank);
    for (uint32_t b = 0; b < 32; b++) {
        uint32_t intid = vgic_physical(vm, index, b);

        if (intid == 0) {
            continue;
        }
        bank->hardware |= 1u << b;
        gicv3_set_enabled(intid, false);
        gicv3_clear_pending(intid);
        gicv3_set_target(intid, vgic_vcpu(vm, 0)->pcpu);
        if (owed >> b & 1) {
            gicv3_deactivate(intid);
        }
    }
}

/* SGIs are edge-triggered; the virtual timer is linked. It owes nothing: the machine's is active
 * for a vCPU only while that is loaded (vgic_vtimer_in_flight()). */
static void reset_private(struct vgic_bank *bank)
{
    reset_bank(bank);
    bank->edge = 0xffff;
    bank->hardware = 1u << board.vtimer_intid % 32;
}

void vgic_vm_reset(struct vm *vm)
{
    struct vgic *vgic = vgic_of(vm);

    spin_lock(&vgic->lock);
    vgic->ctlr = 0;
    for (uint32_t i = 0; i < vm->config->mmio_count; i++) {
        if (vm->config->mmio[i].handle == vgic_redist_access) {
            vgic->redist_base = vm->config->mmio[i].base;
        }
    }
    for (uint32_t index = 1; index <= vm->config->arch.vgic.spi_bank_count; index++) {
        reset_spis(vm, index);
    }
    for (uint32_t i = 0; i < vm->config->vcpu_count; i++) {
        struct vgic_cpu *cpu = &vgic_vcpu(vm, i)->arch.vgic;

        reset_private(&cpu->bank);
        cpu->maybe = 0;
        cpu->parked = 0;
        cpu->asleep = true;
    }
    spin_unlock(&vgic->lock);
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the files of the virtual GIC share: ways to the banks, and the changes of interrupt state.
 * Nobody else includes this.
 *
 * Everything here is called with vgic->lock held. A bank is named by its index (0: the private one
 * of `owner`; 1 ...: SPIs from 32 * index, `owner` is then any vCPU of the VM or NULL), interrupts
 * in it by a word of bits.
 */
#pragma once

#include <arch/gicv3.h>
#include <arch/vgic.h>
#include <hv/sched.h>
#include <hv/tables.h>

/* Implemented priority bits (4.8): the fewest that a virtual interface may have, so that every
 * machine's list registers hold them. */
#define VGIC_PRIORITY_MASK 0xf8u

static inline struct vgic *vgic_of(const struct vm *vm)
{
    return vm->config->arch.vgic.state;
}

/* The VM's vCPU `index`, or NULL if there is none. */
static inline struct vcpu *vgic_vcpu(const struct vm *vm, uint32_t index)
{
    return index < vm->config->vcpu_count ? &vcpus[vm->config->vcpu_first + index] : NULL;
}

/* A bank of SPIs by index, 1 ... spi_bank_count. */
static inline struct vgic_bank *vgic_spi_bank(const struct vm *vm, uint32_t index)
{
    return &vm->config->arch.vgic.spi_banks[index - 1];
}

/* A bank by index, which the VM has. `owner` is not NULL where index is 0. */
static inline struct vgic_bank *vgic_bank_at(const struct vm *vm, struct vcpu *owner,
                                             uint32_t index)
{
    return index == 0 ? &owner->arch.vgic.bank : vgic_spi_bank(vm, index);
}

/* One bit for each of the VM's banks. */
static inline uint32_t vgic_all_banks(const struct vm *vm)
{
    return UINT32_MAX >> (31 - vm->config->arch.vgic.spi_bank_count);
}

/* The physical interrupt that interrupt `b` of a bank is linked to (vgic_bank.hardware). */
static inline uint32_t vgic_physical(const struct vm *vm, uint32_t index, uint32_t b)
{
    return index == 0 ? board.vtimer_intid : vm->config->arch.vgic.hw_intid[(index - 1) * 32 + b];
}

/* True when the registers of `v` are in this CPU. */
static inline bool vgic_is_loaded_here(const struct vcpu *v)
{
    return arch_this_pcpu()->loaded == v;
}

/* Interrupts with something to signal: latched, or a level input that is high. */
static inline uint32_t vgic_asserted(const struct vgic_bank *bank)
{
    return bank->pending | (bank->line & ~bank->edge);
}

/* Interrupts that the guest lets through: enabled, and their group too (4.6). */
static inline uint32_t vgic_forwarded(const struct vgic *vgic, const struct vgic_bank *bank)
{
    uint32_t groups = 0;

    if (vgic->ctlr & GICD_CTLR_ENABLE_GRP1) {
        groups |= bank->group1;
    }
    if (vgic->ctlr & GICD_CTLR_ENABLE_GRP0) {
        groups |= ~bank->group1;
    }
    return groups & bank->enabled;
}

/* Interrupts that wait for a list register. */
static inline uint32_t vgic_deliverable(const struct vgic *vgic, const struct vgic_bank *bank)
{
    return vgic_asserted(bank) & vgic_forwarded(vgic, bank) & ~bank->active & ~bank->listed;
}

/* Takes the lowest set bit out of a word that is not 0; returns its number. */
static inline uint32_t vgic_take_bit(uint32_t *bits)
{
    uint32_t b = (uint32_t)__builtin_ctz(*bits);

    *bits &= *bits - 1;
    return b;
}

/* vgic.c */

/* Makes `v` look at bank `index` before it goes on, wherever it is. */
void vgic_mark(struct vcpu *v, uint32_t index);

/* Marks the vCPUs that have these interrupts in list registers, or are to get them. */
void vgic_mark_all(struct vm *vm, struct vcpu *owner, uint32_t index, uint32_t bits);

/* Something about these interrupts changed: marks the vCPUs that have to act on it, because they
 * have one in a list register or one can be delivered now. */
static inline void vgic_changed(struct vm *vm, struct vcpu *owner, uint32_t index, uint32_t bits)
{
    const struct vgic_bank *bank = vgic_bank_at(vm, owner, index);

    bits &= vgic_deliverable(vgic_of(vm), bank) | bank->listed;
    if (bits != 0) {
        vgic_mark_all(vm, owner, index, bits);
    }
}

/* What the write-one-to-set and write-one-to-clear registers do (12.9). */
void vgic_enable(struct vm *vm, struct vcpu *owner, uint32_t index, uint32_t bits);
void vgic_disable(struct vm *vm, struct vcpu *owner, uint32_t index, uint32_t bits);
void vgic_set_pending(struct vm *vm, struct vcpu *owner, uint32_t index, uint32_t bits);
void vgic_clear_pending(struct vm *vm, struct vcpu *owner, uint32_t index, uint32_t bits);
void vgic_set_active(struct vm *vm, struct vcpu *owner, uint32_t index, uint32_t bits);
void vgic_clear_active(struct vm *vm, struct vcpu *owner, uint32_t index, uint32_t bits);

/* Sends an SPI to a vCPU, or to VGIC_NOWHERE. */
void vgic_route(struct vm *vm, uint32_t index, uint32_t b, uint32_t target);

/* The guest's group enables, GICD_CTLR_ENABLE_*. */
void vgic_set_groups(struct vm *vm, uint32_t ctlr);

/* Pays the machine what phys_listed says interrupt b owes, if anything. In the time of the vCPU
 * that had it, on its CPU. */
void vgic_end_physical(struct vm *vm, struct vgic_bank *bank, uint32_t index, uint32_t b);

/* The same from anywhere: the debt passes to the vCPU that the interrupt goes to, or to the latch
 * if it is pending again. */
void vgic_defer_physical(struct vm *vm, struct vcpu *owner, uint32_t index, uint32_t b);

/* vgic_lr.c; `v` is loaded on this CPU unless it says otherwise */

/* The machine has `count` list registers. Once on each CPU. */
void vgic_lr_init(uint32_t count);

/* Compares list registers with banks: afterwards banks say what the guest has done, and list
 * registers hold nothing that they should not. Does not fill free ones. */
void vgic_lr_sync(struct vcpu *v);

/* Only takes note of list registers that became empty: the cheap part of vgic_lr_sync(). */
void vgic_lr_retire(struct vcpu *v);

/* The short way for a private interrupt that becomes pending: into a list register, the one that
 * had it before if the guest has emptied it. Returns false, having done nothing, if that takes more
 * thought: the interrupt is not let through, is pending or active, or others wait. */
bool vgic_lr_post(struct vcpu *v, uint32_t b);

/* Puts a deliverable interrupt into a free list register. Returns false, having done nothing, if
 * there is none or more important ones may be waiting. */
bool vgic_lr_put(struct vcpu *v, uint32_t index, uint32_t b);

/* Does the work of vgic_flush(). */
void vgic_lr_flush(struct vcpu *v);

/* Writes all list registers of the CPU from the vCPU's copies; it is being loaded. */
void vgic_lr_restore(const struct vcpu *v);

/* Empties the vCPU's copies: everything goes back to its bank, what is active stays active there.
 * Not loaded. */
void vgic_lr_drop(struct vcpu *v);

/* True when the guest's CPU interface, in the state `vmcr`, would signal what the copies hold
 * (4.8): pending, of an enabled group, above the priority mask. Loaded or not. */
bool vgic_lr_is_signalled(const struct vcpu *v, uint64_t vmcr);

/* True when something waits in the banks. Loaded or not. */
bool vgic_lr_is_awaited(struct vcpu *v);

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
#include <hv/vcpu.h>

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

/* True when the VM has that SPI. */
static inline bool vgic_has_spi(const struct vm *vm, uint32_t virq)
{
    return virq / 32 - 1 < vm->config->arch.vgic.spi_bank_count;
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

/* Interrupts that wait for a list register. */
static inline uint32_t vgic_deliverable(const struct vgic_bank *bank)
{
    return vgic_asserted(bank) & bank->forwarded & ~bank->active & ~bank->listed;
}

/* Takes the lowest set bit out of a word that is not 0; returns its number. */
static inline uint32_t vgic_take_bit(uint32_t *bits)
{
    uint32_t b = (uint32_t)__builtin_ctz(*bits);

    *bits &= *bits - 1;
    return b;
}

/* Puts a word into list register n of `v`, which is loaded here. */
static inline void vgic_lr_write(struct vcpu *v, uint32_t n, uint64_t lr)
{
    v->arch.vgic.lr[n] = lr;
    ich_lr_write(n, lr);
}

/* Interrupt b of a bank is in list register n of `v` from now on. */
static inline void vgic_list(struct vcpu *v, uint32_t n, struct vgic_bank *bank, uint32_t b)
{
    v->arch.vgic.lr_used |= 1u << n;
    bank->listed |= 1u << b;
    bank->lr[b] = (uint8_t)n;
    bank->home[b] = (uint8_t)v->config->index;
}

/* Makes `v` look at bank `index` before it goes on, wherever it is.
 *   why: VGIC_STALE or VGIC_STALE_POSTED */
static inline void vgic_mark_as(struct vcpu *v, uint32_t index, uint32_t why)
{
    struct vgic_cpu *cpu = &v->arch.vgic;

    cpu->maybe |= 1u << index;
    __atomic_store_n(&cpu->stale, cpu->stale | why, __ATOMIC_RELEASE);
    if (arch_this_pcpu()->running != v) {
        vcpu_notify(v);
    }
}

/* vgic.c */

/* The same, for any reason. */
void vgic_mark(struct vcpu *v, uint32_t index);

/* Marks the vCPUs that have these interrupts in list registers, or are to get them. */
void vgic_mark_all(struct vm *vm, struct vcpu *owner, uint32_t index, uint32_t bits);

/* Something about these interrupts changed: marks the vCPUs that have to act on it, because they
 * have one in a list register or one can be delivered now. */
static inline void vgic_changed(struct vm *vm, struct vcpu *owner, uint32_t index, uint32_t bits)
{
    const struct vgic_bank *bank = vgic_bank_at(vm, owner, index);

    bits &= vgic_deliverable(bank) | bank->listed;
    if (bits != 0) {
        vgic_mark_all(vm, owner, index, bits);
    }
}

/* To be called when a group, or what is enabled in the bank, changed (4.6). */
void vgic_update_forwarded(const struct vgic *vgic, struct vgic_bank *bank);

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

/* vgic_inject.c */

/* Lists the SGIs and PPIs that other CPUs made pending for `v`, which is loaded here, and clears
 * vgic.stale, which is VGIC_STALE_POSTED. Returns false if it takes vgic_lr_flush() after all. */
bool vgic_post_waiting(struct vcpu *v);

/* vgic_lr.c; `v` is loaded on this CPU unless it says otherwise */

/* The machine has `count` list registers. Once on each CPU. */
void vgic_lr_init(uint32_t count);

/* Compares list registers with banks: afterwards banks say what the guest has done, and list
 * registers hold nothing that they should not. Does not fill free ones. */
void vgic_lr_sync(struct vcpu *v);

/* Chooses one of the list registers that hold nothing, `empty`, which is not 0, and takes note that
 * the guest has ended what was in it. */
uint32_t vgic_lr_vacate(struct vcpu *v, uint32_t empty);

/* Makes the list registers agree with the banks, and clears vgic.stale. */
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

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Virtual GICv3: how an interrupt becomes pending.
 *
 * If its vCPU is loaded on this CPU, it goes into a list register at once: mostly into the one that
 * it was in before (post_again()), or another empty one (post_new()). Otherwise it waits in its
 * bank, and the vCPU is marked for vgic_flush(). SGIs from other CPUs do so too, but what waits
 * like that is posted by its CPU as if it had become pending there (vgic_post_waiting()).
 *
 * Parameters that many functions here have:
 *   bank, virq: the interrupt; an SPI is routed to `v`
 *   latch: it becomes pending for good; otherwise its line went up
 *   physical: INTID that was acknowledged for it, 0: it is not linked
 *
 * Section numbers are of IHI 0069H.
 */
#include <arch/vgic_state.h>
#include <hv/vcpu.h>

/* True when an interrupt of `v`, which is loaded here, may go into a list register without further
 * thought: it is let through, and nothing waits for one or is active outside of them. */
static inline bool may_post(const struct vcpu *v, const struct vgic_bank *bank, uint32_t bit)
{
    return (bank->forwarded & bit) != 0 && v->arch.vgic.hcr == ICH_HCR_EN;
}

/* Fills list register n, which is empty and has the interrupt. */
static inline void fill(struct vcpu *v, uint32_t n, struct vgic_bank *bank, uint32_t virq,
                        bool latch, uint32_t physical)
{
    uint32_t bit = 1u << virq % 32;
    uint64_t lr =
        ICH_LR_PENDING | virq | (uint64_t)bank->priority[virq % 32] << ICH_LR_PRIORITY_SHIFT;

    if ((bank->group1 & bit) != 0) {
        lr |= ICH_LR_GROUP1;
    }
    if (physical != 0) {
        bank->phys_listed |= bit;
        lr |= ICH_LR_HW | (uint64_t)physical << ICH_LR_PINTID_SHIFT;
    } else if ((bank->line & ~bank->edge & bit) != 0) {
        lr |= ICH_LR_EOI;
    }
    if (latch) {
        bank->listed_latch |= bit;
    }
    vgic_lr_write(v, n, lr);
}

/* Posts an interrupt that was in a list register of `v` before, which the guest has emptied since.
 * Returns false, having done nothing, if it is not so or must not be. */
static inline __attribute__((always_inline)) bool post_again(struct vcpu *v, struct vgic_bank *bank,
                                                             uint32_t virq, uint32_t physical)
{
    uint32_t bit = 1u << virq % 32;
    uint32_t n = bank->lr[virq % 32];

    if ((bank->listed & bit) == 0 || bank->home[virq % 32] != v->config->index ||
        (ich_elrsr_read() >> n & 1) == 0 || !may_post(v, bank, bit)) {
        return false;
    }
    fill(v, n, bank, virq, true, physical);
    return true;
}

/* Posts an interrupt that is in no list register. Returns false, having done nothing, if it is not
 * so or must not be, or no list register is empty. */
static bool post_new(struct vcpu *v, struct vgic_bank *bank, uint32_t virq, bool latch,
                     uint32_t physical)
{
    uint32_t bit = 1u << virq % 32;
    uint32_t empty = ich_elrsr_read();
    uint32_t n;

    if (((bank->listed | bank->active) & bit) != 0 || empty == 0 || !may_post(v, bank, bit)) {
        return false;
    }
    n = vgic_lr_vacate(v, empty);
    vgic_list(v, n, bank, virq % 32);
    fill(v, n, bank, virq, latch, physical);
    return true;
}

/* Any other way: the interrupt is posted, or waits in its bank.
 *   v: its vCPU if that is loaded here, NULL: somebody else of the VM, or nobody */
static void raise_slowly(struct vm *vm, struct vcpu *v, uint32_t virq, bool latch,
                         uint32_t physical)
{
    struct vgic_bank *bank = vgic_bank_at(vm, v, virq / 32);
    uint32_t bit = 1u << virq % 32;

    if (v == NULL || !post_new(v, bank, virq, latch, physical)) {
        bank->pending |= latch ? bit : 0;
        bank->phys_pending |= physical != 0 ? bit : 0;
        vgic_changed(vm, v, virq / 32, bit);
    } else if (arch_this_pcpu()->running != v) {
        vcpu_notify(v);
    }
}

/* An SGI or PPI of v that owes nothing becomes pending, while v is not loaded here: its CPU will
 * post it. */
static void raise_elsewhere(struct vcpu *v, uint32_t b)
{
    struct vgic_bank *bank = &v->arch.vgic.bank;

    bank->pending |= 1u << b;
    if (((vgic_deliverable(bank) | bank->listed) >> b & 1) != 0) {
        vgic_mark_as(v, 0, VGIC_STALE_POSTED);
    }
}

/* An SGI or PPI of v becomes pending. */
static void raise_private(struct vcpu *v, uint32_t b, uint32_t physical)
{
    const struct pcpu *pcpu = arch_this_pcpu();

    if (pcpu->loaded != v) {
        raise_elsewhere(v, b);
    } else if (!post_again(v, &v->arch.vgic.bank, b, physical)) {
        raise_slowly(v->vm, v, b, true, physical);
    } else if (pcpu->running != v) {
        vcpu_notify(v);
    }
}

void vgic_inject(struct vcpu *v, uint32_t virq, uint32_t physical)
{
    struct vgic *vgic = vgic_of(v->vm);

    spin_lock(&vgic->lock);
    raise_private(v, virq % 32, physical);
    spin_unlock(&vgic->lock);
}

/* The vCPU that an SPI goes to if it is loaded here, or NULL. */
static inline struct vcpu *loaded_target(const struct vm *vm, uint32_t virq)
{
    struct vcpu *v = arch_this_pcpu()->loaded;

    return v != NULL && v->vm == vm &&
                   vgic_spi_bank(vm, virq / 32)->target[virq % 32] == v->config->index
               ? v
               : NULL;
}

void vgic_inject_spi(struct vm *vm, uint32_t virq, uint32_t physical)
{
    struct vgic *vgic = vgic_of(vm);
    struct vcpu *v;

    if (!vgic_has_spi(vm, virq)) {
        return;
    }
    spin_lock(&vgic->lock);
    v = loaded_target(vm, virq);
    if (v == NULL || !post_again(v, vgic_spi_bank(vm, virq / 32), virq, physical)) {
        raise_slowly(vm, v, virq, true, physical);
    } else if (arch_this_pcpu()->running != v) {
        vcpu_notify(v);
    }
    spin_unlock(&vgic->lock);
}

void vgic_set_line(struct vm *vm, uint32_t virq, bool level)
{
    struct vgic *vgic = vgic_of(vm);
    uint32_t bit = 1u << virq % 32;
    struct vgic_bank *bank;

    if (!vgic_has_spi(vm, virq)) {
        return;
    }
    bank = vgic_spi_bank(vm, virq / 32);
    spin_lock(&vgic->lock);
    if (level && (bank->line & bit) == 0) {
        bank->line |= bit;
        /* A guest that calls the interrupt edge-triggered sees the rising edge. */
        raise_slowly(vm, loaded_target(vm, virq), virq, (bank->edge & bit) != 0, 0);
    } else if (!level && (bank->line & bit) != 0) {
        bank->line &= ~bit;
        vgic_changed(vm, NULL, virq / 32, bit);
    }
    spin_unlock(&vgic->lock);
}

/* vCPU `index` of the VM, if there is one, gets an SGI. */
static void send(struct vm *vm, uint32_t index, uint32_t sgi)
{
    struct vcpu *v = vgic_vcpu(vm, index);

    if (v != NULL) {
        raise_private(v, sgi, 0);
    }
}

void vgic_send_sgi(struct vcpu *from, uint64_t icc_sgi1r)
{
    struct vm *vm = from->vm;
    struct vgic *vgic = vgic_of(vm);
    uint32_t sgi = (uint32_t)(icc_sgi1r >> ICC_SGIR_INTID_SHIFT) & 0xf;
    uint32_t first = ((uint32_t)(icc_sgi1r >> ICC_SGIR_AFF1_SHIFT) & 0xff) * 16;
    uint32_t targets = (uint32_t)icc_sgi1r & ICC_SGIR_TARGETS_MASK;

    spin_lock(&vgic->lock);
    if ((icc_sgi1r & ICC_SGIR_IRM) != 0) {
        for (uint32_t i = 0; i < vm->config->vcpu_count; i++) {
            if (i != from->config->index) {
                send(vm, i, sgi);
            }
        }
    } else if ((icc_sgi1r >> ICC_SGIR_AFF2_SHIFT & 0xff) == 0 &&
               icc_sgi1r >> ICC_SGIR_RS_SHIFT == 0) {
        /* vCPUs have Aff0 0 ... 15 and Aff1; ranges beyond (RS), Aff2 and Aff3 name nobody. */
        while (targets != 0) {
            send(vm, first + vgic_take_bit(&targets), sgi);
        }
    }
    spin_unlock(&vgic->lock);
}

bool vgic_post_waiting(struct vcpu *v)
{
    struct vgic_bank *bank = &v->arch.vgic.bank;
    uint32_t bits = bank->pending & bank->forwarded;

    __atomic_store_n(&v->arch.vgic.stale, 0, __ATOMIC_RELAXED);
    while (bits != 0) {
        uint32_t b = vgic_take_bit(&bits);

        bank->pending &= ~(1u << b);
        if (!post_again(v, bank, b, 0) && !post_new(v, bank, b, true, 0)) {
            bank->pending |= 1u << b;
            return false;
        }
    }
    return v->arch.vgic.stale == 0;
}

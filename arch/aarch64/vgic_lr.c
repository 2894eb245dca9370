/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Virtual GICv3: the list registers, through which a loaded vCPU takes its interrupts.
 *
 * One way in for what waits (place(); the short one is in vgic_inject.c), one comparison
 * (vgic_lr_sync()), one refill (fill()). While more is pending than fits, the list registers hold
 * the most important ones, and a maintenance interrupt asks for the rest when the guest has taken
 * those. Should all of them be active, the least important active one is parked in its bank;
 * hardware counts the EOIs that miss a list register and reports them.
 *
 * Section numbers are of IHI 0069H.
 */
#include <arch/vgic_state.h>
#include <hv/panic.h>

/* The machine's list registers; every CPU finds the same. */
static uint32_t lr_mask;

/* Where an interrupt is: bank and bit. */
struct place {
    struct vgic_bank *bank;
    uint32_t index;
    uint32_t b;
    uint32_t bit;
};

static struct place place_of(struct vcpu *v, uint64_t lr)
{
    uint32_t virq = (uint32_t)(lr & ICH_LR_VINTID_MASK);
    uint32_t index = virq / 32;

    return (struct place){ vgic_bank_at(v->vm, v, index), index, virq % 32, 1u << virq % 32 };
}

/*
 * The contents of a list register (12.4, ICH_LR<n>_EL2). A linked interrupt is linked in hardware
 * unless it is pending and active, which is forbidden; then, and for a line that may still be high
 * afterwards, the guest's deactivation raises a maintenance interrupt.
 */
static uint64_t lr_value(const struct vcpu *v, const struct place *at, uint64_t state)
{
    const struct vgic_bank *bank = at->bank;
    uint64_t lr = state | (uint64_t)(bank->priority[at->b]) << ICH_LR_PRIORITY_SHIFT |
                  (at->index * 32 + at->b);
    bool owes = bank->phys_listed & at->bit;

    if (bank->group1 & at->bit) {
        lr |= ICH_LR_GROUP1;
    }
    if (owes && state != ICH_LR_STATE) {
        uint64_t intid = vgic_physical(v->vm, at->index, at->b);

        lr |= ICH_LR_HW | intid << ICH_LR_PINTID_SHIFT;
    } else if (owes || (bank->line & ~bank->edge & at->bit)) {
        lr |= ICH_LR_EOI;
    }
    return lr;
}

/* The latch of a listed interrupt moves from the bank into its list register. */
static void take_latch(const struct place *at)
{
    uint32_t latched = at->bank->pending & at->bit;
    uint32_t owed = at->bank->phys_pending & at->bit;

    at->bank->pending &= ~latched;
    at->bank->listed_latch |= latched;
    at->bank->phys_pending &= ~owed;
    at->bank->phys_listed |= owed;
}

/* And back, with the debt to the machine unless the interrupt is active: then its end pays. */
static void return_latch(struct vcpu *v, const struct place *at, bool is_active)
{
    uint32_t latched = at->bank->listed_latch & at->bit;

    at->bank->listed_latch &= ~latched;
    at->bank->pending |= latched;
    if (!is_active) {
        vgic_defer_physical(v->vm, v, at->index, at->b);
    }
}

/* An interrupt leaves list register n, inactive; it may be pending again in its bank. */
static void unlist(struct vcpu *v, uint32_t n, const struct place *at)
{
    struct vgic_bank *bank = at->bank;

    v->arch.vgic.lr_used &= ~(1u << n);
    bank->listed &= ~at->bit;
    bank->listed_latch &= ~at->bit;
    bank->active &= ~at->bit;
    bank->ending &= ~at->bit;
    if (vgic_asserted(bank) & at->bit) {
        vgic_changed(v->vm, v, at->index, at->bit);
    }
}

/* A waiting interrupt enters free list register n. */
static void place(struct vcpu *v, uint32_t n, const struct place *at)
{
    vgic_list(v, n, at->bank, at->b);
    take_latch(at);
    vgic_lr_write(v, n, lr_value(v, at, ICH_LR_PENDING));
}

/* The guest has emptied list register n. */
static void retire(struct vcpu *v, uint32_t n)
{
    uint64_t lr = v->arch.vgic.lr[n];
    struct place at = place_of(v, lr);

    if (lr & ICH_LR_HW) {
        at.bank->phys_listed &= ~at.bit; /* the hardware has paid */
    } else {
        vgic_end_physical(v->vm, at.bank, at.index, at.b);
    }
    unlist(v, n, &at);
}

uint32_t vgic_lr_vacate(struct vcpu *v, uint32_t empty)
{
    uint32_t vacant = empty & ~v->arch.vgic.lr_used;

    if (vacant == 0) {
        vacant = empty;
        retire(v, (uint32_t)__builtin_ctz(vacant));
    }
    return (uint32_t)__builtin_ctz(vacant);
}

/* Compares list register n, which is not empty, with its bank. */
static void sync_one(struct vcpu *v, uint32_t n)
{
    uint64_t lr = ich_lr_read(n);
    struct place at = place_of(v, lr);
    struct vgic_bank *bank = at.bank;
    bool active = lr & ICH_LR_ACTIVE;
    bool pending = lr & ICH_LR_PENDING;
    bool forwarded = bank->forwarded & at.bit;
    bool here = active || at.index == 0 || bank->target[at.b] == v->config->index;
    bool ended = !active && (v->arch.vgic.lr[n] & ICH_LR_ACTIVE);

    v->arch.vgic.lr[n] = lr;
    if (!pending) {
        bank->listed_latch &= ~at.bit; /* the guest has acknowledged it */
    }
    if (bank->ending & at.bit) {
        bank->ending &= ~at.bit;
        ended |= active;
        active = false;
    }
    if (ended) {
        vgic_end_physical(v->vm, bank, at.index, at.b);
    }
    if ((bank->pending & at.bit) && forwarded) {
        take_latch(&at);
        pending = true;
    }
    if (pending &&
        !(forwarded && here && ((bank->listed_latch | (bank->line & ~bank->edge)) & at.bit))) {
        return_latch(v, &at, active);
        pending = false;
    }
    if (!active && !pending) {
        vgic_lr_write(v, n, 0);
        unlist(v, n, &at);
        return;
    }
    bank->active = active ? bank->active | at.bit : bank->active & ~at.bit;
    lr = lr_value(v, &at, (active ? ICH_LR_ACTIVE : 0) | (pending ? ICH_LR_PENDING : 0));
    if (lr != v->arch.vgic.lr[n]) {
        vgic_lr_write(v, n, lr);
    }
}

/* What list register n holds goes back to its bank; if it is active, it stays so there. */
static void evict(struct vcpu *v, uint32_t n)
{
    uint64_t lr = v->arch.vgic.lr[n];
    struct place at = place_of(v, lr);
    bool is_active = (lr & ICH_LR_ACTIVE) && !(at.bank->ending & at.bit);

    return_latch(v, &at, is_active);
    unlist(v, n, &at);
    if (is_active) {
        at.bank->active |= at.bit;
        v->arch.vgic.parked |= 1u << at.index;
    }
}

/* Interrupts of a bank that are active for `v` outside the list registers. */
static uint32_t parked_in(const struct vcpu *v, const struct vgic_bank *bank, uint32_t index)
{
    uint32_t bits = bank->active & ~bank->listed;
    uint32_t mine = bits;

    while (index != 0 && bits != 0) {
        uint32_t b = vgic_take_bit(&bits);

        if (bank->home[b] != v->config->index) {
            mine &= ~(1u << b);
        }
    }
    return mine;
}

static void end_parked(struct vcpu *v, const struct place *at)
{
    at->bank->active &= ~at->bit;
    vgic_end_physical(v->vm, at->bank, at->index, at->b);
    vgic_changed(v->vm, v, at->index, at->bit);
}

/* Forgets banks that hold nothing parked any more; returns the most important one of the rest, or
 * a place without bank. */
static struct place first_parked(struct vcpu *v)
{
    struct place best = { 0 };
    uint32_t banks = v->arch.vgic.parked;

    while (banks != 0) {
        uint32_t index = vgic_take_bit(&banks);
        struct vgic_bank *bank = vgic_bank_at(v->vm, v, index);
        uint32_t bits = parked_in(v, bank, index);

        if (bits == 0) {
            v->arch.vgic.parked &= ~(1u << index);
        }
        while (bits != 0) {
            uint32_t b = vgic_take_bit(&bits);

            if (best.bank == NULL || bank->priority[b] < best.bank->priority[best.b]) {
                best = (struct place){ bank, index, b, 1u << b };
            }
        }
    }
    return best;
}

/*
 * EOIs that found no list register ended parked interrupts. They nest, so that the most important
 * one ended first (chapter 4.8). Deactivations by ICC_DIR_EL1 trap instead and name their
 * interrupt.
 */
static void count_eois(struct vcpu *v)
{
    uint64_t count = ich_hcr_read() >> ICH_HCR_EOICOUNT_SHIFT & ICH_HCR_EOICOUNT_MASK;

    if (count != 0) {
        ich_hcr_write(v->arch.vgic.hcr);
    }
    for (; count != 0; count--) {
        struct place at = first_parked(v);

        if (at.bank == NULL) {
            return;
        }
        end_parked(v, &at);
    }
}

void vgic_lr_sync(struct vcpu *v)
{
    struct vgic_cpu *cpu = &v->arch.vgic;
    uint32_t used = cpu->lr_used;
    uint32_t empty = ich_elrsr_read();
    uint32_t ended = used & ~empty ? ich_eisr_read() : 0;

    if (cpu->hcr & ICH_HCR_LRENPIE) {
        count_eois(v);
    }
    while (used != 0) {
        uint32_t n = vgic_take_bit(&used);

        if (ended >> n & 1) {
            ich_lr_write(n, 0); /* takes the maintenance interrupt back */
            retire(v, n);
        } else if (empty >> n & 1) {
            retire(v, n);
        } else {
            sync_one(v, n);
        }
    }
}

/* What is left to this CPU because the interrupts may come at once, and then in the time of `v`: to
 * route to it the physical SPIs that go to `v` now, and to pay for what was cleared. */
static void settle_bank(struct vcpu *v, uint32_t index)
{
    struct vgic_bank *bank = vgic_bank_at(v->vm, v, index);
    uint32_t owed = bank->phys_pending & ~bank->pending;
    uint32_t bits = owed | bank->moved;

    while (bits != 0) {
        uint32_t b = vgic_take_bit(&bits);
        uint32_t bit = 1u << b;

        if (index != 0 && bank->target[b] != v->config->index) {
            continue;
        }
        if (bank->moved & bit) {
            bank->moved &= ~bit;
            gicv3_set_target(vgic_physical(v->vm, index, b), v->pcpu);
        }
        if (owed & bit) {
            bank->phys_pending &= ~bit;
            gicv3_deactivate(vgic_physical(v->vm, index, b));
        }
    }
}

static void settle(struct vcpu *v)
{
    uint32_t banks = v->arch.vgic.maybe;

    while (banks != 0) {
        settle_bank(v, vgic_take_bit(&banks));
    }
}

/* The lower, the more important. A group that the guest's CPU interface has switched off comes
 * last, so that it does not stand in the other one's way. */
static uint32_t rank(uint64_t vmcr, bool is_group1, uint32_t priority)
{
    return vmcr & (is_group1 ? ICH_VMCR_VENG1 : ICH_VMCR_VENG0) ? priority : priority + 0x100;
}

static uint32_t lr_rank(uint64_t vmcr, uint64_t lr)
{
    return rank(vmcr, lr & ICH_LR_GROUP1, (uint32_t)(lr >> ICH_LR_PRIORITY_SHIFT) & 0xff);
}

/*
 * Finds the most important interrupt that waits for `v`, the lowest number among equals; returns
 * its rank, or UINT32_MAX if none waits. Forgets banks that hold nothing.
 */
static uint32_t first_waiting(struct vcpu *v, uint64_t vmcr, struct place *best)
{
    uint32_t banks = v->arch.vgic.maybe;
    uint32_t best_rank = UINT32_MAX;

    while (banks != 0) {
        uint32_t index = vgic_take_bit(&banks);
        struct vgic_bank *bank = vgic_bank_at(v->vm, v, index);
        uint32_t bits = vgic_deliverable(bank);
        bool has_any = false;

        while (bits != 0) {
            uint32_t b = vgic_take_bit(&bits);
            uint32_t this_rank = rank(vmcr, bank->group1 >> b & 1, bank->priority[b]);

            if (index != 0 && bank->target[b] != v->config->index) {
                continue;
            }
            has_any = true;
            if (this_rank < best_rank) {
                best_rank = this_rank;
                *best = (struct place){ bank, index, b, 1u << b };
            }
        }
        if (!has_any) {
            v->arch.vgic.maybe &= ~(1u << index);
        }
    }
    return best_rank;
}

/* The list register with the least important interrupt in `state`, and its rank; or
 * VGIC_LR_COUNT_MAX. */
static uint32_t last_listed(const struct vcpu *v, uint64_t vmcr, bool is_active, uint32_t *worst)
{
    uint32_t used = v->arch.vgic.lr_used;
    uint32_t found = VGIC_LR_COUNT_MAX;

    *worst = 0;
    while (used != 0) {
        uint32_t n = vgic_take_bit(&used);
        uint64_t lr = v->arch.vgic.lr[n];
        uint32_t this_rank = lr_rank(vmcr, lr);

        if (((lr & ICH_LR_ACTIVE) != 0) == is_active &&
            (found == VGIC_LR_COUNT_MAX || this_rank > *worst)) {
            *worst = this_rank;
            found = n;
        }
    }
    return found;
}

/*
 * Empties a list register for something of the given rank; returns false if everything in them is
 * at least as important. Active interrupts give way only when nothing but active ones is left:
 * otherwise there already is one for the guest to take.
 */
static bool make_room(struct vcpu *v, uint64_t vmcr, uint32_t wanted_rank)
{
    uint32_t worst;
    uint32_t n = last_listed(v, vmcr, false, &worst);

    if (n == VGIC_LR_COUNT_MAX) {
        n = last_listed(v, vmcr, true, &worst);
    } else if (worst <= wanted_rank) {
        return false;
    }
    evict(v, n);
    vgic_lr_write(v, n, 0);
    return true;
}

/* Lists what waits, most important first; returns false if something had to stay behind. At most
 * one round for each list register: what is displaced is less important than what came. */
static bool fill(struct vcpu *v, uint64_t vmcr)
{
    struct vgic_cpu *cpu = &v->arch.vgic;
    struct place at;
    uint32_t wanted_rank;

    while ((wanted_rank = first_waiting(v, vmcr, &at)) != UINT32_MAX) {
        if ((lr_mask & ~cpu->lr_used) == 0 && !make_room(v, vmcr, wanted_rank)) {
            return false;
        }
        place(v, (uint32_t)__builtin_ctz(lr_mask & ~cpu->lr_used), &at);
    }
    return true;
}

/*
 * Which maintenance interrupts are wanted (12.4, ICH_HCR_EL2). "No list register is pending" and
 * not "underflow", because what stayed behind may be more important than active ones below it. It
 * cannot fire for ever: fill() leaves something behind only where something else is pending.
 */
static void update_hcr(struct vcpu *v, uint64_t vmcr, bool all_listed)
{
    struct vgic_cpu *cpu = &v->arch.vgic;
    uint32_t hcr = ICH_HCR_EN;

    if (!all_listed) {
        hcr |= ICH_HCR_NPIE;
        /* Ranks change when the guest switches a group on. */
        hcr |= vmcr & ICH_VMCR_VENG0 ? 0 : ICH_HCR_VGRP0EIE;
        hcr |= vmcr & ICH_VMCR_VENG1 ? 0 : ICH_HCR_VGRP1EIE;
    }
    if (cpu->parked != 0) {
        (void)first_parked(v); /* drops what is over */
        hcr |= cpu->parked != 0 ? ICH_HCR_LRENPIE | ICH_HCR_TDIR : 0;
    }
    if (hcr != cpu->hcr) {
        cpu->hcr = hcr;
        ich_hcr_write(hcr);
    }
}

void vgic_lr_flush(struct vcpu *v)
{
    uint64_t vmcr = ich_vmcr_read();

    vgic_lr_sync(v);
    settle(v);
    update_hcr(v, vmcr, fill(v, vmcr));
    /* Everybody who sets it holds the lock, so that what they changed has been looked at. */
    __atomic_store_n(&v->arch.vgic.stale, 0, __ATOMIC_RELAXED);
}

void vgic_lr_init(uint32_t count)
{
    CHECK(count <= VGIC_LR_COUNT_MAX);
    lr_mask = UINT32_MAX >> (32 - count);
}

void vgic_lr_restore(const struct vcpu *v)
{
    const struct vgic_cpu *cpu = &v->arch.vgic;
    uint32_t all = lr_mask;

    while (all != 0) {
        uint32_t n = vgic_take_bit(&all);

        ich_lr_write(n, cpu->lr_used >> n & 1 ? cpu->lr[n] : 0);
    }
}

void vgic_lr_drop(struct vcpu *v)
{
    uint32_t used = v->arch.vgic.lr_used;

    while (used != 0) {
        evict(v, vgic_take_bit(&used));
    }
}

bool vgic_lr_is_signalled(const struct vcpu *v, uint64_t vmcr)
{
    uint32_t mask = (uint32_t)(vmcr >> ICH_VMCR_VPMR_SHIFT) & 0xff;
    uint32_t used = v->arch.vgic.lr_used;

    while (used != 0) {
        uint64_t lr = v->arch.vgic.lr[vgic_take_bit(&used)];

        if ((lr & ICH_LR_STATE) == ICH_LR_PENDING && lr_rank(vmcr, lr) < mask) {
            return true;
        }
    }
    return false;
}

bool vgic_lr_is_awaited(struct vcpu *v)
{
    struct place at;

    return first_waiting(v, v->arch.vgic.vmcr, &at) != UINT32_MAX;
}

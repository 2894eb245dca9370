/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Virtual GICv3: the register frames of distributor and redistributors.
 *
 * Both have the same per-interrupt registers at the same offsets: those of the distributor are for
 * SPIs, those of a redistributor's SGI frame for its vCPU's SGIs and PPIs. Everything that is not
 * implemented, and every access size that the architecture does not allow, reads as zero and
 * ignores writes. No access is refused.
 *
 * Access sizes (12.1): 32 bits; 8 bits, and tolerated 16 bits, for IPRIORITYR; 64 bits for
 * IROUTER and GICR_TYPER, which may also be accessed in halves. Unaligned accesses are ignored.
 *
 * Section numbers are of IHI 0069H.
 */
#include <arch/vgic_state.h>
#include <hv/vcpu.h>

/* Implementer Arm; product 'A', which no driver has a workaround for. */
#define VGIC_IIDR 0x4100043bu

/* vCPU i has Aff0 = i % 16 and Aff1 = i / 16, so that one SGI register write reaches 16 of them. */
static uint32_t affinity_of(uint32_t index)
{
    return index / 16 << 8 | index % 16;
}

/* The vCPU index of GICD_IROUTER's affinity fields, or VGIC_NOWHERE. */
static uint32_t index_of(uint64_t irouter)
{
    uint32_t affinity = (uint32_t)irouter & 0xffffff;
    uint32_t index = (affinity >> 8) * 16 + (affinity & 0xff);

    return (affinity & 0xff) < 16 && index < VGIC_NOWHERE && irouter >> 32 == 0 ? index
                                                                                : VGIC_NOWHERE;
}

/* Spreads 16 bits out to the upper bits of 16 pairs, the form of ICFGR. */
static uint32_t to_pairs(uint32_t bits)
{
    uint32_t pairs = 0;

    for (uint32_t i = 0; i < 16; i++) {
        pairs |= (bits >> i & 1) << (2 * i + 1);
    }
    return pairs;
}

static uint32_t from_pairs(uint32_t pairs)
{
    uint32_t bits = 0;

    for (uint32_t i = 0; i < 16; i++) {
        bits |= (pairs >> (2 * i + 1) & 1) << i;
    }
    return bits;
}

/* A bank by index if the frame has its registers, or NULL: a redistributor's SGI frame has those of
 * `owner`, the distributor those of SPIs; its share of private interrupts is reserved (ARE is on).
 */
static struct vgic_bank *frame_bank(struct vm *vm, struct vcpu *owner, uint32_t index)
{
    if (owner != NULL) {
        return index == 0 ? &owner->arch.vgic.bank : NULL;
    }
    return index != 0 && index <= vm->config->arch.vgic.spi_bank_count ? vgic_spi_bank(vm, index)
                                                                       : NULL;
}

/* Reads of the register classes with one bit for each interrupt; `offset` is the class. */
static uint32_t read_bits(const struct vgic_bank *bank, uint32_t offset)
{
    switch (offset) {
    case GICD_IGROUPR:
        return bank->group1;
    case GICD_ISENABLER:
    case GICD_ICENABLER:
        return bank->enabled;
    case GICD_ISPENDR:
    case GICD_ICPENDR:
        return vgic_asserted(bank) | bank->listed_latch;
    case GICD_ISACTIVER:
    case GICD_ICACTIVER:
        return bank->active & ~bank->ending;
    default:
        return 0;
    }
}

static void write_bits(struct vm *vm, struct vcpu *owner, uint32_t index, uint32_t offset,
                       uint32_t bits)
{
    struct vgic_bank *bank = vgic_bank_at(vm, owner, index);
    uint32_t changed;

    switch (offset) {
    case GICD_IGROUPR:
        changed = bank->group1 ^ bits;
        bank->group1 = bits;
        vgic_update_forwarded(vgic_of(vm), bank);
        vgic_changed(vm, owner, index, changed);
        break;
    case GICD_ISENABLER:
        vgic_enable(vm, owner, index, bits);
        break;
    case GICD_ICENABLER:
        vgic_disable(vm, owner, index, bits);
        break;
    case GICD_ISPENDR:
        vgic_set_pending(vm, owner, index, bits);
        break;
    case GICD_ICPENDR:
        vgic_clear_pending(vm, owner, index, bits);
        break;
    case GICD_ISACTIVER:
        vgic_set_active(vm, owner, index, bits);
        break;
    case GICD_ICACTIVER:
        vgic_clear_active(vm, owner, index, bits);
        break;
    default:
        break;
    }
}

/* What vCPUs acknowledged and ended is known to their list registers only. Those of `v` are
 * compared now, others before their vCPUs go on: a guest that waits for a state reads it again. Not
 * inlined, so that accesses to settings need less of a stack frame. */
static __attribute__((noinline)) void compare(struct vcpu *v, struct vcpu *owner, uint32_t index,
                                              bool is_write)
{
    const struct vgic_bank *bank = vgic_bank_at(v->vm, owner, index);

    vgic_lr_sync(v);
    if (!is_write && owner != v && bank->listed != 0) {
        vgic_mark_all(v->vm, owner, index, bank->listed);
    }
}

/* Registers with one bit for each interrupt, 0x080 ... 0x3ff. `v` makes the access. */
static void access_bits(struct vcpu *v, struct vcpu *owner, uint32_t offset,
                        struct mmio_access *access)
{
    uint32_t class = offset & ~0x7fu;
    uint32_t index = (offset & 0x7f) / 4;
    struct vgic_bank *bank = frame_bank(v->vm, owner, index);

    if (bank == NULL || access->size != 4) {
        return;
    }
    if (class >= GICD_ISPENDR) {
        compare(v, owner, index, access->is_write);
    }
    if (access->is_write) {
        write_bits(v->vm, owner, index, class, (uint32_t)access->value);
    } else {
        access->value = read_bits(bank, class);
    }
}

/* IPRIORITYR: one byte for each interrupt. */
static void access_priority(struct vcpu *v, struct vcpu *owner, uint32_t offset,
                            struct mmio_access *access)
{
    uint32_t virq = offset - GICD_IPRIORITYR;
    struct vgic_bank *bank = frame_bank(v->vm, owner, virq / 32);

    if (bank == NULL || access->size > 4) {
        return;
    }
    for (uint32_t i = 0; i < access->size; i++) {
        uint8_t *priority = &bank->priority[virq % 32 + i];

        if (access->is_write) {
            *priority = access->value >> (8 * i) & VGIC_PRIORITY_MASK;
        } else {
            access->value |= (uint64_t)*priority << (8 * i);
        }
    }
}

/* ICFGR: two bits for each interrupt, the upper one set for edge. That of SGIs is read-only. */
static void access_config(struct vcpu *v, struct vcpu *owner, uint32_t offset,
                          struct mmio_access *access)
{
    uint32_t virq = (offset - GICD_ICFGR) * 4;
    struct vgic_bank *bank = frame_bank(v->vm, owner, virq / 32);
    uint32_t shift = virq % 32;

    if (bank == NULL || access->size != 4) {
        return;
    }
    if (!access->is_write) {
        access->value = to_pairs(bank->edge >> shift);
    } else if (virq >= GIC_SGI_COUNT) {
        bank->edge = (bank->edge & ~(0xffffu << shift)) | from_pairs((uint32_t)access->value)
                                                              << shift;
        vgic_changed(v->vm, owner, virq / 32, 0xffffu << shift);
    }
}

/* The registers that distributor and SGI frames have in common. */
static void access_interrupts(struct vcpu *v, struct vcpu *owner, uint32_t offset,
                              struct mmio_access *access)
{
    if (offset >= GICD_IGROUPR && offset < GICD_IPRIORITYR) {
        access_bits(v, owner, offset, access);
    } else if (offset >= GICD_IPRIORITYR && offset < GICD_ITARGETSR) {
        access_priority(v, owner, offset, access);
    } else if (offset >= GICD_ICFGR && offset < GICD_IGRPMODR) {
        access_config(v, owner, offset, access);
    }
}

/* IROUTER (12.9): affinity routing of one SPI; 1-of-N is not implemented, so IRM stays zero. */
static void access_route(struct vcpu *v, uint32_t offset, struct mmio_access *access)
{
    uint32_t virq = (offset - GICD_IROUTER) / 8;
    uint32_t b = virq % 32;
    struct vgic_bank *bank = frame_bank(v->vm, NULL, virq / 32);
    bool upper = offset & 4;

    if (bank == NULL || access->size < 4) {
        return;
    }
    if (!access->is_write) {
        access->value = upper ? 0 : affinity_of(bank->target[b]);
    } else if (!upper) {
        vgic_route(v->vm, virq / 32, b, index_of(access->value & ~GICD_IROUTER_IRM));
    }
}

/* GICD_TYPER (12.9): 10-bit interrupt numbers, no LPIs, no messages, one security state. */
static uint32_t read_typer(const struct vm *vm)
{
    return (vm->config->arch.vgic.spi_bank_count & GICD_TYPER_ITLINES_MASK) |
           9u << GICD_TYPER_IDBITS_SHIFT | GICD_TYPER_NO1N;
}

/* The distributor's registers that are not about single interrupts; all 32 bits wide. Without the
 * lock: they are constant, or one word. */
static void access_control(struct vm *vm, uint32_t offset, struct mmio_access *access)
{
    const uint32_t enables = GICD_CTLR_ENABLE_GRP0 | GICD_CTLR_ENABLE_GRP1;
    struct vgic *vgic = vgic_of(vm);

    if (access->size != 4) {
        return;
    }
    if (access->is_write) {
        if (offset == GICD_CTLR) {
            spin_lock(&vgic->lock);
            vgic_set_groups(vm, (uint32_t)access->value & enables);
            spin_unlock(&vgic->lock);
        }
        return;
    }
    switch (offset) {
    case GICD_CTLR:
        access->value =
            __atomic_load_n(&vgic->ctlr, __ATOMIC_RELAXED) | GICD_CTLR_ARE | GICD_CTLR_DS;
        break;
    case GICD_TYPER:
        access->value = read_typer(vm);
        break;
    case GICD_IIDR:
        access->value = VGIC_IIDR;
        break;
    case GICD_PIDR2:
        access->value = GIC_PIDR2_GICV3;
        break;
    default:
        break;
    }
}

/* Unaligned accesses are ignored. */
static bool is_aligned(const struct mmio_access *access)
{
    return (access->address.ipa & (access->size - 1u)) == 0;
}

bool vgic_dist_access(struct vcpu *v, void *device, struct mmio_access *access)
{
    struct vgic *vgic = vgic_of(v->vm);
    /* The frame is aligned to its size (12.8). */
    uint32_t offset = (uint32_t)access->address.ipa % GICD_SIZE;

    (void)device;
    if (!access->is_write) {
        access->value = 0;
    }
    if (!is_aligned(access)) {
        return true;
    }
    if (offset < GICD_IGROUPR || offset == GICD_PIDR2) {
        access_control(v->vm, offset, access);
        return true;
    }
    spin_lock(&vgic->lock);
    if (offset < GICD_IGRPMODR) {
        access_interrupts(v, NULL, offset, access);
    } else if (offset >= GICD_IROUTER && offset < GICD_IROUTER + 8 * GIC_SPECIAL_FIRST) {
        access_route(v, offset, access);
    }
    spin_unlock(&vgic->lock);
    return true;
}

/* GICR_TYPER (12.11): who this frame belongs to. */
static uint64_t redist_typer(const struct vcpu *owner)
{
    uint32_t index = owner->config->index;
    uint64_t last = index + 1u == owner->vm->config->vcpu_count ? GICR_TYPER_LAST : 0;

    return (uint64_t)affinity_of(index) << GICR_TYPER_AFFINITY_SHIFT |
           (uint64_t)index << GICR_TYPER_NUMBER_SHIFT | last;
}

/* A redistributor's first frame, RD_base. Without the lock: constants and one flag. */
static void access_redist(struct vcpu *owner, uint32_t offset, struct mmio_access *access)
{
    struct vgic_cpu *cpu = &owner->arch.vgic;
    bool is_typer = offset - GICR_TYPER < 8;

    if (access->size != 4 && !(is_typer && access->size == 8)) {
        return;
    }
    if (access->is_write) {
        if (offset == GICR_WAKER) {
            __atomic_store_n(&cpu->asleep, (access->value & GICR_WAKER_PROCESSOR_SLEEP) != 0,
                             __ATOMIC_RELAXED);
        }
        return;
    }
    switch (offset) {
    case GICR_IIDR:
        access->value = VGIC_IIDR;
        break;
    case GICR_TYPER:
    case GICR_TYPER + 4:
        access->value = redist_typer(owner) >> 8 * (offset - GICR_TYPER);
        break;
    case GICR_WAKER:
        access->value = __atomic_load_n(&cpu->asleep, __ATOMIC_RELAXED)
                            ? GICR_WAKER_PROCESSOR_SLEEP | GICR_WAKER_CHILDREN_ASLEEP
                            : 0;
        break;
    case GICR_PIDR2:
        access->value = GIC_PIDR2_GICV3;
        break;
    default:
        break;
    }
    if (access->size == 4) {
        access->value &= UINT32_MAX;
    }
}

bool vgic_redist_access(struct vcpu *v, void *device, struct mmio_access *access)
{
    struct vgic *vgic = vgic_of(v->vm);
    uint64_t place = access->address.ipa - vgic->redist_base.ipa;
    struct vcpu *owner = vgic_vcpu(v->vm, (uint32_t)(place / GICR_STRIDE));
    uint32_t offset = (uint32_t)place % GICR_STRIDE;

    (void)device;
    if (!access->is_write) {
        access->value = 0;
    }
    if (owner == NULL || !is_aligned(access)) {
        return true;
    }
    if (offset < GICR_SGI_BASE) {
        access_redist(owner, offset, access);
        return true;
    }
    spin_lock(&vgic->lock);
    access_interrupts(v, owner, offset - GICR_SGI_BASE, access);
    spin_unlock(&vgic->lock);
    return true;
}

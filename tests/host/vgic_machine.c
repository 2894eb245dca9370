/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The machine of vgic_machine.h.
 */
#include "vgic_machine.h"

struct fake_gic gics[CPU_COUNT];
struct physical physical_spis[1024];
struct physical physical_timers[CPU_COUNT];
bool notified[VCPU_COUNT];

_Thread_local struct pcpu *fake_this_pcpu;

static struct vgic vgics[2];
static struct vgic_bank spis_0[2], spis_1[1];
static const uint16_t hw_intids_0[64] = { [40 - 32] = 140, [41 - 32] = 141, [42 - 32] = 142 };
static const uint16_t hw_intids_1[32];

static const struct mmio_region regions[] = {
    { { DIST_BASE }, GICD_SIZE, vgic_dist_access, NULL },
    { { REDIST_BASE }, 4 * GICR_STRIDE, vgic_redist_access, NULL },
};

const struct vm_config vm_configs[] = {
    { .name = "a",
      .vmid = 1,
      .vcpu_count = 4,
      .mmio = regions,
      .mmio_count = 2,
      .arch.vgic = { &vgics[0], spis_0, 2, hw_intids_0 } },
    { .name = "b",
      .vmid = 2,
      .vcpu_first = 4,
      .vcpu_count = 1,
      .mmio = regions,
      .mmio_count = 2,
      .arch.vgic = { &vgics[1], spis_1, 1, hw_intids_1 } },
};

const struct vcpu_config vcpu_configs[] = {
    { .index = 0 }, { .index = 1 }, { .index = 2 }, { .index = 3 }, { .index = 0 }
};
const struct pcpu_config pcpu_configs[] = { { .index = 0 }, { .index = 1 }, { .index = 2 } };
const struct arch_board_config board = { .vtimer_intid = VTIMER };

struct vm vms[] = { { .config = &vm_configs[0] }, { .config = &vm_configs[1] } };
struct pcpu pcpus[] = { { .config = &pcpu_configs[0] },
                        { .config = &pcpu_configs[1] },
                        { .config = &pcpu_configs[2] } };
struct vcpu vcpus[] = {
    { .config = &vcpu_configs[0], .vm = &vms[0], .pcpu = &pcpus[0] },
    { .config = &vcpu_configs[1], .vm = &vms[0], .pcpu = &pcpus[1] },
    { .config = &vcpu_configs[2], .vm = &vms[0], .pcpu = &pcpus[1] },
    { .config = &vcpu_configs[3], .vm = &vms[0], .pcpu = &pcpus[2] },
    { .config = &vcpu_configs[4], .vm = &vms[1], .pcpu = &pcpus[2] },
};

/* What the runtime provides. */

void fake_relax(void)
{
    FAIL("the lock is taken by somebody who does not run");
}

void panic(const char *file, unsigned line, const char *what)
{
    FAIL("panic at %s:%u: %s", file, line, what);
}

void vcpu_notify(struct vcpu *v)
{
    notified[v - vcpus] = true;
}

/* The hardware. */

struct fake_gic *fake_gic(void)
{
    return &gics[fake_this_pcpu->config->index];
}

void fake_gic_check_lr(uint32_t n)
{
    EXPECT(n < LR_COUNT);
}

void fake_gic_check_apr(uint32_t n)
{
    EXPECT_EQ(n, 0); /* 5 bits of preemption */
}

static struct physical *physical_of(uint32_t intid)
{
    return intid == VTIMER ? &physical_timers[fake_this_pcpu->config->index]
                           : &physical_spis[intid];
}

void gicv3_deactivate(uint32_t intid)
{
    EXPECT(physical_of(intid)->active);
    physical_of(intid)->active = false;
}

void gicv3_set_enabled(uint32_t intid, bool enabled)
{
    EXPECT(intid >= 140 && intid <= 142);
    physical_spis[intid].enabled = enabled;
}

void gicv3_clear_pending(uint32_t intid)
{
    EXPECT(intid >= 140 && intid <= 142 && !physical_spis[intid].enabled);
    physical_spis[intid].pending = false;
}

void gicv3_set_target(uint32_t intid, const struct pcpu *pcpu)
{
    EXPECT(intid >= 140 && intid <= 142);
    physical_spis[intid].target = pcpu;
}

/* The highest of the active priorities, 0 ... 0xf8, or 0x100. */
static uint32_t running_priority(const struct fake_gic *gic)
{
    uint32_t active = (uint32_t)(gic->ap0r[0] | gic->ap1r[0]);

    return active == 0 ? 0x100 : (uint32_t)__builtin_ctz(active) * 8;
}

static uint32_t priority_of(uint64_t lr)
{
    return (uint32_t)(lr >> ICH_LR_PRIORITY_SHIFT) & 0xff;
}

/* The list register that the guest would acknowledge, or LR_COUNT. */
static uint32_t best_lr(const struct fake_gic *gic)
{
    uint32_t best = LR_COUNT;

    for (uint32_t n = 0; n < LR_COUNT; n++) {
        uint64_t lr = gic->lr[n];
        uint64_t enable = lr & ICH_LR_GROUP1 ? ICH_VMCR_VENG1 : ICH_VMCR_VENG0;

        if ((lr & ICH_LR_STATE) == ICH_LR_PENDING && (gic->vmcr & enable) &&
            (best == LR_COUNT || priority_of(lr) < priority_of(gic->lr[best]))) {
            best = n;
        }
    }
    if (best != LR_COUNT && (priority_of(gic->lr[best]) >= gic->vmcr >> ICH_VMCR_VPMR_SHIFT ||
                             priority_of(gic->lr[best]) >= running_priority(gic))) {
        return LR_COUNT;
    }
    return best;
}

static bool maintenance_is_asserted(const struct fake_gic *gic)
{
    uint32_t valid = 0;
    uint32_t pending = 0;

    for (uint32_t n = 0; n < LR_COUNT; n++) {
        valid += (gic->lr[n] & ICH_LR_STATE) != 0;
        pending += (gic->lr[n] & ICH_LR_STATE) == ICH_LR_PENDING;
    }
    return (gic->hcr & ICH_HCR_EN) &&
           (ich_eisr_read() != 0 || ((gic->hcr & ICH_HCR_UIE) && valid <= 1) ||
            ((gic->hcr & ICH_HCR_NPIE) && pending == 0) ||
            ((gic->hcr & ICH_HCR_LRENPIE) && gic->hcr >> ICH_HCR_EOICOUNT_SHIFT != 0) ||
            ((gic->hcr & ICH_HCR_VGRP0EIE) && (gic->vmcr & ICH_VMCR_VENG0)) ||
            ((gic->hcr & ICH_HCR_VGRP1EIE) && (gic->vmcr & ICH_VMCR_VENG1)));
}

/* What must be true of the list registers whenever a guest is entered. */
static void check_lrs(const struct fake_gic *gic)
{
    for (uint32_t n = 0; n < LR_COUNT; n++) {
        uint64_t lr = gic->lr[n];

        if ((lr & ICH_LR_STATE) == 0) {
            continue;
        }
        EXPECT(!(lr & ICH_LR_HW) || (lr & ICH_LR_STATE) != ICH_LR_STATE);
        if (lr & ICH_LR_HW) {
            EXPECT(physical_of((uint32_t)(lr >> ICH_LR_PINTID_SHIFT) & 0x1fff)->active);
        }
        for (uint32_t other = n + 1; other < LR_COUNT; other++) {
            EXPECT((gic->lr[other] & ICH_LR_STATE) == 0 ||
                   (gic->lr[other] & ICH_LR_VINTID_MASK) != (lr & ICH_LR_VINTID_MASK));
        }
    }
}

static void deactivate(struct fake_gic *gic, uint32_t intid)
{
    for (uint32_t n = 0; n < LR_COUNT; n++) {
        uint64_t lr = gic->lr[n];

        if ((lr & ICH_LR_VINTID_MASK) == intid && (lr & ICH_LR_ACTIVE)) {
            gic->lr[n] = lr & ~ICH_LR_ACTIVE;
            if (lr & ICH_LR_HW) {
                physical_of((uint32_t)(lr >> ICH_LR_PINTID_SHIFT) & 0x1fff)->active = false;
            }
            return;
        }
    }
    gic->hcr += 1u << ICH_HCR_EOICOUNT_SHIFT;
}

/* The hypervisor's side. */

void on_cpu_of(struct vcpu *v)
{
    fake_this_pcpu = v->pcpu;
    v->pcpu->running = v;
}

void idle(struct vcpu *v)
{
    fake_this_pcpu = v->pcpu;
    v->pcpu->running = NULL;
}

/* As the real one does when it switches vCPUs. */
static void move_timer(struct vcpu *v, bool active)
{
    if (vgic_vtimer_in_flight(v)) {
        physical_timers[v->pcpu->config->index].active = active;
    }
}

void unload(struct vcpu *v)
{
    fake_this_pcpu = v->pcpu;
    if (v->pcpu->loaded == v) {
        vgic_save(v);
        move_timer(v, false);
        v->pcpu->loaded = NULL;
    }
}

void enter(struct vcpu *v)
{
    struct fake_gic *gic;

    on_cpu_of(v);
    notified[v - vcpus] = false;
    gic = fake_gic();
    if (v->pcpu->loaded != v) {
        if (v->pcpu->loaded != NULL) {
            unload(v->pcpu->loaded);
        }
        v->pcpu->loaded = v;
        vgic_load(v);
        move_timer(v, true);
    }
    if (__atomic_load_n(&v->arch.vgic.stale, __ATOMIC_ACQUIRE)) {
        vgic_flush(v);
    }
    EXPECT(!v->arch.vgic.stale);
    if (maintenance_is_asserted(gic)) {
        vgic_maintenance(v);
    }
    EXPECT(!maintenance_is_asserted(gic));
    check_lrs(gic);
}

void switch_off(struct vcpu *v)
{
    unload(v);
    vgic_vcpu_off(v);
}

void switch_on(struct vcpu *v)
{
    fake_this_pcpu = v->pcpu;
    vgic_vcpu_reset(v);
    enter(v);
    fake_gic()->vmcr = 0xffull << ICH_VMCR_VPMR_SHIFT | ICH_VMCR_VENG1;
}

uint32_t guest_peek(struct vcpu *v)
{
    uint32_t n;

    enter(v);
    n = best_lr(fake_gic());
    return n == LR_COUNT ? NONE : (uint32_t)(fake_gic()->lr[n] & ICH_LR_VINTID_MASK);
}

uint32_t guest_ack(struct vcpu *v)
{
    struct fake_gic *gic;
    uint64_t *lr;
    uint32_t n;

    enter(v);
    gic = fake_gic();
    n = best_lr(gic);
    if (n == LR_COUNT) {
        return NONE;
    }
    lr = &gic->lr[n];
    *lr = (*lr & ~ICH_LR_PENDING) | ICH_LR_ACTIVE;
    (*lr & ICH_LR_GROUP1 ? gic->ap1r : gic->ap0r)[0] |= 1u << priority_of(*lr) / 8;
    return (uint32_t)(*lr & ICH_LR_VINTID_MASK);
}

void guest_eoi(struct vcpu *v, uint32_t intid)
{
    struct fake_gic *gic;
    uint32_t running;

    enter(v);
    gic = fake_gic();
    running = running_priority(gic);
    EXPECT(running < 0x100);
    gic->ap0r[0] &= ~(1ull << running / 8);
    gic->ap1r[0] &= ~(1ull << running / 8);
    if (!(gic->vmcr & ICH_VMCR_VEOIM)) {
        deactivate(gic, intid);
    }
}

void guest_dir(struct vcpu *v, uint32_t intid)
{
    enter(v);
    if (fake_gic()->hcr & ICH_HCR_TDIR) {
        vgic_deactivate(v, intid);
    } else {
        deactivate(fake_gic(), intid);
    }
}

/* Frames. */

static uint64_t access_at(struct vcpu *v, uint64_t address, uint8_t size, bool is_write,
                          uint64_t value)
{
    struct mmio_access access = {
        .address = { address }, .size = size, .is_write = is_write, .value = value
    };

    enter(v);
    if (address < REDIST_BASE) {
        EXPECT(vgic_dist_access(v, NULL, &access));
    } else {
        EXPECT(vgic_redist_access(v, NULL, &access));
    }
    return access.value;
}

uint64_t dist_read(struct vcpu *v, uint32_t offset, uint8_t size)
{
    return access_at(v, DIST_BASE + offset, size, false, 0xdeadbeefdeadbeefull);
}

void dist_write(struct vcpu *v, uint32_t offset, uint8_t size, uint64_t value)
{
    (void)access_at(v, DIST_BASE + offset, size, true, value);
}

uint64_t redist_read(struct vcpu *v, uint32_t frame, uint32_t offset, uint8_t size)
{
    return access_at(v, REDIST_BASE + frame * GICR_STRIDE + offset, size, false,
                     0xdeadbeefdeadbeefull);
}

void redist_write(struct vcpu *v, uint32_t frame, uint32_t offset, uint8_t size, uint64_t value)
{
    (void)access_at(v, REDIST_BASE + frame * GICR_STRIDE + offset, size, true, value);
}

bool bit_read(struct vcpu *v, uint32_t frame, uint32_t class, uint32_t intid)
{
    uint64_t word = intid < 32 ? redist_read(v, frame, GICR_SGI_BASE + class, 4)
                               : dist_read(v, class + intid / 32 * 4, 4);

    return word >> intid % 32 & 1;
}

void bit_write(struct vcpu *v, uint32_t frame, uint32_t class, uint32_t intid)
{
    if (intid < 32) {
        redist_write(v, frame, GICR_SGI_BASE + class, 4, 1u << intid);
    } else {
        dist_write(v, class + intid / 32 * 4, 4, 1u << intid % 32);
    }
}

void set_priority(struct vcpu *v, uint32_t frame, uint32_t intid, uint8_t priority)
{
    if (intid < 32) {
        redist_write(v, frame, GICR_IPRIORITYR + intid, 1, priority);
    } else {
        dist_write(v, GICD_IPRIORITYR + intid, 1, priority);
    }
}

bool fire_spi(uint32_t intid, struct vm *vm, uint32_t virq)
{
    struct physical *spi = &physical_spis[intid];

    if (!spi->enabled || spi->active) {
        return false;
    }
    spi->active = true;
    fake_this_pcpu = &pcpus[spi->target - pcpus];
    vgic_inject_spi(vm, virq, intid);
    return true;
}

bool fire_timer(struct vcpu *v)
{
    struct physical *timer = &physical_timers[v->pcpu->config->index];

    EXPECT(v->pcpu->loaded == v);
    if (timer->active) {
        return false;
    }
    timer->active = true;
    fake_this_pcpu = v->pcpu;
    vgic_inject(v, VTIMER, VTIMER);
    return true;
}

void machine_reset(void)
{
    for (uint32_t cpu = 0; cpu < CPU_COUNT; cpu++) {
        fake_this_pcpu = &pcpus[cpu];
        if (fake_this_pcpu->loaded != NULL) {
            unload(fake_this_pcpu->loaded);
        }
        EXPECT(!physical_timers[cpu].active);
        gics[cpu].vtr = (LR_COUNT - 1) | 4ull << 29 | 4ull << ICH_VTR_PREBITS_SHIFT;
        for (uint32_t n = 0; n < 16; n++) {
            gics[cpu].lr[n] = n < LR_COUNT ? ICH_LR_PENDING | 999 : 0; /* left by firmware */
        }
        vgic_init_cpu();
    }
    for (uint32_t i = 0; i < VCPU_COUNT; i++) {
        switch_off(&vcpus[i]);
    }
    for (uint32_t i = 0; i < 2; i++) {
        vgic_vm_reset(&vms[i]);
    }
    for (uint32_t i = 0; i < VCPU_COUNT; i++) {
        fake_this_pcpu = vcpus[i].pcpu;
        vgic_vcpu_reset(&vcpus[i]);
    }
}

void machine_boot(void)
{
    machine_reset();
    for (uint32_t i = 4; i-- > 0;) {
        struct vcpu *v = &vcpus[i];

        enter(v);
        fake_gic()->vmcr = 0xffull << ICH_VMCR_VPMR_SHIFT | ICH_VMCR_VENG1;
        redist_write(v, i, GICR_WAKER, 4, 0);
        redist_write(v, i, GICR_IGROUPR0, 4, UINT32_MAX);
        for (uint32_t intid = 0; intid < 32; intid += 4) {
            redist_write(v, i, GICR_IPRIORITYR + intid, 4, 0xa0a0a0a0);
        }
        redist_write(v, i, GICR_ISENABLER0, 4, UINT32_MAX);
    }
    for (uint32_t intid = 32; intid < 96; intid += 4) {
        dist_write(&vcpus[0], GICD_IPRIORITYR + intid, 4, 0xa0a0a0a0);
    }
    for (uint32_t index = 1; index <= 2; index++) {
        dist_write(&vcpus[0], GICD_IGROUPR + 4 * index, 4, UINT32_MAX);
        dist_write(&vcpus[0], GICD_ISENABLER + 4 * index, 4, UINT32_MAX);
    }
    dist_write(&vcpus[0], GICD_CTLR, 4, GICD_CTLR_ENABLE_GRP1);
    for (uint32_t i = 4; i-- > 0;) {
        enter(&vcpus[i]);
    }
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The virtual GIC against a model that knows no list registers: random events, register accesses,
 * vCPU switches, acknowledges and EOIs. Whatever a guest acknowledges has to be one of the most
 * important interrupts that the model says it may take, and nothing when there is none. So each
 * interrupt that becomes pending is delivered once, in order of priority, never while disabled.
 * Afterwards nothing is left over, no physical interrupt stays active, and no vCPU has gone without
 * a notification.
 */
/* ARCH: aarch64 */
/* SOURCES: arch/aarch64/vgic.c arch/aarch64/vgic_lr.c arch/aarch64/vgic_mmio.c */
/* SOURCES: arch/aarch64/vgic_inject.c */
/* SOURCES: arch/aarch64/vgic_cpu.c tests/host/vgic_machine.c */
#include "vgic_machine.h"

#define VCPUS     4u
#define INTIDS    96u
#define EDGE_PPI  20u
#define LINE_SPI  33u /* ... 36: emulated devices */
#define EDGE_SPI  50u /* ... 53 */
#define LINKED    40u /* ... 42, of physical 140 ...; 41 is edge-triggered */
#define STEPS     3000u
#define SEEDS     150u
#define DEPTH_MAX 40u

/* An interrupt as the architecture sees it. */
struct irq {
    bool latch, line, edge, enabled, active;
    bool from_machine; /* the latch came from a physical interrupt */
    uint8_t priority;
    uint32_t target;
};

/* A vCPU's handlers: what it acknowledged and has not ended, and what it has not deactivated. */
struct guest {
    uint32_t running[DEPTH_MAX], dropped[DEPTH_MAX];
    uint32_t running_count, dropped_count;
};

static struct irq privates[VCPUS][32], spis[INTIDS];
static struct guest guests[VCPUS];
static bool group_enabled, split_eoi;
static bool machine_lines[3];
static uint64_t random_state;

static uint32_t pick(uint32_t count)
{
    return (uint32_t)(test_random(&random_state) >> 33) % count;
}

static struct irq *irq_of(uint32_t v, uint32_t intid)
{
    return intid < 32 ? &privates[v][intid] : &spis[intid];
}

static bool asserted(const struct irq *irq)
{
    return irq->latch || (irq->line && !irq->edge);
}

static bool may_be_taken(uint32_t v, uint32_t intid)
{
    const struct irq *irq = irq_of(v, intid);

    return group_enabled && irq->enabled && !irq->active && asserted(irq) &&
           (intid < 32 || irq->target == v);
}

/* The priority of what the vCPU would be given, or 0x100. */
static uint32_t best_priority(uint32_t v)
{
    uint32_t best = 0x100;

    for (uint32_t intid = 0; intid < INTIDS; intid++) {
        if (may_be_taken(v, intid) && irq_of(v, intid)->priority < best) {
            best = irq_of(v, intid)->priority;
        }
    }
    return best;
}

static uint32_t running_priority(uint32_t v)
{
    const struct guest *guest = &guests[v];

    return guest->running_count == 0
               ? 0x100
               : irq_of(v, guest->running[guest->running_count - 1])->priority;
}

static void latch(uint32_t v, uint32_t intid, bool from_machine)
{
    irq_of(v, intid)->latch = true;
    irq_of(v, intid)->from_machine |= from_machine;
}

/* One vCPU takes an interrupt, if there is one for it. */
static void step_ack(uint32_t v)
{
    struct guest *guest = &guests[v];
    uint32_t best = best_priority(v);
    uint32_t intid;

    if (guest->running_count == DEPTH_MAX || guest->dropped_count == DEPTH_MAX) {
        return;
    }
    intid = guest_ack(&vcpus[v]);
    if (best >= running_priority(v)) {
        EXPECT_EQ(intid, NONE);
        return;
    }
    EXPECT(intid < INTIDS);
    EXPECT(may_be_taken(v, intid));
    EXPECT_EQ(irq_of(v, intid)->priority, best);
    irq_of(v, intid)->latch = false;
    irq_of(v, intid)->from_machine = false;
    irq_of(v, intid)->active = true;
    guest->running[guest->running_count++] = intid;
}

static void step_eoi(uint32_t v)
{
    struct guest *guest = &guests[v];
    uint32_t intid;

    if (guest->running_count == 0) {
        return;
    }
    intid = guest->running[--guest->running_count];
    guest_eoi(&vcpus[v], intid);
    if (split_eoi) {
        guest->dropped[guest->dropped_count++] = intid;
    } else {
        irq_of(v, intid)->active = false;
    }
}

static void step_dir(uint32_t v)
{
    struct guest *guest = &guests[v];
    uint32_t i, intid;

    if (guest->dropped_count == 0) {
        return;
    }
    i = pick(guest->dropped_count);
    intid = guest->dropped[i];
    guest->dropped[i] = guest->dropped[--guest->dropped_count];
    irq_of(v, intid)->active = false;
    if (pick(4) == 0) {
        bit_write(&vcpus[pick(VCPUS)], v, GICD_ICACTIVER, intid);
    } else {
        guest_dir(&vcpus[v], intid);
    }
}

static void step_sgi(uint32_t v)
{
    uint32_t sgi = pick(16);
    uint32_t targets = pick(16);
    bool all_others = pick(8) == 0;

    enter(&vcpus[v]);
    vgic_send_sgi(&vcpus[v], (uint64_t)sgi << ICC_SGIR_INTID_SHIFT | targets |
                                 (all_others ? ICC_SGIR_IRM : 0));
    for (uint32_t i = 0; i < VCPUS; i++) {
        if (all_others ? i != v : targets >> i & 1) {
            latch(i, sgi, false);
        }
    }
}

/* A device or the machine does something while vCPU v runs on its CPU. */
static void step_device(uint32_t v)
{
    uint32_t n;

    enter(&vcpus[v]);
    switch (pick(5)) {
    case 0:
        n = pick(VCPUS);
        vgic_inject(&vcpus[n], EDGE_PPI, 0);
        latch(n, EDGE_PPI, false);
        break;
    case 1:
        n = EDGE_SPI + pick(4);
        vgic_inject_spi(&vms[0], n, 0);
        latch(0, n, false);
        break;
    case 2:
        if (fire_timer(&vcpus[v])) {
            latch(v, VTIMER, true);
        }
        break;
    case 3:
        n = pick(3);
        machine_lines[n] = !machine_lines[n];
        break;
    default:
        n = LINE_SPI + pick(4);
        spis[n].line = !spis[n].line;
        vgic_set_line(&vms[0], n, spis[n].line);
        break;
    }
}

/* A vCPU whose task runs needs no notification: it looks before it enters the guest. */
static void keep_ready(struct vcpu *v)
{
    if (v->arch.vgic.stale) {
        notified[v - vcpus] = true;
    }
}

/* Physical lines that are high interrupt as soon as they may; edges once. */
static void fire_lines(void)
{
    for (uint32_t n = 0; n < 3; n++) {
        if (machine_lines[n] && fire_spi(140 + n, &vms[0], LINKED + n)) {
            latch(0, LINKED + n, true);
            keep_ready(fake_this_pcpu->running);
            if (spis[LINKED + n].edge) {
                machine_lines[n] = false;
            }
        }
    }
}

/* An interrupt that was routed elsewhere leaves the vCPU that has it when that one looks. */
static void settle(void)
{
    for (uint32_t i = 0; i < VCPUS; i++) {
        if (vcpus[i].arch.vgic.stale) {
            enter(&vcpus[i]);
        }
    }
}

static uint32_t some_intid(void)
{
    static const uint32_t interesting[] = { 0,        1,           2,
                                            3,        15,          EDGE_PPI,
                                            VTIMER,   LINE_SPI,    LINE_SPI + 1,
                                            LINKED,   LINKED + 1,  LINKED + 2,
                                            EDGE_SPI, EDGE_SPI + 1 };

    return interesting[pick(sizeof interesting / sizeof interesting[0])];
}

/* True for what the machine raised and no list register holds: the model does not know about them,
 * and one that waits in a list register keeps its latch when it is disabled and enabled again. */
static bool owes_in_bank(uint32_t v, uint32_t intid)
{
    const struct vgic_bank *bank =
        intid < 32 ? &vcpus[v].arch.vgic.bank : &vms[0].config->arch.vgic.spi_banks[intid / 32 - 1];

    return bank->phys_pending >> intid % 32 & 1;
}

/* vCPU v writes a register about an interrupt of its own, of another vCPU, or of all. */
static void step_write(uint32_t v)
{
    uint32_t intid = some_intid();
    uint32_t frame = pick(VCPUS);
    struct irq *irq = irq_of(frame, intid);
    bool is_sampled;

    switch (pick(8)) {
    case 0:
    case 1:
    case 2:
        enter(&vcpus[v]);
        is_sampled = !irq->enabled && !irq->edge && owes_in_bank(frame, intid);
        bit_write(&vcpus[v], frame, GICD_ISENABLER, intid);
        if (is_sampled) {
            irq->latch = false; /* its level decides */
            irq->from_machine = false;
        }
        irq->enabled = true;
        break;
    case 3:
        bit_write(&vcpus[v], frame, GICD_ICENABLER, intid);
        irq->enabled = false;
        break;
    case 4:
        bit_write(&vcpus[v], frame, GICD_ISPENDR, intid);
        irq->latch = true;
        break;
    case 5:
        bit_write(&vcpus[v], frame, GICD_ICPENDR, intid);
        irq->latch = false;
        irq->from_machine = false;
        break;
    case 6:
        if (!asserted(irq) && !irq->active) {
            irq->priority = (uint8_t)(8 * pick(30));
            set_priority(&vcpus[v], frame, intid, irq->priority);
        }
        break;
    default:
        if (intid >= 32 && !irq->active) {
            irq->target = pick(VCPUS);
            dist_write(&vcpus[v], GICD_IROUTER + 8 * intid, 8, irq->target);
            settle();
        } else if (pick(10) == 0) {
            group_enabled = !group_enabled;
            dist_write(&vcpus[v], GICD_CTLR, 4, group_enabled ? GICD_CTLR_ENABLE_GRP1 : 0);
        }
        break;
    }
}

/* A vCPU that has ended what it took goes off and comes back: nothing is lost but the level of its
 * timer, which is off then. */
static void step_off_on(uint32_t v)
{
    if (guests[v].running_count > 0 || guests[v].dropped_count > 0) {
        return;
    }
    enter(&vcpus[v]);
    switch_off(&vcpus[v]);
    if (!privates[v][VTIMER].edge && owes_in_bank(v, VTIMER)) {
        privates[v][VTIMER].latch = false;
        privates[v][VTIMER].from_machine = false;
    }
    switch_on(&vcpus[v]);
    fake_gic()->vmcr |= split_eoi ? ICH_VMCR_VEOIM : 0;
}

/* Registers tell a loaded vCPU exactly what is the matter with its own interrupts. */
static void check_registers(uint32_t v)
{
    uint32_t pending = (uint32_t)redist_read(&vcpus[v], v, GICR_ISPENDR0, 4);
    uint32_t active = (uint32_t)redist_read(&vcpus[v], v, GICR_ISACTIVER0, 4);

    for (uint32_t intid = 0; intid < 32; intid++) {
        EXPECT_EQ(pending >> intid & 1, asserted(&privates[v][intid]));
        EXPECT_EQ(active >> intid & 1, privates[v][intid].active);
    }
}

/* Nobody sleeps through an interrupt. */
static void check_wakes(uint32_t actor)
{
    struct pcpu *here = fake_this_pcpu;
    uint32_t v = pick(VCPUS);
    for (uint32_t i = 0; i < VCPUS; i++) {
        EXPECT(i == actor || !vcpus[i].arch.vgic.stale || notified[i]);
    }
    fake_this_pcpu = vcpus[v].pcpu;
    if (best_priority(v) < 0x100) {
        EXPECT(vgic_has_pending(&vcpus[v]));
    }
    fake_this_pcpu = here;
}

static void step(void)
{
    uint32_t v = pick(VCPUS);

    switch (pick(10)) {
    case 0:
    case 1:
    case 2:
        step_ack(v);
        break;
    case 3:
    case 4:
        step_eoi(v);
        break;
    case 5:
        step_dir(v);
        break;
    case 6:
        step_sgi(v);
        break;
    case 7:
        step_device(v);
        break;
    case 8:
        step_write(v);
        if (pick(10) == 0) {
            step_off_on(v);
        }
        break;
    default:
        check_registers(v);
        break;
    }
    check_wakes(v);
    keep_ready(&vcpus[v]);
    fire_lines();
}

static void start(uint32_t seed)
{
    random_state = 0x9e3779b97f4a7c15ull * (seed + 1);
    split_eoi = seed % 2;
    group_enabled = true;
    machine_boot();
    for (uint32_t v = 0; v < VCPUS; v++) {
        for (uint32_t intid = 0; intid < 32; intid++) {
            privates[v][intid] = (struct irq){ .edge = intid < 16,
                                               .enabled = true,
                                               .priority = (uint8_t)(8 * pick(30)) };
            set_priority(&vcpus[v], v, intid, privates[v][intid].priority);
        }
        enter(&vcpus[v]);
        fake_gic()->vmcr |= split_eoi ? ICH_VMCR_VEOIM : 0;
    }
    for (uint32_t intid = 32; intid < INTIDS; intid++) {
        spis[intid] = (struct irq){ .enabled = true, .priority = (uint8_t)(8 * pick(30)) };
        set_priority(&vcpus[0], 0, intid, spis[intid].priority);
    }
    dist_write(&vcpus[0], GICD_ICFGR + 4 * 2, 4, 2u << 2 * (LINKED + 1 - 32));
    spis[LINKED + 1].edge = true;
}

/* The guests finish everything; then nothing may be left. */
static void finish(void)
{
    memset(machine_lines, 0, sizeof machine_lines);
    for (uint32_t intid = LINE_SPI; intid < LINE_SPI + 4; intid++) {
        spis[intid].line = false;
        on_cpu_of(&vcpus[0]);
        vgic_set_line(&vms[0], intid, false);
    }
    for (uint32_t v = 0; v < VCPUS; v++) {
        while (guests[v].running_count > 0 || guests[v].dropped_count > 0) {
            step_eoi(v);
            step_dir(v);
        }
        redist_write(&vcpus[v], v, GICR_ICPENDR0, 4, UINT32_MAX);
    }
    dist_write(&vcpus[0], GICD_ICPENDR + 4, 4, UINT32_MAX);
    dist_write(&vcpus[0], GICD_ICPENDR + 8, 4, UINT32_MAX);
    for (uint32_t v = 0; v < VCPUS; v++) {
        enter(&vcpus[v]);
        EXPECT(!vgic_vtimer_in_flight(&vcpus[v]));
        vgic_flush(&vcpus[v]);
        EXPECT_EQ(vcpus[v].arch.vgic.hcr, ICH_HCR_EN);
        EXPECT_EQ(redist_read(&vcpus[v], v, GICR_ISPENDR0, 4), 0);
        EXPECT_EQ(redist_read(&vcpus[v], v, GICR_ISACTIVER0, 4), 0);
        EXPECT_EQ(vcpus[v].arch.vgic.lr_used, 0);
    }
    for (uint32_t index = 1; index <= 2; index++) {
        EXPECT_EQ(dist_read(&vcpus[0], GICD_ISPENDR + 4 * index, 4), 0);
        EXPECT_EQ(dist_read(&vcpus[0], GICD_ISACTIVER + 4 * index, 4), 0);
    }
    for (uint32_t n = 0; n < 3; n++) {
        EXPECT(!physical_spis[140 + n].active);
        EXPECT(!physical_timers[n].active);
    }
}

TEST(agrees_with_the_model)
{
    for (uint32_t seed = 0; seed < SEEDS; seed++) {
        fprintf(stderr, "seed %u\n", seed);
        start(seed);
        for (uint32_t i = 0; i < STEPS; i++) {
            step();
        }
        finish();
    }
}

TEST_MAIN()

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The virtual GIC's behaviour, one property a test.
 */
/* ARCH: aarch64 */
/* SOURCES: arch/aarch64/vgic.c arch/aarch64/vgic_lr.c arch/aarch64/vgic_mmio.c */
/* SOURCES: arch/aarch64/vgic_inject.c */
/* SOURCES: arch/aarch64/vgic_cpu.c tests/host/vgic_machine.c */
#include "vgic_machine.h"

#define V(i) (&vcpus[i])

/* Takes and ends one interrupt. */
static uint32_t handle(struct vcpu *v)
{
    uint32_t intid = guest_ack(v);

    if (intid != NONE) {
        guest_eoi(v, intid);
    }
    return intid;
}

static void send_sgi(struct vcpu *from, uint32_t sgi, uint64_t targets)
{
    enter(from);
    vgic_send_sgi(from, (uint64_t)sgi << ICC_SGIR_INTID_SHIFT | targets);
}

TEST(sgi_to_other)
{
    machine_boot();
    send_sgi(V(0), 5, 1u << 1);
    EXPECT(notified[1]);
    EXPECT(!notified[0] && !notified[2] && !notified[3]);
    EXPECT_EQ(handle(V(1)), 5);
    EXPECT_EQ(handle(V(1)), NONE);
    EXPECT_EQ(handle(V(0)), NONE);
}

TEST(sgi_to_self)
{
    machine_boot();
    send_sgi(V(0), 3, 1u << 0);
    EXPECT(!notified[0]);
    EXPECT(!V(0)->arch.vgic.stale); /* it went straight into a list register */
    EXPECT_EQ(handle(V(0)), 3);
    EXPECT_EQ(handle(V(0)), NONE);
}

TEST(sgi_to_self_while_active)
{
    machine_boot();
    send_sgi(V(0), 3, 1u << 0);
    EXPECT_EQ(guest_ack(V(0)), 3);
    send_sgi(V(0), 3, 1u << 0);
    send_sgi(V(0), 3, 1u << 0); /* one pending state only */
    EXPECT_EQ(guest_ack(V(0)), NONE);
    guest_eoi(V(0), 3);
    EXPECT_EQ(handle(V(0)), 3);
    EXPECT_EQ(handle(V(0)), NONE);
}

TEST(sgi_to_many)
{
    machine_boot();
    send_sgi(V(1), 0, 0xffff); /* 12 of the targets do not exist */
    for (uint32_t i = 0; i < 4; i++) {
        EXPECT_EQ(handle(V(i)), 0);
    }
    send_sgi(V(1), 15, ICC_SGIR_IRM);
    for (uint32_t i = 0; i < 4; i++) {
        EXPECT_EQ(handle(V(i)), i == 1 ? NONE : 15);
    }
    EXPECT(!notified[4]);
}

TEST(sgi_to_nobody)
{
    static const uint64_t ranges[] = { 1ull << ICC_SGIR_AFF1_SHIFT, 0xffull << ICC_SGIR_AFF1_SHIFT,
                                       1ull << ICC_SGIR_AFF2_SHIFT, 1ull << ICC_SGIR_RS_SHIFT,
                                       1ull << ICC_SGIR_AFF3_SHIFT };

    machine_boot();
    for (uint32_t i = 0; i < sizeof ranges / sizeof ranges[0]; i++) {
        send_sgi(V(0), 1, ranges[i] | 0xffff);
    }
    for (uint32_t i = 0; i < 4; i++) {
        EXPECT_EQ(handle(V(i)), NONE);
    }
}

TEST(sgi_for_halted_vcpu_wakes_it)
{
    machine_boot();
    enter(V(1));
    EXPECT(!vgic_has_pending(V(1)));
    for (uint32_t i = 0; i < 2; i++) { /* into a new list register, and into the same one again */
        idle(
            V(1)); /* loaded, but not running: the sender on the same CPU is an interrupt handler */
        vgic_inject(V(1), 20, 0);
        EXPECT(notified[1]);
        EXPECT(vgic_has_pending(V(1)));
        EXPECT_EQ(handle(V(1)), 20);
    }
    EXPECT(!vgic_has_pending(V(1)));
    for (uint32_t i = 0; i < 2; i++) {
        idle(V(0));
        EXPECT(fire_spi(140, &vms[0], 40));
        EXPECT(notified[0]);
        EXPECT_EQ(handle(V(0)), 40);
    }
}

TEST(has_pending_of_unloaded)
{
    machine_boot();
    enter(V(2));
    enter(V(1)); /* same CPU */
    EXPECT(!vgic_has_pending(V(2)));
    send_sgi(V(0), 9, 1u << 2);
    fake_this_pcpu = V(1)->pcpu;
    EXPECT(vgic_has_pending(V(2)));
    EXPECT(!vgic_has_pending(V(1)));
    enter(V(2));
    enter(V(1));
    EXPECT(vgic_has_pending(V(2))); /* now in its saved list registers */
    EXPECT_EQ(handle(V(2)), 9);
    EXPECT(!vgic_has_pending(V(2)));
    enter(V(1));
    EXPECT(!vgic_has_pending(V(2)));
}

TEST(has_pending_heeds_mask_and_groups)
{
    machine_boot();
    send_sgi(V(0), 9, 1u << 0);
    EXPECT(vgic_has_pending(V(0)));
    fake_gic()->vmcr = 0xa0ull << ICH_VMCR_VPMR_SHIFT | ICH_VMCR_VENG1;
    EXPECT(!vgic_has_pending(V(0)));
    fake_gic()->vmcr = 0xffull << ICH_VMCR_VPMR_SHIFT | ICH_VMCR_VENG0;
    EXPECT(!vgic_has_pending(V(0)));
}

TEST(repeated_reuses_its_list_register)
{
    machine_boot();
    for (uint32_t i = 0; i < 100; i++) {
        EXPECT(fire_timer(V(0)));
        EXPECT(!V(0)->arch.vgic.stale);
        EXPECT_EQ(handle(V(0)), VTIMER);
        EXPECT(!physical_timers[0].active);
        EXPECT(fire_spi(140, &vms[0], 40));
        EXPECT(!V(0)->arch.vgic.stale);
        EXPECT_EQ(handle(V(0)), 40);
        EXPECT(!physical_spis[140].active);
    }
    EXPECT_EQ(__builtin_popcount(V(0)->arch.vgic.lr_used), 2);
    EXPECT_EQ(handle(V(0)), NONE);
}

TEST(empty_list_registers_change_hands)
{
    machine_boot();
    for (uint32_t sgi = 0; sgi < 16; sgi++) {
        send_sgi(V(0), sgi, 1u << 0);
        EXPECT(!V(0)->arch.vgic.stale);
        EXPECT_EQ(handle(V(0)), sgi);
        EXPECT(fire_spi(140, &vms[0], 40));
        EXPECT(!V(0)->arch.vgic.stale);
        EXPECT_EQ(handle(V(0)), 40);
        EXPECT(!physical_spis[140].active);
    }
    EXPECT_EQ(handle(V(0)), NONE);
    EXPECT_EQ(redist_read(V(0), 0, GICR_ISACTIVER0, 4), 0);
}

TEST(sgi_to_other_is_posted)
{
    machine_boot();
    for (uint32_t sgi = 0; sgi < 16; sgi++) {
        send_sgi(V(0), sgi, 1u << 1);
        EXPECT_EQ(V(1)->arch.vgic.stale, VGIC_STALE_POSTED);
        EXPECT_EQ(handle(V(1)), sgi);
    }
    EXPECT_EQ(V(1)->arch.vgic.lr_used, (1u << LR_COUNT) - 1); /* nobody looked at the others */
    EXPECT_EQ(handle(V(1)), NONE);
}

/* The first to come gets the empty list register of the second. */
TEST(sgis_to_other_displace_one_another)
{
    machine_boot();
    for (uint32_t sgi = 9; sgi < 9 + LR_COUNT; sgi++) {
        send_sgi(V(0), sgi, 1u << 1);
        EXPECT_EQ(handle(V(1)), sgi);
    }
    send_sgi(V(0), 0, 1u << 1);
    send_sgi(V(0), 9, 1u << 1);
    set_priority(V(0), 1, 9, 0xa8);
    EXPECT_EQ(handle(V(1)), 0);
    EXPECT_EQ(handle(V(1)), 9);
    EXPECT_EQ(handle(V(1)), NONE);
}

TEST(sgi_to_other_while_active)
{
    machine_boot();
    send_sgi(V(0), 3, 1u << 1);
    EXPECT_EQ(guest_ack(V(1)), 3);
    send_sgi(V(0), 3, 1u << 1);
    EXPECT_EQ(guest_ack(V(1)), NONE);
    guest_eoi(V(1), 3);
    EXPECT_EQ(handle(V(1)), 3);
    EXPECT_EQ(handle(V(1)), NONE);
}

TEST(sgi_to_other_beside_other_changes)
{
    machine_boot();
    send_sgi(V(0), 3, 1u << 1);
    EXPECT_EQ(guest_peek(V(1)), 3);
    bit_write(V(0), 1, GICD_ICENABLER, 3); /* takes it out of its list register */
    send_sgi(V(0), 4, 1u << 1);
    EXPECT_EQ(handle(V(1)), 4);
    EXPECT_EQ(handle(V(1)), NONE);
    send_sgi(V(0), 4, 1u << 1);
    bit_write(V(0), 1, GICD_ISENABLER, 3);
    EXPECT_EQ(handle(V(1)), 3);
    EXPECT_EQ(handle(V(1)), 4);
    EXPECT_EQ(handle(V(1)), NONE);
}

/* One CPU, two vCPUs: the one that waits gets what came for it, however it came. */
TEST(linked_spi_finds_another_vcpu_loaded)
{
    machine_boot();
    dist_write(V(0), GICD_IROUTER + 8 * 40, 8, 1);
    for (uint32_t i = 0; i < 4; i++) {
        enter(V(1));
        EXPECT(i % 2 == 0 || fire_spi(140, &vms[0], 40)); /* into a list register, or not */
        enter(V(2));
        EXPECT(i % 2 == 1 || fire_spi(140, &vms[0], 40));
        EXPECT_EQ(handle(V(2)), NONE);
        EXPECT_EQ(handle(V(1)), 40);
        EXPECT(!physical_spis[140].active);
    }
}

TEST(priority_order)
{
    static const uint32_t order[] = { 6, 2, 9, 1, 0, 4, 3, 7, 8, 5 };

    machine_boot();
    for (uint32_t i = 0; i < 10; i++) {
        set_priority(V(0), 0, order[i], (uint8_t)(0x40 + 8 * i));
    }
    for (uint32_t sgi = 0; sgi < 10; sgi++) {
        send_sgi(V(1), sgi, 1u << 0);
    }
    for (uint32_t i = 0; i < 10; i++) {
        EXPECT_EQ(handle(V(0)), order[i]);
    }
    EXPECT_EQ(handle(V(0)), NONE);
}

TEST(late_important_one_evicts)
{
    machine_boot();
    for (uint32_t sgi = 0; sgi < 8; sgi++) {
        send_sgi(V(0), sgi, 1u << 0);
    }
    enter(V(0));
    set_priority(V(0), 0, 12, 0x20);
    send_sgi(V(0), 12, 1u << 0);
    EXPECT_EQ(handle(V(0)), 12);
    for (uint32_t n = 0; n < 8; n++) {
        EXPECT(handle(V(0)) < 8);
    }
    EXPECT_EQ(handle(V(0)), NONE);
}

/* A list register is empty, but more important ones than the one that comes now wait for it. */
TEST(late_unimportant_one_does_not_overtake)
{
    machine_boot();
    for (uint32_t sgi = 0; sgi < LR_COUNT + 2; sgi++) {
        set_priority(V(0), 0, sgi, (uint8_t)(0x40 + 8 * sgi));
    }
    for (uint32_t sgi = 0; sgi < LR_COUNT + 1; sgi++) {
        send_sgi(V(1), sgi, 1u << 0);
    }
    EXPECT_EQ(handle(V(0)), 0);
    send_sgi(V(0), LR_COUNT + 1, 1u << 0);
    for (uint32_t sgi = 1; sgi < LR_COUNT + 2; sgi++) {
        EXPECT_EQ(handle(V(0)), sgi);
    }
    EXPECT_EQ(handle(V(0)), NONE);
}

TEST(all_pending_at_once)
{
    uint32_t count = 0;
    uint32_t seen[96] = { 0 };
    uint32_t intid;

    machine_boot();
    dist_write(V(0), GICD_ISPENDR + 4, 4, UINT32_MAX);
    dist_write(V(0), GICD_ISPENDR + 8, 4, UINT32_MAX);
    redist_write(V(0), 0, GICR_ISPENDR0, 4, UINT32_MAX);
    while ((intid = handle(V(0))) != NONE) {
        EXPECT(intid < 96);
        EXPECT_EQ(seen[intid]++, 0);
        count++;
    }
    EXPECT_EQ(count, 96);
}

TEST(nesting_deeper_than_list_registers)
{
    machine_boot();
    for (uint32_t sgi = 0; sgi < 10; sgi++) {
        set_priority(V(0), 0, sgi, (uint8_t)(0xf0 - 8 * sgi));
    }
    for (uint32_t sgi = 0; sgi < 10; sgi++) {
        send_sgi(V(0), sgi, 1u << 0);
        EXPECT_EQ(guest_ack(V(0)), sgi);
        EXPECT_EQ(redist_read(V(0), 0, GICR_ISACTIVER0, 4), (2u << sgi) - 1);
    }
    for (uint32_t sgi = 10; sgi-- > 0;) {
        guest_eoi(V(0), sgi);
        EXPECT_EQ(guest_ack(V(0)), NONE);
        EXPECT_EQ(redist_read(V(0), 0, GICR_ISACTIVER0, 4), (1u << sgi) - 1);
    }
    for (uint32_t sgi = 0; sgi < 10; sgi++) {
        send_sgi(V(0), sgi, 1u << 0);
        EXPECT_EQ(handle(V(0)), sgi);
    }
    EXPECT_EQ(V(0)->arch.vgic.hcr, ICH_HCR_EN);
}

TEST(split_eoi_with_many_active)
{
    machine_boot();
    fake_gic()->vmcr |= ICH_VMCR_VEOIM;
    for (uint32_t sgi = 0; sgi < 9; sgi++) {
        send_sgi(V(0), sgi, 1u << 0);
        EXPECT_EQ(handle(V(0)), sgi); /* priority dropped, still active */
    }
    EXPECT_EQ(redist_read(V(0), 0, GICR_ISACTIVER0, 4), 0x1ff);
    for (uint32_t sgi = 0; sgi < 9; sgi++) { /* oldest first: parked ones too */
        guest_dir(V(0), sgi);
        EXPECT_EQ(redist_read(V(0), 0, GICR_ISACTIVER0, 4), 0x1ff & ~((2u << sgi) - 1));
    }
    guest_dir(V(0), 1020); /* nonsense is ignored */
    guest_dir(V(0), 0xffffff);
}

TEST(activated_by_software)
{
    machine_boot();
    bit_write(V(0), 1, GICD_ISACTIVER, 20);
    bit_write(V(0), 0, GICD_ISACTIVER, 50);
    on_cpu_of(V(0));
    vgic_inject(V(1), 20, 0);
    vgic_inject_spi(&vms[0], 50, 0);
    EXPECT_EQ(guest_ack(V(1)), NONE);
    EXPECT_EQ(guest_ack(V(0)), NONE);
    EXPECT(bit_read(V(1), 1, GICD_ISACTIVER, 20));
    bit_write(V(0), 1, GICD_ICACTIVER, 20);
    EXPECT(notified[1]);
    EXPECT(!bit_read(V(0), 1, GICD_ISACTIVER, 20));
    EXPECT_EQ(handle(V(1)), 20);
    bit_write(V(3), 0, GICD_ICACTIVER, 50);
    EXPECT_EQ(handle(V(0)), 50);
}

TEST(active_one_routed_away_and_pended)
{
    machine_boot();
    vgic_inject_spi(&vms[0], 50, 0);
    EXPECT_EQ(guest_ack(V(0)), 50);
    dist_write(V(0), GICD_IROUTER + 8 * 50, 8, 1);
    on_cpu_of(V(3));
    vgic_inject_spi(&vms[0], 50, 0);
    EXPECT_EQ(guest_ack(V(1)), NONE);
    EXPECT_EQ(guest_ack(V(0)), NONE);
    guest_eoi(V(0), 50);
    EXPECT_EQ(handle(V(0)) == 50 || handle(V(1)) == 50, true); /* either may have it, once */
    EXPECT_EQ(handle(V(0)), NONE);
    EXPECT_EQ(handle(V(1)), NONE);
}

TEST(level_follows_its_line)
{
    machine_boot();
    vgic_set_line(&vms[0], 33, true);
    EXPECT_EQ(guest_ack(V(0)), 33);
    EXPECT_EQ(guest_ack(V(0)), NONE); /* active */
    guest_eoi(V(0), 33);
    EXPECT_EQ(guest_ack(V(0)), 33); /* still high */
    vgic_set_line(&vms[0], 33, false);
    guest_eoi(V(0), 33);
    EXPECT_EQ(guest_ack(V(0)), NONE);
    vgic_set_line(&vms[0], 33, true);
    EXPECT_EQ(guest_peek(V(0)), 33);
    vgic_set_line(&vms[0], 33, false); /* retracted before it was taken */
    EXPECT_EQ(guest_ack(V(0)), NONE);
    EXPECT(!vgic_has_pending(V(0)));
}

TEST(level_line_rises_while_active)
{
    machine_boot();
    vgic_set_line(&vms[0], 33, true);
    EXPECT_EQ(guest_ack(V(0)), 33);
    vgic_set_line(&vms[0], 33, false);
    enter(V(0));
    vgic_set_line(&vms[0], 33, true);
    guest_eoi(V(0), 33);
    EXPECT_EQ(handle(V(0)), 33);
}

TEST(level_pended_by_software_survives_the_line)
{
    machine_boot();
    vgic_set_line(&vms[0], 33, true);
    bit_write(V(0), 0, GICD_ISPENDR, 33);
    enter(V(0));
    vgic_set_line(&vms[0], 33, false);
    EXPECT_EQ(handle(V(0)), 33);
    EXPECT_EQ(handle(V(0)), NONE);
}

TEST(edge_counts_rising_edges)
{
    machine_boot();
    dist_write(V(0), GICD_ICFGR + 8, 4, 2u << 2); /* 33 */
    EXPECT_EQ(dist_read(V(0), GICD_ICFGR + 8, 4), 2u << 2);
    vgic_set_line(&vms[0], 33, true);
    vgic_set_line(&vms[0], 33, false);
    EXPECT_EQ(handle(V(0)), 33);
    vgic_set_line(&vms[0], 33, true);
    EXPECT_EQ(handle(V(0)), 33);
    EXPECT_EQ(handle(V(0)), NONE);
}

TEST(disabled_is_retracted_and_comes_back)
{
    machine_boot();
    send_sgi(V(1), 7, 1u << 0);
    EXPECT_EQ(guest_peek(V(0)), 7);
    redist_write(V(1), 0, GICR_ICENABLER0, 4, 1u << 7); /* another vCPU does it */
    EXPECT(notified[0]);
    EXPECT_EQ(guest_ack(V(0)), NONE);
    EXPECT(bit_read(V(0), 0, GICD_ISPENDR, 7));
    redist_write(V(0), 0, GICR_ISENABLER0, 4, 1u << 7);
    EXPECT_EQ(handle(V(0)), 7);
}

TEST(cleared_is_gone)
{
    machine_boot();
    send_sgi(V(1), 7, 1u << 0);
    EXPECT_EQ(guest_peek(V(0)), 7);
    EXPECT(bit_read(V(0), 0, GICD_ISPENDR, 7));
    redist_write(V(0), 0, GICR_ICPENDR0, 4, 1u << 7);
    EXPECT(!bit_read(V(0), 0, GICD_ISPENDR, 7));
    EXPECT_EQ(guest_ack(V(0)), NONE);
}

TEST(group_switched_off)
{
    machine_boot();
    send_sgi(V(1), 7, 1u << 0);
    EXPECT_EQ(guest_peek(V(0)), 7);
    dist_write(V(1), GICD_CTLR, 4, 0);
    EXPECT_EQ(guest_ack(V(0)), NONE);
    dist_write(V(1), GICD_CTLR, 4, GICD_CTLR_ENABLE_GRP1);
    EXPECT_EQ(handle(V(0)), 7);
}

TEST(moved_to_another_group)
{
    machine_boot();
    fake_gic()->vmcr |= ICH_VMCR_VENG0;
    bit_write(V(0), 0, GICD_ISPENDR, 50);
    dist_write(V(0), GICD_IGROUPR + 4, 4, ~(1u << (50 - 32)));
    EXPECT_EQ(guest_peek(V(0)), NONE); /* the distributor's group 0 is off */
    vgic_inject_spi(&vms[0], 50, 0);
    EXPECT_EQ(guest_peek(V(0)), NONE);
    dist_write(V(0), GICD_IGROUPR + 4, 4, UINT32_MAX);
    EXPECT_EQ(handle(V(0)), 50);
}

TEST(group_0_does_not_stand_in_the_way)
{
    machine_boot();
    dist_write(V(0), GICD_CTLR, 4, GICD_CTLR_ENABLE_GRP1 | GICD_CTLR_ENABLE_GRP0);
    redist_write(V(0), 0, GICR_IGROUPR0, 4,
                 ~0xffu); /* SGIs 0-7; the guest's interface has it off */
    for (uint32_t sgi = 0; sgi < 8; sgi++) {
        set_priority(V(0), 0, sgi, 0x10);
        send_sgi(V(0), sgi, 1u << 0);
    }
    enter(V(0));
    send_sgi(V(0), 9, 1u << 0);
    EXPECT_EQ(handle(V(0)), 9);
    EXPECT_EQ(handle(V(0)), NONE);
    fake_gic()->vmcr |= ICH_VMCR_VENG0;
    for (uint32_t sgi = 0; sgi < 8; sgi++) {
        EXPECT(handle(V(0)) < 8);
    }
    EXPECT_EQ(handle(V(0)), NONE);
}

TEST(spi_goes_where_it_is_routed)
{
    machine_boot();
    dist_write(V(0), GICD_IROUTER + 8 * 50, 8, 3);
    EXPECT_EQ(dist_read(V(1), GICD_IROUTER + 8 * 50, 8), 3);
    vgic_inject_spi(&vms[0], 50, 0);
    EXPECT(notified[3]);
    EXPECT_EQ(guest_peek(V(3)), 50);
    dist_write(V(0), GICD_IROUTER + 8 * 50, 4, 1); /* it moves while it is pending over there */
    EXPECT(notified[3]);
    EXPECT_EQ(guest_ack(V(3)), NONE);
    EXPECT(notified[1]);
    EXPECT_EQ(handle(V(1)), 50);
    EXPECT_EQ(handle(V(1)), NONE);
    EXPECT_EQ(handle(V(3)), NONE);
}

TEST(spi_leaves_its_list_register_for_its_new_target)
{
    machine_boot();
    vgic_inject_spi(&vms[0], 50, 0);
    EXPECT_EQ(guest_peek(V(0)), 50);
    dist_write(V(3), GICD_IROUTER + 8 * 50, 8, 3);
    vgic_inject_spi(&vms[0], 50, 0); /* while it is still in vCPU 0's */
    EXPECT_EQ(guest_peek(V(3)), NONE);
    EXPECT_EQ(guest_peek(V(0)), NONE);
    EXPECT_EQ(handle(V(3)), 50);
    EXPECT_EQ(handle(V(3)), NONE);
}

TEST(spi_to_nowhere_waits)
{
    machine_boot();
    dist_write(V(0), GICD_IROUTER + 8 * 50, 8, 9);
    vgic_inject_spi(&vms[0], 50, 0);
    for (uint32_t i = 0; i < 4; i++) {
        EXPECT_EQ(guest_ack(V(i)), NONE);
    }
    dist_write(V(0), GICD_IROUTER + 8 * 50, 8, 2);
    EXPECT_EQ(handle(V(2)), 50);
    vgic_inject_spi(&vms[0], 96, 0); /* beyond the VM's interrupts */
    vgic_inject_spi(&vms[0], 5, 0);
    vgic_set_line(&vms[0], 96, true);
    vgic_set_line(&vms[0], 5, true);
}

TEST(linked_spi_whole_life)
{
    machine_boot();
    EXPECT(physical_spis[140].enabled && physical_spis[140].target == &pcpus[0]);
    EXPECT(fire_spi(140, &vms[0], 40));
    EXPECT(!fire_spi(140, &vms[0], 40));
    EXPECT_EQ(guest_ack(V(0)), 40);
    EXPECT(physical_spis[140].active);
    guest_eoi(V(0), 40);
    EXPECT(!physical_spis[140].active);
    EXPECT(fire_spi(140, &vms[0], 40));
    EXPECT_EQ(handle(V(0)), 40);
    bit_write(V(0), 0, GICD_ICENABLER, 40);
    EXPECT(!physical_spis[140].enabled);
    bit_write(V(0), 0, GICD_ISENABLER, 40);
    EXPECT(physical_spis[140].enabled);
}

TEST(linked_spi_follows_its_target)
{
    machine_boot();
    dist_write(V(0), GICD_IROUTER + 8 * 40, 8, 1);
    enter(V(2));
    EXPECT(physical_spis[140].target == &pcpus[0]); /* the new target has not had its turn */
    enter(V(1));
    EXPECT(physical_spis[140].target == &pcpus[1]);
    dist_write(V(3), GICD_IROUTER + 8 * 40, 8, 9); /* nobody */
    for (uint32_t i = 0; i < 4; i++) {
        enter(V(i));
    }
    EXPECT(physical_spis[140].target == &pcpus[1]);
    dist_write(V(3), GICD_IROUTER + 8 * 40, 8, 0);
    EXPECT(notified[0]);
    enter(V(0));
    EXPECT(physical_spis[140].target == &pcpus[0]);
    EXPECT(fire_spi(140, &vms[0], 40));
    EXPECT_EQ(handle(V(0)), 40);
}

/* What vCPU 0 does to an interrupt of vCPU 1 does not make the device interrupt CPU 1 again before
 * vCPU 1 has its turn there. */
TEST(linked_spi_costs_its_target_only)
{
    machine_boot();
    dist_write(V(0), GICD_IROUTER + 8 * 40, 8, 1);
    enter(V(1));
    enter(V(2)); /* the same CPU */
    EXPECT(fire_spi(140, &vms[0], 40));
    EXPECT(bit_read(V(0), 0, GICD_ISPENDR, 40));
    bit_write(V(0), 0, GICD_ICENABLER, 40);
    bit_write(V(0), 0, GICD_ISENABLER, 40); /* its level is to be sampled */
    EXPECT(notified[1]);
    EXPECT(!bit_read(V(0), 0, GICD_ISPENDR, 40));
    EXPECT(!fire_spi(140, &vms[0], 40));
    for (uint32_t i = 0; i < 3; i++) {
        bit_write(V(0), 0, GICD_ICPENDR, 40);
        bit_write(V(0), 0, GICD_ISACTIVER, 40);
        bit_write(V(0), 0, GICD_ICACTIVER, 40);
        enter(V(2));
        EXPECT(!fire_spi(140, &vms[0], 40));
    }
    EXPECT(vgic_has_pending(V(1))); /* or it would not wake to pay */
    enter(V(1));
    EXPECT(fire_spi(140, &vms[0], 40));
    EXPECT_EQ(guest_ack(V(1)), 40);
    enter(V(2));
    bit_write(V(0), 0, GICD_ICACTIVER, 40);
    EXPECT(!bit_read(V(0), 0, GICD_ISACTIVER, 40));
    EXPECT(!fire_spi(140, &vms[0], 40));
    enter(V(1));
    EXPECT(fire_spi(140, &vms[0], 40));

    /* Taken over by vCPU 0 it is on CPU 0 before it is paid for. */
    enter(V(2));
    bit_write(V(0), 0, GICD_ICPENDR, 40);
    dist_write(V(0), GICD_IROUTER + 8 * 40, 8, 0);
    EXPECT(physical_spis[140].active);
    enter(V(1)); /* it may be in a list register of vCPU 1 */
    enter(V(0));
    EXPECT(!physical_spis[140].active && physical_spis[140].target == &pcpus[0]);
}

TEST(linked_spi_taken_on_another_cpu)
{
    machine_boot();
    dist_write(V(0), GICD_IROUTER + 8 * 40, 8, 3);
    EXPECT(fire_spi(140, &vms[0], 40));
    EXPECT_EQ(handle(V(3)), 40);
    /* The next one comes before vCPU 3's CPU has noticed that its list register is empty. */
    physical_spis[140].target = &pcpus[0];
    EXPECT(fire_spi(140, &vms[0], 40));
    EXPECT(notified[3]);
    EXPECT_EQ(guest_ack(V(3)), 40);
    EXPECT(physical_spis[140].active);
    guest_eoi(V(3), 40);
    EXPECT(!physical_spis[140].active);
}

TEST(linked_spi_cleared)
{
    machine_boot();
    EXPECT(fire_spi(140, &vms[0], 40));
    EXPECT_EQ(guest_peek(V(0)), 40);
    bit_write(V(0), 0, GICD_ICPENDR, 40);
    EXPECT_EQ(guest_ack(V(0)), NONE);
    EXPECT(!physical_spis[140].active);

    bit_write(V(0), 0, GICD_ICENABLER, 40); /* enabled physically, but the guest's group is off */
    bit_write(V(0), 0, GICD_ISENABLER, 40);
    dist_write(V(0), GICD_CTLR, 4, 0);
    EXPECT(fire_spi(140, &vms[0], 40));
    bit_write(V(0), 0, GICD_ICPENDR, 40);
    enter(V(0));
    EXPECT(!physical_spis[140].active);
}

TEST(linked_spi_deactivated_by_hand)
{
    machine_boot();
    EXPECT(fire_spi(140, &vms[0], 40));
    EXPECT_EQ(guest_ack(V(0)), 40);
    bit_write(V(1), 0, GICD_ICACTIVER, 40);
    enter(V(0));
    EXPECT(!physical_spis[140].active);
    EXPECT(!bit_read(V(0), 0, GICD_ISACTIVER, 40));
}

TEST(linked_spi_pended_by_software_while_active)
{
    machine_boot();
    EXPECT(fire_spi(140, &vms[0], 40));
    EXPECT_EQ(guest_ack(V(0)), 40);
    bit_write(V(0), 0, GICD_ISPENDR, 40);
    guest_eoi(V(0), 40);
    EXPECT_EQ(guest_ack(V(0)), 40);
    guest_eoi(V(0), 40);
    enter(V(0));
    EXPECT(!physical_spis[140].active);
    EXPECT(fire_spi(140, &vms[0], 40));
    EXPECT_EQ(handle(V(0)), 40);
}

TEST(linked_level_is_sampled_again_when_enabled)
{
    machine_boot();
    bit_write(V(0), 0, GICD_ICENABLER, VTIMER);
    EXPECT(fire_timer(V(0))); /* PPIs stay enabled in the machine */
    EXPECT_EQ(guest_ack(V(0)), NONE);
    EXPECT(!fire_timer(V(0)));
    bit_write(V(0), 0, GICD_ISENABLER, VTIMER); /* the guest's timer is off by now */
    EXPECT_EQ(guest_ack(V(0)), NONE);
    EXPECT(fire_timer(V(0)));
    EXPECT_EQ(handle(V(0)), VTIMER);
}

TEST(timer_belongs_to_each_vcpu)
{
    machine_boot();
    enter(V(1));
    EXPECT(fire_timer(V(1)));
    EXPECT_EQ(guest_ack(V(1)), VTIMER);
    enter(V(2));
    EXPECT(!physical_timers[1].active);
    EXPECT(vgic_vtimer_in_flight(V(1)) && !vgic_vtimer_in_flight(V(2)));
    EXPECT(fire_timer(V(2)));
    EXPECT_EQ(handle(V(2)), VTIMER);
    enter(V(1));
    EXPECT(physical_timers[1].active);
    guest_eoi(V(1), VTIMER);
    EXPECT(!physical_timers[1].active);
    enter(V(2));
    EXPECT(!vgic_vtimer_in_flight(V(1)));
}

TEST(timer_cleared_by_another_vcpu)
{
    machine_boot();
    enter(V(1));
    bit_write(V(1), 1, GICD_ICENABLER, VTIMER);
    EXPECT(fire_timer(V(1)));
    redist_write(V(0), 1, GICR_ICPENDR0, 4, 1u << VTIMER);
    EXPECT(physical_timers[1].active); /* not for CPU 0 to touch */
    enter(V(1));
    EXPECT(!physical_timers[1].active);
}

TEST(vcpus_of_one_cpu_keep_theirs)
{
    uint32_t taken[3] = { 0 };

    machine_boot();
    for (uint32_t sgi = 0; sgi < 6; sgi++) { /* more than fit */
        send_sgi(V(0), sgi, 1u << 1 | 1u << 2);
    }
    for (uint32_t i = 0; i < 6; i++) { /* switches between all steps */
        uint32_t first = guest_ack(V(1));
        uint32_t second = guest_ack(V(2));

        EXPECT(first < 6 && second < 6);
        EXPECT_EQ(guest_ack(V(1)), NONE); /* the same priority does not preempt */
        EXPECT_EQ(guest_ack(V(2)), NONE);
        guest_eoi(V(1), first);
        guest_eoi(V(2), second);
        taken[1] |= 1u << first;
        taken[2] |= 1u << second;
    }
    EXPECT_EQ(taken[1], 0x3f);
    EXPECT_EQ(taken[2], 0x3f);
    EXPECT_EQ(guest_ack(V(1)), NONE);
    EXPECT_EQ(guest_ack(V(2)), NONE);
}

/* A guest that waits for another vCPU to end an interrupt reads its state again and again. */
TEST(states_at_other_vcpus_are_seen_in_the_end)
{
    machine_boot();
    dist_write(V(0), GICD_IROUTER + 8 * 50, 8, 1);
    enter(V(1));
    vgic_inject_spi(&vms[0], 50, 0);
    EXPECT_EQ(guest_ack(V(1)), 50);
    EXPECT(!vgic_has_pending(V(1))); /* compares banks and list registers */
    send_sgi(V(0), 3, 1u << 1);
    guest_eoi(V(1), 50);
    EXPECT_EQ(guest_ack(V(1)), 3);
    (void)bit_read(V(0), 1, GICD_ISACTIVER, 50);
    EXPECT(notified[1]);
    enter(V(1));
    EXPECT(!bit_read(V(0), 1, GICD_ISACTIVER, 50));
    EXPECT(bit_read(V(0), 1, GICD_ISACTIVER, 3));
    EXPECT(notified[1]);
    guest_eoi(V(1), 3);
    (void)bit_read(V(0), 1, GICD_ISACTIVER, 3);
    enter(V(1));
    EXPECT(!bit_read(V(0), 1, GICD_ISACTIVER, 3));
    EXPECT(!notified[1]); /* nothing is in its list registers any more */
}

TEST(vm_reset_leaves_nothing)
{
    machine_boot();
    EXPECT(fire_spi(140, &vms[0], 40));
    dist_write(V(0), GICD_IROUTER + 8 * 42, 8, 1);
    EXPECT(fire_spi(142, &vms[0], 42));
    EXPECT_EQ(guest_ack(V(0)), 40);
    enter(V(1));
    EXPECT_EQ(guest_ack(V(1)), 42);
    EXPECT(fire_timer(V(1)));
    send_sgi(V(0), 1, 0xf);
    enter(V(3));
    vgic_set_line(&vms[0], 33, true);
    vgic_set_line(&vms[0], 33, false); /* the UART is reset before */

    for (uint32_t i = 0; i < 4; i++) {
        switch_off(V(i));
    }
    on_cpu_of(V(0));
    vgic_vm_reset(&vms[0]);
    EXPECT(!physical_spis[140].active && !physical_spis[140].enabled);
    EXPECT(!physical_spis[142].active && !physical_spis[142].enabled);
    EXPECT(physical_spis[142].target == &pcpus[0]);
    for (uint32_t i = 0; i < 4; i++) {
        switch_on(V(i));
    }
    EXPECT(!physical_timers[1].active);
    for (uint32_t i = 0; i < 4; i++) {
        EXPECT_EQ(redist_read(V(i), i, GICR_ISPENDR0, 4), 0);
        EXPECT_EQ(redist_read(V(i), i, GICR_ISACTIVER0, 4), 0);
        fake_gic()->vmcr = 0xffull << ICH_VMCR_VPMR_SHIFT | ICH_VMCR_VENG1 | ICH_VMCR_VENG0;
        redist_write(V(i), i, GICR_ISENABLER0, 4, UINT32_MAX);
    }
    dist_write(V(0), GICD_ISENABLER + 4, 4, UINT32_MAX);
    dist_write(V(0), GICD_CTLR, 4, 3);
    for (uint32_t i = 0; i < 4; i++) {
        EXPECT_EQ(guest_ack(V(i)), NONE);
    }
}

TEST(vm_reset_forgets_edges)
{
    machine_boot();
    EXPECT(fire_spi(141, &vms[0], 41));
    physical_spis[141].pending = true; /* the next one, while the first is active */
    for (uint32_t i = 0; i < 4; i++) {
        switch_off(V(i));
    }
    vgic_vm_reset(&vms[0]);
    EXPECT(!physical_spis[141].active && !physical_spis[141].pending);
}

TEST(vcpu_off_gives_interrupts_back)
{
    machine_boot();
    dist_write(V(0), GICD_IROUTER + 8 * 40, 8, 1);
    dist_write(V(0), GICD_IROUTER + 8 * 50, 8, 1);
    dist_write(V(0), GICD_IROUTER + 8 * 42, 8, 1);
    EXPECT(fire_spi(140, &vms[0], 40));
    EXPECT_EQ(guest_ack(V(1)), 40);
    vgic_inject_spi(&vms[0], 50, 0);
    EXPECT(fire_spi(142, &vms[0], 42));
    enter(V(1)); /* one active and two pending in its list registers */
    switch_off(V(1));

    dist_write(V(0), GICD_IROUTER + 8 * 50, 8, 0);
    EXPECT_EQ(handle(V(0)), 50);
    dist_write(V(0), GICD_IROUTER + 8 * 42, 8, 0);
    EXPECT_EQ(handle(V(0)), 42);
    EXPECT(!physical_spis[142].active && physical_spis[142].target == &pcpus[0]);

    EXPECT(bit_read(V(0), 0, GICD_ISACTIVER, 40)); /* until somebody ends it */
    dist_write(V(0), GICD_IROUTER + 8 * 40, 8, 0);
    enter(V(0));
    EXPECT(physical_spis[140].active);
    bit_write(V(0), 0, GICD_ICACTIVER, 40);
    EXPECT(!bit_read(V(0), 0, GICD_ISACTIVER, 40));
    EXPECT(fire_spi(140, &vms[0], 40));
    EXPECT_EQ(handle(V(0)), 40);
    switch_on(V(1));
    EXPECT_EQ(handle(V(1)), NONE);
}

TEST(redistributor_outlives_its_vcpu)
{
    machine_boot();
    send_sgi(V(0), 3, 1u << 1);
    enter(V(1));
    switch_off(V(1)); /* with SGI 3 in a list register */
    send_sgi(V(0), 4, 1u << 1);
    bit_write(V(0), 1, GICD_ICENABLER, 5);
    set_priority(V(0), 1, 4, 0x40);
    switch_on(V(1));
    send_sgi(V(0), 5, 1u << 1);
    EXPECT_EQ(redist_read(V(1), 1, GICR_WAKER, 4), 0);
    EXPECT_EQ(redist_read(V(1), 1, GICR_ISENABLER0, 4), ~(1u << 5));
    EXPECT_EQ(redist_read(V(1), 1, GICR_IPRIORITYR + 4, 4), 0xa0a0a040);
    EXPECT_EQ(handle(V(1)), 4);
    EXPECT_EQ(handle(V(1)), 3);
    EXPECT_EQ(handle(V(1)), NONE);
}

/* The timer is switched off with its vCPU, and its line goes low. */
TEST(timer_does_not_outlive_its_vcpu)
{
    machine_boot();
    enter(V(1));
    EXPECT(fire_timer(V(1)));
    switch_off(V(1));
    EXPECT(!physical_timers[1].active);
    switch_on(V(1));
    EXPECT_EQ(handle(V(1)), NONE);
    EXPECT(fire_timer(V(1)));
    EXPECT_EQ(guest_ack(V(1)), VTIMER); /* and now while it is active */
    switch_off(V(1));
    enter(V(2));
    EXPECT(fire_timer(V(2)));
    EXPECT_EQ(handle(V(2)), VTIMER);
    switch_on(V(1));
    EXPECT(physical_timers[1].active);
    bit_write(V(1), 1, GICD_ICACTIVER, VTIMER); /* as guests do that begin */
    enter(V(1));
    EXPECT(fire_timer(V(1)));
    EXPECT_EQ(handle(V(1)), VTIMER);
}

TEST(spi_does_not_go_to_another_vms_vcpu)
{
    machine_boot();
    enter(V(4)); /* index 0 of its VM, as the target is */
    fake_gic()->vmcr = 0xffull << ICH_VMCR_VPMR_SHIFT | ICH_VMCR_VENG1;
    vgic_inject_spi(&vms[0], 50, 0);
    EXPECT_EQ(V(4)->arch.vgic.lr_used, 0);
    EXPECT_EQ(guest_peek(V(4)), NONE);
    EXPECT_EQ(handle(V(0)), 50);
}

TEST(other_vm_is_another_world)
{
    machine_boot();
    enter(V(4));
    fake_gic()->vmcr = 0xffull << ICH_VMCR_VPMR_SHIFT | ICH_VMCR_VENG0;
    redist_write(V(4), 0, GICR_ISENABLER0, 4, UINT32_MAX);
    dist_write(V(4), GICD_CTLR, 4, GICD_CTLR_ENABLE_GRP0);
    send_sgi(V(4), 2, 0xffff);
    EXPECT_EQ(handle(V(4)), 2);
    for (uint32_t i = 0; i < 4; i++) {
        EXPECT_EQ(handle(V(i)), NONE);
    }
    send_sgi(V(0), 2, 0xffff);
    EXPECT_EQ(handle(V(4)), NONE);
    EXPECT_EQ(redist_read(V(4), 1, GICR_TYPER, 8), 0); /* no such vCPU in its VM */
    EXPECT_EQ(redist_read(V(4), 0, GICR_TYPER, 8), GICR_TYPER_LAST);
}

TEST(registers_identify_a_gicv3)
{
    machine_boot();
    EXPECT_EQ(dist_read(V(0), GICD_PIDR2, 4) >> 4 & 0xf, 3);
    EXPECT_EQ(redist_read(V(0), 2, GICR_PIDR2, 4) >> 4 & 0xf, 3);
    EXPECT_EQ(dist_read(V(0), GICD_TYPER, 4), 2u | 9u << 19 | 1u << 25);
    EXPECT_EQ(dist_read(V(0), GICD_CTLR, 4), 0x52);
    EXPECT_EQ(redist_read(V(0), 2, GICR_TYPER, 8), 2ull << 32 | 2u << 8);
    EXPECT_EQ(redist_read(V(0), 3, GICR_TYPER, 4), 3u << 8 | 0x10);
    EXPECT_EQ(redist_read(V(0), 3, GICR_TYPER + 4, 4), 3);
    EXPECT_EQ(redist_read(V(0), 3, GICR_TYPER + 4, 8), 0); /* not aligned */
    EXPECT_EQ(redist_read(V(0), 1, GICR_WAKER, 4), 0);
    redist_write(V(0), 1, GICR_WAKER, 4, GICR_WAKER_PROCESSOR_SLEEP);
    EXPECT_EQ(redist_read(V(0), 1, GICR_WAKER, 4), 6);
    EXPECT_EQ(redist_read(V(0), 1, GICR_ICFGR0, 4), 0xaaaaaaaa);
    redist_write(V(0), 1, GICR_ICFGR0, 4, 0);
    EXPECT_EQ(redist_read(V(0), 1, GICR_ICFGR0, 4), 0xaaaaaaaa);
    dist_write(V(0), GICD_IPRIORITYR + 40, 4, 0xffffffff);
    EXPECT_EQ(dist_read(V(0), GICD_IPRIORITYR + 40, 4), 0xf8f8f8f8);
    dist_write(V(0), GICD_IPRIORITYR + 41, 1, 0x10);
    EXPECT_EQ(dist_read(V(0), GICD_IPRIORITYR + 40, 4), 0xf8f810f8);
    EXPECT_EQ(dist_read(V(0), GICD_IPRIORITYR + 40, 2), 0x10f8);
    EXPECT_EQ(dist_read(V(0), GICD_IPRIORITYR + 40, 8), 0);
    EXPECT_EQ(dist_read(V(0), GICD_IPRIORITYR, 4), 0); /* private ones are not here */
}

/* Every offset of both frames at every size, read and written: no crash, reads of 32 bits at most
 * where the size says so, and reserved places read as zero. */
TEST(every_offset_at_every_size)
{
    static const uint64_t values[] = { 0, UINT64_MAX, 0x5555555555555555ull };

    machine_boot();
    for (uint32_t i = 0; i < 3; i++) {
        for (uint32_t offset = 0; offset < 4 * GICR_STRIDE; offset++) {
            for (uint8_t size = 1; size <= 8; size *= 2) {
                uint64_t limit = size == 8 ? UINT64_MAX : (1ull << 8 * size) - 1;
                struct vcpu *v = &vcpus[(offset + size) % 4];

                if (offset < GICD_SIZE) {
                    dist_write(v, offset, size, values[i] & limit);
                    EXPECT(dist_read(v, offset, size) <= limit);
                    EXPECT(offset % size == 0 || dist_read(v, offset, size) == 0);
                }
                redist_write(v, 0, offset, size, values[i] & limit);
                EXPECT(redist_read(v, 0, offset, size) <= limit);
                EXPECT(offset % size == 0 || redist_read(v, 0, offset, size) == 0);
            }
        }
    }
    for (uint32_t offset = 0xd00; offset < GICD_IROUTER; offset += 4) {
        EXPECT_EQ(dist_read(&vcpus[0], offset, 4), 0);
    }
}

TEST_MAIN()

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the ICR sends, and to whom: destinations, shorthands and delivery modes of both modes of the
 * local APIC.
 */
/* ARCH: x86_64 */
/* SOURCES: arch/x86_64/vlapic.c arch/x86_64/vlapic_registers.c arch/x86_64/vlapic_timer.c */
/* SOURCES: arch/x86_64/vlapic_icr.c arch/x86_64/vioapic.c tests/host/apic_machine.c */
#include "apic_machine.h"

#define VECTOR 0x41
#define ALL    ((1u << VM_VCPUS) - 1) /* VM 0's, as a set */
#define ALIEN  (1u << VM_VCPUS)

static void start(void)
{
    machine_boot();
    for (uint32_t i = 0; i < VCPU_COUNT; i++) {
        enable(&vcpus[i]);
    }
    memset(asked, 0, sizeof asked);
}

/* The set of vCPUs that have the vector requested; takes it from them. */
static uint32_t requested(void)
{
    uint32_t set = 0;

    for (uint32_t i = 0; i < VCPU_COUNT; i++) {
        struct vcpu *v = &vcpus[i];
        int vector = take(v);

        if (vector >= 0) {
            EXPECT_EQ(vector, VECTOR);
            set |= 1u << i;
            if ((v->arch.lapic.base & APIC_BASE_EXTD) != 0) {
                msr_write(v, LAPIC_EOI, 0);
            } else {
                page_write(v, LAPIC_EOI, 0);
            }
            EXPECT_EQ(take(v), -1);
        }
    }
    return set;
}

/* The sets of vCPUs that were asked something. */
static uint32_t got(size_t what)
{
    uint32_t set = 0;

    for (uint32_t i = 0; i < VCPU_COUNT; i++) {
        uint32_t count;

        memcpy(&count, (const char *)&asked[i] + what, sizeof count);
        EXPECT(count <= 1);
        set |= count << i;
    }
    return set;
}

#define GOT(what) got(offsetof(struct asked, what))

/* Who gets what vCPU 3 sends in x2APIC mode. */
static uint32_t send(uint64_t icr)
{
    msr_write(&vcpus[3], LAPIC_ICR, icr);
    return requested();
}

static uint32_t send_xapic(uint32_t destination, uint32_t icr)
{
    page_write(&vcpus[3], LAPIC_ICR_HIGH, destination << 24);
    page_write(&vcpus[3], LAPIC_ICR, icr);
    return requested();
}

TEST(physical)
{
    start();
    for (uint32_t i = 0; i < VM_VCPUS; i++) {
        EXPECT_EQ(send(TO(i) | VECTOR), 1u << i);
    }
    EXPECT_EQ(send(TO(VM_VCPUS) | VECTOR), 0); /* nobody, least of all the other VM's */
    EXPECT_EQ(send(TO(0xff) | VECTOR), 0);     /* an id like any other */
    EXPECT_EQ(send(TO(0xfffffffe) | VECTOR), 0);
    EXPECT_EQ(send(TO(UINT32_MAX) | VECTOR), ALL);
    EXPECT_EQ(send(TO(UINT32_MAX) | ICR_LOGICAL | VECTOR), ALL);
    EXPECT_EQ(send(TO(2) | ICR_LEVEL | ICR_ASSERT | VECTOR), 1u << 2);
    EXPECT_EQ(msr_read(&vcpus[2], LAPIC_TMR + 2), 0); /* fixed ones are edges, whatever is said */
    msr_write(&vcpus[VM_VCPUS], LAPIC_ICR, TO(0) | VECTOR);
    EXPECT_EQ(requested(), ALIEN);
    msr_write(&vcpus[VM_VCPUS], LAPIC_ICR, TO(UINT32_MAX) | VECTOR);
    EXPECT_EQ(requested(), ALIEN);
}

TEST(notified_once_and_not_oneself)
{
    start();
    msr_write(&vcpus[3], LAPIC_ICR, TO(UINT32_MAX) | VECTOR);
    EXPECT_EQ(GOT(notified), ALL & ~(1u << 3));
}

TEST(shorthands)
{
    start();
    EXPECT_EQ(send(ICR_SHORTHAND_SELF | VECTOR), 1u << 3);
    EXPECT_EQ(send(ICR_SHORTHAND_ALL | VECTOR), ALL);
    EXPECT_EQ(send(ICR_SHORTHAND_OTHERS | VECTOR), ALL & ~(1u << 3));
    EXPECT_EQ(send(TO(1) | ICR_LOGICAL | ICR_SHORTHAND_SELF | VECTOR), 1u << 3);
}

TEST(logical_x2apic)
{
    start();
    EXPECT_EQ(send(TO(0x0001) | ICR_LOGICAL | VECTOR), 1);
    EXPECT_EQ(send(TO(0x8421) | ICR_LOGICAL | VECTOR), 0x8421);
    EXPECT_EQ(send(TO(0xffff) | ICR_LOGICAL | VECTOR), 0xffff);
    EXPECT_EQ(send(TO(0x0001ffff) | ICR_LOGICAL | VECTOR), 0x30000);
    EXPECT_EQ(send(TO(0x00010002) | ICR_LOGICAL | VECTOR), 0x20000);
    EXPECT_EQ(send(TO(0x0002ffff) | ICR_LOGICAL | VECTOR), 0);
    EXPECT_EQ(send(TO(0x80000001) | ICR_LOGICAL | VECTOR), 0);
    EXPECT_EQ(send(ICR_LOGICAL | VECTOR), 0);
}

TEST(lowest_priority_goes_to_one)
{
    start();
    EXPECT_EQ(send(TO(0x00f0) | MODE(APIC_MODE_LOWEST) | ICR_LOGICAL | VECTOR), 1u << 4);
    msr_write(&vcpus[4], LAPIC_SVR, 0xff); /* it accepts nothing: the next one */
    EXPECT_EQ(send(TO(0x00f0) | MODE(APIC_MODE_LOWEST) | ICR_LOGICAL | VECTOR), 1u << 5);
    EXPECT_EQ(send(TO(4) | VECTOR), 0);
}

TEST(other_modes)
{
    start();
    EXPECT_EQ(send(TO(5) | MODE(APIC_MODE_NMI)), 0);
    EXPECT_EQ(GOT(nmis), 1u << 5);
    EXPECT_EQ(send(TO(6) | MODE(APIC_MODE_INIT) | ICR_ASSERT), 0);
    EXPECT_EQ(send(TO(7) | MODE(APIC_MODE_STARTUP) | 0x9a), 0);
    EXPECT_EQ(GOT(inits), 1u << 6);
    EXPECT_EQ(GOT(startups), 1u << 7);
    EXPECT_EQ(asked[7].page, 0x9a);
    EXPECT_EQ(send(TO(8) | MODE(APIC_MODE_STARTUP)), 0); /* page 0 is not an illegal vector */
    EXPECT_EQ(GOT(startups), 3u << 7);
    EXPECT_EQ(asked[8].page, 0);
    memset(asked, 0, sizeof asked);
    EXPECT_EQ(send(TO(3) | MODE(2) | VECTOR), 0); /* SMI, reserved, ExtINT: nobody */
    EXPECT_EQ(send(TO(3) | MODE(3) | VECTOR), 0);
    EXPECT_EQ(send(TO(3) | MODE(7) | VECTOR), 0);
    EXPECT_EQ(GOT(nmis) | GOT(inits) | GOT(startups), 0);
}

TEST(init_level_deassert_is_ignored)
{
    start();
    send(ICR_SHORTHAND_ALL | MODE(APIC_MODE_INIT) | ICR_LEVEL);
    send(TO(1) | MODE(APIC_MODE_INIT) | ICR_LEVEL);
    EXPECT_EQ(GOT(inits), 0);
    send(TO(1) | MODE(APIC_MODE_INIT) | ICR_LEVEL | ICR_ASSERT);
    EXPECT_EQ(GOT(inits), 1u << 1);
}

/* SDM table 12-3. */
TEST(shorthands_with_other_modes)
{
    static const uint32_t modes[] = { APIC_MODE_NMI, APIC_MODE_INIT, APIC_MODE_STARTUP };

    for (uint32_t i = 0; i < 3; i++) {
        start();
        send(ICR_SHORTHAND_SELF | ICR_ASSERT | MODE(modes[i]));
        send(ICR_SHORTHAND_ALL | ICR_ASSERT | MODE(modes[i]));
        EXPECT_EQ(GOT(nmis) | GOT(inits) | GOT(startups), 0);
        send(ICR_SHORTHAND_OTHERS | ICR_ASSERT | MODE(modes[i]));
        EXPECT_EQ(GOT(nmis) | GOT(inits) | GOT(startups), ALL & ~(1u << 3));
    }
    EXPECT_EQ(send(ICR_SHORTHAND_ALL | MODE(APIC_MODE_LOWEST) | VECTOR), 0);
    EXPECT_EQ(send(ICR_SHORTHAND_OTHERS | MODE(APIC_MODE_LOWEST) | VECTOR), 1);
}

TEST(illegal_vectors)
{
    start();
    for (uint32_t vector = 0; vector < 16; vector++) {
        EXPECT_EQ(send(TO(3) | vector), 0);
        EXPECT_EQ(send(ICR_SHORTHAND_ALL | vector), 0);
        EXPECT_EQ(send(TO(3) | MODE(APIC_MODE_LOWEST) | vector), 0);
        EXPECT_EQ(msr_read(&vcpus[3], LAPIC_IRR), 0);
        msr_write(&vcpus[3], LAPIC_ESR, 0);
        EXPECT_EQ(msr_read(&vcpus[3], LAPIC_ESR), ESR_SEND_ILLEGAL_VECTOR);
    }
    EXPECT_EQ(send(TO(2) | MODE(APIC_MODE_NMI) | 3), 0); /* has no vector */
    msr_write(&vcpus[3], LAPIC_ESR, 0);
    EXPECT_EQ(msr_read(&vcpus[3], LAPIC_ESR), 0);
}

/* ---- xAPIC mode ---- */

TEST(xapic_physical)
{
    start();
    enable_xapic();
    for (uint32_t i = 0; i < VM_VCPUS; i++) {
        EXPECT_EQ(send_xapic(i, VECTOR), 1u << i);
    }
    EXPECT_EQ(send_xapic(VM_VCPUS, VECTOR), 0);
    EXPECT_EQ(send_xapic(0xff, VECTOR), ALL);
    EXPECT_EQ(send_xapic(5, ICR_SHORTHAND_OTHERS | VECTOR), ALL & ~(1u << 3));
    EXPECT_EQ(page_read(&vcpus[3], LAPIC_ICR), ICR_SHORTHAND_OTHERS | VECTOR);
    EXPECT_EQ(page_read(&vcpus[3], LAPIC_ICR_HIGH), 5u << 24);
    EXPECT_EQ(send_xapic(4, 3), 0);
    page_write(&vcpus[3], LAPIC_ESR, 0);
    EXPECT_EQ(page_read(&vcpus[3], LAPIC_ESR), ESR_SEND_ILLEGAL_VECTOR);
    /* Reserved bits are ignored, the shorthand is not. */
    EXPECT_EQ(send_xapic(4, 0xfff32000 | VECTOR), 1u << 4);
}

/* Nothing is sent by a write to the upper half. */
TEST(xapic_icr_high_sends_nothing)
{
    start();
    enable_xapic();
    EXPECT_EQ(send_xapic(4, VECTOR), 1u << 4);
    page_write(&vcpus[3], LAPIC_ICR_HIGH, 5u << 24);
    EXPECT_EQ(requested(), 0);
}

TEST(xapic_flat)
{
    start();
    enable_xapic();
    for (uint32_t i = 0; i < 8; i++) {
        page_write(&vcpus[i], LAPIC_LDR, 1u << i << 24);
    }
    EXPECT_EQ(send_xapic(0x81, ICR_LOGICAL | VECTOR), 0x81);
    EXPECT_EQ(send_xapic(0x10, ICR_LOGICAL | VECTOR), 0x10);
    EXPECT_EQ(send_xapic(0, ICR_LOGICAL | VECTOR), 0);
    EXPECT_EQ(send_xapic(0xff, ICR_LOGICAL | VECTOR), ALL);
    page_write(&vcpus[9], LAPIC_LDR, 0x18000000); /* more than one bit */
    EXPECT_EQ(send_xapic(0x08, ICR_LOGICAL | VECTOR), 0x208);
    EXPECT_EQ(send_xapic(0x18, MODE(APIC_MODE_LOWEST) | ICR_LOGICAL | VECTOR), 0x08);
}

TEST(xapic_cluster)
{
    start();
    enable_xapic();
    for (uint32_t i = 0; i < VM_VCPUS; i++) {
        page_write(&vcpus[i], LAPIC_DFR, 0);
        page_write(&vcpus[i], LAPIC_LDR, (i / 4 << 4 | 1u << i % 4) << 24);
    }
    EXPECT_EQ(send_xapic(0x01, ICR_LOGICAL | VECTOR), 1u << 0);
    EXPECT_EQ(send_xapic(0x1a, ICR_LOGICAL | VECTOR), 0xa0);
    EXPECT_EQ(send_xapic(0x4f, ICR_LOGICAL | VECTOR), 0x30000);
    EXPECT_EQ(send_xapic(0x5f, ICR_LOGICAL | VECTOR), 0);
    EXPECT_EQ(send_xapic(0x10, ICR_LOGICAL | VECTOR), 0);
    EXPECT_EQ(send_xapic(0xff, ICR_LOGICAL | VECTOR), ALL);
}

/* Each target's own mode decides what is its logical id. */
TEST(mixed_modes)
{
    start();
    enable_xapic();
    EXPECT(set_base(&vcpus[2], X2APIC));
    page_write(&vcpus[5], LAPIC_LDR, 0x04000000);
    EXPECT_EQ(send_xapic(0x04, ICR_LOGICAL | VECTOR), 0x24);
    EXPECT_EQ(send_xapic(2, VECTOR), 0x04);
}

/* A vCPU that was never started has no APIC that accepts anything, but can be started. */
TEST(not_started)
{
    start();
    vlapic_vm_reset(&vms[0]);
    enter(&vcpus[0]);
    vlapic_reset(&vcpus[0]);
    enable(&vcpus[0]);
    msr_write(&vcpus[0], LAPIC_ICR, ICR_SHORTHAND_ALL | VECTOR);
    EXPECT_EQ(requested(), 1);
    msr_write(&vcpus[0], LAPIC_ICR, ICR_SHORTHAND_OTHERS | MODE(APIC_MODE_INIT) | ICR_ASSERT);
    msr_write(&vcpus[0], LAPIC_ICR, TO(1) | MODE(APIC_MODE_STARTUP) | 8);
    EXPECT_EQ(GOT(inits), ALL & ~1u);
    EXPECT_EQ(GOT(startups), 2);
}

TEST_MAIN()

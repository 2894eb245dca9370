/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The virtual IOAPIC, case by case.
 */
/* ARCH: x86_64 */
/* SOURCES: arch/x86_64/vlapic.c arch/x86_64/vlapic_registers.c arch/x86_64/vlapic_timer.c */
/* SOURCES: arch/x86_64/vlapic_icr.c arch/x86_64/vioapic.c tests/host/apic_machine.c */
#include "apic_machine.h"
#include <arch/asm.h>
#include <arch/irq.h>

#define VM       (&vms[0])
#define PIN      4u
#define VECTOR   0x41
#define LEVEL    0x8000u
#define LOW      0x2000u
#define LOGICAL  0x800u
#define MASKED   0x10000u
#define WAITS    0x4000u /* remote IRR */
#define DEST(id) ((uint64_t)(id) << 56)

static void start(uint64_t entry)
{
    machine_boot();
    for (uint32_t i = 0; i < VCPU_COUNT; i++) {
        enable(&vcpus[i]);
    }
    set_entry(PIN, entry);
    enter(&vcpus[0]);
    memset(asked, 0, sizeof asked);
}

static void line(bool level)
{
    vioapic_set_line(VM, PIN, level);
}

static bool waits(void)
{
    return (get_entry(PIN) & WAITS) != 0;
}

static void end(struct vcpu *v)
{
    msr_write(v, LAPIC_EOI, 0);
}

/* Number of vCPUs that have the vector requested; takes and ends it. */
static uint32_t taken(void)
{
    uint32_t count = 0;

    for (uint32_t i = 0; i < VCPU_COUNT; i++) {
        count += drain(&vcpus[i]);
    }
    return count;
}

TEST(registers)
{
    start(MASKED);
    EXPECT_EQ(ioapic_read(1), 0x170011);
    EXPECT_EQ(ioapic_read(0), 0);
    ioapic_write(0, UINT32_MAX);
    EXPECT_EQ(ioapic_read(0), 0x0f000000);
    EXPECT_EQ(ioapic_read(2), 0x0f000000);
    ioapic_write(1, 0);
    ioapic_write(2, 0);
    EXPECT_EQ(ioapic_read(1), 0x170011);
    for (uint32_t pin = 0; pin < 24; pin++) {
        EXPECT_EQ(get_entry(pin), MASKED);
    }
    for (uint32_t index = 3; index < 0x100; index++) {
        ioapic_write(index, UINT32_MAX);
        if (index < 0x10 || index >= 0x40) {
            EXPECT_EQ(ioapic_read(index), 0);
        }
    }
    for (uint32_t pin = 0; pin < 24; pin++) {
        EXPECT_EQ(get_entry(pin), 0xff0000000001afff);
    }
}

TEST(select_and_window)
{
    start(MASKED);
    for (uint32_t offset = 0; offset < 0x40; offset++) {
        for (uint8_t size = 1; size <= 8; size = (uint8_t)(size * 2)) {
            struct mmio_access access = {
                .address = { IOAPIC_BASE + offset }, .size = size, .value = 0x101, .is_write = true
            };

            EXPECT_EQ(vioapic_access(&vcpus[0], NULL, &access), size == 4 && offset % 4 == 0);
            access.is_write = false;
            EXPECT_EQ(vioapic_access(&vcpus[0], NULL, &access), size == 4 && offset % 4 == 0);
            if (size == 4 && offset % 4 == 0) {
                EXPECT_EQ(access.value, offset == 0 ? 1 : offset == 0x10 ? 0x170011 : 0);
            }
        }
    }
}

TEST(edge)
{
    start(DEST(1) | VECTOR);
    line(true);
    EXPECT_EQ(asked[1].notified, 1);
    EXPECT(!waits());
    EXPECT_EQ(take(&vcpus[1]), VECTOR);
    EXPECT_EQ(msr_read(&vcpus[1], LAPIC_TMR + 2), 0);
    end(&vcpus[1]);
    EXPECT_EQ(taken(), 0);
    line(true); /* no edge */
    EXPECT_EQ(taken(), 0);
    line(false);
    EXPECT_EQ(taken(), 0);
    line(true);
    EXPECT_EQ(taken(), 1);
}

/* Edges of a masked pin are lost (3.2.4, bit 16). */
TEST(edge_while_masked)
{
    start(DEST(1) | MASKED | VECTOR);
    line(true);
    set_entry(PIN, DEST(1) | VECTOR);
    EXPECT_EQ(taken(), 0);
    line(false);
    line(true);
    EXPECT_EQ(taken(), 1);
}

TEST(edge_active_low)
{
    start(DEST(1) | LOW | VECTOR);
    line(true);
    EXPECT_EQ(taken(), 0);
    line(false);
    EXPECT_EQ(taken(), 1);
}

TEST(level)
{
    start(DEST(1) | LEVEL | VECTOR);
    line(true);
    EXPECT(waits());
    EXPECT_EQ(take(&vcpus[1]), VECTOR);
    EXPECT_EQ(msr_read(&vcpus[1], LAPIC_TMR + 2), 2);
    EXPECT_EQ(take(&vcpus[1]), -1);
    end(&vcpus[1]); /* still asserted: once more */
    EXPECT(waits());
    EXPECT_EQ(take(&vcpus[1]), VECTOR);
    line(false);
    EXPECT(waits());
    end(&vcpus[1]);
    EXPECT(!waits());
    EXPECT_EQ(take(&vcpus[1]), -1);
    line(true);
    EXPECT_EQ(take(&vcpus[1]), VECTOR);
}

/* A line that falls and rises while the interrupt is in service is one more after the EOI. */
TEST(level_rises_again_in_service)
{
    start(DEST(1) | LEVEL | VECTOR);
    line(true);
    EXPECT_EQ(take(&vcpus[1]), VECTOR);
    line(false);
    line(true);
    EXPECT_EQ(take(&vcpus[1]), -1);
    end(&vcpus[1]);
    EXPECT_EQ(take(&vcpus[1]), VECTOR);
}

TEST(level_active_low)
{
    start(DEST(1) | LEVEL | LOW | VECTOR);
    EXPECT_EQ(take(&vcpus[1]), VECTOR);
    line(true);
    end(&vcpus[1]);
    EXPECT_EQ(taken(), 0);
    line(false);
    EXPECT_EQ(take(&vcpus[1]), VECTOR);
}

TEST(level_while_masked)
{
    start(DEST(1) | LEVEL | MASKED | VECTOR);
    line(true);
    EXPECT_EQ(taken(), 0);
    set_entry(PIN, DEST(1) | LEVEL | VECTOR);
    EXPECT_EQ(take(&vcpus[1]), VECTOR);
    set_entry(PIN, DEST(1) | LEVEL | MASKED | VECTOR); /* masked while in service */
    EXPECT(waits());
    end(&vcpus[1]);
    EXPECT(!waits());
    EXPECT_EQ(taken(), 0);
    set_entry(PIN, DEST(1) | LEVEL | VECTOR);
    EXPECT_EQ(take(&vcpus[1]), VECTOR);
}

/* What kernels do when an EOI was lost: edge and back. */
TEST(edge_and_back_forgets_remote_irr)
{
    start(DEST(1) | LEVEL | VECTOR);
    line(true);
    EXPECT_EQ(take(&vcpus[1]), VECTOR);
    set_entry(PIN, DEST(1) | MASKED | VECTOR);
    EXPECT(!waits());
    set_entry(PIN, DEST(1) | LEVEL | VECTOR);
    EXPECT(waits()); /* sent again */
}

TEST(remote_irr_is_read_only)
{
    start(DEST(1) | LEVEL | WAITS | VECTOR);
    EXPECT(!waits());
    line(true);
    set_entry(PIN, DEST(1) | LEVEL | VECTOR);
    EXPECT(waits());
}

/* An EOI is for all pins of the vector, and for no other. */
TEST(shared_vector)
{
    start(DEST(1) | LEVEL | VECTOR);
    set_entry(5, DEST(1) | LEVEL | VECTOR);
    set_entry(6, DEST(1) | LEVEL | (VECTOR + 1));
    line(true);
    vioapic_set_line(VM, 5, true);
    vioapic_set_line(VM, 6, true);
    EXPECT_EQ(take(&vcpus[1]), VECTOR + 1);
    line(false);
    vioapic_set_line(VM, 6, false);
    end(&vcpus[1]); /* of pin 6 */
    EXPECT(waits() && (get_entry(5) & WAITS) && !(get_entry(6) & WAITS));
    EXPECT_EQ(take(&vcpus[1]), VECTOR);
    end(&vcpus[1]); /* of both; pin 5 is still asserted */
    EXPECT(!waits() && (get_entry(5) & WAITS));
    EXPECT_EQ(take(&vcpus[1]), VECTOR);
}

/* An EOI of an edge-triggered interrupt is not broadcast. */
TEST(edge_eoi_is_not_broadcast)
{
    start(DEST(1) | LEVEL | VECTOR);
    line(true);
    EXPECT(vlapic_post(&vcpus[2], VECTOR, false));
    EXPECT_EQ(take(&vcpus[2]), VECTOR);
    end(&vcpus[2]);
    EXPECT(waits());
}

/* Whoever owns his APIC has to let his EOIs be seen from the first open level-triggered entry. */
TEST(eois_are_watched)
{
    start(DEST(1) | VECTOR);
    set_entry(PIN, DEST(1) | LEVEL | MASKED | VECTOR);
    EXPECT_EQ(asked[0].watches, 0);
    set_entry(PIN, DEST(1) | LEVEL | VECTOR);
    EXPECT(asked[0].watches > 0 && asked[VM_VCPUS].watches == 0);
}

TEST(nobody_accepts)
{
    start(DEST(1) | LEVEL | MASKED | VECTOR);
    msr_write(&vcpus[1], LAPIC_SVR, 0xff);
    set_entry(PIN, DEST(1) | LEVEL | VECTOR);
    line(true);
    EXPECT(!waits()); /* it would wait for ever */
    enable(&vcpus[1]);
    set_entry(PIN, DEST(2) | LEVEL | VECTOR);
    EXPECT_EQ(take(&vcpus[2]), VECTOR);
}

TEST(destinations)
{
    start(DEST(17) | VECTOR);
    line(true);
    EXPECT_EQ(take(&vcpus[17]), VECTOR);
    end(&vcpus[17]);
    EXPECT_EQ(taken(), 0);
    set_entry(PIN, DEST(0xff) | VECTOR);
    line(false);
    line(true);
    EXPECT_EQ(taken(), VM_VCPUS);
    set_entry(PIN, DEST(0x42) | LOGICAL | VECTOR); /* x2APIC: cluster 0 */
    line(false);
    line(true);
    EXPECT_EQ(take(&vcpus[1]), VECTOR);
    EXPECT_EQ(take(&vcpus[6]), VECTOR);
    end(&vcpus[1]);
    end(&vcpus[6]);
    EXPECT_EQ(taken(), 0);
    set_entry(PIN, DEST(0xff) | LOGICAL | 0x100 | VECTOR); /* lowest priority */
    line(false);
    line(true);
    EXPECT_EQ(taken(), 1);
    set_entry(PIN, DEST(18) | VECTOR);
    line(false);
    line(true);
    EXPECT_EQ(taken(), 0);
}

TEST(other_modes)
{
    start(DEST(3) | 0x400); /* NMI */
    line(true);
    EXPECT_EQ(asked[3].nmis, 1);
    line(false);
    for (uint32_t mode = 2; mode < 8; mode++) {
        if (mode != 4) {
            set_entry(PIN, DEST(3) | mode << 8 | VECTOR);
            line(true);
            line(false);
        }
    }
    set_entry(PIN, DEST(3) | LEVEL | 0x400);
    line(true);
    EXPECT_EQ(asked[3].nmis, 1); /* NMIs are edges */
    EXPECT_EQ(asked[3].inits + asked[3].startups + taken(), 0);
    EXPECT(!waits());
}

TEST(illegal_vector)
{
    start(DEST(1) | LEVEL | 0x0f);
    line(true);
    EXPECT(!waits());
    EXPECT_EQ(msr_read(&vcpus[1], LAPIC_IRR), 0);
}

TEST(pins_that_are_not_there)
{
    start(DEST(0xff) | VECTOR);
    vioapic_set_line(VM, 24, true);
    vioapic_set_line(VM, UINT32_MAX, true);
    EXPECT_EQ(taken(), 0);
}

/* Each VM has its own. */
TEST(other_vm)
{
    start(DEST(0) | VECTOR);
    vioapic_set_line(&vms[1], PIN, true);
    EXPECT_EQ(taken(), 0);
    vioapic_set_line(&vms[1], PIN, false);
    line(true);
    EXPECT_EQ(take(&vcpus[VM_VCPUS]), -1);
    EXPECT_EQ(taken(), 1);
}

TEST(reset)
{
    start(DEST(1) | LEVEL | VECTOR);
    ioapic_write(0, 0x05000000);
    line(true);
    EXPECT(waits());
    vioapic_vm_reset(VM);
    EXPECT_EQ(ioapic_read(0), 0);
    EXPECT_EQ(get_entry(PIN), MASKED);
    taken();
    set_entry(PIN, DEST(1) | LEVEL | VECTOR);
    EXPECT_EQ(take(&vcpus[1]), VECTOR); /* the line of a device is the device's affair */
}

/* ---- physical pins ---- */

#define OWN_VECTOR (VECTOR_PIN + PHYSICAL_PIN)

static void start_physical(uint64_t entry)
{
    start(MASKED);
    for (uint32_t i = 0; i < VCPU_COUNT; i++) {
        vcpus[i].arch.owns_apic = false;
        vcpus[i].arch.is_direct = false;
    }
    vioapic_follow(VM);
    memset(asked, 0, sizeof asked);
    set_entry(PHYSICAL_PIN, entry);
}

static void own(struct vcpu *v)
{
    v->arch.owns_apic = true;
    v->arch.is_direct = true;
    vioapic_follow(VM);
}

static void expect_pin(uint32_t entry, uint32_t apic_id)
{
    uint32_t is = machine_pins[PHYSICAL_PIN].entry;

    EXPECT_EQ((is & MASKED) != 0 ? MASKED : is, entry);
    if ((entry & MASKED) == 0) {
        EXPECT_EQ(machine_pins[PHYSICAL_PIN].apic_id, apic_id);
    }
}

/* It goes to the vCPU's CPU, as the guest has it signalled. */
TEST(physical_pin_follows_its_entry)
{
    start_physical(MASKED);
    expect_pin(MASKED, 0);
    set_entry(PHYSICAL_PIN, DEST(1) | VECTOR);
    expect_pin(OWN_VECTOR, 7);
    set_entry(PHYSICAL_PIN, DEST(2) | LEVEL | LOW | VECTOR);
    expect_pin(LEVEL | LOW | OWN_VECTOR, 6);
    set_entry(PHYSICAL_PIN, DEST(2) | LOGICAL | VECTOR); /* the second one */
    expect_pin(OWN_VECTOR, 7);
    set_entry(PHYSICAL_PIN, DEST(1) | MASKED | VECTOR);
    expect_pin(MASKED, 0);
    set_entry(PHYSICAL_PIN, DEST(77) | VECTOR); /* to nobody */
    expect_pin(MASKED, 0);
    set_entry(PHYSICAL_PIN, DEST(1) | 0x400 | VECTOR); /* an NMI */
    expect_pin(MASKED, 0);
    set_entry(PHYSICAL_PIN, DEST(1) | 0xf); /* an illegal vector */
    expect_pin(MASKED, 0);
    EXPECT_EQ(asked[0].watches, 0);
}

TEST(physical_edge)
{
    start_physical(DEST(1) | VECTOR);
    vioapic_forward(VM, PHYSICAL_PIN);
    EXPECT_EQ(asked[1].notified, 1);
    expect_pin(OWN_VECTOR, 7);
    EXPECT_EQ(take(&vcpus[1]), VECTOR);
    vioapic_forward(VM, PHYSICAL_PIN);
    end(&vcpus[1]);
    EXPECT_EQ(taken(), 1);
}

/* Closed from the interrupt to the guest's end of it. */
TEST(physical_level)
{
    start_physical(DEST(1) | LEVEL | VECTOR);
    vioapic_forward(VM, PHYSICAL_PIN);
    EXPECT_EQ(machine_pins[PHYSICAL_PIN].entry, MASKED | LEVEL | OWN_VECTOR); /* its EOI comes */
    EXPECT((get_entry(PHYSICAL_PIN) & WAITS) != 0);
    EXPECT_EQ(take(&vcpus[1]), VECTOR);
    set_entry(PHYSICAL_PIN, DEST(1) | LEVEL | MASKED | VECTOR);
    set_entry(PHYSICAL_PIN, DEST(1) | LEVEL | VECTOR);
    expect_pin(MASKED, 0);
    end(&vcpus[1]);
    expect_pin(LEVEL | OWN_VECTOR, 7);
    EXPECT((get_entry(PHYSICAL_PIN) & WAITS) == 0);
    EXPECT_EQ(taken(), 0);
}

/* What was on its way when the guest masked the pin is lost. */
TEST(physical_pin_masked_meanwhile)
{
    start_physical(DEST(1) | MASKED | LEVEL | VECTOR);
    vioapic_forward(VM, PHYSICAL_PIN);
    EXPECT_EQ(taken(), 0);
    EXPECT((get_entry(PHYSICAL_PIN) & WAITS) == 0);
    expect_pin(MASKED, 0);
}

/* An owned APIC gets the guest's own vector, and ends it itself. */
TEST(physical_pin_of_an_owned_apic)
{
    start_physical(DEST(1) | LEVEL | VECTOR);
    own(&vcpus[1]);
    expect_pin(LEVEL | VECTOR, 7);
    machine_pins[PHYSICAL_PIN].is_in_service = true;
    EXPECT((get_entry(PHYSICAL_PIN) & WAITS) != 0);
    vioapic_forward(VM, PHYSICAL_PIN); /* a late one: the line still asks if it wants something */
    expect_pin(LEVEL | VECTOR, 7);
    set_entry(PHYSICAL_PIN, DEST(1) | VECTOR);
    expect_pin(VECTOR, 7);
    sent = 0;
    vioapic_forward(VM, PHYSICAL_PIN); /* a late edge */
    EXPECT_EQ(sent, COMMAND_FIXED | VECTOR);
    set_entry(PHYSICAL_PIN, DEST(2) | VECTOR);
    expect_pin(OWN_VECTOR, 6);
    set_entry(PHYSICAL_PIN, DEST(1) | VECTOR);
    vcpus[1].arch.owns_apic = false;
    vioapic_follow(VM);
    expect_pin(OWN_VECTOR, 7);
    EXPECT_EQ(asked[0].watches, 0);
}

TEST(physical_pin_is_closed_by_a_reset)
{
    start_physical(DEST(1) | LEVEL | VECTOR);
    vioapic_vm_reset(VM);
    expect_pin(MASKED, 0);
    vioapic_vm_reset(&vms[1]);
    set_entry(PHYSICAL_PIN, DEST(1) | LEVEL | VECTOR);
    vioapic_vm_reset(&vms[1]); /* another's */
    expect_pin(LEVEL | OWN_VECTOR, 7);
}

TEST_MAIN()

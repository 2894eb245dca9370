/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The virtual local APIC, case by case: priorities, registers, modes. The numbers that tests write
 * down are the manual's.
 */
/* ARCH: x86_64 */
/* SOURCES: arch/x86_64/vlapic.c arch/x86_64/vlapic_registers.c arch/x86_64/vlapic_timer.c */
/* SOURCES: arch/x86_64/vlapic_icr.c arch/x86_64/vioapic.c tests/host/apic_machine.c */
#include "apic_machine.h"
#include <arch/irq.h>

#define VCPU(i) (&vcpus[i])

static void start(void)
{
    machine_boot();
    for (uint32_t i = 0; i < VCPU_COUNT; i++) {
        enable(VCPU(i));
    }
    enter(VCPU(0));
    memset(asked, 0, sizeof asked);
}

TEST(state_after_power_up)
{
    uint64_t base;

    machine_boot();
    for (uint32_t i = 0; i < VM_VCPUS; i++) {
        EXPECT(vlapic_read_msr(VCPU(i), MSR_APIC_BASE, &base));
        EXPECT_EQ(base, i == 0 ? 0xfee00d00 : 0xfee00c00);
        EXPECT_EQ(msr_read(VCPU(i), LAPIC_ID), i);
        EXPECT_EQ(msr_read(VCPU(i), LAPIC_LDR), i < 16 ? 1u << i : 0x10000u | 1u << (i - 16));
    }
    EXPECT_EQ(msr_read(VCPU(0), LAPIC_VERSION), 0x50014);
    EXPECT_EQ(msr_read(VCPU(0), LAPIC_SVR), 0xff);
    EXPECT_EQ(msr_read(VCPU(0), LAPIC_TPR), 0);
    EXPECT_EQ(msr_read(VCPU(0), LAPIC_PPR), 0);
    EXPECT_EQ(msr_read(VCPU(0), LAPIC_ESR), 0);
    EXPECT_EQ(msr_read(VCPU(0), LAPIC_ICR), 0);
    for (uint32_t i = 0; i < LVT_COUNT; i++) {
        EXPECT_EQ(msr_read(VCPU(0), LVT(i)), 0x10000);
    }
    EXPECT_EQ(vlapic_pending(VCPU(0)), -1);
    EXPECT_EQ(vlapic_deadline(VCPU(0)), TIME_NEVER);
}

TEST(highest_vector_first)
{
    start();
    EXPECT(vlapic_post(VCPU(0), 0x31, false));
    EXPECT(vlapic_post(VCPU(0), 0xf1, false));
    EXPECT(vlapic_post(VCPU(0), 0x7f, false));
    EXPECT_EQ(msr_read(VCPU(0), LAPIC_IRR + 1), 1u << 0x11);
    EXPECT_EQ(msr_read(VCPU(0), LAPIC_IRR + 3), 1u << 0x1f);
    EXPECT_EQ(msr_read(VCPU(0), LAPIC_IRR + 7), 1u << 0x11);
    EXPECT_EQ(take(VCPU(0)), 0xf1);
    EXPECT_EQ(msr_read(VCPU(0), LAPIC_PPR), 0xf0);
    EXPECT_EQ(msr_read(VCPU(0), LAPIC_IRR + 7), 0);
    EXPECT_EQ(msr_read(VCPU(0), LAPIC_ISR + 7), 1u << 0x11);
    EXPECT_EQ(take(VCPU(0)), -1);
    msr_write(VCPU(0), LAPIC_EOI, 0);
    EXPECT_EQ(msr_read(VCPU(0), LAPIC_PPR), 0);
    EXPECT_EQ(take(VCPU(0)), 0x7f);
    msr_write(VCPU(0), LAPIC_EOI, 0);
    EXPECT_EQ(take(VCPU(0)), 0x31);
    msr_write(VCPU(0), LAPIC_EOI, 0);
    EXPECT_EQ(take(VCPU(0)), -1);
    msr_write(VCPU(0), LAPIC_EOI, 0); /* with nothing in service: nothing happens */
}

/* Only a higher class interrupts; within a class it waits. */
TEST(nesting)
{
    start();
    vlapic_post(VCPU(0), 0x41, false);
    EXPECT_EQ(take(VCPU(0)), 0x41);
    vlapic_post(VCPU(0), 0x4f, false);
    EXPECT_EQ(take(VCPU(0)), -1);
    vlapic_post(VCPU(0), 0x50, false);
    EXPECT_EQ(take(VCPU(0)), 0x50);
    EXPECT_EQ(msr_read(VCPU(0), LAPIC_PPR), 0x50);
    msr_write(VCPU(0), LAPIC_EOI, 0); /* of 0x50 */
    EXPECT_EQ(msr_read(VCPU(0), LAPIC_PPR), 0x40);
    EXPECT_EQ(take(VCPU(0)), -1);
    msr_write(VCPU(0), LAPIC_EOI, 0); /* of 0x41 */
    EXPECT_EQ(take(VCPU(0)), 0x4f);
}

/* A vector in service can be requested once more, and no oftener. */
TEST(requested_while_in_service)
{
    start();
    vlapic_post(VCPU(0), 0x41, false);
    EXPECT_EQ(take(VCPU(0)), 0x41);
    vlapic_post(VCPU(0), 0x41, false);
    vlapic_post(VCPU(0), 0x41, false);
    EXPECT_EQ(take(VCPU(0)), -1);
    msr_write(VCPU(0), LAPIC_EOI, 0);
    EXPECT_EQ(take(VCPU(0)), 0x41);
    msr_write(VCPU(0), LAPIC_EOI, 0);
    EXPECT_EQ(take(VCPU(0)), -1);
}

TEST(task_priority)
{
    start();
    vlapic_post(VCPU(0), 0x5e, false);
    msr_write(VCPU(0), LAPIC_TPR, 0x50);
    EXPECT_EQ(msr_read(VCPU(0), LAPIC_PPR), 0x50);
    EXPECT_EQ(take(VCPU(0)), -1);
    EXPECT(!vlapic_has_interrupt(VCPU(0)));
    msr_write(VCPU(0), LAPIC_TPR, 0x4f);
    EXPECT(vlapic_has_interrupt(VCPU(0)));
    EXPECT_EQ(take(VCPU(0)), 0x5e);
    EXPECT_EQ(msr_read(VCPU(0), LAPIC_PPR), 0x50);
    vlapic_set_tpr(VCPU(0), 0x5a); /* of the same class: all of the TPR shows (12.8.3.1) */
    EXPECT_EQ(msr_read(VCPU(0), LAPIC_PPR), 0x5a);
    EXPECT_EQ(vlapic_tpr(VCPU(0)), 0x5a);
    EXPECT(!try_write(VCPU(0), LAPIC_TPR, 0x100));
}

/* What the TPR alone or with what is in service holds back, and what only the latter does. */
TEST(held_back)
{
    start();
    msr_write(VCPU(0), LAPIC_TPR, 0x40);
    EXPECT(!vlapic_is_held_back(VCPU(0)));
    vlapic_post(VCPU(0), 0x4f, false);
    EXPECT_EQ(vlapic_pending(VCPU(0)), -1);
    EXPECT(vlapic_is_held_back(VCPU(0)));
    vlapic_set_tpr(VCPU(0), 0x3f);
    EXPECT(!vlapic_is_held_back(VCPU(0)));
    EXPECT_EQ(take(VCPU(0)), 0x4f);
    vlapic_post(VCPU(0), 0x41, false);
    EXPECT_EQ(vlapic_pending(VCPU(0)), -1);
    EXPECT(!vlapic_is_held_back(VCPU(0)));
    vlapic_set_tpr(VCPU(0), 0x4f);
    EXPECT(vlapic_is_held_back(VCPU(0)));
}

/* CR8 and the TPR may be raised over what is requested, and lowered over what is in service. */
TEST(priority_class_of_zero_is_never_delivered)
{
    start();
    vlapic_post(VCPU(0), 0x10, false);
    msr_write(VCPU(0), LAPIC_TPR, 0x10);
    EXPECT_EQ(take(VCPU(0)), -1);
    msr_write(VCPU(0), LAPIC_TPR, 0x0f);
    EXPECT_EQ(take(VCPU(0)), 0x10);
}

/* ---- Posted by others ---- */

TEST(notifies_who_does_not_run_here)
{
    start();
    vlapic_post(VCPU(0), 0x41, false);
    EXPECT_EQ(asked[0].notified, 0);
    vlapic_post(VCPU(1), 0x41, false);
    EXPECT_EQ(asked[1].notified, 1);
    vlapic_post(VCPU(1), 0x41, false); /* it knows */
    vlapic_post(VCPU(1), 0x42, false);
    EXPECT_EQ(asked[1].notified, 1);
    EXPECT_EQ(take(VCPU(1)), 0x42);
    enter(VCPU(0));
    vlapic_post(VCPU(1), 0x42, false);
    EXPECT_EQ(asked[1].notified, 2);
    vlapic_post(VCPU(2), 0x42, false); /* on this CPU, but not running */
    EXPECT_EQ(asked[2].notified, 1);
}

/* A halted vCPU that looked, found nothing for it and went to sleep again is told about more. */
TEST(blocked_interrupt_hides_no_later_one)
{
    start();
    msr_write(VCPU(1), LAPIC_TPR, 0x80);
    enter(VCPU(0));
    vlapic_post(VCPU(1), 0x41, false);
    EXPECT(!vlapic_has_interrupt(VCPU(1)));
    vlapic_post(VCPU(1), 0x91, false);
    EXPECT_EQ(asked[1].notified, 2);
    EXPECT(vlapic_has_interrupt(VCPU(1)));
}

/* A vCPU that owns its CPU's APIC gets the vector there; how it is triggered is kept here. */
TEST(owner_of_its_apic)
{
    start();
    vcpus[1].arch.is_direct = true;
    EXPECT(vlapic_post(VCPU(1), 0x41, true));
    EXPECT_EQ(sent_to, 7);
    EXPECT_EQ(sent, COMMAND_FIXED | 0x41);
    EXPECT_EQ(asked[1].notified, 0);
    EXPECT_EQ(msr_read(VCPU(1), LAPIC_TMR + 2), 2);
    EXPECT_EQ(take(VCPU(1)), -1);
    msr_write(VCPU(1), LAPIC_SVR, 0xff);
    EXPECT(!vlapic_post(VCPU(1), 0x42, false));
    EXPECT_EQ(sent, COMMAND_FIXED | 0x41);
    enable(VCPU(1));
    msr_write(VCPU(1), LVT(LVT_ERROR), 0x60);
    msr_write(VCPU(1), LAPIC_ICR, 0x0f);
    EXPECT_EQ(sent, COMMAND_FIXED | 0x60);
}

/* ---- Registers in x2APIC mode ---- */

/* What each register allows: SDM table 12-6. */
static const struct {
    uint32_t index;
    bool is_readable;
    uint64_t writable;
} registers[] = {
    { 0x02, true, 0 },
    { 0x03, true, 0 },
    { 0x08, true, 0xff },
    { 0x0a, true, 0 },
    { 0x0d, true, 0 },
    { 0x0f, true, 0x3ff },
    { 0x30, true, 0xffffffff000cdfff },
    { 0x32, true, 0x310ff },
    { 0x33, true, 0x117ff },
    { 0x34, true, 0x117ff },
    { 0x35, true, 0x1f7ff },
    { 0x36, true, 0x1f7ff },
    { 0x37, true, 0x110ff },
    { 0x38, true, 0xffffffff },
    { 0x39, true, 0 },
    { 0x3e, true, 0xb },
    { 0x3f, false, 0xff },
};

TEST(every_msr)
{
    start();
    for (uint32_t index = 0; index < 0x100; index++) {
        bool is_readable = index >= 0x10 && index < 0x28;
        uint64_t writable = 0;
        bool takes_zero = index == LAPIC_EOI || index == LAPIC_ESR;

        for (uint32_t i = 0; i < sizeof registers / sizeof registers[0]; i++) {
            if (registers[i].index == index) {
                is_readable = registers[i].is_readable;
                writable = registers[i].writable;
            }
        }
        is_readable = is_readable || index == LAPIC_ESR;
        fprintf(stderr, "MSR 0x%x\n", MSR(index));
        EXPECT_EQ(try_read(VCPU(0), index), is_readable);
        EXPECT_EQ(try_write(VCPU(0), index, 0), takes_zero || writable != 0);
        for (uint32_t bit = 0; bit < 64; bit++) {
            EXPECT_EQ(try_write(VCPU(0), index, UINT64_C(1) << bit), writable >> bit & 1);
        }
    }
}

TEST(registers_read_back)
{
    start();
    msr_write(VCPU(0), LVT(LVT_TIMER), 0x310ff);
    EXPECT_EQ(msr_read(VCPU(0), LVT(LVT_TIMER)), 0x300ff); /* delivery status is read only */
    msr_write(VCPU(0), LVT(3), 0x1f7ff);
    EXPECT_EQ(msr_read(VCPU(0), LVT(3)), 0x1a7ff); /* remote IRR too */
    msr_write(VCPU(0), LAPIC_SVR, 0x3a5);
    EXPECT_EQ(msr_read(VCPU(0), LAPIC_SVR), 0x3a5);
    msr_write(VCPU(0), LAPIC_INITIAL_COUNT, 0xfffffff0);
    EXPECT_EQ(msr_read(VCPU(0), LAPIC_INITIAL_COUNT), 0xfffffff0);
    msr_write(VCPU(0), LAPIC_DIVIDE, 0xb);
    EXPECT_EQ(msr_read(VCPU(0), LAPIC_DIVIDE), 0xb);
    msr_write(VCPU(0), LAPIC_ICR, TO(1000) | ICR_DELIVERY_STATUS | 0x41);
    EXPECT_EQ(msr_read(VCPU(0), LAPIC_ICR), TO(1000) | 0x41);
}

TEST(self_ipi)
{
    start();
    msr_write(VCPU(0), LAPIC_SELF_IPI, 0x33);
    EXPECT_EQ(take(VCPU(0)), 0x33);
    EXPECT_EQ(msr_read(VCPU(0), LAPIC_TMR + 1), 0);
    msr_write(VCPU(0), LAPIC_SELF_IPI, 0x0f);
    EXPECT_EQ(msr_read(VCPU(0), LAPIC_IRR), 0);
}

/* ---- Errors ---- */

/* The ESR shows what happened until it was last written, and the error interrupt comes once for
 * each time. */
TEST(error_status)
{
    start();
    msr_write(VCPU(0), LVT(LVT_ERROR), 0x60);
    msr_write(VCPU(0), LAPIC_ICR, TO(1) | 0x0f);
    EXPECT_EQ(msr_read(VCPU(0), LAPIC_ESR), 0);
    EXPECT_EQ(take(VCPU(0)), 0x60);
    msr_write(VCPU(0), LAPIC_EOI, 0);
    msr_write(VCPU(0), LAPIC_SELF_IPI, 0);
    EXPECT_EQ(take(VCPU(0)), -1);
    msr_write(VCPU(0), LAPIC_ESR, 0);
    EXPECT_EQ(msr_read(VCPU(0), LAPIC_ESR), ESR_SEND_ILLEGAL_VECTOR);
    msr_write(VCPU(0), LAPIC_SELF_IPI, 0);
    EXPECT_EQ(take(VCPU(0)), 0x60);
    msr_write(VCPU(0), LAPIC_EOI, 0);
    msr_write(VCPU(0), LAPIC_ESR, 0);
    msr_write(VCPU(0), LAPIC_ESR, 0);
    EXPECT_EQ(msr_read(VCPU(0), LAPIC_ESR), 0);
    EXPECT(!try_write(VCPU(0), LAPIC_ESR, 1));
}

/* An entry of the local vector table with a vector that there is not. */
TEST(illegal_vector_of_an_entry)
{
    start();
    msr_write(VCPU(0), LVT(LVT_ERROR), 0x0f);
    msr_write(VCPU(0), LAPIC_SELF_IPI, 0);
    EXPECT_EQ(take(VCPU(0)), -1);
    msr_write(VCPU(0), LAPIC_ESR, 0);
    EXPECT_EQ(msr_read(VCPU(0), LAPIC_ESR), ESR_SEND_ILLEGAL_VECTOR | ESR_RECEIVE_ILLEGAL_VECTOR);
}

/* ---- Disabled by software ---- */

TEST(software_disabled)
{
    start();
    msr_write(VCPU(0), LVT(LVT_TIMER), 0x40);
    msr_write(VCPU(0), LVT(3), 0x700);
    vlapic_post(VCPU(0), 0x51, false);
    msr_write(VCPU(0), LAPIC_SVR, 0xff);
    EXPECT_EQ(msr_read(VCPU(0), LVT(LVT_TIMER)), 0x10040);
    EXPECT_EQ(msr_read(VCPU(0), LVT(3)), 0x10700);
    msr_write(VCPU(0), LVT(LVT_TIMER), 0x41); /* stays masked (12.4.7.2) */
    EXPECT_EQ(msr_read(VCPU(0), LVT(LVT_TIMER)), 0x10041);
    EXPECT(!vlapic_post(VCPU(0), 0x61, false));
    msr_write(VCPU(0), LAPIC_SELF_IPI, 0x62);
    EXPECT_EQ(take(VCPU(0)), 0x51); /* what was requested before is still there */
    msr_write(VCPU(0), LAPIC_EOI, 0);
    EXPECT_EQ(take(VCPU(0)), -1);
    msr_write(VCPU(0), LAPIC_ICR, TO(1) | 0x63); /* it can send */
    EXPECT_EQ(take(VCPU(1)), 0x63);
    enable(VCPU(0));
    EXPECT_EQ(take(VCPU(0)), -1);
    EXPECT_EQ(msr_read(VCPU(0), LVT(LVT_TIMER)), 0x10041);
    msr_write(VCPU(0), LAPIC_SELF_IPI, 0x62);
    EXPECT_EQ(take(VCPU(0)), 0x62);
}

/* ---- Modes ---- */

/* SDM figure 12-27. */
TEST(mode_transitions)
{
    static const uint64_t modes[] = { 0, APIC_BASE_EN, X2APIC, APIC_BASE_EXTD };
    static const bool legal[3][4] = {
        { true, true, false, false },
        { true, true, true, false },
        { true, false, true, false },
    };

    for (uint32_t from = 0; from < 3; from++) {
        for (uint32_t to = 0; to < 4; to++) {
            uint64_t base = 0;

            start();
            EXPECT(set_base(VCPU(0), 0));
            EXPECT(from == 0 || set_base(VCPU(0), APIC_BASE_EN));
            EXPECT(from < 2 || set_base(VCPU(0), X2APIC));
            EXPECT_EQ(set_base(VCPU(0), modes[to]), legal[from][to]);
            EXPECT(vlapic_read_msr(VCPU(0), MSR_APIC_BASE, &base));
            EXPECT_EQ(base, APIC_BASE_ADDRESS | modes[legal[from][to] ? to : from]);
        }
    }
}

TEST(base_reserved_bits)
{
    start();
    for (uint32_t bit = 0; bit < 64; bit++) {
        bool is_mode = bit == 10 || bit == 11;
        uint64_t base = (APIC_BASE_ADDRESS | X2APIC) ^ UINT64_C(1) << bit;

        if (!is_mode) {
            enter(VCPU(0));
            EXPECT_EQ(vlapic_write_msr(VCPU(0), MSR_APIC_BASE, base), bit == 8);
        }
    }
}

TEST(hardware_disabled)
{
    start();
    msr_write(VCPU(0), LAPIC_TPR, 0x20);
    vlapic_post(VCPU(0), 0x51, false);
    msr_write(VCPU(0), LVT(LVT_TIMER), 0x40);
    msr_write(VCPU(0), LAPIC_INITIAL_COUNT, 1000);
    asked[0].timer_changes = 0;
    EXPECT(set_base(VCPU(0), 0));
    EXPECT_EQ(asked[0].timer_changes, 1);
    EXPECT_EQ(vlapic_deadline(VCPU(0)), TIME_NEVER);
    EXPECT_EQ(vlapic_pending(VCPU(0)), -1);
    EXPECT_EQ(vlapic_tpr(VCPU(0)), 0);
    EXPECT(!vlapic_post(VCPU(0), 0x51, false));
    EXPECT(!try_read(VCPU(0), LAPIC_ID));
    EXPECT(!try_write(VCPU(0), LAPIC_EOI, 0));
    EXPECT_EQ(page_read(VCPU(0), LAPIC_ID), UINT32_MAX);
    EXPECT(set_base(VCPU(0), APIC_BASE_EN));
    EXPECT(!try_read(VCPU(0), LAPIC_ID));
    EXPECT(!try_write(VCPU(0), LAPIC_EOI, 0));
    EXPECT(!try_write(VCPU(0), LAPIC_ICR, TO(1) | 0x41));
    EXPECT(!try_write(VCPU(0), LAPIC_INITIAL_COUNT, 1));
    EXPECT_EQ(page_read(VCPU(0), LAPIC_SVR), 0xff);
}

TEST(init_leaves_the_mode_alone)
{
    uint64_t base = 0;

    start();
    enable_xapic();
    vlapic_post(VCPU(2), 0x51, true);
    page_write(VCPU(2), LAPIC_LDR, 0x04000000);
    enter(VCPU(2));
    vlapic_reset(VCPU(2));
    EXPECT(vlapic_read_msr(VCPU(2), MSR_APIC_BASE, &base));
    EXPECT_EQ(base, 0xfee00800);
    EXPECT_EQ(page_read(VCPU(2), LAPIC_LDR), 0);
    EXPECT_EQ(page_read(VCPU(2), LAPIC_SVR), 0xff);
    EXPECT_EQ(page_read(VCPU(2), LAPIC_IRR + 2), 0);
    EXPECT_EQ(page_read(VCPU(2), LAPIC_TMR + 2), 0);
    vlapic_vm_reset(&vms[0]);
    EXPECT(!vlapic_post(VCPU(2), 0x51, false));
    vlapic_reset(VCPU(2));
    EXPECT(vlapic_read_msr(VCPU(2), MSR_APIC_BASE, &base));
    EXPECT_EQ(base, 0xfee00c00);
}

TEST(from_xapic_to_x2apic)
{
    start();
    enable_xapic();
    page_write(VCPU(1), LAPIC_TPR, 0x30);
    page_write(VCPU(1), LAPIC_ICR_HIGH, 0x05000000);
    vlapic_post(VCPU(1), 0x51, false);
    EXPECT(set_base(VCPU(1), X2APIC));
    EXPECT_EQ(msr_read(VCPU(1), LAPIC_TPR), 0x30);
    EXPECT_EQ(msr_read(VCPU(1), LAPIC_ICR), 0);
    EXPECT_EQ(msr_read(VCPU(1), LAPIC_ID), 1);
    EXPECT_EQ(msr_read(VCPU(1), LAPIC_LDR), 2);
    EXPECT_EQ(take(VCPU(1)), 0x51);
    msr_write(VCPU(1), LAPIC_EOI, 0);
}

/* ---- The xAPIC page ---- */

TEST(page_registers)
{
    start();
    enable_xapic();
    EXPECT_EQ(page_read(VCPU(3), LAPIC_ID), 0x03000000);
    EXPECT_EQ(page_read(VCPU(3), LAPIC_VERSION), 0x50014);
    EXPECT_EQ(page_read(VCPU(3), LAPIC_DFR), UINT32_MAX);
    page_write(VCPU(3), LAPIC_DFR, 0);
    EXPECT_EQ(page_read(VCPU(3), LAPIC_DFR), 0x0fffffff);
    page_write(VCPU(3), LAPIC_LDR, UINT32_MAX);
    EXPECT_EQ(page_read(VCPU(3), LAPIC_LDR), 0xff000000);
    page_write(VCPU(3), LAPIC_ICR_HIGH, UINT32_MAX);
    EXPECT_EQ(page_read(VCPU(3), LAPIC_ICR_HIGH), 0xff000000);
    page_write(VCPU(3), LAPIC_TPR, UINT32_MAX); /* reserved bits are ignored */
    EXPECT_EQ(page_read(VCPU(3), LAPIC_TPR), 0xff);
    page_write(VCPU(3), LVT(LVT_TIMER), UINT32_MAX);
    EXPECT_EQ(page_read(VCPU(3), LVT(LVT_TIMER)), 0x300ff);
    EXPECT_EQ(page_read(VCPU(3), LAPIC_EOI), 0);
    page_write(VCPU(3), LAPIC_ESR, 0x1234);
    EXPECT_EQ(page_read(VCPU(3), LAPIC_ESR), 0);
}

TEST(page_end_of_interrupt)
{
    start();
    enable_xapic();
    vlapic_post(VCPU(3), 0x51, false);
    EXPECT_EQ(take(VCPU(3)), 0x51);
    EXPECT_EQ(page_read(VCPU(3), LAPIC_ISR + 2), 1u << 0x11);
    page_write(VCPU(3), LAPIC_EOI, 0xdead); /* any value will do */
    EXPECT_EQ(page_read(VCPU(3), LAPIC_ISR + 2), 0);
}

TEST(page_registers_that_are_not_there)
{
    static const uint32_t reserved[] = { 0x00, 0x01, 0x04, 0x2f, 0x3a, 0x3f, 0x40, 0xff };

    start();
    enable_xapic();
    for (uint32_t i = 0; i < sizeof reserved / sizeof reserved[0]; i++) {
        EXPECT_EQ(page_read(VCPU(0), reserved[i]), 0);
        page_write(VCPU(0), LAPIC_ESR, 0);
        EXPECT_EQ(page_read(VCPU(0), LAPIC_ESR), ESR_ILLEGAL_REGISTER);
        page_write(VCPU(0), reserved[i], UINT32_MAX);
        page_write(VCPU(0), LAPIC_ESR, 0);
        EXPECT_EQ(page_read(VCPU(0), LAPIC_ESR), ESR_ILLEGAL_REGISTER);
    }
}

/* Only aligned words; and in x2APIC mode nobody answers. */
TEST(page_accesses)
{
    start();
    msr_write(VCPU(0), LAPIC_TPR, 0x20);
    page_write(VCPU(0), LAPIC_TPR, 0x30);
    EXPECT_EQ(msr_read(VCPU(0), LAPIC_TPR), 0x20);
    EXPECT_EQ(page_read(VCPU(0), LAPIC_TPR), UINT32_MAX);
    for (uint32_t offset = 0; offset < 32; offset++) {
        for (uint8_t size = 1; size <= 8; size = (uint8_t)(size * 2)) {
            struct mmio_access access = { .address = { APIC_BASE_ADDRESS + offset }, .size = size };

            EXPECT_EQ(vlapic_access(VCPU(0), NULL, &access), size == 4 && offset % 16 == 0);
        }
    }
}

TEST_MAIN()

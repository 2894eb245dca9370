/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The virtual PLIC, case by case: what drivers do, and what nobody should.
 */
/* ARCH: riscv64 */
/* SOURCES: arch/riscv64/vplic.c arch/riscv64/vcontext.c tests/host/vplic_machine.c */
#include "vplic_machine.h"

#define ALL UINT32_MAX

/* VM 0 as a driver leaves it: everything at priority 1 and enabled for vCPU 0. */
static void start(void)
{
    machine_boot();
    for (uint32_t source = 0; source < SOURCE_COUNT; source++) {
        set_priority(&vcpus[0], source, 1);
    }
    for (uint32_t bank = 0; bank < 3; bank++) {
        set_enables(&vcpus[0], 0, bank, ALL);
    }
    for (uint32_t v = 0; v < 3; v++) {
        set_threshold(&vcpus[0], v, 0);
    }
}

TEST(only_own_sources_exist)
{
    start();
    EXPECT_EQ(plic_read(&vcpus[0], PLIC_ENABLE), 1u << UART_SOURCE);
    EXPECT_EQ(plic_read(&vcpus[0], PLIC_ENABLE + 4), 7u << 1 | 7u << 8);
    EXPECT_EQ(plic_read(&vcpus[0], PLIC_ENABLE + 8), 0);
    EXPECT_EQ(plic_read(&vcpus[0], PLIC_ENABLE + 12), 0);
    EXPECT_EQ(plic_read(&vcpus[0], 4 * UART_SOURCE), 1);
    EXPECT_EQ(plic_read(&vcpus[0], 4 * FOREIGN_SOURCE), 0);
    EXPECT_EQ(plic_read(&vcpus[0], 0), 0);
    EXPECT_EQ(plic_read(&vcpus[0], 4 * 1023), 0);
    EXPECT(!physicals[FOREIGN_SOURCE].enabled[0]);
    EXPECT(!vcpus[3].arch.context.signalled);
}

TEST(contexts_beyond_the_vcpus_do_not_exist)
{
    start();
    set_enables(&vcpus[0], 3, 0, ALL);
    EXPECT_EQ(plic_read(&vcpus[0], PLIC_ENABLE + 3 * PLIC_ENABLE_STRIDE), 0);
    set_threshold(&vcpus[0], 3, 5);
    EXPECT_EQ(plic_read(&vcpus[0], PLIC_CONTEXT + 3 * PLIC_CONTEXT_STRIDE), 0);
    EXPECT_EQ(guest_claim(&vcpus[0], 3), 0);
    guest_complete(&vcpus[0], 3, UART_SOURCE);
}

TEST(priorities_and_thresholds_have_three_bits)
{
    start();
    set_priority(&vcpus[0], UART_SOURCE, ALL);
    EXPECT_EQ(plic_read(&vcpus[0], 4 * UART_SOURCE), 7);
    set_threshold(&vcpus[0], 0, ALL);
    EXPECT_EQ(plic_read(&vcpus[0], PLIC_CONTEXT), 7);
}

/* No register of the window does harm, and only whole words are served. */
TEST(every_offset)
{
    start();
    for (uint64_t offset = 0; offset < PLIC_SIZE; offset += offset < 0x3000 ? 4 : 0x7fc) {
        plic_write(&vcpus[0], offset, ALL);
        plic_read(&vcpus[0], offset);
    }
    for (uint8_t size = 1; size <= 8; size = (uint8_t)(size * 2)) {
        struct mmio_access access = { .address = { BASE + 4 }, .size = size };

        EXPECT_EQ(vplic_access(&vcpus[0], NULL, &access), size == 4);
    }
}

TEST(line_claim_complete)
{
    start();
    vplic_set_line(&vms[0], UART_SOURCE, true);
    EXPECT(vseip[0]);
    EXPECT_EQ(plic_read(&vcpus[0], PLIC_PENDING), 1u << UART_SOURCE);
    EXPECT_EQ(guest_claim(&vcpus[0], 0), UART_SOURCE);
    EXPECT(!vseip[0]);
    EXPECT_EQ(plic_read(&vcpus[0], PLIC_PENDING), 0);
    EXPECT_EQ(guest_claim(&vcpus[0], 0), 0);
    guest_complete(&vcpus[0], 0, UART_SOURCE); /* the line is still high */
    EXPECT(vseip[0]);
    EXPECT_EQ(guest_claim(&vcpus[0], 0), UART_SOURCE);
    vplic_set_line(&vms[0], UART_SOURCE, false);
    guest_complete(&vcpus[0], 0, UART_SOURCE);
    EXPECT(!vseip[0]);
}

/* A request that was forwarded stays, though its line falls (chapter 1.2). */
TEST(pending_outlives_the_line)
{
    start();
    vplic_set_line(&vms[0], UART_SOURCE, true);
    vplic_set_line(&vms[0], UART_SOURCE, false);
    EXPECT(vseip[0]);
    EXPECT_EQ(guest_claim(&vcpus[0], 0), UART_SOURCE);
    guest_complete(&vcpus[0], 0, UART_SOURCE);
    EXPECT(!vseip[0]);
}

TEST(most_important_first)
{
    start();
    set_priority(&vcpus[0], UART_SOURCE, 2);
    set_priority(&vcpus[0], DEVICE_SOURCE, 7);
    set_priority(&vcpus[0], DEVICE_SOURCE + 1, 2);
    set_priority(&vcpus[0], DEVICE_SOURCE + 2, 0);
    for (uint32_t source = 0; source < SOURCE_COUNT; source++) {
        vplic_set_line(&vms[0], source, true);
    }
    EXPECT_EQ(guest_claim(&vcpus[0], 0), DEVICE_SOURCE);
    EXPECT_EQ(guest_claim(&vcpus[0], 0), UART_SOURCE); /* the lower number */
    EXPECT_EQ(guest_claim(&vcpus[0], 0), DEVICE_SOURCE + 1);
    EXPECT_EQ(guest_claim(&vcpus[0], 0), LINKED_SOURCE);
    EXPECT_EQ(guest_claim(&vcpus[0], 0), LINKED_SOURCE + 1);
    EXPECT_EQ(guest_claim(&vcpus[0], 0), LINKED_SOURCE + 2);
    EXPECT_EQ(guest_claim(&vcpus[0], 0), 0); /* priority 0 never interrupts */
}

/* The threshold masks the signal, not the claim (chapters 7 and 8). */
TEST(threshold)
{
    start();
    set_priority(&vcpus[0], UART_SOURCE, 3);
    set_threshold(&vcpus[0], 0, 3);
    vplic_set_line(&vms[0], UART_SOURCE, true);
    EXPECT(!vseip[0]);
    set_threshold(&vcpus[0], 0, 2);
    EXPECT(vseip[0]);
    set_threshold(&vcpus[0], 0, 7);
    EXPECT(!vseip[0]);
    EXPECT_EQ(guest_claim(&vcpus[0], 0), UART_SOURCE);
}

/* Linux masks by priority 0 and unmasks again while the interrupt is in progress. */
TEST(mask_by_priority)
{
    start();
    vplic_set_line(&vms[0], UART_SOURCE, true);
    set_priority(&vcpus[0], UART_SOURCE, 0);
    EXPECT(!vseip[0]);
    EXPECT_EQ(guest_claim(&vcpus[0], 0), 0);
    set_priority(&vcpus[0], UART_SOURCE, 1);
    EXPECT(vseip[0]);
    EXPECT_EQ(guest_claim(&vcpus[0], 0), UART_SOURCE);
    set_priority(&vcpus[0], UART_SOURCE, 0);
    guest_complete(&vcpus[0], 0, UART_SOURCE);
    EXPECT(!vseip[0]);
    set_priority(&vcpus[0], UART_SOURCE, 1);
    EXPECT(vseip[0]);
}

TEST(completion_of_a_disabled_source_is_ignored)
{
    start();
    vplic_set_line(&vms[0], UART_SOURCE, true);
    EXPECT_EQ(guest_claim(&vcpus[0], 0), UART_SOURCE);
    set_enables(&vcpus[0], 0, 0, 0);
    guest_complete(&vcpus[0], 0, UART_SOURCE);
    set_enables(&vcpus[0], 0, 0, ALL);
    EXPECT(!vseip[0]);
    guest_complete(&vcpus[0], 1, UART_SOURCE); /* not enabled there */
    EXPECT(!vseip[0]);
    guest_complete(&vcpus[0], 0, UART_SOURCE);
    EXPECT(vseip[0]);
    guest_complete(&vcpus[0], 0, UART_SOURCE); /* not claimed: nothing happens */
    guest_complete(&vcpus[0], 0, 0);
    guest_complete(&vcpus[0], 0, ALL);
    guest_complete(&vcpus[0], 0, FOREIGN_SOURCE);
    EXPECT_EQ(guest_claim(&vcpus[0], 0), UART_SOURCE);
}

/* Enabled for two vCPUs, an interrupt is signalled to both and taken by one. */
TEST(two_contexts)
{
    start();
    set_enables(&vcpus[0], 1, 0, ALL);
    enter(&vcpus[1]);
    enter(&vcpus[0]);
    vplic_set_line(&vms[0], UART_SOURCE, true);
    EXPECT(vseip[0] && !vseip[1]); /* vCPU 1 is told to look */
    EXPECT(notified[1] && vcpus[1].arch.context.stale);
    enter(&vcpus[1]);
    EXPECT(vseip[1]);
    EXPECT_EQ(guest_claim(&vcpus[0], 0), UART_SOURCE);
    EXPECT(!vseip[0]);
    EXPECT_EQ(guest_claim(&vcpus[1], 1), 0);
    EXPECT(!vseip[1]);
}

/* A halted vCPU whose registers are still in the machine is woken, too. */
TEST(loaded_but_halted)
{
    start();
    enter(&vcpus[0]);
    pcpus[0].running = NULL;
    vplic_set_line(&vms[0], UART_SOURCE, true);
    EXPECT(vseip[0] && notified[0]);
}

TEST(vcpu_that_is_not_loaded)
{
    start();
    leave(&vcpus[0]);
    enter(&vcpus[3]);
    vplic_set_line(&vms[0], UART_SOURCE, true);
    EXPECT(!vseip[0]);
    EXPECT(notified[0] && vcpus[0].arch.context.signalled && vcpus[0].arch.context.stale);
    enter(&vcpus[0]);
    EXPECT(vseip[0]);
}

/* ---- Linked to the machine's ---- */

TEST(physical_stays_claimed_until_the_guest_completes)
{
    start();
    physicals[LINKED_SOURCE].line = true;
    EXPECT(fire(LINKED_SOURCE, &vms[0]));
    EXPECT(!fire(LINKED_SOURCE, &vms[0]));
    EXPECT_EQ(guest_claim(&vcpus[0], 0), LINKED_SOURCE);
    EXPECT(!fire(LINKED_SOURCE, &vms[0]));
    guest_complete(&vcpus[0], 0, LINKED_SOURCE);
    EXPECT(!vseip[0]);
    EXPECT(fire(LINKED_SOURCE, &vms[0])); /* nobody has lowered the line */
    EXPECT(vseip[0]);
}

TEST(physical_follows_the_enables)
{
    machine_boot();
    EXPECT(!physicals[LINKED_SOURCE].enabled[0] && !physicals[LINKED_SOURCE].enabled[1]);
    set_enables(&vcpus[0], 1, 1, 7u << 1);
    EXPECT(!physicals[LINKED_SOURCE].enabled[0] && physicals[LINKED_SOURCE].enabled[1]);
    set_enables(&vcpus[0], 0, 1, 7u << 1);
    EXPECT(physicals[LINKED_SOURCE].enabled[0] && !physicals[LINKED_SOURCE].enabled[1]);
    set_enables(&vcpus[0], 2, 1, 7u << 1);
    set_enables(&vcpus[0], 0, 1, 0);
    set_enables(&vcpus[0], 1, 1, 0); /* vCPU 2 is on the same CPU */
    EXPECT(!physicals[LINKED_SOURCE].enabled[0] && physicals[LINKED_SOURCE].enabled[1]);
    set_enables(&vcpus[0], 2, 1, 0);
    EXPECT(!physicals[LINKED_SOURCE].enabled[0] && !physicals[LINKED_SOURCE].enabled[1]);
}

/* The guest moves an interrupt to another vCPU while it is in progress. */
TEST(physical_is_completed_where_it_is_enabled_now)
{
    start();
    physicals[LINKED_SOURCE].line = true;
    fire(LINKED_SOURCE, &vms[0]);
    EXPECT_EQ(guest_claim(&vcpus[0], 0), LINKED_SOURCE);
    set_enables(&vcpus[0], 0, 1, 0);
    set_enables(&vcpus[0], 1, 1, 7u << 1);
    guest_complete(&vcpus[0], 1, LINKED_SOURCE);
    EXPECT(!physicals[LINKED_SOURCE].claimed);
}

TEST(reset_gives_everything_back)
{
    start();
    for (uint32_t i = 0; i < 3; i++) {
        physicals[LINKED_SOURCE + i].line = true;
        fire(LINKED_SOURCE + i, &vms[0]);
    }
    EXPECT_EQ(guest_claim(&vcpus[0], 0), LINKED_SOURCE);
    set_enables(&vcpus[0], 0, 1, 6u << 1); /* the claimed one is now enabled nowhere */
    vplic_set_line(&vms[0], UART_SOURCE, true);
    leave(&vcpus[0]);
    vplic_vm_reset(&vms[0]);
    for (uint32_t i = 0; i < 3; i++) {
        EXPECT(!physicals[LINKED_SOURCE + i].claimed);
        EXPECT(!physicals[LINKED_SOURCE + i].enabled[0] &&
               !physicals[LINKED_SOURCE + i].enabled[1]);
    }
    enter(&vcpus[0]);
    EXPECT(!vseip[0]);
    EXPECT_EQ(plic_read(&vcpus[0], PLIC_ENABLE + 4), 0);
    EXPECT_EQ(plic_read(&vcpus[0], 4 * UART_SOURCE), 0);
    set_priority(&vcpus[0], UART_SOURCE, 1);
    set_enables(&vcpus[0], 0, 0, ALL);
    EXPECT(vseip[0]); /* the line of a device is the device's affair */
}

TEST_MAIN()

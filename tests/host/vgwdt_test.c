/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The emulated generic watchdog, through its registers, in front of the real count.
 */
/* ARCH: aarch64 */
/* SOURCES: arch/aarch64/vgwdt.c runtime/watchdog.c tests/host/watchdog_machine.c */
#include "test.h"
#include "watchdog_machine.h"
#include <arch/vgwdt.h>
#include <hv/arch/irq.h>
#include <hv/watchdog.h>

#define BASE UINT64_C(0x09001000)
#define VIRQ 32u
/* A second, in ticks and microseconds. */
#define S UINT64_C(1000000)

static struct vgwdt wdt = { .vm = &vms[0], .virq = VIRQ };
static bool level;

void arch_irq_set_line(struct vm *vm, uint32_t virq, bool new_level)
{
    EXPECT(vm == &vms[0]);
    EXPECT_EQ(virq, VIRQ);
    EXPECT(new_level != level); /* told only when it moves */
    level = new_level;
}

static bool access_sized(bool is_control, uint32_t offset, bool is_write, uint64_t *value,
                         uint8_t size)
{
    struct mmio_access access = {
        .address = { BASE + offset }, .value = *value, .size = size, .is_write = is_write
    };
    bool is_done = is_control ? vgwdt_control_access(NULL, &wdt, &access)
                              : vgwdt_refresh_access(NULL, &wdt, &access);

    *value = access.value;
    return is_done;
}

static void write_control(uint32_t offset, uint32_t value)
{
    uint64_t wide = value;

    EXPECT(access_sized(true, offset, true, &wide, 4));
}

static uint32_t read_control(uint32_t offset)
{
    uint64_t value = UINT64_MAX;

    EXPECT(access_sized(true, offset, false, &value, 4));
    EXPECT(value <= UINT32_MAX);
    return (uint32_t)value;
}

static void refresh(void)
{
    uint64_t any = 0xdead;

    EXPECT(access_sized(false, GWDT_WRR, true, &any, 4));
}

static void start(uint64_t watchdog_us, bool is_at_boot)
{
    machine_config.arch.watchdog = &wdt;
    vms[0].arch.counter_offset = 345;
    machine_start(watchdog_us, is_at_boot);
    vgwdt_reset(&wdt);
}

TEST(reset_values)
{
    start(10 * S, false);
    EXPECT_EQ(read_control(GWDT_WCS), 0);
    EXPECT_EQ(read_control(GWDT_W_IIDR), 0x10000);
    machine_pass(1000 * S); /* nobody enabled it */
    EXPECT_EQ(machine_events, 0);
    EXPECT(!level);
}

TEST(two_stages)
{
    start(10 * S, false);
    write_control(GWDT_WOR, 3 * S);
    write_control(GWDT_WCS, WCS_EN);
    EXPECT_EQ(read_control(GWDT_WCS), WCS_EN);
    machine_pass(3 * S - 1);
    EXPECT(!level);
    machine_pass(1);
    EXPECT(level);
    EXPECT_EQ(read_control(GWDT_WCS), WCS_EN | WCS_WS0);
    machine_pass(3 * S - 1);
    EXPECT_EQ(machine_events, 0);
    EXPECT(level); /* stands until it is refreshed */
    machine_pass(1);
    EXPECT_EQ(machine_events, 1);
    machine_pass(100 * S); /* and no more of it */
    EXPECT_EQ(machine_events, 1);
}

TEST(refreshed_for_ever)
{
    start(10 * S, false);
    write_control(GWDT_WOR, 3 * S);
    write_control(GWDT_WCS, WCS_EN);
    for (int i = 0; i < 50; i++) {
        machine_pass(3 * S - 1);
        EXPECT(!level);
        refresh();
    }
    for (int i = 0; i < 50; i++) { /* in the second stage it is not too late */
        machine_pass(5 * S);
        EXPECT(level);
        refresh();
        EXPECT(!level);
        EXPECT_EQ(read_control(GWDT_WCS), WCS_EN);
    }
    EXPECT_EQ(machine_events, 0);
}

/* Writes of WOR and WCS refresh, too. */
TEST(explicit_refreshes)
{
    start(10 * S, false);
    write_control(GWDT_WOR, 2 * S);
    write_control(GWDT_WCS, WCS_EN);
    for (int i = 0; i < 10; i++) {
        machine_pass(3 * S);
        EXPECT(level);
        write_control(GWDT_WCS, WCS_EN);
        EXPECT(!level);
        machine_pass(3 * S);
        write_control(GWDT_WOR, 2 * S);
        EXPECT(!level);
        machine_pass(3 * S);
        write_control(GWDT_WOR + 4, 0);
        EXPECT(!level);
    }
    EXPECT_EQ(machine_events, 0);
}

TEST(disabled)
{
    start(10 * S, false);
    write_control(GWDT_WOR, S);
    refresh(); /* of a watchdog that is off: starts nothing */
    EXPECT(!watchdog_is_armed(&vms[0]));
    write_control(GWDT_WCS, WCS_EN);
    machine_pass(S);
    EXPECT(level);
    write_control(GWDT_WCS, 0);
    EXPECT(!level);
    EXPECT_EQ(read_control(GWDT_WCS), 0);
    machine_pass(1000 * S);
    EXPECT_EQ(machine_events, 0);
}

/* Both stages together last no longer than what the VM's description says. */
TEST(cut_to_the_declared_time)
{
    start(10 * S, false);
    write_control(GWDT_WOR, UINT32_MAX);
    write_control(GWDT_WOR + 4, UINT32_MAX);
    EXPECT_EQ(read_control(GWDT_WOR), UINT32_MAX);
    EXPECT_EQ(read_control(GWDT_WOR + 4), 0xffff); /* 48 bits */
    write_control(GWDT_WCS, UINT32_MAX);
    machine_pass(5 * S - 1);
    EXPECT(!level);
    machine_pass(1);
    EXPECT(level);
    machine_pass(5 * S);
    EXPECT_EQ(machine_events, 1);
}

TEST(compare_value)
{
    uint64_t now = machine_clock - 345;

    start(10 * S, false);
    write_control(GWDT_WOR, 3 * S);
    write_control(GWDT_WCS, WCS_EN);
    EXPECT_EQ(read_control(GWDT_WCV), now + 3 * S);
    EXPECT_EQ(read_control(GWDT_WCV + 4), 0);
    write_control(GWDT_WCV, 0); /* read-only */
    machine_pass(3 * S);
    EXPECT_EQ(read_control(GWDT_WCV), now + 6 * S);
    EXPECT_EQ(machine_events, 0);
}

TEST(from_boot_on)
{
    start(10 * S, true);
    EXPECT_EQ(read_control(GWDT_WCS), WCS_EN);
    write_control(GWDT_WCS, 0); /* neither stops it nor is it a sign of life */
    EXPECT_EQ(read_control(GWDT_WCS), WCS_EN);
    machine_pass(10 * S - 1);
    EXPECT_EQ(machine_events, 0);
    EXPECT(!level); /* one stage, until the guest refreshes it */
    machine_pass(1);
    EXPECT_EQ(machine_events, 1);
}

TEST(from_boot_on_refreshed)
{
    start(10 * S, true);
    for (int i = 0; i < 10; i++) {
        machine_pass(4 * S);
        refresh();
    }
    EXPECT_EQ(machine_events, 0);
    machine_pass(5 * S);
    EXPECT(level);
    write_control(GWDT_WCS, 0);
    EXPECT(level);
    machine_pass(5 * S);
    EXPECT_EQ(machine_events, 1);
}

/* Between the timer that is due and what it leads to, the guest refreshes on another CPU. */
TEST(guest_is_quicker)
{
    start(10 * S, false);
    write_control(GWDT_WOR, 2 * S);
    write_control(GWDT_WCS, WCS_EN);
    machine_clock += 2 * S;
    refresh();
    watchdog_expire(&vms[0]);
    EXPECT(!level);
    EXPECT_EQ(machine_events, 0);
    machine_pass(2 * S);
    EXPECT(level);
    machine_clock += 2 * S;
    refresh();
    watchdog_expire(&vms[0]);
    EXPECT_EQ(machine_events, 0);
    machine_pass(4 * S);
    EXPECT_EQ(machine_events, 1);
}

TEST(stopped_while_it_expires)
{
    start(10 * S, false);
    write_control(GWDT_WOR, 2 * S);
    write_control(GWDT_WCS, WCS_EN);
    machine_clock += 2 * S;
    write_control(GWDT_WCS, 0);
    watchdog_expire(&vms[0]);
    machine_pass(1000 * S);
    EXPECT(!level);
    EXPECT_EQ(machine_events, 0);
}

/* No time at all is over at once, as it would be in hardware: both stages. */
TEST(no_time)
{
    start(10 * S, false);
    write_control(GWDT_WOR, 0);
    write_control(GWDT_WOR + 4, 0);
    write_control(GWDT_WCS, WCS_EN);
    machine_pass(2);
    EXPECT(level);
    EXPECT_EQ(machine_events, 1);
}

/* The VM restarts: nothing is left of what it did before. */
TEST(reset)
{
    start(10 * S, true);
    write_control(GWDT_WOR, S);
    write_control(GWDT_WCS, WCS_EN);
    machine_pass(S);
    EXPECT(level);
    start(10 * S, true);
    EXPECT(!level);
    EXPECT_EQ(read_control(GWDT_WCS), WCS_EN);
    EXPECT_EQ(read_control(GWDT_WCV), machine_clock - 345);
    EXPECT_EQ(read_control(GWDT_WOR), 5 * S);
    machine_pass(10 * S - 1);
    EXPECT(!level);
    machine_pass(1);
    EXPECT_EQ(machine_events, 1);
    EXPECT(!level);
}

/* Every offset answers in aligned words, and in nothing else. */
TEST(every_offset_and_size)
{
    start(3600 * S, true);
    for (uint32_t offset = 0; offset < HV_PAGE_SIZE; offset += 4) {
        for (int is_control = 0; is_control < 2; is_control++) {
            uint64_t value = 0xffffffff;

            EXPECT(access_sized(is_control != 0, offset, false, &value, 4));
            EXPECT(value <= UINT32_MAX);
            EXPECT(offset <= GWDT_WCV + 4 || offset == GWDT_W_IIDR || value == 0);
            value = 0xffffffff;
            EXPECT(access_sized(is_control != 0, offset, true, &value, 4));
        }
    }
    for (uint32_t offset = 0; offset < 16; offset++) {
        for (uint8_t size = 1; size <= 8; size = (uint8_t)(size * 2)) {
            uint64_t value = 0;
            bool is_word = size == 4 && offset % 4 == 0;

            EXPECT(access_sized(true, offset, false, &value, size) == is_word);
            EXPECT(access_sized(false, offset, false, &value, size) == is_word);
            EXPECT(access_sized(true, offset, true, &value, size) == is_word);
            EXPECT(access_sized(false, offset, true, &value, size) == is_word);
        }
    }
    EXPECT_EQ(machine_events, 0);
}

TEST_MAIN()

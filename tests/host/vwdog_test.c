/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The emulated watchdog of Allwinner's D1, through its registers, in front of the real count.
 */
/* ARCH: riscv64 */
/* SOURCES: arch/riscv64/vwdog.c runtime/watchdog.c tests/host/watchdog_machine.c */
#include "test.h"
#include "watchdog_machine.h"
#include <arch/vwdog.h>
#include <hv/watchdog.h>

#define BASE UINT64_C(0x10009000)
/* A second, in ticks and microseconds. */
#define S UINT64_C(1000000)
/* MODE with its key: seconds by the table of the manual. */
#define MODE(interval, enable) \
    (WDOG_KEY << WDOG_KEY_SHIFT | (uint32_t)(interval) << WDOG_MODE_INTV_SHIFT | (enable))
#define SECONDS_4  4u
#define SECONDS_16 0xbu

static struct vwdog wdog = { .vm = &vms[0] };

static bool access_sized(uint32_t offset, bool is_write, uint64_t *value, uint8_t size)
{
    struct mmio_access access = {
        .address = { BASE + offset }, .value = *value, .size = size, .is_write = is_write
    };
    bool is_done = vwdog_access(NULL, &wdog, &access);

    *value = access.value;
    return is_done;
}

static void write_reg(uint32_t offset, uint32_t value)
{
    uint64_t wide = value;

    EXPECT(access_sized(offset, true, &wide, 4));
}

static uint32_t read_reg(uint32_t offset)
{
    uint64_t value = UINT64_MAX;

    EXPECT(access_sized(offset, false, &value, 4));
    EXPECT(value <= UINT32_MAX);
    return (uint32_t)value;
}

static void start(uint64_t watchdog_us, bool is_at_boot)
{
    machine_config.arch.watchdog = &wdog;
    machine_start(watchdog_us, is_at_boot);
    vwdog_reset(&wdog);
}

TEST(reset_values)
{
    start(20 * S, false);
    EXPECT_EQ(read_reg(WDOG_MODE), 0);
    EXPECT_EQ(read_reg(WDOG_CFG), WDOG_CFG_RESET);
    EXPECT_EQ(read_reg(WDOG_CTRL), 0);
    machine_pass(1000 * S);
    EXPECT_EQ(machine_events, 0);
}

/* As Linux starts it: interval, reset function, enable. */
TEST(counts_and_expires)
{
    start(20 * S, false);
    write_reg(WDOG_MODE, MODE(SECONDS_4, 0));
    write_reg(WDOG_CTRL, WDOG_CTRL_RESTART);
    EXPECT(!watchdog_is_armed(&vms[0]));
    write_reg(WDOG_CFG, WDOG_KEY << WDOG_KEY_SHIFT | WDOG_CFG_RESET);
    write_reg(WDOG_MODE, read_reg(WDOG_MODE) | MODE(0, WDOG_MODE_EN));
    EXPECT_EQ(read_reg(WDOG_MODE), SECONDS_4 << WDOG_MODE_INTV_SHIFT | WDOG_MODE_EN);
    for (int i = 0; i < 50; i++) {
        machine_pass(4 * S - 1);
        write_reg(WDOG_CTRL, WDOG_CTRL_RESTART);
    }
    EXPECT_EQ(machine_events, 0);
    machine_pass(4 * S);
    EXPECT_EQ(machine_events, 1);
    machine_pass(1000 * S);
    EXPECT_EQ(machine_events, 1);
}

TEST(intervals)
{
    static const uint32_t halves[] = { 1, 2, 4, 6, 8, 10, 12, 16, 20, 24, 28, 32, 32, 32, 32, 32 };

    start(20 * S, false);
    for (uint32_t i = 0; i < 16; i++) {
        write_reg(WDOG_MODE, MODE(i, WDOG_MODE_EN));
        machine_pass(halves[i] * S / 2 - 1);
        EXPECT_EQ(machine_events, i);
        machine_pass(1);
        EXPECT_EQ(machine_events, i + 1);
    }
}

TEST(cut_to_the_declared_time)
{
    start(3 * S, false);
    write_reg(WDOG_MODE, MODE(SECONDS_16, WDOG_MODE_EN));
    machine_pass(3 * S - 1);
    EXPECT_EQ(machine_events, 0);
    machine_pass(1);
    EXPECT_EQ(machine_events, 1);
}

TEST(stopped)
{
    start(20 * S, false);
    write_reg(WDOG_MODE, MODE(SECONDS_4, WDOG_MODE_EN));
    write_reg(WDOG_MODE, MODE(0, 0));
    EXPECT_EQ(read_reg(WDOG_MODE), 0);
    machine_pass(1000 * S);
    EXPECT_EQ(machine_events, 0);
}

/* Without their keys writes are nothing. */
TEST(keys)
{
    start(20 * S, false);
    write_reg(WDOG_MODE, WDOG_MODE_EN);
    write_reg(WDOG_MODE, 0xffff0000u | WDOG_MODE_EN);
    EXPECT_EQ(read_reg(WDOG_MODE), 0);
    write_reg(WDOG_MODE, MODE(SECONDS_4, WDOG_MODE_EN));
    write_reg(WDOG_MODE, 0);
    EXPECT(watchdog_is_armed(&vms[0]));
    machine_pass(3 * S);
    write_reg(WDOG_CTRL, 1);
    write_reg(WDOG_CTRL, 0xa57 << 1);
    machine_pass(S);
    EXPECT_EQ(machine_events, 1);
}

TEST(from_boot_on)
{
    start(20 * S, true);
    EXPECT_EQ(read_reg(WDOG_MODE), WDOG_MODE_EN);
    write_reg(WDOG_MODE, MODE(0, 0)); /* as Linux' driver does when it comes */
    EXPECT_EQ(read_reg(WDOG_MODE), WDOG_MODE_EN);
    machine_pass(20 * S - 1);
    EXPECT_EQ(machine_events, 0);
    machine_pass(1);
    EXPECT_EQ(machine_events, 1);
}

TEST(from_boot_on_restarted)
{
    start(20 * S, true);
    write_reg(WDOG_MODE, MODE(SECONDS_4, WDOG_MODE_EN));
    write_reg(WDOG_MODE, MODE(SECONDS_16, 0));
    machine_pass(4 * S);
    EXPECT_EQ(machine_events, 1); /* the count went on as it was */
}

TEST(reset)
{
    start(20 * S, false);
    write_reg(WDOG_MODE, MODE(SECONDS_4, WDOG_MODE_EN));
    start(20 * S, false);
    EXPECT_EQ(read_reg(WDOG_MODE), 0);
}

TEST(every_offset_and_size)
{
    start(3600 * S, false);
    for (uint32_t offset = 0; offset < HV_PAGE_SIZE; offset += 4) {
        write_reg(offset, 0xffffffff);
        EXPECT(read_reg(offset) == (offset == WDOG_CFG ? 1 : 0));
    }
    for (uint32_t offset = WDOG_CTRL; offset < WDOG_MODE + 4; offset++) {
        for (uint8_t size = 1; size <= 8; size = (uint8_t)(size * 2)) {
            uint64_t value = 0;
            bool is_word = size == 4 && offset % 4 == 0;

            EXPECT(access_sized(offset, false, &value, size) == is_word);
            EXPECT(access_sized(offset, true, &value, size) == is_word);
        }
    }
    EXPECT(!watchdog_is_armed(&vms[0]));
}

TEST_MAIN()

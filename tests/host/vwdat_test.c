/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The emulated watchdog behind ACPI's WDAT, through its ports, in front of the real count.
 */
/* ARCH: x86_64 */
/* SOURCES: arch/x86_64/vwdat.c runtime/watchdog.c tests/host/watchdog_machine.c */
#include "test.h"
#include "watchdog_machine.h"
#include <arch/vwdat.h>
#include <hv/watchdog.h>

/* A second in ticks and microseconds, and in milliseconds. */
#define S  UINT64_C(1000000)
#define MS 1000u

static struct vwdat wdat = { .vm = &vms[0] };

static uint32_t access_sized(uint16_t offset, bool is_write, uint32_t value, uint8_t size)
{
    struct port_access access = {
        .offset = offset, .size = size, .is_write = is_write, .value = value
    };

    EXPECT_EQ(vwdat_port(NULL, &wdat, &access), EXIT_COUNT);
    return access.value;
}

static void write_reg(uint16_t offset, uint32_t value)
{
    EXPECT_EQ(access_sized(offset, true, value, 4), value);
}

static uint32_t read_reg(uint16_t offset)
{
    return access_sized(offset, false, UINT32_MAX, 4);
}

static void start(uint64_t watchdog_us, bool is_at_boot)
{
    machine_config.arch.watchdog = &wdat;
    machine_start(watchdog_us, is_at_boot);
    vwdat_reset(&wdat);
}

TEST(reset_values)
{
    start(10 * S, false);
    EXPECT_EQ(read_reg(WDAT_PERIOD), 10 * MS);
    EXPECT_EQ(read_reg(WDAT_COUNT), 0);
    EXPECT_EQ(read_reg(WDAT_CONTROL), 0);
    machine_pass(1000 * S);
    EXPECT_EQ(machine_events, 0);
}

TEST(counts_and_expires)
{
    start(10 * S, false);
    write_reg(WDAT_PERIOD, 4 * MS);
    write_reg(WDAT_COUNT, 1); /* restarts nothing that is stopped */
    EXPECT_EQ(read_reg(WDAT_CONTROL), 0);
    write_reg(WDAT_CONTROL, WDAT_CONTROL_RUN);
    EXPECT_EQ(read_reg(WDAT_CONTROL), WDAT_CONTROL_RUN);
    EXPECT_EQ(read_reg(WDAT_COUNT), 4 * MS);
    for (int i = 0; i < 50; i++) {
        machine_pass(3 * S);
        EXPECT_EQ(read_reg(WDAT_COUNT), 1 * MS);
        write_reg(WDAT_COUNT, 1);
    }
    EXPECT_EQ(machine_events, 0);
    machine_pass(4 * S);
    EXPECT_EQ(machine_events, 1);
    EXPECT_EQ(read_reg(WDAT_COUNT), 0);
    machine_pass(1000 * S);
    EXPECT_EQ(machine_events, 1);
}

/* A period that is set while it runs counts from then on. */
TEST(period_while_it_runs)
{
    start(10 * S, false);
    write_reg(WDAT_CONTROL, WDAT_CONTROL_RUN);
    machine_pass(9 * S);
    write_reg(WDAT_PERIOD, 2 * MS);
    machine_pass(2 * S - 1);
    EXPECT_EQ(machine_events, 0);
    machine_pass(1);
    EXPECT_EQ(machine_events, 1);
}

TEST(cut_to_the_declared_time)
{
    start(10 * S, false);
    write_reg(WDAT_PERIOD, UINT32_MAX);
    write_reg(WDAT_CONTROL, UINT32_MAX);
    EXPECT_EQ(read_reg(WDAT_COUNT), 10 * MS);
    machine_pass(10 * S);
    EXPECT_EQ(machine_events, 1);
}

TEST(stopped)
{
    start(10 * S, false);
    write_reg(WDAT_CONTROL, WDAT_CONTROL_RUN);
    machine_pass(S);
    write_reg(WDAT_CONTROL, 0);
    EXPECT_EQ(read_reg(WDAT_CONTROL), 0);
    machine_pass(1000 * S);
    EXPECT_EQ(machine_events, 0);
}

TEST(from_boot_on)
{
    start(10 * S, true);
    EXPECT_EQ(read_reg(WDAT_CONTROL), WDAT_CONTROL_RUN);
    machine_pass(9 * S);
    write_reg(WDAT_CONTROL, 0);
    EXPECT_EQ(read_reg(WDAT_CONTROL), WDAT_CONTROL_RUN);
    machine_pass(S);
    EXPECT_EQ(machine_events, 1);
}

TEST(no_time)
{
    start(10 * S, false);
    write_reg(WDAT_PERIOD, 0);
    write_reg(WDAT_CONTROL, WDAT_CONTROL_RUN);
    machine_pass(1);
    EXPECT_EQ(machine_events, 1);
}

/* An event that had no consequence; then a call gives a sign of life: it counts again. */
TEST(kicked_after_an_event)
{
    start(10 * S, true);
    machine_pass(10 * S);
    EXPECT_EQ(machine_events, 1);
    machine_pass(50 * S);
    watchdog_kick(&vms[0]);
    machine_pass(10 * S - 1);
    EXPECT_EQ(machine_events, 1);
    machine_pass(1);
    EXPECT_EQ(machine_events, 2);
}

/* Other accesses find nothing there: reads are ones already, as on a bus where nobody answers. */
TEST(every_offset_and_size)
{
    start(3600 * S, false);
    for (uint16_t offset = 0; offset < 12; offset++) {
        for (uint8_t size = 1; size <= 4; size = (uint8_t)(size * 2)) {
            uint32_t ones = UINT32_MAX >> (32 - 8 * size);

            if (size < 4 || offset % 4 != 0) {
                EXPECT_EQ(access_sized(offset, false, ones, size), ones);
                (void)access_sized(offset, true, ones, size);
            }
        }
    }
    EXPECT(!watchdog_is_armed(&vms[0]));
    EXPECT_EQ(read_reg(WDAT_PERIOD), 3600 * MS);
}

TEST_MAIN()

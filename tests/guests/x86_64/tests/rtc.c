/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A device passed through with its ports and its interrupt: the real-time clock of a PC at ports
 * 0x70 and 0x71, pin 8 of the IOAPIC. Its periodic interrupt must come as often as it is asked for,
 * by edges and by levels, and no more. Words of the command line:
 *
 *     rounds=N    interrupts of each kind (default 200)
 *     restarts=N  resets the VM that often first, with the interrupt on its way
 *     xapic=1     by a local APIC in xAPIC mode
 *
 * Source: Motorola MC146818A data sheet (registers A, B and C).
 */
#include "x86_64.h"

#define WAIT_US 2000000u

#define RTC_GSI    8u
#define VECTOR_RTC 0x61u

#define RTC_A 0x0au
#define RTC_B 0x0bu
#define RTC_C 0x0cu /* a read ends the interrupt */
#define RTC_D 0x0du

#define A_1024_HZ  0x26u
#define A_2_HZ     0x2fu
#define B_24_HOUR  0x02u
#define B_UPDATE   0x10u
#define B_PERIODIC 0x40u
#define C_IRQF     0x80u
#define D_VALID    0x80u

static volatile uint64_t irq_count;
static volatile uint64_t wrong_count;
static volatile bool no_look; /* the handler ends the interrupt without a look at the clock */
/* QEMU's clock makes an edge of each period, whether the last one was looked at or not. */
static volatile bool is_level;

/* The handler leaves the line high that many times less one. */
static volatile unsigned high_left;
static volatile bool stop_next; /* the handler lets the clock interrupt no more */

static uint8_t rtc_read(uint8_t number)
{
    port_write8(RTC_INDEX_PORT, number);
    return port_read8(RTC_DATA_PORT);
}

static void rtc_write(uint8_t number, uint8_t value)
{
    port_write8(RTC_INDEX_PORT, number);
    port_write8(RTC_DATA_PORT, value);
}

/* Nothing interrupts, and nothing is left that would. */
static void rtc_quiet(void)
{
    rtc_write(RTC_B, B_24_HOUR);
    (void)rtc_read(RTC_C);
}

static void on_interrupt(unsigned vector)
{
    if (vector != VECTOR_RTC) {
        wrong_count++;
    } else if (!no_look) {
        irq_count++;
        if (high_left > 1) {
            high_left--;
        } else if (high_left == 1 || stop_next) {
            high_left = 0;
            stop_next = false;
            rtc_quiet();
        } else {
            bool asks = (rtc_read(RTC_C) & C_IRQF) != 0;
            wrong_count += is_level && !asks;
        }
    }
    lapic_end();
}

/* The end of a test: no more interrupts, and none that is still on its way. */
static void finish(void)
{
    no_look = true;
    rtc_quiet();
    ioapic_route(RTC_GSI, 0, RTE_MASKED);
    interrupts_take();
    no_look = false;
}

static bool becomes_pending(void)
{
    uint64_t start = time_us();
    while (!lapic_pending(VECTOR_RTC) && time_us() - start < WAIT_US) {
        cpu_relax();
    }
    return lapic_pending(VECTOR_RTC);
}

/* One interrupt, polled until it waits, then taken: long before the next period ends. */
static void test_once(uint32_t trigger, const char *name)
{
    uint64_t before = irq_count;
    rtc_quiet();
    rtc_write(RTC_A, A_2_HZ);
    ioapic_route(RTC_GSI, 0, trigger | VECTOR_RTC);
    delay_us(5000);
    bool early = lapic_pending(VECTOR_RTC);
    rtc_write(RTC_B, B_24_HOUR | B_PERIODIC);
    bool pending = becomes_pending();
    bool remote = (ioapic_entry(RTC_GSI) & RTE_REMOTE_IRR) != 0;
    stop_next = true;
    interrupts_take();
    uint64_t taken = irq_count - before;
    delay_us(5000);
    interrupts_take();
    report(!early, "%s: none to begin with", name);
    report(pending, "the periodic interrupt raises pin 8");
    report(remote == (trigger != 0), "remote IRR is as its trigger has it");
    report_equal(taken, 1, "it is taken");
    report_equal(irq_count - before, 1, "once");
    report((ioapic_entry(RTC_GSI) & RTE_REMOTE_IRR) == 0, "and ended");
    finish();
}

/* The line stays high until the clock's register C is read. */
static void test_high(void)
{
    uint64_t before = irq_count;
    rtc_quiet();
    ioapic_route(RTC_GSI, 0, RTE_LEVEL | VECTOR_RTC);
    high_left = 20;
    interrupts_mask(false);
    rtc_write(RTC_B, B_24_HOUR | B_PERIODIC);
    (void)wait_for(&irq_count, before + 20, WAIT_US);
    delay_us(5000);
    interrupts_mask(true);
    report_equal(irq_count - before, 20, "level: it comes again while the line is high");
    finish();
}

static void test_masked(void)
{
    uint64_t before = irq_count;
    ioapic_route(RTC_GSI, 0, RTE_MASKED | RTE_LEVEL | VECTOR_RTC);
    rtc_write(RTC_B, B_24_HOUR | B_PERIODIC);
    delay_us(5000);
    interrupts_take();
    report_equal(irq_count, before, "a masked pin does not interrupt");
    stop_next = true;
    ioapic_write(IOAPIC_ENTRY + 2 * RTC_GSI, RTE_LEVEL | VECTOR_RTC);
    report(becomes_pending(), "unmasked it does");
    interrupts_take();
    finish();
}

static void test_periodic(uint32_t trigger, const char *name, uint64_t rounds)
{
    uint64_t before = irq_count;
    uint64_t start = time_us();
    rtc_quiet();
    is_level = trigger == RTE_LEVEL;
    ioapic_route(RTC_GSI, 0, trigger | VECTOR_RTC);
    interrupts_mask(false);
    rtc_write(RTC_B, B_24_HOUR | B_PERIODIC);
    bool came = wait_for(&irq_count, before + rounds, 10 * WAIT_US);
    interrupts_mask(true);
    finish();
    report(came, "%s: %lu periods interrupt, in %lu us", name, rounds, time_us() - start);
}

/* The update-ended interrupt, once a second, wakes a CPU that halts. */
static void test_halt(void)
{
    uint64_t before = irq_count;
    uint64_t start = time_us();
    rtc_quiet();
    ioapic_route(RTC_GSI, 0, RTE_LEVEL | VECTOR_RTC);
    rtc_write(RTC_B, B_24_HOUR | B_UPDATE);
    while (irq_count == before && time_us() - start < 2 * WAIT_US) {
        interrupts_wait();
    }
    finish();
    report_equal(irq_count, before + 1, "a new second wakes a CPU that halts");
}

/* The clock's memory counts; what the clock asks for must not outlive the VM's reset. */
static void test_restart(uint64_t restarts)
{
    uint8_t boot = rtc_read(RTC_SCRATCH);
    delay_us(5000);
    interrupts_take();
    report_equal(irq_count, 0, "boot %u: no interrupt before its pin is opened", boot);
    if (boot >= restarts) {
        return;
    }
    rtc_write(RTC_SCRATCH, (uint8_t)(boot + 1));
    rtc_write(RTC_A, A_1024_HZ);
    ioapic_route(RTC_GSI, 0, RTE_LEVEL | VECTOR_RTC);
    interrupts_mask(false);
    rtc_write(RTC_B, B_24_HOUR | B_PERIODIC);
    bool came = wait_for(&irq_count, 10, WAIT_US);
    interrupts_mask(true);
    report(came && becomes_pending(), "resetting with one that waits");
    port_write8(VM_RESET_PORT, VM_RESET_VALUE);
}

void guest_main(void)
{
    uint64_t rounds = cmdline_number("rounds", 200);
    report_begin("rtc");
    if (cmdline_is("xapic", "1")) {
        lapic_use_xapic();
    } else {
        lapic_init();
    }
    irq_set_handler(on_interrupt);
    report_equal(rtc_read(RTC_D) & D_VALID, D_VALID, "the clock answers at its ports");
    report_equal(port_read8(0x72), 0xff, "and nobody beside it");
    test_restart(cmdline_number("restarts", 0));
    test_once(0, "edge");
    test_once(RTE_LEVEL, "level");
    rtc_write(RTC_A, A_1024_HZ);
    test_high();
    test_masked();
    test_periodic(0, "edge", rounds);
    test_periodic(RTE_LEVEL, "level", rounds);
    test_halt();
    report_equal(wrong_count, 0, "no other interrupt");
    rtc_quiet();
}

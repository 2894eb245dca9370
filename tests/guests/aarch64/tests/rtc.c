/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A device passed through with its interrupt: the PL031 real-time clock (Arm DDI 0224) at
 * 0x0901_0000, INTID 34. Its match interrupt is taken many times; each must come once for each
 * match, and again and again while its line stays high. Words of the command line:
 *
 *     rounds=N  matches (default 200)
 */
#include "aarch64.h"

#define RTC_DR         0x00u
#define RTC_MR         0x04u
#define RTC_LR         0x08u
#define RTC_CR         0x0cu
#define RTC_IMSC       0x10u
#define RTC_RIS        0x14u
#define RTC_MIS        0x18u
#define RTC_ICR        0x1cu
#define RTC_PERIPH_ID0 0xfe0u

static volatile uint64_t irq_count;
static volatile uint64_t wrong_count;

static uint32_t rtc(unsigned offset)
{
    return mmio_read(RTC_BASE + offset);
}

static void rtc_write(unsigned offset, uint32_t value)
{
    mmio_write(RTC_BASE + offset, value);
}

static void on_irq(void)
{
    unsigned intid = gic_acknowledge();
    if (intid == INTID_SPURIOUS) {
        return;
    }
    if (intid == RTC_INTID && rtc(RTC_MIS) == 1) {
        irq_count++;
    } else {
        wrong_count++;
    }
    rtc_write(RTC_ICR, 1);
    (void)rtc(RTC_MIS); /* the line is low before the end of interrupt */
    gic_end(intid);
}

void guest_main(void)
{
    report_begin("rtc");
    uint64_t rounds = cmdline_number("rounds", 200);
    gic_init();
    gic_cpu_init();
    gic_config(RTC_INTID, false);
    gic_priority(RTC_INTID, 0x80);
    gic_route(RTC_INTID, 0);
    gic_enable(RTC_INTID);

    report_equal(rtc(RTC_PERIPH_ID0), 0x31, "the device is a PL031");
    uint32_t first = rtc(RTC_DR);
    report(first > 1600000000, "it tells the time: %u", first);
    rtc_write(RTC_ICR, 1);
    report_equal(rtc(RTC_MIS), 0, "no interrupt to begin with");
    report_equal(gic_acknowledge(), INTID_SPURIOUS, "nothing is pending");

    /* Polled, without leaving: a match that is now. */
    rtc_write(RTC_IMSC, 1);
    rtc_write(RTC_MR, rtc(RTC_DR));
    report_equal(gic_wait(2000000), RTC_INTID, "a match raises INTID 34");
    report(gic_bit(RTC_INTID, GICD_ISACTIVER), "it is active when acknowledged");
    gic_end(RTC_INTID);
    unsigned again = 0;
    for (unsigned i = 0; i < 20; i++) {
        if (gic_wait(2000000) == RTC_INTID) {
            again++;
            gic_end(RTC_INTID);
        }
    }
    report_equal(again, 20, "it fires again while the line is high");
    /* Masked at the device between acknowledge and end: it must not come again. */
    report_equal(gic_wait(2000000), RTC_INTID, "and once more");
    rtc_write(RTC_IMSC, 0);
    gic_end(RTC_INTID);
    delay_us(2000);
    report_equal(gic_acknowledge(), INTID_SPURIOUS, "it is quiet when the line is low");
    rtc_write(RTC_ICR, 1);
    rtc_write(RTC_IMSC, 1);

    irq_set_handler(on_irq);
    interrupts_mask(false);
    uint64_t met = 0;
    for (uint64_t i = 0; i < rounds; i++) {
        rtc_write(RTC_MR, rtc(RTC_DR));
        /* A second may pass between the two accesses: then that moment is over and there is no
         * match. */
        if (!wait_for(&irq_count, met + 1, 200000)) {
            rtc_write(RTC_MR, rtc(RTC_DR));
            if (!wait_for(&irq_count, met + 1, 2000000)) {
                break;
            }
        }
        met++;
    }
    report_equal(met, rounds, "%lu matches interrupt", rounds);
    report_equal(irq_count, met, "each once");

    uint64_t start = time_us();
    rtc_write(RTC_MR, rtc(RTC_DR) + 1);
    while (irq_count == met && time_us() - start < 5000000) {
        interrupts_mask(true);
        if (irq_count == met) {
            timer_arm_us(100000); /* do not sleep for ever if it is lost */
            gic_enable(TIMER_INTID);
            wfi();
            gic_disable(TIMER_INTID);
            timer_stop();
        }
        interrupts_mask(false);
    }
    report_equal(irq_count, met + 1, "a match one second ahead wakes a CPU that waits");
    uint32_t elapsed = rtc(RTC_DR) - first;
    report(elapsed >= 1 && elapsed < 120, "the clock moved by %u s", elapsed);
    report_equal(wrong_count, 0, "no other interrupt");
    interrupts_mask(true);
    rtc_write(RTC_IMSC, 0);
}

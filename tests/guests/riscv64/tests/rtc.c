/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A device passed through with its interrupt: the goldfish real-time clock at 0x0010_1000, source
 * 11 of the PLIC, or of the APLIC, which then sends it as identity 11 to this hart's interrupt
 * file, or delivers it directly where there is none. Each alarm must interrupt once. Words of the
 * command line:
 *
 *     rounds=N  alarms (default 200)
 *
 * Sources: RISC-V Advanced Interrupt Architecture 1.0, 3.8 and 3.10 (IMSIC), 4.5, 4.8 and 4.9.2
 * (APLIC); the clock is described in Android's docs/GOLDFISH-VIRTUAL-HARDWARE.TXT.
 */
#include "riscv64.h"

#define WAIT_US 2000000u

#define RTC_IRQ             11u
#define RTC_TIME_LOW        0x00u /* nanoseconds; a read takes note of TIME_HIGH */
#define RTC_TIME_HIGH       0x04u
#define RTC_ALARM_LOW       0x08u /* a write sets the alarm */
#define RTC_IRQ_ENABLED     0x10u
#define RTC_CLEAR_INTERRUPT 0x1cu

#define CSR_SISELECT 0x150
#define CSR_SIREG    0x151
#define CSR_STOPEI   0x15c
#define EIDELIVERY   0x70u
#define EITHRESHOLD  0x72u
#define EIE0         0xc0u

#define APLIC_DOMAINCFG 0x0000u
#define APLIC_SOURCECFG 0x0000u /* of source n at 4 n */
#define APLIC_SETIPNUM  0x1cdcu
#define APLIC_SETIENUM  0x1edcu
#define APLIC_TARGET    0x3000u /* of source n at 4 n */

#define APLIC_IDC     0x4000u /* of hart n at 32 n: direct delivery (4.8.1) */
#define IDC_IDELIVERY 0x00u
#define IDC_CLAIMI    0x1cu

#define DOMAINCFG_IE      (1u << 8)
#define DOMAINCFG_IE_DM   (1u << 8 | 1u << 2)
#define SOURCECFG_LEVEL1  6u
#define TARGET_HART_SHIFT 18

static bool has_aplic;
static bool has_imsic;
static volatile uint64_t irq_count;
static volatile uint64_t wrong_count;

static void imsic_write(uint64_t number, uint64_t value)
{
    csr_write(CSR_SISELECT, number);
    csr_write(CSR_SIREG, value);
}

static void controller_init(void)
{
    if (!has_aplic) {
        plic_priority(RTC_IRQ, 1);
        plic_threshold(0);
        plic_enable(RTC_IRQ, true);
        return;
    }
    if (has_imsic) {
        imsic_write(EITHRESHOLD, 0);
        imsic_write(EIE0, 1u << RTC_IRQ);
        imsic_write(EIDELIVERY, 1);
    } else {
        mmio_write(APLIC_BASE + APLIC_IDC + IDC_IDELIVERY, 1);
    }
    mmio_write(APLIC_BASE + APLIC_SOURCECFG + 4 * RTC_IRQ, SOURCECFG_LEVEL1);
    mmio_write(APLIC_BASE + APLIC_TARGET + 4 * RTC_IRQ,
               (uint32_t)cpu_hart(0) << TARGET_HART_SHIFT | (has_imsic ? RTC_IRQ : 1));
    mmio_write(APLIC_BASE + APLIC_SETIENUM, RTC_IRQ);
    mmio_write(APLIC_BASE + APLIC_DOMAINCFG, has_imsic ? DOMAINCFG_IE_DM : DOMAINCFG_IE);
}

/* Takes an interrupt; returns its source, 0 when there is none. */
static uint32_t claim(void)
{
    uint64_t top;
    if (!has_aplic) {
        return plic_claim();
    }
    if (!has_imsic) {
        return mmio_read(APLIC_BASE + APLIC_IDC + IDC_CLAIMI) >> 16;
    }
    __asm__ volatile("csrrw %0, %1, zero" : "=r"(top) : "i"(CSR_STOPEI) : "memory");
    return (uint32_t)(top >> 16);
}

/* From now on the source interrupts again; at once if its line is high. */
static void complete(uint32_t source)
{
    if (!has_aplic) {
        plic_complete(source);
    } else if (has_imsic) {
        mmio_write(APLIC_BASE + APLIC_SETIPNUM, source); /* 4.9.2 */
    } /* with direct delivery the line alone decides (4.7) */
}

static uint32_t claim_in_time(void)
{
    uint64_t start = time_us();
    uint32_t source = claim();
    while (source == 0 && time_us() - start < WAIT_US) {
        cpu_relax();
        source = claim();
    }
    return source;
}

static uint64_t rtc_now(void)
{
    uint32_t low = mmio_read(RTC_BASE + RTC_TIME_LOW);
    return (uint64_t)mmio_read(RTC_BASE + RTC_TIME_HIGH) << 32 | low;
}

static void rtc_alarm(uint64_t at)
{
    mmio_write(RTC_BASE + RTC_ALARM_HIGH, (uint32_t)(at >> 32));
    mmio_write(RTC_BASE + RTC_ALARM_LOW, (uint32_t)at);
}

static void on_interrupt(unsigned code)
{
    if (code != IRQ_EXTERNAL) {
        csr_clear(CSR_SIE, 1u << code);
        wrong_count++;
        return;
    }
    uint32_t source = claim();
    if (source == 0) {
        return;
    }
    if (source == RTC_IRQ) {
        irq_count++;
    } else {
        wrong_count++;
    }
    mmio_write(RTC_BASE + RTC_CLEAR_INTERRUPT, 1);
    complete(source);
}

/* Polled, with interrupts masked. */
static void test_level(void)
{
    report_equal(claim(), 0, "no interrupt to begin with");
    mmio_write(RTC_BASE + RTC_IRQ_ENABLED, 1);
    rtc_alarm(rtc_now());
    report_equal(claim_in_time(), RTC_IRQ, "an alarm raises source 11");
    if (has_aplic) {
        unsigned again = 0;
        for (unsigned i = 0; i < 20; i++) {
            complete(RTC_IRQ);
            again += claim_in_time() == RTC_IRQ;
        }
        report_equal(again, 20, "it fires again while the line is high");
    } else {
        report_skip("QEMU's PLIC (7.2) does not look at the line after a completion");
    }
    mmio_write(RTC_BASE + RTC_IRQ_ENABLED, 0);
    complete(RTC_IRQ);
    delay_us(2000);
    report_equal(claim(), 0, "it is quiet when the line is low");
    mmio_write(RTC_BASE + RTC_CLEAR_INTERRUPT, 1);
    mmio_write(RTC_BASE + RTC_IRQ_ENABLED, 1);
}

static void test_alarms(uint64_t rounds)
{
    uint64_t met = 0;
    interrupts_mask(false);
    while (met < rounds) {
        rtc_alarm(rtc_now());
        if (!wait_for(&irq_count, met + 1, WAIT_US)) {
            break;
        }
        met++;
    }
    interrupts_mask(true);
    report_equal(met, rounds, "%lu alarms interrupt", rounds);
    report_equal(irq_count, met, "each once");
}

static void test_wfi(void)
{
    uint64_t before = irq_count;
    uint64_t start = time_us();
    rtc_alarm(rtc_now() + 1000000000);
    while (irq_count == before && time_us() - start < 5000000) {
        timer_arm_us(100000); /* do not sleep for ever if it is lost */
        csr_set(CSR_SIE, 1u << IRQ_TIMER);
        wfi();
        csr_clear(CSR_SIE, 1u << IRQ_TIMER);
        timer_stop();
        interrupts_mask(false);
        interrupts_mask(true);
    }
    report_equal(irq_count, before + 1, "an alarm one second ahead wakes a hart that waits");
    report(time_us() - start >= 900000, "not before, but after %lu us", time_us() - start);
}

void guest_main(void)
{
    report_begin("rtc");
    has_aplic = tree_contains("riscv,aplic");
    has_imsic = tree_contains("riscv,imsics");
    uint64_t first = rtc_now();
    report(first > 1600000000000000000, "it tells the time: %lu", first);
    controller_init();
    test_level();
    irq_set_handler(on_interrupt);
    csr_write(CSR_SIE, 1u << IRQ_EXTERNAL);
    test_alarms(cmdline_number("rounds", 200));
    test_wfi();
    report_equal(wrong_count, 0, "no other interrupt");
    csr_write(CSR_SIE, 0);
    mmio_write(RTC_BASE + RTC_IRQ_ENABLED, 0);
}

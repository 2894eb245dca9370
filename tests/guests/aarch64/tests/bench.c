/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What exits cost, in ticks of the virtual counter. Run by `make bench` under `-icount` with a
 * counter of 1 GHz, where a tick is one executed instruction; without a hypervisor the same program
 * gives the cost of the machine itself. Prints `BENCH: name: median` lines; asserts nothing.
 *
 * Interrupts stay masked and are taken by reading ICC_IAR1_EL1, so that no vector code is counted.
 */
#include "aarch64.h"

#define ROUNDS 63

#define RTC_DR   0x00u
#define RTC_MR   0x04u
#define RTC_IMSC 0x10u
#define RTC_ICR  0x1cu

static uint64_t samples[ROUNDS];

static uint64_t median(void)
{
    for (unsigned i = 1; i < ROUNDS; i++) {
        for (unsigned j = i; j > 0 && samples[j] < samples[j - 1]; j--) {
            uint64_t swap = samples[j];

            samples[j] = samples[j - 1];
            samples[j - 1] = swap;
        }
    }
    return samples[ROUNDS / 2];
}

static uint64_t now(void)
{
    return sysreg_read(cntvct_el0);
}

/* Measures `operation` with the cost of measuring, `base`, taken off. */
#define MEASURE(name, base, operation)                      \
    do {                                                    \
        for (unsigned i_ = 0; i_ < ROUNDS; i_++) {          \
            uint64_t start_ = now();                        \
            operation;                                      \
            samples[i_] = now() - start_;                   \
        }                                                   \
        print("BENCH: %s: %lu\n", name, median() - (base)); \
    } while (0)

/* An HVC or SMC without the procedure call around it. */
static inline void call(bool by_smc)
{
    register uint64_t x0 __asm__("x0") = PSCI_VERSION;

    if (by_smc) {
        __asm__ volatile("smc #0" : "+r"(x0)::"x1", "x2", "x3", "memory");
    } else {
        __asm__ volatile("hvc #0" : "+r"(x0)::"x1", "x2", "x3", "memory");
    }
}

static inline void take(unsigned intid)
{
    while (sysreg_read(ICC_IAR1_EL1) != intid) {
    }
    sysreg_write(ICC_EOIR1_EL1, intid);
}

/* From the deadline to the acknowledge that finds the interrupt. */
static uint64_t timer_latency(void)
{
    for (unsigned i = 0; i < ROUNDS; i++) {
        uint64_t deadline = now() + 1000;

        sysreg_write(cntv_cval_el0, deadline);
        sysreg_write(cntv_ctl_el0, 1);
        while (sysreg_read(ICC_IAR1_EL1) != TIMER_INTID) {
        }
        samples[i] = now() - deadline;
        sysreg_write(cntv_ctl_el0, 0);
        sysreg_write(ICC_EOIR1_EL1, TIMER_INTID);
    }
    return median();
}

/* A device's interrupt that comes with the write of its match register, in the same instruction. */
static void measure_device(uint64_t base)
{
    gic_config(RTC_INTID, false);
    gic_route(RTC_INTID, 0);
    gic_enable(RTC_INTID);
    mmio_write(RTC_BASE + RTC_ICR, 1);
    mmio_write(RTC_BASE + RTC_IMSC, 1);
    uint32_t second = mmio_read(RTC_BASE + RTC_DR); /* it lasts for 10^9 instructions */
    while (mmio_read(RTC_BASE + RTC_DR) == second) {
        cpu_relax();
    }
    MEASURE("RTC passed through: raise, take, lower, end", base, {
        mmio_write(RTC_BASE + RTC_MR, second + 1);
        while (sysreg_read(ICC_IAR1_EL1) != RTC_INTID) {
        }
        mmio_write(RTC_BASE + RTC_ICR, 1);
        sysreg_write(ICC_EOIR1_EL1, RTC_INTID);
    });
    mmio_write(RTC_BASE + RTC_IMSC, 0);
}

static volatile uint64_t second_ready;

static inline void send(unsigned intid, unsigned targets)
{
    sysreg_write(ICC_SGI1R_EL1, (uint64_t)intid << 24 | targets);
    isb();
}

static inline void wait_and_take(unsigned intid)
{
    while (sysreg_read(ICC_IAR1_EL1) != intid) {
        wfi();
    }
    sysreg_write(ICC_EOIR1_EL1, intid);
}

static void second_main(uint64_t unused)
{
    (void)unused;
    gic_cpu_init();
    gic_enable(1);
    second_ready = 1;
    for (;;) {
        wait_and_take(1);
        send(1, 1u << 0);
    }
}

/* Both CPUs wait in WFI, so that nothing is counted but the way there and back. */
static void measure_ipi(uint64_t base)
{
    if (cpu_start(1, second_main, 0) != 0 || !wait_for(&second_ready, 1, 1000000)) {
        return;
    }
    MEASURE("SGI to another vCPU and one back", base, {
        send(1, 1u << 1);
        wait_and_take(1);
    });
}

void guest_main(void)
{
    uint64_t since_start = sysreg_read(cntpct_el0); /* the machine's own counter starts at 0 */
    uint64_t base;

    report_begin("bench");
    print("BENCH: machine start to guest: %lu\n", since_start);
    gic_init();
    gic_cpu_init();
    gic_enable(1);
    gic_enable(TIMER_INTID);

    for (unsigned i = 0; i < ROUNDS; i++) {
        uint64_t start = now();

        samples[i] = now() - start;
    }
    base = median();
    print("BENCH: counter read: %lu\n", base);
    if (on_hypervisor()) {
        MEASURE("null hypercall, HVC", base, call(false));
        MEASURE("null hypercall, SMC", base, call(true));
    }
    MEASURE("MMIO read, GICD_TYPER", base, mmio_read(GICD_BASE + GICD_TYPER));
    MEASURE("MMIO read, GICD_ISENABLER", base, mmio_read(GICD_BASE + GICD_ISENABLER + 4));
    MEASURE("MMIO write, enable one", base, mmio_write(GICD_BASE + GICD_ISENABLER + 4, 1u << 9));
    MEASURE("MMIO write, disable one", base, mmio_write(GICD_BASE + GICD_ICENABLER + 4, 1u << 9));
    MEASURE("MMIO read, UARTFR", base, mmio_read(UART_BASE + 0x18));
    MEASURE("self-SGI, sent, taken, ended", base, {
        sysreg_write(ICC_SGI1R_EL1, UINT64_C(1) << 24 | 1);
        isb();
        take(1);
    });
    print("BENCH: timer, deadline to acknowledge: %lu\n", timer_latency());
    measure_device(base);
    measure_ipi(base);
    report(true, "measured");
    report_end();
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What exits cost, in executed instructions (the instret CSR). Run by `make bench` under `-icount`,
 * where the count is exact; without a hypervisor the same program gives the cost of the machine and
 * its firmware. Prints `BENCH: name: median` lines; asserts nothing.
 *
 * Interrupts stay masked and are taken by looking at sip, so that no vector code is counted.
 */
#include "riscv64.h"

#define ROUNDS 63

#define IER_THRI (1u << 1)

#define CSR_SISELECT 0x150
#define CSR_SIREG    0x151
#define CSR_STOPEI   0x15c

#define IMSIC_BASE        0x28000000ull
#define IMSIC_EIDELIVERY  0x70u
#define IMSIC_EITHRESHOLD 0x72u
#define IMSIC_EIE0        0xc0u

#define APLIC_DOMAINCFG   0x0000u
#define APLIC_SOURCECFG   0x0000u /* of source i at 4 * i */
#define APLIC_SETIENUM    0x1edcu
#define APLIC_SETIPNUM_LE 0x2000u
#define APLIC_TARGET      0x3000u /* of source i at 4 * i */

#define APLIC_DOMAINCFG_IE_DM   0x80000104u /* interrupts enabled, sent as messages */
#define APLIC_LEVEL_HIGH        6u
#define APLIC_TARGET_HART_SHIFT 18

#define RTC_IRQ             11u
#define RTC_TIME_LOW        0x00u /* nanoseconds, which are instructions */
#define RTC_ALARM_LOW       0x08u /* a moment that has passed: the interrupt comes at once */
#define RTC_IRQ_ENABLED     0x10u
#define RTC_CLEAR_INTERRUPT 0x1cu

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

static inline uint64_t now(void)
{
    return csr_read(CSR_INSTRET);
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

/* An ecall without the procedure call around it. */
static inline void call(uint64_t extension, uint64_t function, uint64_t first, uint64_t second)
{
    register uint64_t a0 __asm__("a0") = first;
    register uint64_t a1 __asm__("a1") = second;
    register uint64_t a6 __asm__("a6") = function;
    register uint64_t a7 __asm__("a7") = extension;

    __asm__ volatile("ecall" : "+r"(a0), "+r"(a1) : "r"(a6), "r"(a7) : "memory");
}

static inline void wait_pending(unsigned code)
{
    while ((csr_read(CSR_SIP) >> code & 1) == 0) {
    }
}

#define MESSAGE_IPI 1u
#define MESSAGE_RTC 2u

/* The interrupt file of a hart; on the machine each lies before those of its guests (AIA 1.0,
 * 3.6). */
static uintptr_t file_of(unsigned index)
{
    return IMSIC_BASE + (on_hypervisor() ? index * 0x1000ull : cpu_hart(index) * 0x4000);
}

/* Opens this hart's file for both messages (AIA 1.0, 3.8). */
static void file_init(void)
{
    csr_write(CSR_SISELECT, IMSIC_EITHRESHOLD);
    csr_write(CSR_SIREG, 0);
    csr_write(CSR_SISELECT, IMSIC_EIE0);
    csr_write(CSR_SIREG, 1u << MESSAGE_IPI | 1u << MESSAGE_RTC);
    csr_write(CSR_SISELECT, IMSIC_EIDELIVERY);
    csr_write(CSR_SIREG, 1);
    csr_write(CSR_SIE, 1u << IRQ_EXTERNAL);
}

/* Claims the message at the top of this hart's file; 0: there is none. */
static inline uint64_t claim_message(void)
{
    uint64_t top;

    __asm__ volatile("csrrw %0, %1, zero" : "=r"(top) : "i"(CSR_STOPEI) : "memory");
    return top >> 16;
}

static void sleep_message(unsigned identity)
{
    while (claim_message() != identity) {
        wfi();
    }
}

/*
 * Takes a software interrupt. Harts that exchange interrupts wait asleep, so that nothing is
 * counted but the way there and back; and so that both run: under `-icount` one at a time does.
 */
static void sleep_soft(void)
{
    while ((csr_read(CSR_SIP) >> IRQ_SOFT & 1) == 0) {
        wfi();
    }
    csr_clear(CSR_SIP, 1u << IRQ_SOFT);
}

static volatile bool second_by_message;

/* Announces itself to CPU 0, then answers each interrupt with one. */
static void second_main(uint64_t unused)
{
    (void)unused;
    csr_write(CSR_SIE, 1u << IRQ_SOFT);
    do {
        call(SBI_EXT_IPI, 0, 1ull << cpu_hart(0), 0);
        sleep_soft();
    } while (!second_by_message);
    file_init();
    call(SBI_EXT_IPI, 0, 1ull << cpu_hart(0), 0);
    for (;;) {
        sleep_message(MESSAGE_IPI);
        mmio_write(file_of(0), MESSAGE_IPI);
    }
}

static void measure_ipi(uint64_t base)
{
    MEASURE("SBI IPI to itself, sent and taken", base, {
        call(SBI_EXT_IPI, 0, 1ull << cpu_hart(0), 0);
        wait_pending(IRQ_SOFT);
        csr_clear(CSR_SIP, 1u << IRQ_SOFT);
    });
    csr_write(CSR_SIE, 1u << IRQ_SOFT);
    if (!report_equal((uint64_t)cpu_start(1, second_main, 0), 0, "the second hart starts")) {
        return;
    }
    sleep_soft();
    MEASURE("SBI IPI to another hart and one back", base, {
        call(SBI_EXT_IPI, 0, 1ull << cpu_hart(1), 0);
        sleep_soft();
    });
    if (!tree_contains("riscv,imsics")) {
        return;
    }
    second_by_message = true;
    call(SBI_EXT_IPI, 0, 1ull << cpu_hart(1), 0);
    sleep_soft();
    csr_write(CSR_SIE, 1u << IRQ_EXTERNAL);
    MEASURE("IMSIC IPI to another hart and one back", base, {
        mmio_write(file_of(1), MESSAGE_IPI);
        sleep_message(MESSAGE_IPI);
    });
}

/* The UART's transmitter: the interrupt comes with the write of IER, in the same exit. */
static void measure_device(uint64_t base)
{
    uintptr_t claim = plic_context(PLIC_CLAIM, 0x1000, 0);
    uintptr_t enables = plic_context(PLIC_ENABLE, 0x80, 0);
    uintptr_t threshold = plic_context(PLIC_THRESHOLD, 0x1000, 0);

    plic_priority(UART_IRQ, 1);
    plic_threshold(0);
    plic_enable(UART_IRQ, true);
    MEASURE("UART interrupt, PLIC: raise, claim, lower, complete", base, {
        mmio_write8(UART_BASE + UART_IER, IER_THRI);
        while (mmio_read(claim) != UART_IRQ) {
        }
        mmio_write8(UART_BASE + UART_IER, 0);
        mmio_write(claim, UART_IRQ);
    });
    plic_enable(UART_IRQ, false);
    plic_priority(RTC_IRQ, 1);
    plic_enable(RTC_IRQ, true);
    MEASURE("RTC passed through, PLIC: raise, claim, lower, complete", base, {
        mmio_write(RTC_BASE + RTC_ALARM_LOW, 0);
        while (mmio_read(claim) != RTC_IRQ) {
        }
        mmio_write(RTC_BASE + RTC_CLEAR_INTERRUPT, 1);
        mmio_write(claim, RTC_IRQ);
    });
    plic_enable(RTC_IRQ, false);
    MEASURE("emulated read, PLIC priority", base, mmio_read(PLIC_BASE + 4 * UART_IRQ));
    MEASURE("emulated read, PLIC enable", base, mmio_read(enables));
    MEASURE("emulated write, PLIC priority", base, mmio_write(PLIC_BASE + 4 * UART_IRQ, 1));
    MEASURE("emulated write, PLIC threshold", base, mmio_write(threshold, 0));
}

/* The RTC's interrupt as a message to this hart's file. */
static void measure_message(uint64_t base)
{
    file_init();
    mmio_write(APLIC_BASE + APLIC_DOMAINCFG, APLIC_DOMAINCFG_IE_DM);
    mmio_write(APLIC_BASE + APLIC_SOURCECFG + 4 * RTC_IRQ, APLIC_LEVEL_HIGH);
    mmio_write(APLIC_BASE + APLIC_TARGET + 4 * RTC_IRQ,
               (uint32_t)cpu_hart(0) << APLIC_TARGET_HART_SHIFT | MESSAGE_RTC);
    mmio_write(APLIC_BASE + APLIC_SETIENUM, RTC_IRQ);
    MEASURE("RTC passed through, AIA: raise, claim, lower", base, {
        mmio_write(RTC_BASE + RTC_ALARM_LOW, 0);
        while (claim_message() != MESSAGE_RTC) {
        }
        mmio_write(RTC_BASE + RTC_CLEAR_INTERRUPT, 1);
    });
    /* For a level, a driver that cannot know whether it is low asks for it again (4.9.2). */
    MEASURE("RTC passed through, AIA: the same, and setipnum", base, {
        mmio_write(RTC_BASE + RTC_ALARM_LOW, 0);
        while (claim_message() != MESSAGE_RTC) {
        }
        mmio_write(RTC_BASE + RTC_CLEAR_INTERRUPT, 1);
        mmio_write(APLIC_BASE + APLIC_SETIPNUM_LE, RTC_IRQ);
    });
    mmio_write(RTC_BASE + RTC_IRQ_ENABLED, 0);
    csr_write(CSR_SIE, 0);
}

void guest_main(void)
{
    /* Of the machine: firmware, hypervisor, entry of this program. By the clock, which begins at 0
     * (exits.py); a VM's instret begins with the VM. */
    uint64_t since_start = mmio_read(RTC_BASE + RTC_TIME_LOW);
    uint64_t base;

    report_begin("bench");
    print("BENCH: machine start to guest: %lu\n", since_start);
    for (unsigned i = 0; i < ROUNDS; i++) {
        uint64_t start = now();

        samples[i] = now() - start;
    }
    base = median();
    MEASURE("null ecall", base, call(SBI_EXT_BASE, 0, 0, 0));
    MEASURE("emulated read, UART LSR", base, mmio_read8(UART_BASE + UART_LSR));
    MEASURE("emulated write, UART SCR", base, mmio_write8(UART_BASE + UART_SCR, 1));
    MEASURE("timer set, stimecmp", base, csr_write(CSR_STIMECMP, ~0ull));
    MEASURE("timer set, SBI", base, call(SBI_EXT_TIME, 0, ~0ull, 0));
    mmio_write(RTC_BASE + RTC_ALARM_HIGH, 0);
    mmio_write(RTC_BASE + RTC_IRQ_ENABLED, 1);
    if (tree_contains("riscv,plic0")) {
        measure_device(base);
    } else {
        measure_message(base);
    }
    measure_ipi(base);
    report(true, "measured");
    report_end();
}

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

static volatile uint64_t second_ready;
static volatile uint64_t second_taken; /* instret of the other hart is not this one's: it counts */

static void second_main(uint64_t unused)
{
    (void)unused;
    csr_write(CSR_SIE, 0);
    second_ready = 1;
    for (;;) {
        if ((csr_read(CSR_SIP) >> IRQ_SOFT & 1) != 0) {
            csr_clear(CSR_SIP, 1u << IRQ_SOFT);
            second_taken++;
        }
        cpu_relax();
    }
}

static void measure_ipi(uint64_t base)
{
    MEASURE("SBI IPI to itself, sent and taken", base, {
        call(SBI_EXT_IPI, 0, 1ull << cpu_hart(0), 0);
        wait_pending(IRQ_SOFT);
        csr_clear(CSR_SIP, 1u << IRQ_SOFT);
    });
    if (cpu_start(1, second_main, 0) != 0 || !wait_for(&second_ready, 1, 1000000)) {
        return;
    }
    uint64_t sent = 0;
    MEASURE("SBI IPI to another hart, the sender's part", base, {
        call(SBI_EXT_IPI, 0, 1ull << cpu_hart(1), 0);
        sent++;
    });
    report(wait_for(&second_taken, 1, 1000000), "the other hart took %lu of %lu", second_taken,
           sent);
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
    MEASURE("emulated read, PLIC priority", base, mmio_read(PLIC_BASE + 4 * UART_IRQ));
    MEASURE("emulated read, PLIC enable", base, mmio_read(enables));
    MEASURE("emulated write, PLIC priority", base, mmio_write(PLIC_BASE + 4 * UART_IRQ, 1));
    MEASURE("emulated write, PLIC threshold", base, mmio_write(threshold, 0));
}

void guest_main(void)
{
    uint64_t since_start = now(); /* of the machine: firmware, hypervisor, entry of this program */
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
    if (tree_contains("riscv,plic0")) {
        measure_device(base);
    }
    measure_ipi(base);
    report(true, "measured");
    report_end();
}

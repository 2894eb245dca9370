/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What exits cost, in executed instructions (the time-stamp counter under `-icount`, where the
 * count is exact). Run by `make bench`; without a hypervisor the same program gives the cost of the
 * machine. Prints `BENCH: name: median` lines; asserts nothing.
 *
 * Interrupts are taken by handlers of two instructions; their end is part of what is measured.
 */
#include "x86_64.h"

#define ROUNDS 63

#define IER_THRI (1u << 1)

#define VECTOR_0 0x41u /* of CPU 0 */
#define VECTOR_1 0x42u /* of CPU 1 */

#define MSR_FS_BASE 0xc0000100u

void bench_handler_0(void);
void bench_handler_1(void);

extern volatile uint64_t bench_taken[2];
volatile uint64_t bench_taken[2]; /* counted by the handler of each CPU */

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
    return rdtsc();
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

/* Without the procedure calls around them. */
static inline void x2apic_write(unsigned offset, uint64_t value)
{
    msr_write(MSR_X2APIC + offset / 16, value);
}

/* Sleeps until CPU @p cpu has taken an interrupt after the @p before-th, and ends it. */
static inline void take(unsigned cpu, uint64_t before)
{
    while (bench_taken[cpu] == before) {
        interrupts_wait();
    }
    x2apic_write(LAPIC_EOI, 0);
}

static void measure_exits(uint64_t base)
{
    if (on_hypervisor()) {
        MEASURE("null hypercall", base, {
            uint64_t rax = ~0ull;
            __asm__ volatile("vmmcall" : "+a"(rax)::"memory");
        });
    }
    MEASURE("CPUID", base, (void)cpuid(0x40000000, 0));
    MEASURE("emulated RDMSR, APIC_BASE", base, (void)msr_read(MSR_APIC_BASE));
    MEASURE("RDMSR that is not intercepted, FS.base", base, (void)msr_read(MSR_FS_BASE));
    MEASURE("emulated port read, UART LSR", base, (void)port_read8(UART_PORT + UART_LSR));
    MEASURE("emulated port write, UART SCR", base, port_write8(UART_PORT + UART_SCR, 1));
    MEASURE("port read, nobody's", base, (void)port_read8(0x80));
    MEASURE("emulated read, IOAPIC", base, (void)mmio_read(IOAPIC_BASE + IOAPIC_WIN));
    MEASURE("emulated write, IOAPIC", base, mmio_write(IOAPIC_BASE + IOAPIC_REGSEL, 0));
}

static void measure_apic(uint64_t base)
{
    MEASURE("x2APIC: end of no interrupt", base, x2apic_write(LAPIC_EOI, 0));
    MEASURE("x2APIC: TPR written by CR8", base, register_write(cr8, 0));
    x2apic_write(LAPIC_DIVIDE, TIMER_DIVIDE_1);
    x2apic_write(LAPIC_LVT_TIMER, LVT_MASKED | VECTOR_0);
    MEASURE("x2APIC: timer set", base, x2apic_write(LAPIC_INITIAL, 1000000000));
    x2apic_write(LAPIC_INITIAL, 0);
    x2apic_write(LAPIC_LVT_TIMER, VECTOR_0);
    MEASURE("timer, deadline to interrupt and end", base + 50000, {
        uint64_t before = bench_taken[0];
        x2apic_write(LAPIC_INITIAL, 50000);
        take(0, before);
    });
    MEASURE("IPI to itself, sent, taken, ended", base, {
        uint64_t before = bench_taken[0];
        x2apic_write(LAPIC_ICR, VECTOR_0);
        interrupts_mask(false);
        while (bench_taken[0] == before) {
        }
        interrupts_mask(true);
        x2apic_write(LAPIC_EOI, 0);
    });
}

/* The UART's transmitter: the interrupt comes with the write of IER, in the same exit. */
static void measure_device(uint64_t base)
{
    ioapic_route(UART_GSI, 0, RTE_LEVEL | VECTOR_0);
    MEASURE("UART interrupt, level: raise, take, lower, end", base, {
        uint64_t before = bench_taken[0];
        port_write8(UART_PORT + UART_IER, IER_THRI);
        interrupts_mask(false);
        while (bench_taken[0] == before) {
        }
        interrupts_mask(true);
        port_write8(UART_PORT + UART_IER, 0);
        x2apic_write(LAPIC_EOI, 0);
    });
    ioapic_route(UART_GSI, 0, RTE_MASKED);
}

/* Answers each interrupt with one. */
static void second_main(uint64_t unused)
{
    (void)unused;
    x2apic_write(LAPIC_ICR, VECTOR_0);
    for (uint64_t before = 0;; before++) {
        take(1, before);
        x2apic_write(LAPIC_ICR, VECTOR_0);
    }
}

static void measure_ipi(uint64_t base)
{
    uint64_t before = bench_taken[0];
    cpu_start(1, second_main, 0);
    take(0, before);
    MEASURE("IPI to another CPU and one back", base, {
        before = bench_taken[0];
        x2apic_write(LAPIC_ICR, 1ull << 32 | VECTOR_1);
        take(0, before);
    });
}

void guest_main(void)
{
    report_begin("bench");
    trap_set_gate(VECTOR_0, bench_handler_0);
    trap_set_gate(VECTOR_1, bench_handler_1);
    lapic_init();
    for (unsigned i = 0; i < ROUNDS; i++) {
        uint64_t start = now();

        samples[i] = now() - start;
    }
    uint64_t base = median();
    measure_exits(base);
    measure_apic(base);
    measure_device(base);
    measure_ipi(base);
    report(true, "measured");
}

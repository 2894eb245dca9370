/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The IOAPIC of a VM (82093AA data sheet), with the UART's interrupt as the source. Words of the
 * command line:
 *     xapic=1    by local APICs in xAPIC mode
 *     direct=1   this VM may own the local APICs of its CPUs, whose TMR does not know its IOAPIC
 */
#include "x86_64.h"

#define WAIT_US  1000000u
#define PINS     24u
#define IER_THRI (1u << 1)

#define VECTOR_UART  0x44u
#define VECTOR_OTHER 0x45u

/* The UART's that were handled, by CPU, which alone writes it: the other one may go on then. */
static volatile uint64_t count[GUEST_CPU_MAX];
static volatile uint64_t nmi_count;
static volatile unsigned lower_after; /* the handler makes the UART quiet at that interrupt */

/*
 * The UART asks for service as long as there is room to send, when it may. What is printed moves
 * its line, so nothing is while it may interrupt: results are reported afterwards.
 */
static void uart_interrupt(bool enable)
{
    while ((port_read8(UART_PORT + UART_LSR) & UART_LSR_TEMT) == 0) {
        cpu_relax();
    }
    if (!enable) {
        (void)port_read8(UART_PORT + UART_IIR);
    }
    port_write8(UART_PORT + UART_IER, enable ? IER_THRI : 0);
}

static void on_interrupt(unsigned vector)
{
    if (vector == VECTOR_NMI) {
        nmi_count++;
        return;
    }
    if (vector == VECTOR_UART && lower_after != 0 && --lower_after == 0) {
        uart_interrupt(false);
    }
    lapic_end();
    count[cpu_index()] += vector == VECTOR_UART;
}

static bool becomes_pending(void)
{
    uint64_t start = time_us();
    while (!lapic_pending(VECTOR_UART) && time_us() - start < WAIT_US) {
        cpu_relax();
    }
    return lapic_pending(VECTOR_UART);
}

/* How many interrupts there are in a moment with interrupts enabled. */
static uint64_t taken(void)
{
    uint64_t before = count[0];
    delay_us(1000); /* QEMU's UART is a thread of its own */
    interrupts_take();
    return count[0] - before;
}

static void test_registers(void)
{
    unsigned wrong = 0;
    uint32_t version = ioapic_read(IOAPIC_VERSION);
    report((version & 0xff) >= 0x11 && (version >> 16 & 0xff) == PINS - 1, "version 0x%x", version);
    mmio_write(IOAPIC_BASE + IOAPIC_REGSEL, 0x3f);
    report_equal(mmio_read(IOAPIC_BASE + IOAPIC_REGSEL), 0x3f, "IOREGSEL reads back");
    ioapic_write(IOAPIC_ID, 0xffffffff);
    report_equal(ioapic_read(IOAPIC_ID), 0x0f000000, "the id has four bits");
    ioapic_write(IOAPIC_ID, 0);
    for (unsigned pin = 0; pin < PINS; pin++) {
        if (on_hypervisor()) {
            wrong += ioapic_entry(pin) != RTE_MASKED;
        }
        ioapic_write(IOAPIC_ENTRY + 2 * pin, 0xffffffff);
        ioapic_write(IOAPIC_ENTRY + 2 * pin + 1, 0x12000000 + pin);
        wrong += (ioapic_entry(pin) & 0x1ffff) != 0x1afff;
        wrong += ioapic_read(IOAPIC_ENTRY + 2 * pin + 1) >> 24 != 0x12;
        ioapic_route(pin, 0, RTE_MASKED);
    }
    report_equal(wrong, 0, "entries are masked to begin with and keep what can be written");
    for (unsigned number = 2; number < 0x100; number++) {
        if (number < IOAPIC_ENTRY || number >= IOAPIC_ENTRY + 2 * PINS) {
            ioapic_write(number, 0xffffffff);
            (void)ioapic_read(number);
        }
    }
    report(true, "registers that are not there");
}

static void test_level(void)
{
    ioapic_route(UART_GSI, 0, RTE_MASKED | RTE_LEVEL | VECTOR_UART);
    uart_interrupt(true);
    uint64_t masked = taken();
    ioapic_route(UART_GSI, 0, RTE_LEVEL | VECTOR_UART);
    bool pending = becomes_pending();
    bool remote = (ioapic_entry(UART_GSI) & RTE_REMOTE_IRR) != 0;
    bool is_level = lapic_has(LAPIC_TMR, VECTOR_UART);
    lower_after = 3;
    uint64_t first = taken();
    uint64_t more = taken();
    bool still = (ioapic_entry(UART_GSI) & RTE_REMOTE_IRR) != 0;
    report_equal(masked, 0, "level: a masked pin does not interrupt");
    report(pending, "unmasked it does, as its line is high");
    report(remote, "remote IRR is set");
    if (!cmdline_is("direct", "1")) {
        report(is_level, "TMR: level-triggered");
    }
    report_equal(first, 3, "it is taken as often as it ends while the line is high");
    report_equal(more, 0, "and no more");
    report(!still, "remote IRR is clear");

    uart_interrupt(true);
    pending = becomes_pending();
    uart_interrupt(false);
    uart_interrupt(true);
    lower_after = 1;
    first = taken();
    more = taken();
    report(pending, "a rising line interrupts");
    report_equal(first, 1, "low and high again before it is taken is one interrupt");
    report_equal(more, 0, "not two");

    uart_interrupt(true);
    pending = becomes_pending();
    lapic_send(0, VECTOR_OTHER); /* higher, so taken first, and its end is not the UART's */
    lower_after = 1;
    first = taken();
    ioapic_route(UART_GSI, 0, RTE_MASKED);
    report(pending && first == 1, "another vector's end does not count");
}

static void test_edge(void)
{
    ioapic_route(UART_GSI, 0, VECTOR_UART);
    uart_interrupt(true);
    uint64_t first = taken();
    uint64_t more = taken();
    bool is_level = lapic_has(LAPIC_TMR, VECTOR_UART);
    bool remote = (ioapic_entry(UART_GSI) & RTE_REMOTE_IRR) != 0;
    uart_interrupt(false);
    uart_interrupt(true);
    uint64_t again = taken();
    uart_interrupt(false);
    ioapic_route(UART_GSI, 0, RTE_MASKED | VECTOR_UART);
    uart_interrupt(true);
    ioapic_write(IOAPIC_ENTRY + 2 * UART_GSI, VECTOR_UART);
    uint64_t masked = taken();
    uart_interrupt(false);
    report_equal(first, 1, "edge: a rising line interrupts");
    report_equal(more, 0, "once, although it stays high");
    report(!is_level, "TMR: edge-triggered");
    report(!remote, "no remote IRR");
    report_equal(again, 1, "low and high: once more");
    report_equal(masked, 0, "an edge while masked is lost");
}

static void test_polarity(void)
{
    if (!on_hypervisor()) {
        report_skip("polarity: QEMU's IOAPIC has none");
        return;
    }
    ioapic_route(UART_GSI, 0, RTE_LEVEL | RTE_ACTIVE_LOW | VECTOR_UART);
    bool pending = becomes_pending();
    uart_interrupt(true);
    uint64_t first = taken();
    uint64_t more = taken();
    ioapic_route(UART_GSI, 0, RTE_MASKED);
    uart_interrupt(false);
    report(pending, "active low: pending while the line is low");
    report_equal(first, 1, "taken once");
    report_equal(more, 0, "and not again when the line is high");
}

static void test_refire(uint32_t mode)
{
    uint64_t round;
    uint64_t before = count[0];
    ioapic_route(UART_GSI, 0, mode | VECTOR_UART);
    interrupts_mask(false);
    for (round = 1; round <= 1000; round++) {
        lower_after = 1;
        uart_interrupt(true);
        if (!wait_for(&count[0], before + round, WAIT_US)) {
            break;
        }
    }
    interrupts_mask(true);
    ioapic_route(UART_GSI, 0, RTE_MASKED);
    uart_interrupt(false);
    report_equal(round, 1001, "%s: it comes each of 1000 times", mode != 0 ? "level" : "edge");
    report_equal(count[0] - before, 1000, "and no more");
}

static volatile uint64_t second_ready;
static volatile uint64_t second_stop;

static void second_main(uint64_t unused)
{
    (void)unused;
    interrupts_mask(false);
    second_ready = 1;
    while (second_stop == 0) {
        cpu_relax();
    }
    interrupts_mask(true);
}

/* Sends the UART's interrupt by @p entry to @p destination; whether it came to CPU @p cpu only. */
static bool goes_to(unsigned cpu, uint32_t destination, uint32_t entry)
{
    uint64_t before[] = { count[0], count[1] };
    ioapic_route(UART_GSI, destination, entry | RTE_LEVEL | VECTOR_UART);
    lower_after = 1;
    uart_interrupt(true);
    interrupts_mask(false);
    bool came = wait_for(&count[cpu], before[cpu] + 1, WAIT_US);
    interrupts_mask(true);
    ioapic_route(UART_GSI, 0, RTE_MASKED);
    uart_interrupt(false);
    return came && count[1 - cpu] == before[1 - cpu];
}

static void test_destinations(void)
{
    cpu_start(1, second_main, 0);
    if (!report(wait_for(&second_ready, 1, WAIT_US), "CPU 1 runs")) {
        return;
    }
    report(goes_to(1, 1, 0), "to CPU 1 by its id");
    report(goes_to(0, 0, 0), "to CPU 0");
    report(goes_to(1, 2, RTE_LOGICAL), "to CPU 1 by its logical id");
    report(goes_to(0, 1, RTE_LOGICAL), "to CPU 0");
    uint64_t before = count[0] + count[1];
    ioapic_route(UART_GSI, 77, VECTOR_UART);
    uart_interrupt(true);
    delay_us(1000);
    interrupts_take();
    uart_interrupt(false);
    report_equal(count[0] + count[1], before, "to nobody");
    ioapic_route(UART_GSI, 0, RTE_NMI);
    uart_interrupt(true);
    bool came = wait_for(&nmi_count, 1, WAIT_US);
    uart_interrupt(false);
    ioapic_route(UART_GSI, 0, RTE_MASKED);
    report(came, "as an NMI");
    second_stop = 1;
    report(cpu_wait_off(1, WAIT_US), "CPU 1 ends");
}

void guest_main(void)
{
    report_begin("ioapic");
    if (cmdline_is("xapic", "1")) {
        lapic_use_xapic();
    } else {
        lapic_init();
    }
    irq_set_handler(on_interrupt);
    test_registers();
    test_level();
    test_edge();
    test_polarity();
    test_refire(0);
    test_refire(RTE_LEVEL);
    test_destinations();
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The 16550 a VM sees at port 0x3f8 (TL16C550 data sheet). Words of the command line:
 *     echo=1   then waits for one line of input, takes it by interrupt and prints `echo: <line>`
 */
#include "x86_64.h"

#define WAIT_US 30000000u

#define IER_RDI  (1u << 0)
#define IER_THRI (1u << 1)
#define IIR_NONE 1u
#define IIR_THRI 2u
#define IIR_RDI  4u
#define IIR_RTO  12u
#define LCR_DLAB 0x80u
#define LCR_8N1  3u
#define MCR_LOOP 0x10u
#define MCR_OUT2 0x08u

#define VECTOR_UART 0x44u

static volatile uint64_t interrupt_count;

static uint8_t uart(unsigned offset)
{
    return port_read8((uint16_t)(UART_PORT + offset));
}

static void uart_write(unsigned offset, uint8_t value)
{
    port_write8((uint16_t)(UART_PORT + offset), value);
}

static void test_registers(void)
{
    static const uint8_t values[] = { 0x00, 0xff, 0x5a, 0xa5 };
    unsigned wrong = 0;
    for (unsigned i = 0; i < ARRAY_SIZE(values); i++) {
        uart_write(UART_SCR, values[i]);
        wrong += uart(UART_SCR) != values[i];
    }
    report_equal(wrong, 0, "SCR keeps every value");
    uart_write(UART_LCR, LCR_8N1 | LCR_DLAB);
    uart_write(UART_RBR, 0x34);
    uart_write(UART_IER, 0x12);
    uint8_t low = uart(UART_RBR);
    uint8_t high = uart(UART_IER);
    uart_write(UART_RBR, 1);
    uart_write(UART_IER, 0);
    uart_write(UART_LCR, LCR_8N1);
    report(low == 0x34 && high == 0x12, "the divisor is behind DLAB");
    report_equal(uart(UART_LCR), LCR_8N1, "LCR reads back");
    report_equal(uart(UART_IER), 0, "IER is not the divisor");
    uart_write(UART_IER, 0xff);
    report_equal(uart(UART_IER) & 0xf0, 0, "IER has four bits");
    uart_write(UART_IER, 0);
    report_equal(uart(UART_LSR) & 0x1f, 0, "LSR: nothing received, no errors");
    uart_write(UART_LSR, 0xff);
    report_equal(uart(UART_LSR) & 0x1f, 0, "LSR cannot be written");
    uart_write(UART_IIR, 1);
    report_equal(uart(UART_IIR) & 0xc0, 0xc0, "FIFOs on: an NS16550A");
    report_equal(uart(UART_IIR) & 0xf, IIR_NONE, "IIR: nothing pending");
    (void)uart(UART_MSR);
    report((uart(UART_MSR) & 0x0f) == 0, "MSR's changes are cleared by reading");
}

static void test_transmit(void)
{
    while ((uart(UART_LSR) & UART_LSR_TEMT) == 0) {
        cpu_relax();
    }
    uart_write(UART_IER, IER_THRI);
    uint8_t first = uart(UART_IIR) & 0xf;
    uint8_t second = uart(UART_IIR) & 0xf;
    uart_write(UART_IER, 0);
    report_equal(first, IIR_THRI, "room to send is reported");
    report_equal(second, IIR_NONE, "and taken back by reading IIR");
}

/* OUTS and INS, which move memory: an element at a time, with the direction and the count. */
static void test_strings(void)
{
    static const char text[] = "OUTSB: written\n";
    const char *from = text;
    uint64_t left = sizeof(text) - 1;
    uint16_t port = UART_PORT;
    while ((uart(UART_LSR) & UART_LSR_TEMT) == 0) {
        cpu_relax();
    }
    __asm__ volatile("rep outsb" : "+S"(from), "+c"(left) : "d"(port) : "memory");
    report(left == 0 && from == text + sizeof(text) - 1, "REP OUTSB");
    uint8_t bytes[4] = { 1, 2, 3, 4 };
    uint8_t *to = bytes + 3;
    left = 3;
    port = UART_PORT + UART_SCR;
    uart_write(UART_SCR, 0x5a);
    __asm__ volatile("std; rep insb; cld" : "+D"(to), "+c"(left) : "d"(port) : "memory");
    report(left == 0 && to == bytes && bytes[0] == 1 && bytes[1] == 0x5a && bytes[3] == 0x5a,
           "REP INSB downwards");
    __asm__ volatile("outsb" : "+S"(from) : "d"(port) : "memory"); /* the NUL */
    report_equal(uart(UART_SCR), 0, "OUTSB");
}

static void on_interrupt(unsigned vector)
{
    if (vector == VECTOR_UART) {
        interrupt_count++;
    }
    lapic_end();
}

static void test_echo(void)
{
    char line[80];
    unsigned length = 0;
    bool complete = false;
    unsigned wrong = 0;
    lapic_init();
    irq_set_handler(on_interrupt);
    ioapic_route(UART_GSI, 0, VECTOR_UART);
    uart_write(UART_MCR, MCR_OUT2);
    uart_write(UART_IER, IER_RDI);
    print("ready for input\n");
    interrupts_mask(false);
    while (!complete && length < sizeof(line) - 1) {
        uint64_t before = interrupt_count;
        bool is_there = (uart(UART_LSR) & UART_LSR_DR) != 0;
        if (!is_there && !wait_for(&interrupt_count, before + 1, WAIT_US)) {
            break;
        }
        uint8_t reason = uart(UART_IIR) & 0xf;
        wrong += reason != IIR_RDI && reason != IIR_RTO;
        while (!complete && (uart(UART_LSR) & UART_LSR_DR) != 0) {
            char c = (char)uart(UART_RBR);
            if (c == '\r' || c == '\n') {
                complete = true;
            } else if (length < sizeof(line) - 1) {
                line[length++] = c;
            }
        }
    }
    interrupts_mask(true);
    uart_write(UART_IER, 0);
    line[length] = '\0';
    print("echo: %s\n", line);
    report(complete, "a line of %u characters received", length);
    report(interrupt_count >= 1, "by %lu interrupts", interrupt_count);
    report_equal(wrong, 0, "IIR named the receiver each time");
    report((uart(UART_LSR) & UART_LSR_DR) == 0, "the queue is empty afterwards");
}

void guest_main(void)
{
    report_begin("uart");
    test_registers();
    test_transmit();
    test_strings();
    if (cmdline_is("echo", "1")) {
        test_echo();
    }
}

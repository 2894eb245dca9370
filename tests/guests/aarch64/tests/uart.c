/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The PL011 UART a VM sees (Arm DDI 0183). Words of the command line:
 *
 *     echo=1  then waits for one line of input, takes it by interrupt and prints `echo: <line>`
 */
#include "aarch64.h"

#define UART_DR    0x00u
#define UART_RSR   0x04u
#define UART_FR    0x18u
#define UART_IBRD  0x24u
#define UART_FBRD  0x28u
#define UART_LCR_H 0x2cu
#define UART_CR    0x30u
#define UART_IFLS  0x34u
#define UART_IMSC  0x38u
#define UART_RIS   0x3cu
#define UART_MIS   0x40u
#define UART_ICR   0x44u

#define FR_BUSY (1u << 3)
#define FR_RXFE (1u << 4)
#define FR_TXFF (1u << 5)
#define INT_RX  (1u << 4)
#define INT_TX  (1u << 5)
#define INT_RT  (1u << 6)

static uint32_t uart(unsigned offset)
{
    return mmio_read(UART_BASE + offset);
}

static void uart_write(unsigned offset, uint32_t value)
{
    mmio_write(UART_BASE + offset, value);
}

static void test_identification(void)
{
    report_equal(uart(0xfe0), 0x11, "PeriphID0");
    report_equal(uart(0xfe4), 0x10, "PeriphID1");
    report_equal(uart(0xfe8) & 0xf, 0x4, "PeriphID2");
    report_equal(uart(0xfec), 0x00, "PeriphID3");
    uint32_t cell = uart(0xff0) | uart(0xff4) << 8 | uart(0xff8) << 16 | uart(0xffc) << 24;
    report_equal(cell, 0xb105f00d, "PCellID");
}

static void test_registers(void)
{
    uint32_t fr = uart(UART_FR);
    report((fr & (FR_RXFE | FR_TXFF | FR_BUSY)) == FR_RXFE,
           "FR 0x%x: nothing received, room to send", fr);
    static const struct {
        unsigned offset;
        uint32_t value;
        const char *name;
    } registers[] = {
        { UART_IBRD, 0x1234, "IBRD" }, { UART_FBRD, 0x2a, "FBRD" }, { UART_LCR_H, 0x70, "LCR_H" },
        { UART_CR, 0x301, "CR" },      { UART_IFLS, 0x12, "IFLS" }, { UART_IMSC, 0x7f0, "IMSC" },
        { UART_IMSC, 0, "IMSC zero" },
    };
    for (unsigned i = 0; i < ARRAY_SIZE(registers); i++) {
        uart_write(registers[i].offset, registers[i].value);
        report_equal(uart(registers[i].offset), registers[i].value, "%s reads back",
                     registers[i].name);
    }
    report_equal(uart(UART_RSR), 0, "RSR: no errors");
    uart_write(UART_FR, 0xffffffff);
    report_equal(uart(UART_FR) & (FR_RXFE | FR_TXFF), FR_RXFE, "FR is read-only");
    report_equal(access_read(UART_BASE + UART_CR, 2), 0x301, "CR by a halfword");
    report_equal(access_read(UART_BASE + UART_FR, 1) & FR_RXFE, FR_RXFE, "FR by a byte");
    print("DR by 8, 16 and 32 bits: ");
    access_write(UART_BASE + UART_DR, 1, 'a');
    access_write(UART_BASE + UART_DR, 2, 'b');
    access_write(UART_BASE + UART_DR, 4, 'c');
    print("\n");
    report_equal(uart(UART_DR) & 0xff00, 0, "reading DR when nothing was received is harmless");
}

static void test_interrupts(void)
{
    gic_init();
    gic_cpu_init();
    gic_config(UART_INTID, false);
    gic_priority(UART_INTID, 0x80);
    gic_route(UART_INTID, 0);
    gic_enable(UART_INTID);
    uart_write(UART_IMSC, 0);
    uart_write(UART_ICR, 0x7ff);
    report_equal(uart(UART_MIS), 0, "MIS is 0 when all are masked");
    console_put('.');
    console_put('\n');
    report((uart(UART_RIS) & INT_TX) != 0, "RIS shows room to send");
    report_equal(uart(UART_MIS), 0, "MIS does not, while it is masked");
    report_equal(gic_acknowledge(), INTID_SPURIOUS, "no interrupt while it is masked");
    uart_write(UART_IMSC, INT_TX);
    uint32_t mis = uart(UART_MIS);
    unsigned intid = gic_wait(100000);
    uart_write(UART_ICR, INT_TX);
    uint32_t after = uart(UART_MIS);
    gic_end(intid);
    delay_us(500);
    unsigned again = gic_acknowledge();
    uart_write(UART_IMSC, 0);
    report_equal(mis, INT_TX, "MIS shows it when it is enabled");
    report_equal(intid, UART_INTID, "and the interrupt comes");
    report_equal(after, 0, "ICR clears it");
    report_equal(again, INTID_SPURIOUS, "and it does not come again");
}

/* Receives a line by interrupt: level-triggered, until the queue is empty. */
static void test_echo(void)
{
    char line[80];
    unsigned length = 0;
    bool complete = false;
    unsigned interrupts = 0;
    unsigned wrong = 0;
    uart_write(UART_ICR, 0x7ff);
    uart_write(UART_IMSC, INT_RX | INT_RT);
    print("ready for input\n");
    while (!complete && length < sizeof(line) - 1) {
        unsigned intid = gic_wait(30000000);
        if (intid != UART_INTID) {
            break;
        }
        interrupts++;
        wrong += (uart(UART_MIS) & (INT_RX | INT_RT)) == 0;
        while (!complete && (uart(UART_FR) & FR_RXFE) == 0) {
            char c = (char)(uart(UART_DR) & 0xff);
            if (c == '\r' || c == '\n') {
                complete = true;
            } else if (length < sizeof(line) - 1) {
                line[length++] = c;
            }
        }
        uart_write(UART_ICR, INT_RX | INT_RT);
        gic_end(intid);
    }
    uart_write(UART_IMSC, 0);
    line[length] = '\0';
    print("echo: %s\n", line);
    report(complete, "a line of %u characters received", length);
    report(interrupts >= 1, "by %u interrupts", interrupts);
    report_equal(wrong, 0, "MIS named the receiver each time");
    report((uart(UART_FR) & FR_RXFE) != 0 && (uart(UART_RIS) & INT_RX) == 0,
           "the queue is empty afterwards");
}

void guest_main(void)
{
    report_begin("uart");
    test_identification();
    test_registers();
    test_interrupts();
    if (cmdline_is("echo", "1")) {
        test_echo();
    }
}

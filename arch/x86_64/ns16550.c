/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The machine's serial port, a 16550A at ports of the ISA bus. See hv/arch/console.h.
 *
 * The baud rate stays as the firmware has left it. The transmit FIFO tells only that it is empty,
 * so its fill is counted here.
 *
 * Source: PC16550D data sheet (TL/C/8652), chapter 8; names of registers as there.
 */
#include <arch/ns16550.h>
#include <arch/x86.h>
#include <hv/arch/console.h>
#include <hv/ns16550.h>
#include <hv/tables.h>

#define FIFO_SIZE 16u

/* LSR: overrun, parity and framing errors, break (8.4). */
#define LSR_ERRORS 0x1eu

/* Under console_lock: IER as it stands; how many bytes the transmit FIFO takes for certain. */
static uint8_t ier;
static uint32_t room;

static uint8_t read_register(uint32_t number)
{
    return in8((uint16_t)(board.uart + number));
}

static void write_register(uint32_t number, uint8_t value)
{
    out8((uint16_t)(board.uart + number), value);
}

void arch_console_init(void)
{
    write_register(UART_IER, 0);
    write_register(UART_LCR, LCR_8N1);
    write_register(UART_FCR, FCR_ENABLE | FCR_CLEAR_RX);
    write_register(UART_MCR, MCR_DTR | MCR_RTS | MCR_OUT2);
    ier = IER_ERBI;
    write_register(UART_IER, ier);
}

/* As many rounds as it takes to type faster than a CPU can read. */
void ns16550_quiet(void)
{
    for (uint32_t i = 0; i < FIFO_SIZE && (read_register(UART_IIR) & IIR_NONE) == 0; i++) {
        console_interrupt();
    }
}

bool arch_console_put(uint8_t byte)
{
    if (room == 0) {
        if ((read_register(UART_LSR) & LSR_THRE) == 0) {
            return false;
        }
        room = FIFO_SIZE;
    }
    room--;
    write_register(UART_THR, byte);
    return true;
}

bool arch_console_is_sent(void)
{
    return (read_register(UART_LSR) & LSR_TEMT) != 0;
}

int arch_console_get(void)
{
    for (;;) {
        uint8_t status = read_register(UART_LSR);
        uint8_t byte;

        if ((status & LSR_DR) == 0) {
            return -1;
        }
        byte = read_register(UART_RBR);
        if ((status & LSR_ERRORS) == 0) {
            return byte;
        }
        /* a break or a damaged byte is nothing that anybody typed */
    }
}

/* The interrupt stands while the FIFO is empty from the moment it is enabled (8.6, 8.7), until a
 * byte is written or IIR is read, which nobody does. */
void arch_console_notify_room(bool on)
{
    uint8_t wanted = (uint8_t)(IER_ERBI | (on ? IER_ETBEI : 0));

    if (ier != wanted) {
        ier = wanted;
        write_register(UART_IER, ier);
    }
}

void arch_console_panic_put(uint8_t byte)
{
    while ((read_register(UART_LSR) & LSR_THRE) == 0) {
    }
    write_register(UART_THR, byte);
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The board's serial port, an NS16550A, for architectures whose boards have one. It implements
 * hv/arch/console.h, and reaches the registers through that header's arch_uart_read() and
 * arch_uart_write().
 *
 * The baud rate stays as the firmware has left it. The transmit FIFO tells only that it is empty,
 * so its fill is counted here.
 *
 * Source: PC16550D data sheet (TL/C/8652), chapter 8; names of registers as there.
 */
#include <hv/arch/console.h>
#include <hv/ns16550.h>

/* LSR: overrun, parity and framing errors, break (8.4). */
#define LSR_ERRORS 0x1eu

/* Under console_lock: IER as it stands; how many bytes the transmit FIFO takes for certain. */
static uint8_t ier;
static uint32_t room;

void arch_console_init(void)
{
    arch_uart_write(UART_IER, 0);
    arch_uart_write(UART_LCR, LCR_8N1);
    arch_uart_write(UART_FCR, FCR_ENABLE | FCR_CLEAR_RX);
    arch_uart_write(UART_MCR, MCR_DTR | MCR_RTS | MCR_OUT2);
    ier = IER_ERBI;
    arch_uart_write(UART_IER, ier);
}

bool arch_console_put(uint8_t byte)
{
    if (room == 0) {
        if ((arch_uart_read(UART_LSR) & LSR_THRE) == 0) {
            return false;
        }
        room = UART_FIFO_SIZE;
    }
    room--;
    arch_uart_write(UART_THR, byte);
    return true;
}

bool arch_console_is_sent(void)
{
    return (arch_uart_read(UART_LSR) & LSR_TEMT) != 0;
}

int arch_console_get(void)
{
    for (;;) {
        uint8_t status = arch_uart_read(UART_LSR);
        uint8_t byte;

        if ((status & LSR_DR) == 0) {
            return -1;
        }
        byte = arch_uart_read(UART_RBR);
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
        arch_uart_write(UART_IER, ier);
    }
}

void arch_console_panic_put(uint8_t byte)
{
    while ((arch_uart_read(UART_LSR) & LSR_THRE) == 0) {
    }
    arch_uart_write(UART_THR, byte);
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The board's PL011 UART, the hypervisor's serial port.
 *
 * Baud rate and pins stay as the firmware left them. Both FIFOs are on. The receive timeout makes
 * the port report single bytes; the transmit interrupt is enabled only while somebody waits for
 * room.
 *
 * Source: Arm PrimeCell UART (PL011) Technical Reference Manual, DDI 0183G, chapter 3.
 */
#include <arch/pl011.h>
#include <hv/arch/console.h>
#include <hv/tables.h>

/* Mask as it stands in UARTIMSC. Under console_lock. */
static uint32_t mask;

static volatile uint32_t *reg(uint32_t offset)
{
    return (volatile uint32_t *)(uintptr_t)(board.uart.pa + offset);
}

static uint32_t read_reg(uint32_t offset)
{
    return *reg(offset);
}

static void write_reg(uint32_t offset, uint32_t value)
{
    *reg(offset) = value;
}

void arch_console_init(void)
{
    /* The order of 3.3.8: disable, let the character in transit finish, flush the FIFOs, set up. */
    write_reg(UARTCR, 0);
    while ((read_reg(UARTFR) & UARTFR_BUSY) != 0) {
    }
    write_reg(UARTLCR_H, UARTLCR_H_WLEN_8);
    write_reg(UARTIFLS, UARTIFLS_RX_1_8 | UARTIFLS_TX_1_2);
    write_reg(UARTICR, UART_INTERRUPTS);
    write_reg(UARTDMACR, 0);
    mask = UARTINT_RX | UARTINT_RT;
    write_reg(UARTIMSC, mask);
    write_reg(UARTLCR_H, UARTLCR_H_WLEN_8 | UARTLCR_H_FEN);
    write_reg(UARTCR, UARTCR_UARTEN | UARTCR_TXE | UARTCR_RXE);
}

bool arch_console_put(uint8_t byte)
{
    if ((read_reg(UARTFR) & UARTFR_TXFF) != 0) {
        return false;
    }
    write_reg(UARTDR, byte);
    return true;
}

bool arch_console_is_sent(void)
{
    return (read_reg(UARTFR) & UARTFR_BUSY) == 0;
}

int arch_console_get(void)
{
    while ((read_reg(UARTFR) & UARTFR_RXFE) == 0) {
        uint32_t data = read_reg(UARTDR);

        if ((data & UARTDR_ERRORS) == 0) {
            return (int)(data & 0xff);
        }
        write_reg(UARTECR, 0); /* a break or a damaged byte is nothing that anybody typed */
    }
    return -1;
}

/* The interrupt stands from the moment the FIFO has fallen to its trigger level (2.8.2), and falls
 * when it is filled above. It can therefore not be missed by one who has just filled it. */
void arch_console_notify_room(bool on)
{
    uint32_t wanted = UARTINT_RX | UARTINT_RT | (on ? UARTINT_TX : 0);

    if (mask != wanted) {
        mask = wanted;
        write_reg(UARTIMSC, mask);
    }
}

void arch_console_panic_put(uint8_t byte)
{
    while (!arch_console_put(byte)) {
    }
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Registers of the PL011 UART: of the board's own (pl011.c) and of the emulated ones (vpl011.c).
 *
 * Source: Arm PrimeCell UART (PL011) Technical Reference Manual, DDI 0183G, 3.2 and 3.3.
 */
#pragma once

/* Offsets. */
#define UARTDR        0x000u /* data; reads carry error bits */
#define UARTRSR       0x004u /* receive status; a write (UARTECR) clears it */
#define UARTECR       0x004u
#define UARTFR        0x018u /* flags */
#define UARTILPR      0x020u /* IrDA low-power counter */
#define UARTIBRD      0x024u /* integer baud rate */
#define UARTFBRD      0x028u /* fractional baud rate */
#define UARTLCR_H     0x02cu /* line control */
#define UARTCR        0x030u /* control */
#define UARTIFLS      0x034u /* FIFO levels of the interrupts */
#define UARTIMSC      0x038u /* interrupt mask; 1 lets through */
#define UARTRIS       0x03cu /* raw interrupts */
#define UARTMIS       0x040u /* masked interrupts */
#define UARTICR       0x044u /* interrupt clear */
#define UARTDMACR     0x048u
#define UARTPERIPHID0 0xfe0u /* eight byte-wide identification registers up to 0xffc */

#define UARTDR_ERRORS 0xf00u /* framing, parity, break, overrun */

#define UARTFR_CTS  0x001u /* the other side is ready; this and the next two as seen by software */
#define UARTFR_DSR  0x002u
#define UARTFR_DCD  0x004u
#define UARTFR_BUSY 0x008u
#define UARTFR_RXFE 0x010u /* receive FIFO empty */
#define UARTFR_TXFF 0x020u /* transmit FIFO full */
#define UARTFR_RXFF 0x040u
#define UARTFR_TXFE 0x080u

#define UARTLCR_H_FEN    0x10u /* FIFOs on */
#define UARTLCR_H_WLEN_8 0x60u

#define UARTCR_UARTEN 0x001u
#define UARTCR_TXE    0x100u
#define UARTCR_RXE    0x200u

#define UARTIFLS_TX_1_2 0x02u
#define UARTIFLS_RX_1_8 0x00u

/* Bits of UARTIMSC, UARTRIS, UARTMIS and UARTICR. */
#define UARTINT_RX      0x010u
#define UARTINT_TX      0x020u
#define UARTINT_RT      0x040u /* receive timeout */
#define UART_INTERRUPTS 0x7ffu

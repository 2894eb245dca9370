/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Registers of the NS16550A: for the hypervisor's own port and for the emulated ones.
 *
 * Names are the data sheet's. Numbers count registers; how far these are apart is the board's
 * affair (reg-shift).
 *
 * Source: TL16C550D data sheet (SLLS597E), PC16550D data sheet (TL/C/8652), chapter 8.
 */
#pragma once

#define UART_RBR 0u /* read; with LCR_DLAB: DLL */
#define UART_THR 0u /* write; with LCR_DLAB: DLL */
#define UART_IER 1u /* with LCR_DLAB: DLM */
#define UART_IIR 2u /* read */
#define UART_FCR 2u /* write */
#define UART_LCR 3u
#define UART_MCR 4u
#define UART_LSR 5u
#define UART_MSR 6u
#define UART_SCR 7u

#define UART_FIFO_SIZE 16u /* bytes, each direction */

#define IER_ERBI  0x01u /* received data */
#define IER_ETBEI 0x02u /* transmitter holding register empty */
#define IER_MASK  0x0fu

/* Interrupt identification, bits 3:0. */
#define IIR_NONE     0x01u
#define IIR_THRE     0x02u
#define IIR_RECEIVED 0x04u
#define IIR_TIMEOUT  0x0cu
#define IIR_FIFOS    0xc0u /* FIFOs are enabled */

#define FCR_ENABLE   0x01u
#define FCR_CLEAR_RX 0x02u
#define FCR_TRIGGER  0xc0u /* receive trigger level: 1, 4, 8, 14 bytes */

#define LCR_8N1  0x03u
#define LCR_DLAB 0x80u

#define MCR_DTR  0x01u
#define MCR_RTS  0x02u
#define MCR_OUT1 0x04u
#define MCR_OUT2 0x08u
#define MCR_LOOP 0x10u
#define MCR_MASK 0x1fu

#define LSR_DR   0x01u
#define LSR_THRE 0x20u
#define LSR_TEMT 0x40u

#define MSR_CTS 0x10u
#define MSR_DSR 0x20u
#define MSR_RI  0x40u
#define MSR_DCD 0x80u

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Emulated PL011 UART (r1p5) between a guest's registers and its VM's console rings.
 *
 * Transmit: the guest sees a FIFO of 32 bytes that lies in front of the console's ring. What the
 * ring takes counts as sent, so the FIFO is empty and never busy unless the ring is almost full;
 * then its fill is what the ring lacks of 32 free bytes. The transmit interrupt follows 2.8.2:
 * raised when the FIFO has fallen to the trigger level (here: with every byte written while the
 * ring takes it, and when a full ring was drained), lowered by filling above that level or by
 * UARTICR. Drivers that write half a FIFO at each interrupt without looking find the room.
 *
 * Receive: there is no line with a baud rate whose silence could mean a timeout, so the first byte
 * raises both receive interrupts, and they stand until the guest has read everything: clearing them
 * with bytes left raises them anew at once.
 *
 * Bytes pass whether or not the guest has enabled the UART: firmware would have, and guests for the
 * SBSA generic UART never do (SBSA, B.3). Baud rate, modem outputs, loopback, DMA and errors have
 * no effect; their registers keep what is written.
 *
 * Source: Arm PrimeCell UART (PL011) Technical Reference Manual, DDI 0183G.
 */
#include <arch/pl011.h>
#include <arch/vpl011.h>
#include <hv/arch/console.h>
#include <hv/arch/irq.h>
#include <hv/tables.h>

#define FIFO_SIZE 32u /* r1p5 */

/* Fill of the transmit FIFO that the guest sees. */
static uint32_t tx_fill(const struct vpl011 *uart)
{
    uint32_t room = console_room(uart->console);

    return room < FIFO_SIZE ? FIFO_SIZE - room : 0;
}

/* Fill at which the transmit interrupt is raised (3.3.9; without FIFOs: 2.8.2, the holding register
 * is empty, and the ring is there all the same). */
static uint32_t tx_trigger(const struct vpl011 *uart)
{
    static const uint8_t eighths[] = { 1, 2, 4, 6, 7, 4, 4, 4 }; /* 5 to 7 are reserved */

    return FIFO_SIZE / 8 * eighths[uart->ifls & 7];
}

/* Brings the raw transmit interrupt up to date; `has_written`: the guest has just put a byte. */
static void follow_tx(struct vpl011 *uart, bool has_written)
{
    if (tx_fill(uart) > tx_trigger(uart)) {
        uart->tx_is_above = true;
        uart->tx_interrupt = false;
    } else if (has_written || uart->tx_is_above) {
        uart->tx_is_above = false;
        uart->tx_interrupt = true;
    }
}

static uint16_t raw_interrupts(const struct vpl011 *uart)
{
    uint32_t raw = uart->tx_interrupt ? UARTINT_TX : 0;

    if (console_has_input(uart->console)) {
        raw |= UARTINT_RX | UARTINT_RT;
    }
    return (uint16_t)raw;
}

/* Moves the interrupt line if it has to move. uart->lock is held, so that levels arrive in order.
 */
static void follow_line(struct vpl011 *uart)
{
    bool level = (raw_interrupts(uart) & uart->imsc) != 0;

    if (level != uart->line) {
        uart->line = level;
        arch_irq_set_line(uart->vm, uart->virq, level);
    }
}

/* UARTFR (3.3.3). The terminal is always connected and ready. */
static uint16_t flags(const struct vpl011 *uart)
{
    uint32_t value = UARTFR_CTS | UARTFR_DSR | UARTFR_DCD;
    uint32_t fill = tx_fill(uart);

    if (fill == 0) {
        value |= UARTFR_TXFE;
    } else if (fill == FIFO_SIZE) {
        value |= UARTFR_TXFF | UARTFR_BUSY;
    }
    if (!console_has_input(uart->console)) {
        value |= UARTFR_RXFE;
    }
    return (uint16_t)value;
}

static uint16_t read_data(struct vpl011 *uart)
{
    int byte = console_get(uart->console);

    return byte < 0 ? 0 : (uint16_t)byte;
}

/* UARTPeriphID0-3 and UARTPCellID0-3 (3.3.17, 3.3.18): part 0x011, designer 0x41, revision r1p5. */
static uint16_t identification(uint32_t offset)
{
    static const uint8_t bytes[] = { 0x11, 0x10, 0x34, 0x00, 0x0d, 0xf0, 0x05, 0xb1 };

    return bytes[(offset - UARTPERIPHID0) / 4];
}

/* Registers that do not exist read as zero. */
static uint16_t read_register(struct vpl011 *uart, uint32_t offset)
{
    if (offset >= UARTPERIPHID0) {
        return identification(offset);
    }
    switch (offset) {
    case UARTDR:
        return read_data(uart);
    case UARTFR:
        return flags(uart);
    case UARTILPR:
        return uart->ilpr;
    case UARTIBRD:
        return uart->ibrd;
    case UARTFBRD:
        return uart->fbrd;
    case UARTLCR_H:
        return uart->lcr_h;
    case UARTCR:
        return uart->cr;
    case UARTIFLS:
        return uart->ifls;
    case UARTIMSC:
        return uart->imsc;
    case UARTRIS:
        return raw_interrupts(uart);
    case UARTMIS:
        return raw_interrupts(uart) & uart->imsc;
    case UARTDMACR:
        return uart->dmacr;
    default:
        return 0;
    }
}

/* Stores the bits of a register that exist. Writes to all others are ignored. */
static void write_register(struct vpl011 *uart, uint32_t offset, uint16_t value)
{
    switch (offset) {
    case UARTDR:
        /* A byte written into a full FIFO is lost, here as there. */
        (void)console_put(uart->console, (uint8_t)value);
        follow_tx(uart, true);
        break;
    case UARTILPR:
        uart->ilpr = value & 0xff;
        break;
    case UARTIBRD:
        uart->ibrd = value;
        break;
    case UARTFBRD:
        uart->fbrd = value & 0x3f;
        break;
    case UARTLCR_H:
        uart->lcr_h = value & 0xff;
        break;
    case UARTCR:
        uart->cr = value;
        break;
    case UARTIFLS:
        uart->ifls = value & 0x3f;
        break;
    case UARTIMSC:
        uart->imsc = value & UART_INTERRUPTS;
        break;
    case UARTICR:
        uart->tx_interrupt = uart->tx_interrupt && (value & UARTINT_TX) == 0;
        break;
    case UARTDMACR:
        uart->dmacr = value & 0x7;
        break;
    default:
        break;
    }
}

bool vpl011_access(struct vcpu *v, void *device, struct mmio_access *access)
{
    struct vpl011 *uart = device;
    uint32_t offset = (uint32_t)access->address.ipa % HV_PAGE_SIZE;
    uint32_t lane = offset % 4; /* a narrow access to the upper bytes of a register */

    (void)v;
    if (access->size > 4) {
        return false;
    }
    spin_lock(&uart->lock);
    if (!access->is_write) {
        uint64_t value = (uint64_t)read_register(uart, offset - lane) >> (8 * lane);

        access->value = value & (UINT64_MAX >> (64 - 8 * access->size));
    } else if (lane == 0) {
        write_register(uart, offset, (uint16_t)access->value);
    }
    follow_line(uart);
    spin_unlock(&uart->lock);
    if (access->is_write && offset == UARTDR) {
        console_drain();
    }
    return true;
}

void vpl011_reset(struct vpl011 *uart)
{
    spin_lock(&uart->lock);
    uart->ilpr = 0;
    uart->ibrd = 0;
    uart->fbrd = 0;
    uart->lcr_h = 0;
    uart->cr = UARTCR_TXE | UARTCR_RXE;
    uart->ifls = 0x12; /* half, half */
    uart->imsc = 0;
    uart->dmacr = 0;
    uart->tx_interrupt = false;
    uart->tx_is_above = false;
    while (console_get(uart->console) >= 0) {
    }
    console_end_line(uart->console);
    follow_line(uart);
    spin_unlock(&uart->lock);
    console_drain();
}

void vpl011_update(struct vpl011 *uart)
{
    spin_lock(&uart->lock);
    follow_tx(uart, false);
    follow_line(uart);
    spin_unlock(&uart->lock);
}

void arch_console_guest_update(struct vm *vm)
{
    if (vm->config->arch.uart != NULL) {
        vpl011_update(vm->config->arch.uart);
    }
}

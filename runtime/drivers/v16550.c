/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Emulated NS16550A between a guest's registers and its VM's console rings.
 *
 * Transmit: the guest sees a FIFO of 16 bytes that lies in front of the console's ring. What the
 * ring takes counts as sent, so the FIFO is empty unless the ring is almost full; then its fill is
 * what the ring lacks of 16 free bytes. LSR.THRE stands while the FIFO is empty, so a driver that
 * writes 16 bytes after it saw THRE finds the room. The THRE interrupt follows the data sheet
 * (TL16C550D, "interrupt identification register"; PC16550D, 8.5): raised when the FIFO runs empty
 * and when it is enabled while the FIFO is empty; lowered by reading IIR when that names it, and by
 * writing THR (which mostly empties at once, and raises it anew).
 *
 * Receive: there is no line with a baud rate, and no trigger level worth waiting for: the first
 * byte interrupts. With a trigger level above one byte it is reported as a character timeout, which
 * promises one byte and no more.
 *
 * Baud rate, word length, break and DMA mode have no effect; their registers keep what is written.
 * In loopback the modem outputs appear as the modem inputs, as probing drivers expect, and what is
 * sent goes nowhere. There are no line or modem status interrupts, as nothing ever goes wrong.
 */
#include <hv/arch/console.h>
#include <hv/arch/irq.h>
#include <hv/ns16550.h>
#include <hv/tables.h>
#include <hv/v16550.h>

#define FIFO_SIZE 16u

/* Fill of the transmit FIFO that the guest sees. */
static uint32_t tx_fill(const struct v16550 *uart)
{
    uint32_t room = console_room(uart->console);

    return room < FIFO_SIZE ? FIFO_SIZE - room : 0;
}

/* Brings the THRE interrupt up to date; `has_written`: the guest has just put a byte. */
static void follow_tx(struct v16550 *uart, bool has_written)
{
    if (tx_fill(uart) > 0) {
        uart->tx_is_filled = true;
        uart->tx_interrupt = false;
    } else if (has_written || uart->tx_is_filled) {
        uart->tx_is_filled = false;
        uart->tx_interrupt = true;
    }
}

/* The most important interrupt that stands and is enabled: its code in IIR. */
static uint8_t interrupt_id(const struct v16550 *uart)
{
    if ((uart->regs.ier & IER_ERBI) != 0 && console_has_input(uart->console)) {
        return (uart->regs.fcr & FCR_ENABLE) != 0 && (uart->regs.fcr & FCR_TRIGGER) != 0
                   ? IIR_TIMEOUT
                   : IIR_RECEIVED;
    }
    if ((uart->regs.ier & IER_ETBEI) != 0 && uart->tx_interrupt) {
        return IIR_THRE;
    }
    return IIR_NONE;
}

/* Moves the interrupt line if it has to move. uart->lock is held, so that levels arrive in order.
 */
static void follow_line(struct v16550 *uart)
{
    bool level = interrupt_id(uart) != IIR_NONE;

    if (level != uart->line) {
        uart->line = level;
        arch_irq_set_line(uart->vm, uart->virq, level);
    }
}

static bool is_divisor_latched(const struct v16550 *uart)
{
    return (uart->regs.lcr & LCR_DLAB) != 0;
}

static uint8_t read_data(struct v16550 *uart)
{
    int byte = console_get(uart->console);

    return byte < 0 ? 0 : (uint8_t)byte;
}

static uint8_t read_iir(struct v16550 *uart)
{
    uint8_t id = interrupt_id(uart);

    if (id == IIR_THRE) {
        uart->tx_interrupt = false;
    }
    return (uint8_t)(id | ((uart->regs.fcr & FCR_ENABLE) != 0 ? IIR_FIFOS : 0));
}

static uint8_t line_status(const struct v16550 *uart)
{
    uint32_t value = tx_fill(uart) == 0 ? LSR_THRE | LSR_TEMT : 0;

    return (uint8_t)(console_has_input(uart->console) ? value | LSR_DR : value);
}

/* The terminal is always connected and ready; in loopback it is not asked. */
static uint8_t modem_status(const struct v16550 *uart)
{
    uint32_t value = 0;

    if ((uart->regs.mcr & MCR_LOOP) == 0) {
        return MSR_CTS | MSR_DSR | MSR_DCD;
    }
    value |= (uart->regs.mcr & MCR_RTS) != 0 ? MSR_CTS : 0;
    value |= (uart->regs.mcr & MCR_DTR) != 0 ? MSR_DSR : 0;
    value |= (uart->regs.mcr & MCR_OUT1) != 0 ? MSR_RI : 0;
    value |= (uart->regs.mcr & MCR_OUT2) != 0 ? MSR_DCD : 0;
    return (uint8_t)value;
}

static uint8_t read_register(struct v16550 *uart, uint32_t number)
{
    switch (number) {
    case UART_RBR:
        return is_divisor_latched(uart) ? uart->regs.dll : read_data(uart);
    case UART_IER:
        return is_divisor_latched(uart) ? uart->regs.dlm : uart->regs.ier;
    case UART_IIR:
        return read_iir(uart);
    case UART_LCR:
        return uart->regs.lcr;
    case UART_MCR:
        return uart->regs.mcr;
    case UART_LSR:
        return line_status(uart);
    case UART_MSR:
        return modem_status(uart);
    case UART_SCR:
        return uart->regs.scr;
    default:
        return 0;
    }
}

static void drop_input(const struct v16550 *uart)
{
    while (console_get(uart->console) >= 0) {
    }
}

/* Sends a byte. One that is written into a full FIFO is lost, here as there. */
static void write_data(struct v16550 *uart, uint8_t value)
{
    if ((uart->regs.mcr & MCR_LOOP) == 0) {
        (void)console_put(uart->console, value);
    }
    follow_tx(uart, true);
}

static void write_ier(struct v16550 *uart, uint8_t value)
{
    if ((value & ~uart->regs.ier & IER_ETBEI) != 0) {
        uart->tx_interrupt = tx_fill(uart) == 0;
    }
    uart->regs.ier = value & IER_MASK;
}

/* The other bits count only together with the enable bit; changing that empties the FIFOs
 * (PC16550D, 8.4). Sent bytes are on their way already. */
static void write_fcr(struct v16550 *uart, uint8_t value)
{
    bool was_enabled = (uart->regs.fcr & FCR_ENABLE) != 0;
    bool is_enabled = (value & FCR_ENABLE) != 0;

    if (is_enabled != was_enabled || (is_enabled && (value & FCR_CLEAR_RX) != 0)) {
        drop_input(uart);
    }
    uart->regs.fcr = is_enabled ? value & (FCR_ENABLE | FCR_TRIGGER) : 0;
}

/* Status registers cannot be written. */
static void write_register(struct v16550 *uart, uint32_t number, uint8_t value)
{
    switch (number) {
    case UART_THR:
        if (is_divisor_latched(uart)) {
            uart->regs.dll = value;
        } else {
            write_data(uart, value);
        }
        break;
    case UART_IER:
        if (is_divisor_latched(uart)) {
            uart->regs.dlm = value;
        } else {
            write_ier(uart, value);
        }
        break;
    case UART_FCR:
        write_fcr(uart, value);
        break;
    case UART_LCR:
        uart->regs.lcr = value;
        break;
    case UART_MCR:
        uart->regs.mcr = value & MCR_MASK;
        break;
    case UART_SCR:
        uart->regs.scr = value;
        break;
    default:
        break;
    }
}

bool v16550_access(struct vcpu *v, void *device, struct mmio_access *access)
{
    struct v16550 *uart = device;
    uint32_t number = (uint32_t)access->address.ipa % HV_PAGE_SIZE;

    (void)v;
    if (access->size != 1) {
        return false;
    }
    spin_lock(&uart->lock);
    if (access->is_write) {
        write_register(uart, number, (uint8_t)access->value);
    } else {
        access->value = read_register(uart, number);
    }
    follow_line(uart);
    spin_unlock(&uart->lock);
    if (access->is_write && number == UART_THR) {
        console_drain();
    }
    return true;
}

uint32_t v16550_send(struct v16550 *uart, const uint8_t *bytes, uint32_t count)
{
    uint32_t done = 0;

    spin_lock(&uart->lock);
    while (done < count && console_put(uart->console, bytes[done])) {
        done++;
    }
    follow_tx(uart, false);
    follow_line(uart);
    spin_unlock(&uart->lock);
    console_drain();
    return done;
}

uint32_t v16550_receive(struct v16550 *uart, uint8_t *bytes, uint32_t count)
{
    uint32_t done = 0;

    spin_lock(&uart->lock);
    for (int byte; done < count && (byte = console_get(uart->console)) >= 0; done++) {
        bytes[done] = (uint8_t)byte;
    }
    follow_line(uart);
    spin_unlock(&uart->lock);
    return done;
}

void v16550_reset(struct v16550 *uart)
{
    spin_lock(&uart->lock);
    uart->regs = (struct v16550_registers){ 0 };
    uart->tx_interrupt = false;
    uart->tx_is_filled = false;
    drop_input(uart);
    console_end_line(uart->console);
    follow_line(uart);
    spin_unlock(&uart->lock);
    console_drain();
}

void v16550_update(struct v16550 *uart)
{
    spin_lock(&uart->lock);
    follow_tx(uart, false);
    follow_line(uart);
    spin_unlock(&uart->lock);
}

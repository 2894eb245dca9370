/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The emulated NS16550A, through its registers as drivers use them, in front of the real console.
 */
/* SOURCES: runtime/drivers/v16550.c runtime/console.c runtime/terminal.c arch/fake/console.c */
/* SOURCES: tests/host/no_operator.c */
#include "test.h"
#include <arch/fake.h>
#include <hv/arch/console.h>
#include <hv/arch/irq.h>
#include <hv/arch/time.h>
#include <hv/ns16550.h>
#include <hv/tables.h>
#include <hv/v16550.h>

#define BASE UINT64_C(0x10000000)
#define VIRQ 10

static struct vm vm;
static struct v16550 uart;

struct console consoles[] = { { .name = "hv" }, { .name = "a", .vm = &vm } };
const uint32_t console_count = 2;

static struct v16550 uart = { .vm = &vm, .console = &consoles[1], .virq = VIRQ };
static const struct vm_config config = { .name = "a", .console = &consoles[1] };
static struct vm vm = { .config = &config };

/* ---- What it calls ---- */

/* The CPU that all happens on: no plan, nothing else. */
static const struct pcpu_config cpu_config;
static struct pcpu cpu = { .config = &cpu_config };
_Thread_local struct pcpu *fake_this_pcpu = &cpu;
static bool level;
static uint32_t level_changes;

void arch_irq_set_line(struct vm *of, uint32_t virq, bool new_level)
{
    EXPECT(of == &vm);
    EXPECT_EQ(virq, VIRQ);
    EXPECT(new_level != level); /* told only when it moves */
    level = new_level;
    level_changes++;
}

void arch_console_guest_update(struct vm *of)
{
    EXPECT(of == &vm);
    v16550_update(&uart);
}

uint64_t arch_time_now(void)
{
    return 0;
}

uint64_t arch_time_frequency(void)
{
    return FAKE_FREQUENCY;
}

void sched_alarm(uint64_t deadline)
{
    (void)deadline;
}

void fake_relax(void)
{
    FAIL("waits for a lock that nobody will release");
}

/* ---- Help ---- */

static void write_reg(uint32_t offset, uint8_t value)
{
    struct mmio_access access = {
        .address = { BASE + offset }, .value = value, .size = 1, .is_write = true
    };

    EXPECT(v16550_access(NULL, &uart, &access));
}

static uint8_t read_reg(uint32_t offset)
{
    struct mmio_access access = { .address = { BASE + offset }, .size = 1, .value = 0xbad };

    EXPECT(v16550_access(NULL, &uart, &access));
    EXPECT(access.value <= 0xff);
    return (uint8_t)access.value;
}

static void start(void)
{
    console_init();
    v16550_reset(&uart);
}

static void type(const char *keys)
{
    fake_type(keys);
    console_interrupt();
}

static void print(const char *text)
{
    for (; *text != '\0'; text++) {
        EXPECT((read_reg(UART_LSR) & LSR_THRE) != 0);
        write_reg(UART_THR, (uint8_t)*text);
    }
}

/* The bytes of the guest that have reached the port: all but prefixes and escape sequences. */
static uint32_t sent_count(uint8_t byte)
{
    uint32_t count = 0;

    for (uint32_t i = 0; i < fake_output_count; i++) {
        count += fake_output[i] == byte ? 1 : 0;
    }
    return count;
}

/* ---- Registers ---- */

TEST(reset_values)
{
    start();
    EXPECT_EQ(read_reg(UART_RBR), 0);
    EXPECT_EQ(read_reg(UART_IER), 0);
    EXPECT_EQ(read_reg(UART_IIR), IIR_NONE);
    EXPECT_EQ(read_reg(UART_LCR), 0);
    EXPECT_EQ(read_reg(UART_MCR), 0);
    EXPECT_EQ(read_reg(UART_LSR), LSR_THRE | LSR_TEMT);
    EXPECT_EQ(read_reg(UART_MSR), MSR_CTS | MSR_DSR | MSR_DCD);
    EXPECT_EQ(read_reg(UART_SCR), 0);
}

TEST(registers_keep_what_exists)
{
    start();
    write_reg(UART_IER, 0xff);
    EXPECT_EQ(read_reg(UART_IER), 0x0f);
    write_reg(UART_MCR, 0xff);
    EXPECT_EQ(read_reg(UART_MCR), 0x1f);
    write_reg(UART_SCR, 0xa5);
    EXPECT_EQ(read_reg(UART_SCR), 0xa5);
    write_reg(UART_LSR, 0); /* cannot be written */
    write_reg(UART_MSR, 0);
    EXPECT_EQ(read_reg(UART_LSR), LSR_THRE | LSR_TEMT);
}

TEST(divisor_latches)
{
    start();
    write_reg(UART_IER, IER_ERBI);
    write_reg(UART_LCR, LCR_DLAB | LCR_8N1);
    write_reg(UART_THR, 0x12);
    write_reg(UART_IER, 0x34);
    EXPECT_EQ(read_reg(UART_RBR), 0x12);
    EXPECT_EQ(read_reg(UART_IER), 0x34);
    EXPECT_EQ(read_reg(UART_LCR), LCR_DLAB | LCR_8N1);
    write_reg(UART_LCR, LCR_8N1);
    EXPECT_EQ(read_reg(UART_IER), IER_ERBI);
    EXPECT_EQ(sent_count(0x12), 0);
}

/* Every byte of the window answers; only bytes are served. */
TEST(every_offset_and_size)
{
    start();
    for (uint32_t offset = 0; offset < 0x1000; offset++) {
        write_reg(offset, offset == UART_THR ? '\n' : 0x7f);
        EXPECT(offset <= UART_SCR || read_reg(offset) == 0);
    }
    for (uint8_t size = 2; size <= 8; size = (uint8_t)(size * 2)) {
        struct mmio_access access = { .address = { BASE }, .size = size };

        EXPECT(!v16550_access(NULL, &uart, &access));
    }
}

/* What Linux's 8250 driver looks at to tell a 16550A from older and newer kinds. */
TEST(identification)
{
    start();
    write_reg(UART_FCR, FCR_ENABLE);
    EXPECT_EQ(read_reg(UART_IIR), IIR_NONE | IIR_FIFOS);
    write_reg(UART_FCR, 0x20 | FCR_ENABLE); /* the 64-byte FIFOs of a 16750 */
    EXPECT_EQ(read_reg(UART_IIR), IIR_NONE | IIR_FIFOS);
    write_reg(UART_FCR, 0);
    EXPECT_EQ(read_reg(UART_IIR), IIR_NONE);
    write_reg(UART_FCR, 0xc0); /* without the enable bit the others do not count */
    EXPECT_EQ(read_reg(UART_IIR), IIR_NONE);
    write_reg(UART_MCR, MCR_LOOP | MCR_OUT2 | MCR_RTS);
    EXPECT_EQ(read_reg(UART_MSR), MSR_DCD | MSR_CTS);
    write_reg(UART_MCR, MCR_LOOP | MCR_OUT1 | MCR_DTR);
    EXPECT_EQ(read_reg(UART_MSR), MSR_RI | MSR_DSR);
    write_reg(UART_THR, 'x');
    EXPECT_EQ(sent_count('x'), 0);
}

TEST(polled_output_without_set_up)
{
    start();
    print("early console\r\n");
    EXPECT_EQ(sent_count('y'), 1);
    EXPECT_EQ(sent_count('l'), 2);
}

/* ---- Receive ---- */

TEST(polled_input)
{
    start();
    type("ab");
    EXPECT((read_reg(UART_LSR) & LSR_DR) != 0);
    EXPECT_EQ(read_reg(UART_RBR), 'a');
    EXPECT_EQ(read_reg(UART_RBR), 'b');
    EXPECT((read_reg(UART_LSR) & LSR_DR) == 0);
    EXPECT_EQ(read_reg(UART_RBR), 0);
    EXPECT_EQ(level_changes, 0);
}

TEST(receive_interrupt_stands_until_all_is_read)
{
    start();
    write_reg(UART_FCR, FCR_ENABLE);
    write_reg(UART_IER, IER_ERBI);
    EXPECT(!level);
    type("ab");
    EXPECT(level);
    EXPECT_EQ(read_reg(UART_IIR), IIR_RECEIVED | IIR_FIFOS);
    EXPECT(level); /* reading IIR clears THRE only */
    EXPECT_EQ(read_reg(UART_RBR), 'a');
    EXPECT(level);
    EXPECT_EQ(read_reg(UART_RBR), 'b');
    EXPECT(!level);
    EXPECT_EQ(read_reg(UART_IIR), IIR_NONE | IIR_FIFOS);
}

/* Fewer bytes than the trigger level are reported as a timeout, which promises one byte. */
TEST(trigger_level)
{
    start();
    write_reg(UART_FCR, 0x80 | FCR_ENABLE);
    write_reg(UART_IER, IER_ERBI);
    type("a");
    EXPECT_EQ(read_reg(UART_IIR), IIR_TIMEOUT | IIR_FIFOS);
}

TEST(input_before_the_driver_comes)
{
    start();
    type("x");
    EXPECT(!level);
    write_reg(UART_IER, IER_ERBI);
    EXPECT(level);
    write_reg(UART_IER, 0);
    EXPECT(!level);
}

TEST(clearing_the_receive_fifo)
{
    start();
    write_reg(UART_FCR, FCR_ENABLE);
    write_reg(UART_IER, IER_ERBI);
    type("x");
    write_reg(UART_FCR, FCR_CLEAR_RX); /* without the enable bit: FIFOs go off, and lose all */
    EXPECT(!level);
    write_reg(UART_FCR, FCR_ENABLE);
    type("y");
    write_reg(UART_FCR, FCR_ENABLE); /* no change */
    EXPECT(level);
    write_reg(UART_FCR, FCR_ENABLE | FCR_CLEAR_RX);
    EXPECT(!level);
    EXPECT((read_reg(UART_LSR) & LSR_DR) == 0);
}

/* ---- Transmit ---- */

/* Linux enables the interrupt twice to see whether each time raises it. */
TEST(enabling_raises_the_interrupt)
{
    start();
    for (int i = 0; i < 3; i++) {
        write_reg(UART_IER, IER_ETBEI);
        EXPECT(level);
        EXPECT_EQ(read_reg(UART_IIR), IIR_THRE);
        EXPECT(!level);
        EXPECT_EQ(read_reg(UART_IIR), IIR_NONE);
        write_reg(UART_IER, IER_ETBEI); /* enabled already */
        EXPECT(!level);
        write_reg(UART_IER, 0);
    }
}

TEST(transmit_interrupt_follows_a_byte)
{
    start();
    write_reg(UART_IER, IER_ETBEI);
    read_reg(UART_IIR);
    write_reg(UART_THR, 'x');
    EXPECT(level);
    EXPECT_EQ(read_reg(UART_IIR), IIR_THRE);
    EXPECT(!level);
    write_reg(UART_THR, 'y');
    EXPECT(level);
    write_reg(UART_IER, 0);
    EXPECT(!level);
}

/* Received data is more important, and reading IIR then leaves THRE alone. */
TEST(receive_comes_first)
{
    start();
    write_reg(UART_IER, IER_ETBEI | IER_ERBI);
    type("x");
    EXPECT_EQ(read_reg(UART_IIR), IIR_RECEIVED);
    EXPECT_EQ(read_reg(UART_RBR), 'x');
    EXPECT_EQ(read_reg(UART_IIR), IIR_THRE);
    EXPECT_EQ(read_reg(UART_IIR), IIR_NONE);
    EXPECT(!level);
}

TEST(transmit_stops_and_goes_on)
{
    uint32_t count = 0;

    start();
    fake_port_room = 0;
    write_reg(UART_IER, IER_ETBEI);
    while ((read_reg(UART_LSR) & LSR_THRE) != 0) {
        write_reg(UART_THR, '\n');
        count++;
        EXPECT(count <= CONSOLE_TX_SIZE);
    }
    EXPECT((read_reg(UART_LSR) & LSR_TEMT) == 0);
    EXPECT(!level);
    EXPECT_EQ(read_reg(UART_IIR), IIR_NONE);
    write_reg(UART_IER, 0);
    write_reg(UART_IER, IER_ETBEI); /* nothing to tell: it is not empty */
    EXPECT(!level);
    fake_port_room = UINT32_MAX;
    console_interrupt(); /* the port has room: the console tells the UART */
    EXPECT(level);
    EXPECT((read_reg(UART_LSR) & (LSR_THRE | LSR_TEMT)) == (LSR_THRE | LSR_TEMT));
}

/* Linux writes 16 bytes at every THRE interrupt, or whenever it sees LSR.THRE. */
TEST(driver_that_fills_the_fifo_loses_nothing)
{
    uint32_t written = 0, interrupts = 0;

    start();
    fake_port_room = 0;
    write_reg(UART_FCR, FCR_ENABLE);
    write_reg(UART_IER, IER_ETBEI);
    while (written < 20000) {
        if (!level) {
            fake_port_room = 97;
            console_interrupt();
            interrupts++;
            EXPECT(interrupts < 100000); /* or else it stalls */
            continue;
        }
        EXPECT_EQ(read_reg(UART_IIR), IIR_THRE | IIR_FIFOS);
        if ((read_reg(UART_LSR) & LSR_THRE) != 0) {
            for (uint32_t i = 0; i < 16; i++, written++) {
                write_reg(UART_THR, written % 50 == 49 ? '\n' : '#');
            }
        }
    }
    fake_port_room = UINT32_MAX;
    console_interrupt();
    EXPECT_EQ(sent_count('#'), written - written / 50);
}

/* ---- Firmware console ---- */

TEST(firmware_console)
{
    static const uint8_t text[] = "from firmware\n";
    uint8_t keys[4] = { 0 };

    start();
    EXPECT_EQ(v16550_send(&uart, text, sizeof text - 1), sizeof text - 1);
    EXPECT_EQ(sent_count('w'), 1);
    write_reg(UART_IER, IER_ERBI);
    type("abc");
    EXPECT(level);
    EXPECT_EQ(v16550_receive(&uart, keys, 2), 2);
    EXPECT_EQ(keys[1], 'b');
    EXPECT_EQ(v16550_receive(&uart, keys, sizeof keys), 1);
    EXPECT(!level);
    EXPECT_EQ(v16550_receive(&uart, keys, sizeof keys), 0);
}

TEST(firmware_console_that_is_full)
{
    static uint8_t text[CONSOLE_TX_SIZE + 100];

    start();
    memset(text, '\n', sizeof text);
    fake_port_room = 0;
    write_reg(UART_IER, IER_ETBEI);
    EXPECT(level);
    EXPECT(v16550_send(&uart, text, sizeof text) < sizeof text);
    while (v16550_send(&uart, text, sizeof text) > 0) {
    }
    EXPECT(!level);
    fake_port_room = UINT32_MAX;
    console_interrupt();
    EXPECT(level);
    EXPECT_EQ(v16550_send(&uart, text, 1), 1);
}

/* ---- Life of the VM ---- */

TEST(reset_drops_input_and_lowers_the_line)
{
    start();
    write_reg(UART_IER, IER_ERBI);
    type("typed to the old life");
    EXPECT(level);
    write_reg(UART_THR, 'x');
    v16550_reset(&uart);
    EXPECT(!level);
    EXPECT_EQ(read_reg(UART_IER), 0);
    EXPECT((read_reg(UART_LSR) & LSR_DR) == 0);
    print("new\n");
    EXPECT_EQ(sent_count('\n'), 2); /* the unfinished line was ended */
}

TEST_MAIN()

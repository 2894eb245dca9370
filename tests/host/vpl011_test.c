/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The emulated PL011, through its registers as drivers use them, in front of the real console.
 */
/* ARCH: aarch64 */
/* SOURCES: arch/aarch64/vpl011.c runtime/console.c runtime/terminal.c arch/fake/console.c */
/* SOURCES: tests/host/no_operator.c */
#include "test.h"
#include <arch/fake.h>
#include <arch/pl011.h>
#include <arch/vpl011.h>
#include <hv/arch/console.h>
#include <hv/arch/irq.h>
#include <hv/arch/time.h>
#include <hv/tables.h>

#define BASE UINT64_C(0x09000000)
#define VIRQ 33

static struct vm vm;
static struct vpl011 uart;

struct console consoles[] = { { .name = "hv" }, { .name = "a", .vm = &vm } };
const uint32_t console_count = 2;

static struct vpl011 uart = { .vm = &vm, .console = &consoles[1], .virq = VIRQ };
static const struct vm_config config = { .name = "a", .console = &consoles[1], .arch.uart = &uart };
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

static void write_sized(uint32_t offset, uint64_t value, uint8_t size)
{
    struct mmio_access access = {
        .address = { BASE + offset }, .value = value, .size = size, .is_write = true
    };

    EXPECT(vpl011_access(NULL, &uart, &access));
}

static uint64_t read_sized(uint32_t offset, uint8_t size)
{
    struct mmio_access access = { .address = { BASE + offset }, .size = size, .value = 0xbad };

    EXPECT(vpl011_access(NULL, &uart, &access));
    return access.value;
}

static void write_reg(uint32_t offset, uint32_t value)
{
    write_sized(offset, value, 4);
}

static uint32_t read_reg(uint32_t offset)
{
    return (uint32_t)read_sized(offset, 4);
}

static void start(void)
{
    console_init();
    vpl011_reset(&uart);
}

static void type(const char *keys)
{
    fake_type(keys);
    console_interrupt();
}

static void print(const char *text)
{
    for (; *text != '\0'; text++) {
        EXPECT((read_reg(UARTFR) & UARTFR_TXFF) == 0);
        write_reg(UARTDR, (uint8_t)*text);
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
    EXPECT_EQ(read_reg(UARTFR), UARTFR_TXFE | UARTFR_RXFE | UARTFR_CTS | UARTFR_DSR | UARTFR_DCD);
    EXPECT_EQ(read_reg(UARTCR), 0x300);
    EXPECT_EQ(read_reg(UARTIFLS), 0x12);
    EXPECT_EQ(read_reg(UARTLCR_H), 0);
    EXPECT_EQ(read_reg(UARTIBRD), 0);
    EXPECT_EQ(read_reg(UARTFBRD), 0);
    EXPECT_EQ(read_reg(UARTIMSC), 0);
    EXPECT_EQ(read_reg(UARTRIS), 0);
    EXPECT_EQ(read_reg(UARTMIS), 0);
    EXPECT_EQ(read_reg(UARTRSR), 0);
}

/* What Linux's AMBA bus reads to find the driver: PrimeCell, part 011, vendor 41, revision 3. */
TEST(identification)
{
    uint32_t periphid = 0, cellid = 0;

    start();
    for (unsigned i = 0; i < 4; i++) {
        periphid |= read_reg(0xfe0 + 4 * i) << (8 * i);
        cellid |= read_reg(0xff0 + 4 * i) << (8 * i);
    }
    EXPECT_EQ(periphid, 0x00341011);
    EXPECT_EQ(cellid, 0xb105f00d);
}

TEST(registers_keep_what_exists)
{
    static const struct {
        uint32_t offset, mask;
    } regs[] = {
        { UARTILPR, 0xff }, { UARTIBRD, 0xffff }, { UARTFBRD, 0x3f },  { UARTLCR_H, 0xff },
        { UARTCR, 0xffff }, { UARTIFLS, 0x3f },   { UARTIMSC, 0x7ff }, { UARTDMACR, 0x7 }
    };

    start();
    for (unsigned i = 0; i < sizeof regs / sizeof *regs; i++) {
        write_reg(regs[i].offset, 0xffffffff);
        EXPECT_EQ(read_reg(regs[i].offset), regs[i].mask);
        write_reg(regs[i].offset, 0);
        EXPECT_EQ(read_reg(regs[i].offset), 0);
    }
}

/* No offset does harm, and what does not exist reads as zero. */
TEST(every_offset)
{
    start();
    for (uint32_t offset = 0; offset < 0x1000; offset++) {
        for (uint8_t size = 1; size <= 4; size = (uint8_t)(size * 2)) {
            if (offset % size == 0) {
                uint64_t value = read_sized(offset, size);

                EXPECT(size == 4 || value < UINT64_C(1) << (8 * size));
                if (offset > 0x4c && offset < 0xfe0) {
                    EXPECT_EQ(value, 0);
                }
                write_sized(offset, offset == UARTDR ? '\n' : 0xff, size);
            }
        }
    }
}

TEST(access_sizes)
{
    struct mmio_access wide = { .address = { BASE }, .size = 8 };

    start();
    write_sized(UARTDR, 'x', 1);
    write_sized(UARTDR, 'y', 2);
    write_sized(UARTDR, '\n', 4);
    EXPECT_EQ(sent_count('x') + sent_count('y'), 2);
    write_sized(UARTCR, 0x301, 2);
    EXPECT_EQ(read_sized(UARTCR, 1), 0x01);
    EXPECT_EQ(read_sized(UARTCR + 1, 1), 0x03);
    EXPECT_EQ(read_sized(UARTCR + 2, 2), 0);
    write_sized(UARTCR + 1, 0xff, 1); /* the upper bytes are not written alone */
    EXPECT_EQ(read_reg(UARTCR), 0x301);
    EXPECT(!vpl011_access(NULL, &uart, &wide));
}

TEST(polled_output_without_set_up)
{
    start();
    print("early console\r\n");
    EXPECT_EQ(sent_count('y'), 1);
    EXPECT((read_reg(UARTFR) & (UARTFR_BUSY | UARTFR_TXFE)) == UARTFR_TXFE);
}

/* ---- Receive ---- */

TEST(polled_input)
{
    start();
    EXPECT_EQ(read_reg(UARTDR), 0);
    type("ab");
    EXPECT((read_reg(UARTFR) & UARTFR_RXFE) == 0);
    EXPECT_EQ(read_reg(UARTDR), 'a');
    EXPECT_EQ(read_reg(UARTDR), 'b');
    EXPECT((read_reg(UARTFR) & UARTFR_RXFE) != 0);
    EXPECT_EQ(level_changes, 0);
}

TEST(receive_interrupt_stands_until_all_is_read)
{
    start();
    write_reg(UARTIMSC, UARTINT_RX);
    EXPECT(!level);
    type("abc");
    EXPECT(level);
    EXPECT_EQ(read_reg(UARTMIS), UARTINT_RX);
    EXPECT_EQ(read_reg(UARTRIS), UARTINT_RX | UARTINT_RT);
    write_reg(UARTICR, 0x7ff); /* cleared too early: it comes again at once */
    EXPECT(level);
    read_reg(UARTDR);
    read_reg(UARTDR);
    EXPECT(level);
    read_reg(UARTDR);
    EXPECT(!level);
    EXPECT_EQ(read_reg(UARTRIS), 0);
}

TEST(input_before_the_driver_comes)
{
    start();
    type("x");
    EXPECT(!level);
    write_reg(UARTIMSC, UARTINT_RT);
    EXPECT(level);
    write_reg(UARTIMSC, 0);
    EXPECT(!level);
}

/* ---- Transmit ---- */

TEST(transmit_interrupt_follows_a_byte)
{
    start();
    write_reg(UARTIMSC, UARTINT_TX);
    EXPECT(!level); /* nothing was sent: there is no transition (2.8.2) */
    write_reg(UARTDR, 'x');
    EXPECT(level);
    write_reg(UARTICR, UARTINT_TX);
    EXPECT(!level);
    write_reg(UARTDR, 'y');
    EXPECT(level);
    write_reg(UARTIMSC, 0);
    EXPECT(!level);
    EXPECT_EQ(read_reg(UARTRIS), UARTINT_TX);
}

TEST(transmit_stops_and_goes_on)
{
    uint32_t count = 0;

    start();
    fake_port_room = 0;
    write_reg(UARTIMSC, UARTINT_TX);
    while ((read_reg(UARTFR) & UARTFR_TXFF) == 0) {
        write_reg(UARTDR, '\n');
        count++;
        EXPECT(count <= CONSOLE_TX_SIZE + 1);
    }
    EXPECT((read_reg(UARTFR) & UARTFR_BUSY) != 0);
    EXPECT(!level);
    EXPECT_EQ(read_reg(UARTRIS), 0);
    fake_port_room = UINT32_MAX;
    console_interrupt(); /* the port has room: the console tells the UART */
    EXPECT(level);
    EXPECT((read_reg(UARTFR) & (UARTFR_TXFE | UARTFR_BUSY)) == UARTFR_TXFE);
}

/* A driver that writes half a FIFO at every interrupt, without looking, as Linux's does. */
static uint32_t write_by_interrupt(uint32_t total, uint32_t batch)
{
    uint32_t written = 0, interrupts = 0;

    /* Linux first fills what there is room for, then enables the interrupt. */
    while (written < total && (read_reg(UARTFR) & UARTFR_TXFF) == 0) {
        write_reg(UARTDR, written % 50 == 49 ? '\n' : '#');
        written++;
    }
    write_reg(UARTIMSC, UARTINT_TX);
    while (written < total) {
        if (!level) {
            fake_port_room = fake_port_room == 0 ? 97 : fake_port_room;
            console_interrupt();
            interrupts++;
            EXPECT(interrupts < 100000); /* or else it stalls */
            continue;
        }
        for (uint32_t i = 0; i < batch && written < total; i++) {
            write_reg(UARTDR, written % 50 == 49 ? '\n' : '#');
            written++;
        }
    }
    fake_port_room = UINT32_MAX;
    console_interrupt();
    return sent_count('#');
}

TEST(driver_that_does_not_look_loses_nothing)
{
    start();
    fake_port_room = 0;
    EXPECT_EQ(write_by_interrupt(20000, 16), 20000 - 20000 / 50);
}

TEST(trigger_levels)
{
    static const uint8_t batches[] = { 28, 24, 16, 8, 4 }; /* free at 1/8 ... 7/8 full */

    for (uint32_t i = 0; i < 5; i++) {
        start();
        fake_output_count = 0;
        fake_port_room = 0;
        write_reg(UARTIFLS, i);
        EXPECT_EQ(write_by_interrupt(5000, batches[i]), 5000 - 5000 / 50);
    }
}

/* ---- Life of the VM ---- */

TEST(reset_drops_input_and_lowers_the_line)
{
    start();
    write_reg(UARTIMSC, UARTINT_RX);
    type("typed to the old life");
    EXPECT(level);
    write_reg(UARTDR, 'x');
    vpl011_reset(&uart);
    EXPECT(!level);
    EXPECT_EQ(read_reg(UARTIMSC), 0);
    EXPECT((read_reg(UARTFR) & UARTFR_RXFE) != 0);
    print("new\n");
    EXPECT_EQ(sent_count('\n'), 2); /* the unfinished line was ended */
}

TEST_MAIN()

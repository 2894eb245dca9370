/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How a VM of two CPUs starts, stops and starts again: what a loader leaves, ACPI tables, INIT and
 * SIPI, the power ports, resets and what they must put right. Words of the command line:
 *     resets=N   resets N times, each time another way, before it powers off (default 0; needs the
 *                scratch register, see guest.h)
 */
#include "x86_64.h"

#define SCRATCH_MAGIC 0x90e40000u
#define WAIT_US       2000000u
#define PATTERN       0x5a5a0000u
#define DIRTY_SIZE    0x100000u /* RAM behind the image that a reset must clear */

#define VECTOR_IPI       0x41u
#define VECTOR_EXCEPTION 0x1eu
#define VECTOR_OF_HOST   0x3fu /* the hypervisor's own spurious interrupt */

#define CR0_PG  (1ull << 31)
#define CR4_PAE (1u << 5)

extern uint32_t guest_image_end[];

static volatile uint64_t second_argument;
static volatile uint64_t second_started;
static volatile uint64_t second_release;
static volatile uint64_t second_rflags;
static volatile uint64_t second_base;
static volatile uint64_t second_isr; /* the word with VECTOR_OF_HOST */
static volatile uint64_t second_goes_on;
static volatile uint64_t second_interrupts;
static volatile uint64_t must_be_zero; /* in .bss */
static volatile uint64_t must_be_seven = 7;

/* ---- entry ---- */

static bool is_zero(const volatile uint32_t *words, unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        if (words[i] != 0) {
            return false;
        }
    }
    return true;
}

static void test_entry(void)
{
    bool is_long = (entry_cr0 & CR0_PG) != 0;
    report((entry_cr0 & 1) != 0, "entry in protected mode%s", is_long ? ", 64 bits" : "");
    report_equal(entry_cr4 & ~(uint64_t)CR4_PAE, 0, "CR4 has no other bit than PAE at entry");
    report_equal(entry_info->magic, START_INFO_MAGIC, "start_info");
    report(entry_info->version >= 1 && entry_info->memory_map_count >= 2,
           "version %u, with a memory map of %u entries", entry_info->version,
           entry_info->memory_map_count);
    report_equal(must_be_zero, 0, ".bss reads zero");
    report_equal(must_be_seven, 7, ".data is as linked");
    must_be_zero = 1;
    must_be_seven = 8;
    if (on_hypervisor()) {
        report(is_zero(guest_image_end, DIRTY_SIZE / 4), "RAM behind the image is zero");
        report_equal(lapic_read(LAPIC_LVT_TIMER) & LVT_MASKED, LVT_MASKED, "the timer is masked");
        report_equal(lapic_read(LAPIC_TPR), 0, "TPR is 0");
    }
}

static void test_memory_map(void)
{
    const struct {
        uint64_t base;
        uint64_t size;
        uint32_t type; /* 1: RAM */
        uint32_t reserved;
    } *map = (const void *)entry_info->memory_map;
    uint64_t ram = 0;
    uint64_t end = 0;
    bool sorted = true;
    bool image = false;
    for (unsigned i = 0; i < entry_info->memory_map_count; i++) {
        sorted = sorted && map[i].base >= end && map[i].size > 0;
        end = map[i].base + map[i].size;
        if (map[i].type == 1) {
            ram += map[i].size;
            image = image || (map[i].base <= 0x100000 && end >= (uintptr_t)guest_image_end);
        }
    }
    report(sorted, "the memory map is sorted");
    report(image, "this program lies in RAM, of which there are %lu KiB", ram >> 10);
}

/* ---- ACPI ---- */

struct acpi_table {
    char signature[4];
    uint32_t length;
    uint8_t revision;
    uint8_t checksum;
    char oem[26];
};

static bool is_signed(const void *at, const char *text)
{
    const char *bytes = at;
    while (*text != '\0' && *bytes == *text) {
        bytes++;
        text++;
    }
    return *text == '\0';
}

static bool sums_to_zero(const void *at, uint32_t size)
{
    const uint8_t *bytes = at;
    uint8_t sum = 0;
    for (uint32_t i = 0; i < size; i++) {
        sum = (uint8_t)(sum + bytes[i]);
    }
    return sum == 0;
}

static const struct acpi_table *check_table(uint64_t address, const char *signature)
{
    const struct acpi_table *table = (const void *)address;
    bool ok = address != 0 && is_signed(table, signature) && sums_to_zero(table, table->length);
    report(ok, "ACPI %s", signature);
    return ok ? table : NULL;
}

/* CPUs in the MADT: local APICs and local x2APICs that are enabled (ACPI 6.5, 5.2.12). */
static unsigned cpus_in(const struct acpi_table *madt)
{
    const uint8_t *bytes = (const uint8_t *)madt;
    unsigned count = 0;
    for (uint32_t at = 44; at + 1 < madt->length && bytes[at + 1] >= 2; at += bytes[at + 1]) {
        count += bytes[at] == 0 && (bytes[at + 4] & 1) != 0;
        count += bytes[at] == 9 && (bytes[at + 8] & 1) != 0;
    }
    return count;
}

static void test_acpi(void)
{
    const uint8_t *rsdp = (const void *)entry_info->rsdp;
    if (!on_hypervisor()) {
        report_skip("ACPI: not QEMU's tables");
        return;
    }
    if (!report(rsdp != NULL && is_signed(rsdp, "RSD PTR ") && sums_to_zero(rsdp, 20) &&
                    sums_to_zero(rsdp, 36),
                "RSDP at %p", (const void *)rsdp)) {
        return;
    }
    uint64_t address;
    memcpy(&address, rsdp + 24, sizeof(address));
    const struct acpi_table *xsdt = check_table(address, "XSDT");
    for (uint32_t at = 36; xsdt != NULL && at + 8 <= xsdt->length; at += 8) {
        memcpy(&address, (const uint8_t *)xsdt + at, sizeof(address));
        const struct acpi_table *table = (const void *)address;
        if (is_signed(table, "APIC") && check_table(address, "APIC") != NULL) {
            report_equal(cpus_in(table), 2, "the MADT has two CPUs");
        } else if (is_signed(table, "FACP") && check_table(address, "FACP") != NULL) {
            memcpy(&address, (const uint8_t *)table + 140, sizeof(address)); /* X_DSDT */
            check_table(address, "DSDT");
        }
    }
}

/* ---- INIT and SIPI ---- */

static void on_interrupt(unsigned vector)
{
    if (vector == VECTOR_IPI) {
        second_interrupts++;
        lapic_end();
    }
}

static void second_main(uint64_t argument)
{
    uint64_t rflags;
    __asm__ volatile("pushfq\n\tpopq %0" : "=r"(rflags));
    second_rflags = rflags;
    second_base = msr_read(MSR_APIC_BASE);
    second_isr = lapic_read(LAPIC_ISR + VECTOR_OF_HOST / 32 * 16);
    second_argument = argument;
    memory_barrier();
    second_started = second_started + 1;
    while (second_release < second_started) {
        cpu_relax();
    }
}

/* Leaves an interrupt requested. */
static void second_stops_itself(uint64_t vector)
{
    lapic_write(LAPIC_TPR, 0);
    lapic_write(LAPIC_SELF_IPI, vector);
    second_started = second_started + 1;
    lapic_send(1, ICR_INIT | ICR_ASSERT);
    second_goes_on = 1;
}

static void second_for_ever(uint64_t argument)
{
    second_argument = argument;
    second_started = second_started + 1;
    for (;;) {
        cpu_relax();
    }
}

static void test_second(void)
{
    report_equal(cpuid(1, 0).ebx >> 24, 0, "this CPU has APIC id 0");
    cpu_start(1, second_main, PATTERN);
    if (!report(wait_for(&second_started, 1, WAIT_US), "CPU 1 starts")) {
        return;
    }
    report_equal(second_argument, PATTERN, "and gets its argument");
    report_equal(second_rflags & 0x200, 0, "interrupts are masked");
    report_equal(second_base & APIC_BASE_BSC, 0, "it is not the first CPU");
    lapic_send(1, ICR_STARTUP | 0x77);
    delay_us(1000);
    report_equal(second_started, 1, "a SIPI to a running CPU is ignored");
    second_release = 1;
    report(cpu_wait_off(1, WAIT_US), "it ends");
    for (uint64_t round = 2; round <= 20; round++) {
        cpu_start(1, second_main, PATTERN + round);
        bool started = wait_for(&second_started, round, WAIT_US);
        second_release = round;
        bool off = cpu_wait_off(1, WAIT_US);
        if (!started || !off || second_argument != PATTERN + round) {
            report(false, "start %lu: started %d, off %d", round, started, off);
            return;
        }
    }
    report(true, "on and off twenty times");
}

/* INIT stops a CPU whatever it does; without a SIPI it stays stopped. */
static void test_init(void)
{
    for (uint64_t round = 0; round < 20; round++) {
        uint64_t before = second_started;
        cpu_start(1, second_for_ever, round);
        if (!wait_for(&second_started, before + 1, WAIT_US) || second_argument != round) {
            report(false, "restart %lu of a CPU that runs", round);
            return;
        }
    }
    report(true, "INIT and SIPI restart a CPU that runs, twenty times");
    uint64_t before = second_started;
    lapic_send(1, ICR_INIT | ICR_ASSERT);
    lapic_send(1, VECTOR_IPI);
    lapic_send(1, ICR_NMI);
    delay_us(20000);
    report(second_started == before && second_interrupts == 0, "after INIT alone it does nothing");
    lapic_send(0, ICR_STARTUP | 0x77); /* to a CPU that does not wait for it: this one */
    lapic_send(5, ICR_INIT | ICR_ASSERT);
    lapic_send(5, ICR_STARTUP | 0x77);
    report(true, "SIPI to itself, INIT and SIPI to nobody");
    second_release = before + 1;
    cpu_start(1, second_main, 1);
    report(wait_for(&second_started, before + 1, WAIT_US) && cpu_wait_off(1, WAIT_US),
           "and starts again");
}

/* What a CPU had requested when it stopped itself reaches nobody: not the hypervisor either. */
static void test_init_itself(void)
{
    static const uint8_t vectors[] = { VECTOR_EXCEPTION, VECTOR_OF_HOST, VECTOR_IPI };
    if (!on_hypervisor()) {
        report_skip("INIT to itself: QEMU's CPU goes on for a while");
        return;
    }
    for (unsigned i = 0; i < ARRAY_SIZE(vectors); i++) {
        uint64_t before = second_started;
        cpu_start(1, second_stops_itself, vectors[i]);
        bool started = wait_for(&second_started, before + 1, WAIT_US);
        delay_us(10000);
        report(started && second_goes_on == 0, "INIT stops the CPU that sends it");
        second_release = before + 2;
        cpu_start(1, second_main, 1);
        report(wait_for(&second_started, before + 2, WAIT_US) && cpu_wait_off(1, WAIT_US),
               "and it starts again");
        report_equal(second_isr, 0, "with vector 0x%x not in service", vectors[i]);
    }
}

/* ---- real mode ---- */

/* Copied to REAL_CODE, where a SIPI starts it; the registers' upper halves are no part of addresses
 * there. Ends with SI in the word behind the text. */
extern char real_start[], real_end[];
__asm__(".code16\n"
        "real_start:\n"
        "    movw $0x1200, %ax\n"
        "    movw %ax, %ds\n"
        "    movl $0xabcd0000, %esi\n"
        "    movl $0xabcd0013, %ecx\n"
        "    movw $0x3f8, %dx\n"
        "    cld\n"
        "    rep outsb\n"
        "    movl %esi, (0x20)\n"
        "1:  hlt\n"
        "    jmp 1b\n"
        "real_end:\n"
        ".code64\n");

#define REAL_CODE 0x11000u
#define REAL_DATA 0x12000u

static void test_real_mode(void)
{
    static const char text[] = "OUTS in real mode\r\n";
    volatile uint64_t *result = (volatile uint64_t *)(REAL_DATA + 0x20);

    if (!on_hypervisor()) {
        report_skip("real mode: for the hypervisor's string I/O");
        return;
    }
    memcpy((void *)REAL_CODE, real_start, (size_t)(real_end - real_start));
    memcpy((void *)REAL_DATA, text, sizeof(text) - 1);
    *result = 0;
    lapic_send(1, ICR_INIT | ICR_ASSERT);
    lapic_send(1, ICR_STARTUP | REAL_CODE >> 12);
    wait_for(result, 1, WAIT_US);
    report_equal(*result, 0xabcd0013, "OUTS leaves the upper half of ESI alone");
}

/* ---- power ports ---- */

static void test_ports(void)
{
    if (!on_hypervisor()) {
        report_skip("ports: not QEMU's");
        return;
    }
    report_equal(port_read8(VM_SLEEP_PORT), 0, "sleep control reads 0");
    report_equal(port_read8(VM_SLEEP_PORT + 1), 0, "sleep status reads 0");
    port_write8(VM_SLEEP_PORT + 1, 0x80);
    port_write8(VM_RESET_PORT, 0);
    port_write8(VM_RESET_PORT, 6);
    port_write8(VM_SLEEP_PORT, 0x14); /* SLP_TYP 5 without SLP_EN */
    port_write8(VM_SLEEP_PORT, 0x20); /* SLP_EN with another type */
    report(true, "writes of other values to the power ports");
    static const uint16_t absent[] = { 0x20, 0x40, 0x61, 0x64, 0x80, 0xcf8, 0xcfc, 0x608, 0xffff };
    unsigned wrong = 0;
    for (unsigned i = 0; i < ARRAY_SIZE(absent); i++) {
        port_write8(absent[i], 0xfe);
        wrong += port_read8(absent[i]) != 0xff;
    }
    port_write32(0xcf8, 0x80000000);
    wrong += port_read32(0xcfc) != 0xffffffff;
    wrong += port_read16(0xfffe) != 0xffff;
    report_equal(wrong, 0, "ports where nothing is read ones");
}

/* ---- resets ---- */

/* Leaves everything changed that a reset must put right. */
static void make_dirty(void)
{
    ioapic_route(UART_GSI, 0, RTE_LEVEL | VECTOR_IPI);
    port_write8(UART_PORT + UART_IER, 2);
    lapic_send(0, VECTOR_IPI);
    lapic_write(LAPIC_TPR, 0x80);
    timer_arm_us(100);
    for (unsigned i = 0; i < DIRTY_SIZE / 4; i++) {
        ((volatile uint32_t *)guest_image_end)[i] = 0xdeadbeef;
    }
}

/* Without vectors, and with a stack that is nowhere, the first exception is the third one. */
static _Noreturn void triple_fault(void)
{
    struct __attribute__((packed)) {
        uint16_t limit;
        uint64_t base;
    } nothing = { 0, 0 };
    __asm__ volatile("lidt %0\n\tud2" ::"m"(nothing));
    for (;;) {
        hlt();
    }
}

void guest_main(void)
{
    uint64_t resets = cmdline_number("resets", 0);
    uint32_t scratch = resets > 0 ? scratch_load() : 0;
    uint32_t boot = (scratch & 0xffff0000) == SCRATCH_MAGIC ? scratch & 0xffff : 0;
    report_begin("power");
    print("boot %u\n", boot);
    test_entry();
    lapic_init();
    irq_set_handler(on_interrupt);
    test_second();
    if (boot == 0) {
        test_memory_map();
        test_acpi();
        test_init();
        test_init_itself();
        test_real_mode();
        test_ports();
    }
    if (boot < resets) {
        scratch_store(SCRATCH_MAGIC | (boot + 1));
        if ((boot & 2) != 0) { /* with the other CPU running */
            uint64_t before = second_started;
            cpu_start(1, second_for_ever, 0);
            wait_for(&second_started, before + 1, WAIT_US);
        }
        if (boot == 3) { /* or waiting for its start */
            lapic_send(1, ICR_INIT | ICR_ASSERT);
            delay_us(1000);
        }
        print("resetting\n");
        make_dirty();
        if ((boot & 1) != 0) {
            triple_fault();
        }
        machine_reset();
    }
    if (resets > 0) {
        scratch_store(0);
    }
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Keeps the hypervisor as busy as a guest can, on two CPUs, while another VM must get on with its
 * work. Words of the command line:
 *     seconds=N   length (default 3)
 *     kinds=N     bit mask of the storms below (default: all)
 *     cpus=1      CPU 0 alone
 * Each kind runs in turn for a short while until the time is over; a count of rounds is printed for
 * each.
 */
#include "x86_64.h"

#define TURN_US     50000u
#define VECTOR_IPI  0x41u
#define VECTOR_UART 0x44u
#define IER_THRI    2u

static volatile uint64_t stop; /* written by CPU 0 */
static volatile uint64_t on_off_count;
static bool two;

static void storm_ipi(void)
{
    lapic_send(1 - cpu_index(), VECTOR_IPI);
    lapic_write(LAPIC_ICR, ICR_ALL | VECTOR_IPI);
    lapic_send(1 - cpu_index(), ICR_NMI);
}

static void storm_exit(void)
{
    (void)cpuid(0x40000000, 0);
    (void)cpuid(~0u, ~0u);
    if (on_hypervisor()) {
        uint64_t rax = ~0ull;
        __asm__ volatile("vmmcall" : "+a"(rax)::"memory");
    }
}

static void storm_msr(void)
{
    (void)msr_read(MSR_APIC_BASE);
    (void)msr_read(MSR_EFER);
    fault_expect();
    __asm__ volatile("rdmsr\n\t" FAULT_LANDING ::"c"(0xdeadbeefu) : "eax", "edx", "memory");
    (void)fault_result();
}

static void storm_apic(void)
{
    static uint32_t offset[GUEST_CPU_MAX];
    unsigned cpu = cpu_index();
    offset[cpu] = (offset[cpu] + 4) & 0xfc;
    mmio_write(IOAPIC_BASE + IOAPIC_REGSEL, offset[cpu]);
    (void)mmio_read(IOAPIC_BASE + IOAPIC_WIN);
    lapic_write(LAPIC_TPR, offset[cpu] & 0xf0);
    register_write(cr8, 0);
    lapic_end();
}

/* The UART's interrupt, sent to both CPUs in turn. */
static void storm_uart(void)
{
    static uint32_t destination; /* whoever writes it: any is right */
    if (cpu_index() == 0) {
        destination ^= 1;
        ioapic_route(UART_GSI, destination, RTE_LEVEL | VECTOR_UART);
    }
    port_write8(UART_PORT + UART_IER, IER_THRI);
    (void)port_read8(UART_PORT + UART_IIR);
    port_write8(UART_PORT + UART_IER, 0);
}

static void storm_timer(void)
{
    interrupts_mask(true);
    timer_arm_us(20);
    interrupts_wait();
    interrupts_mask(false);
}

static const struct {
    const char *name;
    void (*round)(void);
} storms[] = {
    { "ipi", storm_ipi },   { "exit", storm_exit }, { "msr", storm_msr },
    { "apic", storm_apic }, { "uart", storm_uart }, { "timer", storm_timer },
};
static uint64_t rounds[2][ARRAY_SIZE(storms)]; /* by CPU */

static void on_interrupt(unsigned vector)
{
    if (vector == VECTOR_UART) {
        port_write8(UART_PORT + UART_IER, 0);
    }
    if (vector != VECTOR_NMI) {
        lapic_end();
    }
}

static void run(uint64_t kinds, uint64_t seconds)
{
    unsigned cpu = cpu_index();
    interrupts_mask(false);
    uint64_t start = time_us();
    for (unsigned kind = cpu; stop == 0 && time_us() - start < seconds * 1000000; kind++) {
        unsigned now = kind % ARRAY_SIZE(storms);
        if ((kinds >> now & 1) == 0) {
            continue;
        }
        uint64_t turn = time_us();
        while (time_us() - turn < TURN_US) {
            storms[now].round();
            rounds[cpu][now]++;
        }
    }
    interrupts_mask(true);
    timer_stop();
    lapic_write(LAPIC_TPR, 0);
}

static volatile bool second_is_up; /* it has an IDT: before, an NMI would lead nowhere */

static void second_main(uint64_t kinds)
{
    second_is_up = true;
    run(kinds, 3600);
}

static void second_once(uint64_t unused)
{
    (void)unused;
    on_off_count++;
}

void guest_main(void)
{
    report_begin("storm");
    uint64_t kinds = cmdline_number("kinds", ~0ull);
    uint64_t seconds = cmdline_number("seconds", 3);
    two = !cmdline_is("cpus", "1");
    if (!two) {
        kinds &= ~1ull; /* there is no other CPU to send to */
    }
    lapic_init();
    irq_set_handler(on_interrupt);
    if (two) {
        report_equal((uint64_t)cpu_start(1, second_main, kinds), 0, "start of CPU 1");
        while (!second_is_up) {
            cpu_relax();
        }
    }
    run(kinds, seconds);
    stop = 1;
    if (two) {
        report(cpu_wait_off(1, 20000000), "CPU 1 is off");
        uint64_t start = time_us();
        while (time_us() - start < 200000) { /* at times in the middle of its start */
            cpu_start(1, second_once, 0);
        }
        report(cpu_wait_off(1, 20000000) && on_off_count > 0, "CPU 1 started %lu times",
               on_off_count);
    }
    ioapic_route(UART_GSI, 0, RTE_MASKED);
    port_write8(UART_PORT + UART_IER, 0);
    for (unsigned i = 0; i < ARRAY_SIZE(storms); i++) {
        if ((kinds >> i & 1) != 0) {
            report(rounds[0][i] > 0, "%s: %lu rounds on CPU 0, %lu on CPU 1", storms[i].name,
                   rounds[0][i], rounds[1][i]);
        }
    }
}

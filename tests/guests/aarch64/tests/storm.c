/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Keeps the hypervisor as busy as a guest can, on two CPUs, while another VM must get on with its
 * work. Words of the command line:
 *
 *     seconds=N  length (default 3)
 *     kinds=N    bit mask of the storms below (default: all)
 *     cpus=1     CPU 0 alone
 *
 * Each kind runs in turn for a short while until the time is over; a count of rounds is printed.
 */
#include "aarch64.h"

#define TURN_US 50000u

static volatile uint64_t stop; /* written by CPU 0 */
static volatile uint64_t on_off_count;

static void storm_sgi(void)
{
    gic_send_others(1);
    gic_send(2, 3);
}

static void storm_hypercall(void)
{
    (void)smccc_call(CONDUIT_HVC, PSCI_VERSION, 0, 0, 0);
    (void)smccc_call(CONDUIT_HVC, 0xdeadbeef, ~0ull, ~0ull, ~0ull);
    (void)smccc_call(CONDUIT_HVC, PSCI_CPU_ON, ~0ull, ~0ull, ~0ull);
    (void)smccc_call(CONDUIT_HVC, PSCI_AFFINITY_INFO, 1, 0, 0);
}

static void storm_gic(void)
{
    static uint32_t offset;
    offset = (offset + 4) & 0xffff;
    (void)mmio_read(GICD_BASE + offset);
    (void)mmio_read(gic_frame(0) + offset);
    gic_set(3, GICD_ISPENDR);
    gic_set(3, GICD_ICPENDR);
}

static void storm_priority(void)
{
    static uint8_t priority;
    priority = (uint8_t)(priority + 8);
    gic_priority(4, priority);
    gic_send(4, 1);
    gic_route(UART_INTID, priority & 8 ? 1 : 0);
}

static void storm_timer(void)
{
    timer_arm_us(0);
    interrupts_mask(true); /* or it could be taken before the wait, which would then not end */
    timer_arm_us(20);
    wfi();
    interrupts_mask(false);
}

static void storm_uart(void)
{
    mmio_write(UART_BASE + 0x38, 0x7f0);
    (void)mmio_read(UART_BASE + 0x40);
    mmio_write(UART_BASE + 0x44, 0x7ff);
    mmio_write(UART_BASE + 0x38, 0);
}

static const struct {
    const char *name;
    void (*round)(void);
} storms[] = {
    { "sgi", storm_sgi },           { "hypercall", storm_hypercall }, { "gic", storm_gic },
    { "priority", storm_priority }, { "timer", storm_timer },         { "uart", storm_uart },
};
static uint64_t rounds[2][ARRAY_SIZE(storms)]; /* by CPU */

static void on_irq(void)
{
    unsigned intid = gic_acknowledge();
    if (intid == TIMER_INTID) {
        timer_stop();
    }
    if (intid != INTID_SPURIOUS) {
        gic_end(intid);
    }
}

static void run(uint64_t kinds, uint64_t seconds)
{
    unsigned cpu = cpu_index();
    gic_cpu_init();
    for (unsigned intid = 0; intid < 16; intid++) {
        gic_enable(intid);
    }
    gic_enable(TIMER_INTID);
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
    timer_stop();
    interrupts_mask(true);
}

static void second_main(uint64_t kinds)
{
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
    bool two = !cmdline_is("cpus", "1");
    gic_init();
    irq_set_handler(on_irq);
    if (two) {
        report_equal((uint64_t)cpu_start(1, second_main, kinds), 0, "start of CPU 1");
    }
    run(kinds, seconds);
    stop = 1;
    if (two) {
        report(cpu_wait_off(1, 2000000), "CPU 1 is off");
        uint64_t start = time_us();
        while (time_us() - start < 200000) {
            cpu_start(1, second_once, 0);
        }
        report(cpu_wait_off(1, 2000000) && on_off_count > 0, "CPU 1 started %lu times",
               on_off_count);
    }
    for (unsigned i = 0; i < ARRAY_SIZE(storms); i++) {
        if ((kinds >> i & 1) != 0) {
            report(rounds[0][i] > 0, "%s: %lu rounds on CPU 0, %lu on CPU 1", storms[i].name,
                   rounds[0][i], rounds[1][i]);
        }
    }
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Keeps the hypervisor as busy as a guest can, on two harts, while another VM must get on with its
 * work. Words of the command line:
 *     seconds=N   length (default 3)
 *     kinds=N     bit mask of the storms below (default: all)
 *     cpus=1      hart 0 alone
 * Each kind runs in turn for a short while until the time is over; a count of rounds is printed for
 * each.
 */
#include "riscv64.h"

#define TURN_US 50000u

static volatile uint64_t stop; /* written by CPU 0 */
static volatile uint64_t on_off_count;
static bool has_plic;

static void storm_ipi(void)
{
    sbi_call(SBI_EXT_IPI, 0, 0, ~0ull, 0);
    sbi_call(SBI_EXT_IPI, 0, 1ull << cpu_hart(1 - cpu_index()), 0, 0);
}

static void storm_hypercall(void)
{
    sbi_call(SBI_EXT_BASE, 0, 0, 0, 0);
    sbi_call(0xdeadbeef, ~0ull, ~0ull, ~0ull, ~0ull);
    sbi_call(SBI_EXT_HSM, SBI_HSM_START, ~0ull, ~0ull, ~0ull);
    sbi_call(SBI_EXT_HSM, SBI_HSM_STATUS, 1, 0, 0);
}

static void storm_fence(void)
{
    sbi_call(SBI_EXT_RFENCE, 0, 0, ~0ull, 0);
    sbi_call5(SBI_EXT_RFENCE, 1, (uint64_t[5]){ 0, ~0ull, 0, 4096, 0 });
}

static void storm_plic(void)
{
    static uint32_t offset;
    if (!has_plic) {
        return;
    }
    offset = (offset + 4) & 0xfff;
    (void)mmio_read(PLIC_BASE + offset);
    mmio_write(PLIC_BASE + offset, offset);
    plic_enable(UART_IRQ, (offset & 4) != 0);
    plic_complete(plic_claim());
}

static void storm_timer(void)
{
    interrupts_mask(true); /* or it could be taken before the wait, which would then not end */
    timer_arm_us(20);
    wfi();
    interrupts_mask(false);
}

static void storm_uart(void)
{
    mmio_write8(UART_BASE + UART_IER, 2);
    (void)mmio_read8(UART_BASE + UART_IIR);
    mmio_write8(UART_BASE + UART_IER, 0);
}

static const struct {
    const char *name;
    void (*round)(void);
} storms[] = {
    { "ipi", storm_ipi },   { "hypercall", storm_hypercall }, { "fence", storm_fence },
    { "plic", storm_plic }, { "timer", storm_timer },         { "uart", storm_uart },
};
static uint64_t rounds[2][ARRAY_SIZE(storms)]; /* by CPU */

static void on_interrupt(unsigned code)
{
    if (code == IRQ_SOFT) {
        csr_clear(CSR_SIP, 1u << IRQ_SOFT);
    } else if (code == IRQ_TIMER) {
        timer_stop();
    } else {
        plic_complete(plic_claim());
    }
}

static void run(uint64_t kinds, uint64_t seconds)
{
    unsigned cpu = cpu_index();
    timer_stop();
    csr_write(CSR_SIE, 1u << IRQ_SOFT | 1u << IRQ_TIMER | (has_plic ? 1u << IRQ_EXTERNAL : 0));
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
    csr_write(CSR_SIE, 0);
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
    has_plic = tree_contains("riscv,plic0");
    if (!two) {
        kinds &= ~1ull; /* there is no other hart to send to */
    }
    irq_set_handler(on_interrupt);
    if (two) {
        report_equal((uint64_t)cpu_start(1, second_main, kinds), 0, "start of hart 1");
    }
    run(kinds, seconds);
    stop = 1;
    if (two) {
        report(cpu_wait_off(1, 20000000), "hart 1 is off");
        uint64_t start = time_us();
        while (time_us() - start < 200000) {
            cpu_start(1, second_once, 0);
        }
        report(cpu_wait_off(1, 20000000) && on_off_count > 0, "hart 1 started %lu times",
               on_off_count);
    }
    for (unsigned i = 0; i < ARRAY_SIZE(storms); i++) {
        if ((kinds >> i & 1) != 0) {
            report(rounds[0][i] > 0, "%s: %lu rounds on hart 0, %lu on hart 1", storms[i].name,
                   rounds[0][i], rounds[1][i]);
        }
    }
}

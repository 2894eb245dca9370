/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The timer of two harts. Words of the command line:
 *     timer=sbi   by SBI's TIME extension instead of stimecmp
 * Where the tree does not offer Sstc it is by SBI in any case.
 */
#include "riscv64.h"

#define WAIT_US  2000000u
#define TICKS    50u
#define TICKS_US 20000000u /* a hart that is shared by emulated harts that are short of CPUs */

static volatile uint64_t tick_count[GUEST_CPU_MAX]; /* by CPU, which alone writes it */
static volatile uint64_t early[GUEST_CPU_MAX];
static volatile uint64_t deadline[GUEST_CPU_MAX];

static bool timer_pending(void)
{
    return interrupt_pending(IRQ_TIMER);
}

static void on_interrupt(unsigned code)
{
    unsigned cpu = cpu_index();
    if (code != IRQ_TIMER) {
        csr_clear(CSR_SIE, 1u << code);
        return;
    }
    early[cpu] += time_ticks() < deadline[cpu];
    tick_count[cpu]++;
    if (tick_count[cpu] < TICKS) {
        deadline[cpu] = time_ticks() + 10000;
        timer_arm_at(deadline[cpu]);
    } else {
        timer_stop();
    }
}

static void run_ticks(void)
{
    unsigned cpu = cpu_index();
    timer_stop();
    csr_write(CSR_SIE, 1u << IRQ_TIMER);
    interrupts_mask(false);
    deadline[cpu] = time_ticks() + 10000;
    timer_arm_at(deadline[cpu]);
    wait_for(&tick_count[cpu], TICKS, TICKS_US);
    interrupts_mask(true);
}

static void second_main(uint64_t unused)
{
    (void)unused;
    run_ticks();
}

static void test_counter(void)
{
    uint64_t last = time_ticks();
    uint64_t start = last;
    bool back = false;
    for (unsigned i = 0; i < 100000; i++) {
        uint64_t now = time_ticks();
        back = back || now < last;
        last = now;
    }
    report(!back, "the counter never goes back");
    report(last > start, "and goes on");
    if (on_hypervisor()) {
        report(start < 3600 * time_hz(), "and began with the machine or the VM");
    }
}

static void test_no_stimecmp(void)
{
    fault_expect();
    (void)csr_read(CSR_STIMECMP);
    report(fault_result().taken, "without Sstc there is no stimecmp");
}

static void test_pending(void)
{
    timer_stop();
    report(!timer_pending(), "a deadline that never comes is not pending");
    timer_arm_at(0);
    report(timer_pending(), "one that is over is pending at once");
    timer_stop();
    report(!timer_pending(), "a new deadline takes that back");
    timer_arm_us(100000);
    uint64_t start = time_us();
    bool before = timer_pending() && time_us() - start < 100000;
    delay_us(100000);
    while (!timer_pending() && time_us() - start < WAIT_US) { /* an emulator may be late */
        cpu_relax();
    }
    report(!before && timer_pending(), "it becomes pending in time");
    timer_stop();
}

static void test_wfi(void)
{
    csr_write(CSR_SIE, 1u << IRQ_TIMER);
    uint64_t start = time_us();
    unsigned rounds = 0;
    timer_arm_us(20000);
    while (!timer_pending() && time_us() - start < WAIT_US) {
        wfi();
        rounds++;
    }
    uint64_t took = time_us() - start;
    timer_stop();
    csr_write(CSR_SIE, 0);
    report(took >= 20000 && took < 500000, "WFI waits for the timer: %lu us, %u times", took,
           rounds);
}

void guest_main(void)
{
    report_begin("timer");
    test_counter();
    if (!timer_has_sstc()) {
        test_no_stimecmp();
    }
    test_pending();
    test_wfi();
    irq_set_handler(on_interrupt);
    bool second = cpu_start(1, second_main, 0) == 0;
    run_ticks();
    report_equal(tick_count[0], TICKS, "ticks on hart 0");
    report_equal(early[0], 0, "none of them early");
    if (second) {
        report(cpu_wait_off(1, 2 * TICKS_US), "hart 1 ends");
        report_equal(tick_count[1], TICKS, "ticks on hart 1");
        report_equal(early[1], 0, "none of them early");
    }
}

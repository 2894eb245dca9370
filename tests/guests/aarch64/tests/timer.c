/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The virtual timer and counter on both CPUs. Words of the command line:
 *
 *     late=N    milliseconds an interrupt may come late (default 1000)
 *     rounds=N  deadlines for each CPU (default 200)
 *     pings=N   exchanges between the CPUs (default 2000)
 *     cpus=1    CPU 0 alone
 *
 * Interrupts may come late because the emulator is held up, or because other VMs have the CPU. In
 * an exchange both CPUs spin, so that it takes two time slices where both are one.
 */
#include "aarch64.h"

struct result {
    volatile uint64_t done; /* deadlines met */
    volatile uint64_t early;
    volatile uint64_t wrong; /* another interrupt than the timer's */
    volatile uint64_t latest_us;
    volatile uint64_t finished;
};

/* Each is written by the CPU of its index. */
static struct result results[2];
static volatile uint64_t deadline[2]; /* in ticks */
static uint64_t rounds;
static uint64_t late_us;

/* One writer each; CPU 0 asks with an even number, CPU 1 answers with the next odd one. */
static volatile uint64_t ping_round;
static volatile uint64_t pong_round;
static volatile uint64_t ping_ticks;
static volatile uint64_t pong_ticks;

static void on_irq(void)
{
    unsigned cpu = cpu_index();
    unsigned intid = gic_acknowledge();
    uint64_t now = time_ticks();
    if (intid == INTID_SPURIOUS) {
        return;
    }
    if (intid != TIMER_INTID) {
        results[cpu].wrong++;
    } else {
        if (now < deadline[cpu]) {
            results[cpu].early++;
        } else {
            uint64_t late = (now - deadline[cpu]) * 1000 / (time_hz() / 1000);
            if (late > results[cpu].latest_us) {
                results[cpu].latest_us = late;
            }
        }
        timer_stop();
        results[cpu].done++;
    }
    gic_end(intid);
}

/* Deadlines from 0 to 2 ms ahead, waiting with WFI. */
static void run_deadlines(uint64_t count)
{
    unsigned cpu = cpu_index();
    gic_cpu_init();
    gic_enable(TIMER_INTID);
    for (uint64_t i = 0; i < count; i++) {
        uint64_t ticks = i * 7919 % 2000 * (time_hz() / 1000000);
        deadline[cpu] = time_ticks() + ticks;
        sysreg_write(cntv_cval_el0, deadline[cpu]);
        sysreg_write(cntv_ctl_el0, CNTV_CTL_ENABLE);
        isb();
        while (results[cpu].done == i) {
            wfi(); /* with IRQs masked, so that none is taken between the check and WFI */
            interrupts_mask(false);
            isb();
            interrupts_mask(true);
        }
    }
    gic_disable(TIMER_INTID);
    dsb();
    results[cpu].finished = 1;
}

static void second_deadlines(uint64_t count)
{
    run_deadlines(count);
}

static void second_pong(uint64_t count)
{
    for (uint64_t i = 0; i < count; i++) {
        while (ping_round != 2 * i + 2) {
            cpu_relax();
        }
        dsb();
        pong_ticks = time_ticks();
        dsb();
        pong_round = 2 * i + 3;
    }
}

static void test_counter(void)
{
    uint64_t hz = time_hz();
    report(hz >= 1000000 && hz <= 1000000000, "counter frequency is %lu Hz", hz);
    uint64_t last = time_ticks();
    uint64_t backwards = 0;
    for (unsigned i = 0; i < 100000; i++) {
        uint64_t now = time_ticks();
        backwards += now < last;
        last = now;
    }
    report_equal(backwards, 0, "the counter never runs backwards");
}

static void test_polling(void)
{
    gic_cpu_init();
    gic_enable(TIMER_INTID);
    sysreg_write(cntv_ctl_el0, CNTV_CTL_ENABLE | CNTV_CTL_IMASK);
    sysreg_write(cntv_cval_el0, time_ticks() + time_hz() / 500);
    isb();
    /* Two milliseconds may be over already where the CPU is shared. */
    bool is_early = (sysreg_read(cntv_ctl_el0) & CNTV_CTL_ISTATUS) == 0;
    report(is_early || time_ticks() >= sysreg_read(cntv_cval_el0),
           "ISTATUS is 0 before the deadline");
    uint64_t armed = time_us();
    /* An emulator may be late with this as with interrupts. */
    while ((sysreg_read(cntv_ctl_el0) & CNTV_CTL_ISTATUS) == 0 && time_us() - armed < late_us) {
        cpu_relax();
    }
    report((sysreg_read(cntv_ctl_el0) & CNTV_CTL_ISTATUS) != 0,
           "ISTATUS is 1 after it, with IMASK set");
    report(time_ticks() >= sysreg_read(cntv_cval_el0), "and not before it");
    report_equal(gic_acknowledge(), INTID_SPURIOUS, "IMASK keeps the interrupt back");
    report((int32_t)sysreg_read(cntv_tval_el0) < 0, "TVAL is negative after the deadline");
    sysreg_write(cntv_ctl_el0, CNTV_CTL_ENABLE);
    isb();
    report_equal(gic_wait(late_us), TIMER_INTID, "clearing IMASK lets it through");
    gic_end(TIMER_INTID);
    report_equal(gic_wait(late_us), TIMER_INTID,
                 "it is level-sensitive: it fires again while the condition holds");
    timer_stop();
    gic_end(TIMER_INTID);
    delay_us(1000);
    report_equal(gic_acknowledge(), INTID_SPURIOUS, "nothing is pending when the timer is off");

    sysreg_write(cntv_cval_el0, 0);
    sysreg_write(cntv_ctl_el0, CNTV_CTL_ENABLE);
    isb();
    report_equal(gic_wait(late_us), TIMER_INTID, "a deadline in the past fires at once");
    timer_stop();
    gic_end(TIMER_INTID);

    uint64_t start = time_us();
    sysreg_write(cntv_tval_el0, time_hz() / 1000);
    sysreg_write(cntv_ctl_el0, CNTV_CTL_ENABLE);
    isb();
    report_equal(gic_wait(late_us + 1000), TIMER_INTID, "a deadline by TVAL");
    report(time_us() - start >= 999, "not before its time");
    timer_stop();
    gic_end(TIMER_INTID);

    gic_disable(TIMER_INTID);
    timer_arm_us(0);
    delay_us(1000);
    report_equal(gic_acknowledge(), INTID_SPURIOUS, "a disabled timer interrupt stays away");
    report(gic_bit(TIMER_INTID, GICD_ISPENDR), "it is pending meanwhile");
    gic_enable(TIMER_INTID);
    report_equal(gic_wait(late_us), TIMER_INTID, "enabling lets it through");
    timer_stop();
    gic_end(TIMER_INTID);
    gic_disable(TIMER_INTID);
}

static void report_result(unsigned cpu)
{
    const struct result *r = &results[cpu];
    report_equal(r->done, rounds, "CPU %u: %lu deadlines", cpu, rounds);
    report_equal(r->early, 0, "CPU %u: none early", cpu);
    report_equal(r->wrong, 0, "CPU %u: no other interrupt", cpu);
    report(r->latest_us <= late_us, "CPU %u: latest by %lu us", cpu, r->latest_us);
}

static void test_two_cpus(void)
{
    irq_set_handler(on_irq);
    report_equal((uint64_t)cpu_start(1, second_deadlines, rounds), 0, "start of CPU 1");
    run_deadlines(rounds);
    report(wait_for(&results[1].finished, 1, 20000000), "CPU 1 finished");
    report_result(0);
    report_result(1);
    irq_set_handler(NULL);
    cpu_wait_off(1, 1000000);

    uint64_t backwards = 0;
    uint64_t count = cmdline_number("pings", 2000);
    cpu_start(1, second_pong, count);
    for (uint64_t i = 0; i < count; i++) {
        uint64_t before = time_ticks();
        ping_ticks = before;
        dsb();
        ping_round = 2 * i + 2;
        while (pong_round != 2 * i + 3) {
            cpu_relax();
        }
        dsb();
        backwards += pong_ticks < before || time_ticks() < pong_ticks;
    }
    report_equal(backwards, 0, "the counter is the same on both CPUs in %lu rounds", count);
}

void guest_main(void)
{
    report_begin("timer");
    rounds = cmdline_number("rounds", 200);
    late_us = cmdline_number("late", 1000) * 1000;
    gic_init();
    test_counter();
    test_polling();
    if (cmdline_is("cpus", "1")) {
        irq_set_handler(on_irq);
        run_deadlines(rounds);
        report_result(0);
        return;
    }
    test_two_cpus();
}

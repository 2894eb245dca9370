/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The local APIC's timer, the time-stamp counter and kvmclock, on two CPUs. Words of the command
 * line:
 *     direct=1   this VM may own the local APICs of its CPUs
 */
#include "x86_64.h"

#define WAIT_US  2000000u
#define TICKS    50u
#define TICKS_US 20000000u /* a CPU that is shared by emulated CPUs that are short of CPUs */

static volatile uint64_t tick_count[GUEST_CPU_MAX]; /* by CPU, which alone writes it */
static volatile uint64_t early[GUEST_CPU_MAX];
static volatile uint64_t armed_at[GUEST_CPU_MAX];
static volatile bool rearm;

/* Whether @p us microseconds are over, up to what a measured frequency may be wrong. */
static bool is_over(uint64_t since_us, uint64_t us)
{
    return time_us() - since_us >= us - us / 16;
}

static void arm(unsigned cpu)
{
    armed_at[cpu] = time_us();
    timer_arm_us(1000);
}

static void on_interrupt(unsigned vector)
{
    unsigned cpu = cpu_index();
    lapic_end();
    if (vector != VECTOR_TIMER) {
        return;
    }
    tick_count[cpu]++;
    if (rearm) {
        early[cpu] += !is_over(armed_at[cpu], 1000);
        if (tick_count[cpu] < TICKS) {
            arm(cpu);
        }
    }
}

static void run_ticks(void)
{
    unsigned cpu = cpu_index();
    tick_count[cpu] = 0;
    interrupts_mask(false);
    arm(cpu);
    wait_for(&tick_count[cpu], TICKS, TICKS_US);
    interrupts_mask(true);
    timer_stop();
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
        report((cpuid(0x80000007, 0).edx & 1u << 8) != 0, "CPUID says that it is invariant");
    }
}

/* When another clock was read, by the counter: between these two microseconds. */
struct moment {
    uint64_t before;
    uint64_t after;
};

/* Whether @p ns of another clock can have passed from one moment to the other, if it may be wrong
 * by one in @p part. A CPU that is taken away between looks at two clocks makes a moment longer,
 * and nothing wrong. */
static bool can_pass(struct moment from, struct moment to, uint64_t ns, unsigned part)
{
    uint64_t least = (to.before - from.after) * 1000;
    uint64_t most = (to.after - from.before + 1) * 1000;
    return ns >= least - least / part && ns <= most + most / part;
}

/* The time structure of msr.rst. */
static volatile struct {
    uint32_t version;
    uint32_t unused;
    uint64_t tsc;
    uint64_t system_ns;
    uint32_t multiplier;
    int8_t shift;
    uint8_t flags;
    uint8_t pad[2];
} clock __attribute__((aligned(32)));

static uint64_t clock_ns(void)
{
    uint64_t delta = time_ticks() - clock.tsc;
    delta = clock.shift >= 0 ? delta << clock.shift : delta >> -clock.shift;
    return clock.system_ns + (uint64_t)((unsigned __int128)delta * clock.multiplier >> 32);
}

static void test_kvmclock(void)
{
    static volatile struct {
        uint32_t version;
        uint32_t seconds;
        uint32_t nanoseconds;
    } wall;
    struct cpuid features = cpuid(0x40000001, 0);
    if (!on_hypervisor()) {
        report_skip("kvmclock: not on plain QEMU");
        return;
    }
    report((features.eax & 1u << 3) != 0 && (features.eax & 1u << 24) != 0,
           "CPUID tells of kvmclock, and that it is stable");
    clock.version = 1;
    msr_write(MSR_KVM_TIME, (uintptr_t)&clock | 1);
    report_equal(clock.version & 1, 0, "the time structure is written, its version is even");
    report(clock.multiplier != 0 && (clock.flags & 1) != 0, "multiplier 0x%x, shift %d, stable",
           clock.multiplier, clock.shift);
    struct moment from;
    struct moment to;
    from.before = time_us();
    uint64_t passed = clock_ns();
    from.after = time_us();
    delay_us(20000);
    to.before = time_us();
    passed = clock_ns() - passed;
    to.after = time_us();
    report(can_pass(from, to, passed, 100), "%lu ns pass in %lu us of the counter", passed,
           to.after - from.before);
    msr_write(MSR_KVM_TIME, 0);
    wall.version = 1;
    msr_write(MSR_KVM_WALL, (uintptr_t)&wall);
    report_equal(wall.version & 1, 0, "the wall clock is written: %u s", wall.seconds);
}

/* Whether the timer counts one in @p divisor nanoseconds. */
static bool counts_by(unsigned divisor)
{
    struct moment from;
    struct moment to;
    from.before = time_us();
    uint64_t counted = lapic_read(LAPIC_CURRENT);
    from.after = time_us();
    delay_us(10000);
    to.before = time_us();
    counted -= lapic_read(LAPIC_CURRENT);
    to.after = time_us();
    return can_pass(from, to, counted * divisor, 16);
}

static void test_registers(void)
{
    static const struct {
        uint8_t code;
        uint8_t divisor;
    } divisors[] = { { 0, 2 },  { 1, 4 },  { 2, 8 },    { 3, 16 },
                     { 8, 32 }, { 9, 64 }, { 10, 128 }, { 11, 1 } };
    timer_stop();
    report_equal(lapic_read(LAPIC_CURRENT), 0, "stopped: the count is 0");
    lapic_write(LAPIC_INITIAL, 0xffffffff);
    report_equal(lapic_read(LAPIC_INITIAL), 0xffffffff, "the initial count reads back");
    for (unsigned i = 0; i < ARRAY_SIZE(divisors); i++) {
        lapic_write(LAPIC_DIVIDE, divisors[i].code);
        lapic_write(LAPIC_INITIAL, 0xffffffff);
        report(counts_by(divisors[i].divisor), "divided by %u", divisors[i].divisor);
        report_equal(lapic_read(LAPIC_DIVIDE), divisors[i].code, "and the divider reads back");
    }
    timer_stop();
    report_equal(lapic_read(LAPIC_CURRENT), 0, "an initial count of 0 stops it");
}

static bool becomes_pending(uint64_t timeout_us)
{
    uint64_t start = time_us();
    while (!lapic_pending(VECTOR_TIMER) && time_us() - start < timeout_us) {
        cpu_relax();
    }
    return lapic_pending(VECTOR_TIMER);
}

static void test_one_shot(void)
{
    uint64_t start = time_us();
    timer_arm_us(100000);
    bool before = lapic_pending(VECTOR_TIMER) && !is_over(start, 100000);
    report(becomes_pending(WAIT_US) && !before && is_over(start, 100000),
           "it becomes pending in time");
    report_equal(lapic_read(LAPIC_CURRENT), 0, "and is at 0 then");
    uint64_t ticks = tick_count[0];
    interrupts_take();
    report_equal(tick_count[0] - ticks, 1, "one interrupt");
    delay_us(1000);
    report(!lapic_pending(VECTOR_TIMER), "and no other");

    /* Far enough away that a VM which shares its CPU gets here before it. */
    timer_arm_us(200000);
    timer_stop();
    delay_us(210000);
    report(!lapic_pending(VECTOR_TIMER), "stopped before its time it does not interrupt");

    timer_arm_us(200000);
    lapic_write(LAPIC_LVT_TIMER, LVT_MASKED | VECTOR_TIMER);
    delay_us(210000);
    report(!lapic_pending(VECTOR_TIMER), "masked it does not interrupt");
    report_equal(lapic_read(LAPIC_CURRENT), 0, "but it counts");
    lapic_write(LAPIC_LVT_TIMER, VECTOR_TIMER);
    report(!lapic_pending(VECTOR_TIMER), "and what was masked is lost");
}

static void test_periodic(void)
{
    uint64_t ticks = tick_count[0];
    uint64_t start = time_us();
    lapic_write(LAPIC_DIVIDE, TIMER_DIVIDE_1);
    lapic_write(LAPIC_LVT_TIMER, LVT_PERIODIC | VECTOR_TIMER);
    lapic_write(LAPIC_INITIAL, TIMER_HZ / 500);
    interrupts_mask(false);
    bool came = wait_for(&tick_count[0], ticks + 20, WAIT_US);
    interrupts_mask(true);
    uint64_t took = time_us() - start;
    report(came && is_over(start, 20 * 2000), "periodic: 20 interrupts, 2 ms apart, take %lu us",
           took);
    uint64_t current = lapic_read(LAPIC_CURRENT);
    report(current > 0 && current <= TIMER_HZ / 500, "it counts again from the start: %lu",
           current);
    /* Held up for five periods: at least one interrupt, and at most one more for each. */
    interrupts_take();
    ticks = tick_count[0];
    delay_us(10000);
    becomes_pending(WAIT_US); /* QEMU's clock may be late when its machine is short of CPUs */
    interrupts_take();
    report(tick_count[0] - ticks >= 1 && tick_count[0] - ticks <= 6,
           "%lu interrupts after interrupts were masked for five periods", tick_count[0] - ticks);
    /* As fast as it goes: the CPU still gets somewhere. A timer of QEMU's own that is so fast stops
     * the whole emulator now and then. */
    lapic_write(LAPIC_INITIAL, cmdline_is("direct", "1") ? TIMER_HZ / 10000 : 1);
    interrupts_mask(false);
    start = time_us();
    for (volatile unsigned i = 0; i < 1000; i++) {
    }
    interrupts_mask(true);
    timer_stop();
    report(time_us() - start < WAIT_US, "the shortest period leaves time for the CPU");
    interrupts_take();
}

static void test_hlt(void)
{
    uint64_t ticks = tick_count[0];
    uint64_t start = time_us();
    unsigned rounds = 0;
    timer_arm_us(20000);
    while (tick_count[0] == ticks && time_us() - start < WAIT_US) {
        interrupts_wait();
        rounds++;
    }
    uint64_t took = time_us() - start;
    report(is_over(start, 20000) && took < 500000, "HLT waits for the timer: %lu us, %u times",
           took, rounds);
    unsigned late = 0;
    for (unsigned i = 0; i < 1000; i++) { /* due before, while and after it goes to sleep */
        start = time_us();
        timer_arm_us(i % 40);
        interrupts_wait();
        late += time_us() - start > WAIT_US;
    }
    report_equal(late, 0, "a thousand short waits end");
    timer_stop();
}

void guest_main(void)
{
    report_begin("timer");
    lapic_init();
    irq_set_handler(on_interrupt);
    test_counter();
    test_kvmclock();
    test_registers();
    test_one_shot();
    test_periodic();
    test_hlt();
    rearm = true;
    cpu_start(1, second_main, 0);
    run_ticks();
    report_equal(tick_count[0], TICKS, "ticks on CPU 0");
    report_equal(early[0], 0, "none of them early");
    report(cpu_wait_off(1, 2 * TICKS_US), "CPU 1 ends");
    report_equal(tick_count[1], TICKS, "ticks on CPU 1");
    report_equal(early[1], 0, "none of them early");
}

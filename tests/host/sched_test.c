/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The scheduler on the fake architecture: turns, slices, wake order, idle, guest timers, kicks.
 */
/* SOURCES: tests/host/machine.c runtime/sched.c runtime/vcpu.c runtime/vm.c runtime/vmm.c */
/* SOURCES: runtime/health.c runtime/plan.c runtime/watchdog.c runtime/memory.c runtime/image.c */
/* SOURCES: runtime/lib/sha256.c runtime/check.c arch/fake/check.c */
/* SOURCES: runtime/panic.c runtime/console.c runtime/terminal.c runtime/log.c */
/* SOURCES: tests/host/no_operator.c runtime/lib/format.c */
/* SOURCES: arch/fake/context.c arch/fake/cpu.c arch/fake/vcpu.c arch/fake/console.c */
#include "machine.h"
#include "test.h"
#include <hv/arch/time.h>
#include <hv/plan.h>

#define ON_CPU_0 ((uint8_t[64]){ 0 })

/* Which vCPU made each step. */
static struct vcpu *trace[4096];
static uint32_t trace_count;

static void record(struct vcpu *v)
{
    if (trace_count < 4096) {
        trace[trace_count++] = v;
    }
}

/* A guest that computes for a millisecond at a time. */
static int busy(struct vcpu *v)
{
    record(v);
    fake_clock += 1000;
    return EXIT_HYPERCALL;
}

/* A guest that does nothing but wait. */
static int idle(struct vcpu *v)
{
    record(v);
    return EXIT_HALT;
}

/* A guest that wakes up every 5 ms by its own timer. */
static int ticking(struct vcpu *v)
{
    record(v);
    fake_set_guest_timer(v, fake_clock + 5000);
    return EXIT_HALT;
}

/* Lets the clock jump to the next event whenever nobody can go on. */
static void run_until(uint64_t end)
{
    while (fake_clock < end) {
        bool went_on = false;

        for (uint32_t cpu = 0; cpu < FAKE_CPUS_MAX; cpu++) {
            went_on = fake_step(cpu) || went_on;
        }
        if (!went_on) {
            uint64_t next = end;

            for (uint32_t cpu = 0; cpu < FAKE_CPUS_MAX; cpu++) {
                if (fake_cpus[cpu].status == FAKE_IDLE) {
                    uint64_t guest = fake_cpus[cpu].guest_deadline;
                    uint64_t own = fake_cpus[cpu].deadline;

                    next = guest < next ? guest : next;
                    next = own < next ? own : next;
                }
            }
            fake_clock = next;
        }
    }
}

static struct vm *vm_of(const char *name, uint32_t vcpu_count, const uint8_t cpus[],
                        fake_guest *guest)
{
    struct vm *vm = machine_add_vm(name, vcpu_count, cpus);

    for (uint32_t i = 0; i < vcpu_count; i++) {
        machine_vcpu(vm, i)->arch.guest = guest;
    }
    return vm;
}

TEST(turns_are_equal)
{
    struct vm *vm[3];

    vm[0] = vm_of("a", 1, ON_CPU_0, busy);
    vm[1] = vm_of("b", 1, ON_CPU_0, busy);
    vm[2] = vm_of("c", 1, ON_CPU_0, busy);
    machine_finish();
    machine_start();
    run_until(3 * 10 * MACHINE_SLICE);
    for (unsigned i = 0; i < 3; i++) {
        EXPECT(machine_vcpu(vm[i], 0)->arch.steps >= 95);
        EXPECT(machine_vcpu(vm[i], 0)->arch.steps <= 105);
    }
    /* In turn, each for one slice of ten steps. */
    for (unsigned i = 0; i < 300; i++) {
        EXPECT(trace[i]->vm == vm[(i / 10) % 3]);
    }
}

TEST(alone_is_never_interrupted)
{
    struct vm *vm = vm_of("a", 1, ON_CPU_0, busy);

    machine_finish();
    machine_start();
    run_until(SCHED_VCPUS_PER_CPU * MACHINE_SLICE);
    EXPECT_EQ(machine_vcpu(vm, 0)->exits[EXIT_EXTERNAL_INTERRUPT], 0);
    EXPECT_EQ(machine_vcpu(vm, 0)->arch.loads, 1);
    EXPECT_EQ(fake_cpus[0].deadline, TIME_NEVER);
}

/* A waiting neighbour costs nothing: no slice is armed while nobody else is ready. */
TEST(idle_neighbour_costs_nothing)
{
    struct vm *a = vm_of("a", 1, ON_CPU_0, busy);

    vm_of("b", 1, ON_CPU_0, idle);
    machine_finish();
    machine_start();
    run_until(10 * MACHINE_SLICE);
    EXPECT(machine_vcpu(a, 0)->arch.loads <= 2);
    EXPECT(machine_vcpu(a, 0)->exits[EXIT_EXTERNAL_INTERRUPT] <= 2);
    EXPECT_EQ(fake_cpus[0].deadline, TIME_NEVER);
}

TEST(registers_stay_while_it_waits)
{
    struct vm *vm = vm_of("a", 1, ON_CPU_0, ticking);

    machine_finish();
    machine_start();
    run_until(100000);
    EXPECT(machine_vcpu(vm, 0)->arch.steps >= 19);
    EXPECT_EQ(machine_vcpu(vm, 0)->arch.loads, 1);
}

/* The timer of a guest whose registers are out of the machine is watched by the scheduler. */
TEST(timers_of_unloaded_guests)
{
    struct vm *sleeper = vm_of("sleeper", 1, ON_CPU_0, ticking);
    struct vm *worker = vm_of("worker", 1, ON_CPU_0, busy);

    machine_finish();
    machine_start();
    run_until(500000);
    /* It gets its turn at the end of a slice, at most 10 ms after its timer. */
    EXPECT(machine_vcpu(sleeper, 0)->arch.steps >= 30);
    EXPECT(machine_vcpu(worker, 0)->arch.steps >= 400);
    EXPECT(machine_vcpu(sleeper, 0)->arch.loads >= 30);
}

/* Both sleep and both registers cannot be in the machine. */
TEST(two_sleepers)
{
    struct vm *a = vm_of("a", 1, ON_CPU_0, ticking);
    struct vm *b = vm_of("b", 1, ON_CPU_0, ticking);

    machine_finish();
    machine_start();
    run_until(100000);
    EXPECT(machine_vcpu(a, 0)->arch.steps >= 19);
    EXPECT(machine_vcpu(b, 0)->arch.steps >= 19);
}

TEST(full_cpu)
{
    struct vm *vm[64];
    static char names[64][8];
    uint32_t least = UINT32_MAX, most = 0;

    for (unsigned i = 0; i < 64; i++) {
        snprintf(names[i], sizeof names[i], "vm%u", i);
        vm[i] = vm_of(names[i], 1, ON_CPU_0, busy);
    }
    machine_finish();
    machine_start();
    run_until(64 * 3 * MACHINE_SLICE);
    for (unsigned i = 0; i < 64; i++) {
        uint32_t steps = machine_vcpu(vm[i], 0)->arch.steps;

        least = steps < least ? steps : least;
        most = steps > most ? steps : most;
    }
    EXPECT(least >= 20);
    EXPECT(most <= 40);
}

/* ---- Priorities and plans ---- */

/* Slot 1 comes before slots 0 and 2: it runs whenever it can, at once when it wakes. */
TEST(priorities)
{
    static const uint64_t sets[] = { 2, 5 };
    struct vm *low, *high, *other;

    low = vm_of("low", 1, ON_CPU_0, busy);
    high = vm_of("high", 1, ON_CPU_0, ticking);
    other = vm_of("other", 1, ON_CPU_0, busy);
    machine_set_levels(0, sets, 2);
    machine_finish();
    machine_start();
    run_until(500000);
    /* Every 5 ms, not at the end of a slice of 10 ms; and the others share the rest. */
    EXPECT(machine_vcpu(high, 0)->arch.steps >= 80);
    EXPECT(machine_vcpu(low, 0)->arch.steps >= 200);
    EXPECT(machine_vcpu(other, 0)->arch.steps >= 200);
}

TEST(a_busy_one_of_higher_priority_has_it_all)
{
    static const uint64_t sets[] = { 2, 1 };
    struct vm *low, *high;

    low = vm_of("low", 1, ON_CPU_0, busy);
    high = vm_of("high", 1, ON_CPU_0, busy);
    machine_set_levels(0, sets, 2);
    machine_finish();
    machine_start();
    run_until(100000);
    EXPECT_EQ(machine_vcpu(low, 0)->arch.steps, 0);
    EXPECT(machine_vcpu(high, 0)->arch.steps >= 99);
}

/* Steps of a vCPU between two times. */
static uint32_t steps_until(struct vm *vm, uint64_t end)
{
    uint32_t before = machine_vcpu(vm, 0)->arch.steps;

    run_until(end);
    return machine_vcpu(vm, 0)->arch.steps - before;
}

/* 3 ms of ten, then 7; after the switch 8 and 2. The switch is at a boundary. */
TEST(windows_and_a_switch)
{
    struct vm *a = vm_of("a", 1, ON_CPU_0, busy);
    struct vm *b = vm_of("b", 1, ON_CPU_0, busy);
    uint32_t first = machine_add_plan("first", 10000);
    uint32_t second = machine_add_plan("second", 10000);

    machine_add_window(first, 0, 3000, 1, 0);
    machine_add_window(first, 0, 10000, 2, 0);
    machine_add_window(second, 0, 8000, 1, 0);
    machine_add_window(second, 0, 10000, 2, 0);
    machine_finish();
    machine_start();
    run_until(20000);
    EXPECT_EQ(steps_until(a, 120000), 30);
    EXPECT(machine_vcpu(b, 0)->arch.steps >= 75);
    fake_this_pcpu = &pcpus[0];
    EXPECT_EQ(plan_switch(2), HV_ERR_RANGE);
    EXPECT_EQ(plan_switch(second), HV_OK);
    EXPECT_EQ(plan_switch(first), HV_ERR_STATE);
    fake_this_pcpu = NULL;
    EXPECT_EQ(steps_until(a, 140000), 6); /* two frames more */
    EXPECT_EQ(steps_until(a, 240000), 80);
}

/* What its owner leaves is given to another, and to nobody where none is named. */
TEST(unused_time)
{
    struct vm *lazy = vm_of("lazy", 1, ON_CPU_0, ticking);
    struct vm *keen = vm_of("keen", 1, ON_CPU_0, busy);
    uint32_t plan = machine_add_plan("plan", 10000);

    (void)lazy;
    machine_add_window(plan, 0, 4000, 1, 2);
    machine_add_window(plan, 0, 6000, 1, 0);
    machine_add_window(plan, 0, 8000, 2, 0);
    machine_add_window(plan, 0, 10000, 0, 0);
    machine_finish();
    machine_start();
    run_until(20000);
    EXPECT_EQ(steps_until(keen, 120000), 60);
}

/* ---- Wake-ups and kicks ---- */

static struct vm *two_cpus(fake_guest *first, fake_guest *second)
{
    struct vm *vm = machine_add_vm("a", 2, (uint8_t[]){ 0, 1 });

    machine_vcpu(vm, 0)->arch.guest = first;
    machine_vcpu(vm, 1)->arch.guest = second;
    machine_finish();
    machine_start();
    return vm;
}

TEST(cpus_without_work_idle)
{
    struct vm *vm = two_cpus(idle, idle);

    EXPECT(fake_settle(1000));
    EXPECT_EQ(fake_cpus[0].status, FAKE_IDLE);
    EXPECT_EQ(fake_cpus[1].status, FAKE_IDLE);
    EXPECT_EQ(machine_vcpu(vm, 0)->state, VCPU_HALTED);
    EXPECT_EQ(machine_vcpu(vm, 1)->state, VCPU_OFF);
}

static int wakes_secondary(struct vcpu *v)
{
    struct vcpu *other = machine_vcpu(v->vm, 1);

    record(v);
    switch (v->arch.steps) {
    case 1:
        EXPECT_EQ(vcpu_on(other, 0x1000, 7), HV_OK);
        return EXIT_CPU_UP;
    case 20: /* it waits by now */
    case 40:
        EXPECT_EQ(other->state, VCPU_HALTED);
        fake_interrupt(other);
        return EXIT_SEND_IPI;
    default:
        return v->arch.steps < 60 ? EXIT_HYPERCALL : EXIT_HALT;
    }
}

TEST(a_kick_for_each_wake_up)
{
    struct vm *vm = two_cpus(wakes_secondary, idle);

    EXPECT(fake_settle(1000));
    EXPECT_EQ(machine_vcpu(vm, 1)->arch.argument, 7);
    EXPECT_EQ(machine_vcpu(vm, 1)->arch.pc, 0x1000);
    EXPECT_EQ(machine_vcpu(vm, 1)->arch.steps, 3);
    EXPECT_EQ(machine_vcpu(vm, 1)->arch.interrupts, 2);
    EXPECT_EQ(fake_cpus[1].kicks, 3);
    EXPECT_EQ(fake_cpus[0].kicks, 0);
}

static int interrupts_itself(struct vcpu *v)
{
    if (v->arch.steps == 5) {
        fake_interrupt(v);
    }
    return v->arch.steps < 10 ? EXIT_HYPERCALL : EXIT_HALT;
}

TEST(no_kick_on_the_own_cpu)
{
    struct vm *vm = two_cpus(interrupts_itself, idle);

    EXPECT(fake_settle(1000));
    EXPECT_EQ(machine_vcpu(vm, 0)->arch.interrupts, 1);
    EXPECT_EQ(fake_cpus[0].kicks, 0);
}

/* A vCPU that is ready, but waits for its turn, needs no kick: it will look by itself. */
TEST(no_kick_for_one_that_waits_for_its_turn)
{
    struct vm *a = machine_add_vm("a", 1, (uint8_t[]){ 1 });
    struct vm *b = machine_add_vm("b", 1, (uint8_t[]){ 1 });
    struct vm *driver = machine_add_vm("driver", 1, (uint8_t[]){ 0 });
    uint32_t kicks;

    machine_vcpu(a, 0)->arch.guest = busy;
    machine_vcpu(b, 0)->arch.guest = busy;
    machine_vcpu(driver, 0)->arch.guest = idle;
    machine_finish();
    machine_start();
    run_until(5 * MACHINE_SLICE);
    fake_this_pcpu = &pcpus[0];
    kicks = fake_cpus[1].kicks;
    fake_interrupt(machine_vcpu(pcpus[1].running == machine_vcpu(a, 0) ? b : a, 0));
    EXPECT_EQ(fake_cpus[1].kicks, kicks);
    fake_interrupt(pcpus[1].running);
    EXPECT_EQ(fake_cpus[1].kicks, kicks + 1);
}

TEST_MAIN()

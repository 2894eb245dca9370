/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the generator promises, the scheduler keeps: gen/schedule/timetable.py and docs/time.md
 * against runtime/sched.c, in random plans and among neighbours that come and go at random.
 *
 * All times are whole milliseconds here, each one step of a guest that computes.
 */
/* SOURCES: tests/host/machine.c runtime/sched.c runtime/vcpu.c runtime/vm.c runtime/vmm.c */
/* SOURCES: runtime/health.c runtime/plan.c runtime/watchdog.c runtime/memory.c runtime/image.c */
/* SOURCES: runtime/lib/sha256.c runtime/check.c arch/fake/check.c tests/host/no_operator.c */
/* SOURCES: runtime/panic.c runtime/console.c runtime/terminal.c runtime/log.c */
/* SOURCES: runtime/lib/format.c arch/fake/context.c arch/fake/cpu.c arch/fake/vcpu.c */
/* SOURCES: arch/fake/console.c */
#include "machine.h"
#include "test.h"
#include <hv/arch/time.h>

#define MS       1000u
#define TIME     400u /* that each run takes */
#define RUNS     40u
#define SLICE    (MACHINE_SLICE / MS)
#define SIBLINGS 3u /* vCPUs of the VM that is watched, at most */

struct window {
    uint32_t start, end, sharers; /* 0: not the watched vCPU's */
};

static struct window windows[MACHINE_WINDOWS];
static uint32_t window_count, frame;
static struct vcpu *ran[TIME + 16]; /* who had each millisecond */
static uint32_t random_state;
static uint32_t on_since; /* when the watched vCPU was switched on */
static fake_guest *mood_of_first;

static uint32_t random_below(uint32_t limit)
{
    random_state = random_state * 1664525u + 1013904223u;
    return (random_state >> 16) % limit;
}

static int busy(struct vcpu *v)
{
    if (fake_clock / MS < TIME) {
        ran[fake_clock / MS] = v;
    }
    fake_clock += MS;
    return EXIT_HYPERCALL;
}

/* Computes or sleeps for a while. */
static int moody(struct vcpu *v)
{
    if (random_below(4) != 0) {
        return busy(v);
    }
    fake_set_guest_timer(v, fake_clock + MS * (1 + random_below(15)));
    return EXIT_HALT;
}

/* The first vCPU: switches the others on, then computes or sleeps as well. */
static int first(struct vcpu *v)
{
    if (v->arch.steps <= 1) {
        for (uint32_t i = 1; i < v->vm->config->vcpu_count; i++) {
            EXPECT_EQ(vcpu_on(machine_vcpu(v->vm, i), 0x1000, 0), HV_OK);
        }
        on_since = (uint32_t)(fake_clock / MS);
    }
    return mood_of_first(v);
}

static void run(void)
{
    while (fake_clock < TIME * MS) {
        if (!fake_step(0)) {
            uint64_t own = fake_cpus[0].deadline, guest = fake_cpus[0].guest_deadline;

            fake_clock = own < guest ? own : guest;
        }
    }
}

/* What is sure of `time` milliseconds within a window. */
static uint32_t least(uint32_t sharers, uint32_t time)
{
    uint32_t turn = sharers * SLICE, wait = turn - SLICE, rest = time % turn;

    return sharers == 1 ? time : time / turn * SLICE + (rest > wait ? rest - wait : 0);
}

/* What is sure of [start, end). */
static uint32_t sure(uint32_t start, uint32_t end)
{
    uint32_t total = 0;

    for (uint32_t at = start / frame * frame; at < end; at += frame) {
        for (uint32_t i = 0; i < window_count; i++) {
            uint32_t low = at + windows[i].start, high = at + windows[i].end;

            low = low > start ? low : start;
            high = high < end ? high : end;
            if (windows[i].sharers != 0 && low < high) {
                total += least(windows[i].sharers, high - low);
            }
        }
    }
    return total;
}

/* A random plan for CPU 0 with the slots: 0 ... count - 1 of the VM that is watched, two others. */
static void add_plan(uint32_t count, uint32_t watched)
{
    uint64_t family = (UINT64_C(1) << count) - 1;
    uint32_t plan;

    window_count = 1 + random_below(6);
    for (uint32_t i = 0; i < window_count; i++) {
        windows[i].start = frame;
        windows[i].end = frame += 1 + random_below(count > 1 ? 50 : 12);
    }
    plan = machine_add_plan("random", frame * MS);
    for (uint32_t i = 0; i < window_count; i++) {
        uint64_t sets[] = { 0, UINT64_C(1) << watched, family, UINT64_C(1) << count,
                            UINT64_C(2) << count };
        uint32_t kind = i == 0 ? 2 : random_below(5); /* the first vCPU switches the others on */

        windows[i].sharers = kind == 1 ? 1 : kind == 2 ? count : 0;
        machine_add_window(plan, 0, windows[i].end * MS, sets[kind], sets[random_below(5)]);
    }
}

/* The watched vCPU computes all the time: each stretch of the run gives it what is sure of it. */
static void one_run(uint32_t seed, bool has_plan)
{
    uint32_t count = has_plan ? 1 + seed % SIBLINGS : 1;
    struct vm *vm = machine_add_vm("watched", count, (uint8_t[SIBLINGS]){ 0 });
    uint32_t watched;

    random_state = seed;
    watched = random_below(count);
    for (uint32_t i = 0; i < count; i++) {
        machine_vcpu(vm, i)->arch.guest = i == watched || random_below(2) == 0 ? busy : moody;
    }
    mood_of_first = machine_vcpu(vm, 0)->arch.guest;
    machine_vcpu(vm, 0)->arch.guest = first;
    on_since = TIME;
    for (uint32_t i = 0; i < 2; i++) {
        struct vm *other = machine_add_vm("other", 1, (uint8_t[]){ 0 });

        machine_vcpu(other, 0)->arch.guest = random_below(2) == 0 ? busy : moody;
    }
    if (has_plan) {
        add_plan(count, watched);
    } else {
        frame = TIME;
        window_count = 1;
        windows[0] = (struct window){ .start = 0, .end = TIME, .sharers = 3 };
    }
    machine_finish();
    machine_start();
    run();
    for (uint32_t start = on_since; start < TIME; start++) {
        uint32_t had = 0;

        for (uint32_t end = start + 1; end <= TIME; end++) {
            had += ran[end - 1] == machine_vcpu(vm, watched);
            if (had < sure(start, end)) {
                FAIL("run %u: %u ms in [%u, %u), %u are sure", seed, had, start, end,
                     sure(start, end));
            }
        }
    }
}

/* Each in a process of its own, like a test. */
static void runs(bool has_plan)
{
    for (uint32_t seed = 1; seed <= RUNS; seed++) {
        int status = 0;
        pid_t child = fork();

        if (child == 0) {
            one_run(seed, has_plan);
            exit(0);
        }
        EXPECT(waitpid(child, &status, 0) == child);
        EXPECT_EQ(status, 0);
    }
}

TEST(plans_keep_what_is_promised)
{
    runs(true);
}

TEST(turns_keep_what_is_promised)
{
    runs(false);
}

TEST_MAIN()

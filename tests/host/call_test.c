/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Ashlar's own calls, health tables, watchdogs and the order of starts, on the fake architecture:
 * who may do what, what each answers, what is recorded.
 */
/* SOURCES: tests/host/machine.c runtime/call.c runtime/sched.c runtime/vcpu.c runtime/vm.c */
/* SOURCES: runtime/vmm.c runtime/health.c runtime/plan.c runtime/watchdog.c runtime/memory.c */
/* SOURCES: runtime/image.c runtime/panic.c runtime/lib/format.c runtime/console.c */
/* SOURCES: runtime/lib/sha256.c runtime/check.c arch/fake/check.c */
/* SOURCES: runtime/terminal.c tests/host/no_operator.c runtime/log.c arch/fake/context.c */
/* SOURCES: arch/fake/cpu.c arch/fake/vcpu.c arch/fake/console.c */
#define _GNU_SOURCE
#include "machine.h"
#include "test.h"
#include <ashlar.h>
#include <hv/arch/time.h>
#include <hv/call.h>

static struct vm *manager, *managed, *other;

/* What the guest of a vCPU does next; the test writes, the guests obey. */
static struct order {
    int exit;
    uint64_t function;
    uint64_t x[CALL_VALUES];
    int64_t error;
    bool calls;
} orders[MACHINE_VCPUS];

static int obeys(struct vcpu *v)
{
    struct order *order = &orders[v - vcpus];
    int exit = order->exit;

    order->exit = EXIT_HALT;
    if (order->calls) {
        order->calls = false;
        order->error = call_make(v, order->function, order->x);
        return EXIT_HYPERCALL;
    }
    if (exit == EXIT_GUEST_FAULT) {
        v->exit.fault = (struct guest_fault){
            .what = "write", .pc = 0x1234, .address = { 0x5678 }, .has_address = true
        };
    }
    return exit;
}

static void wake(struct vcpu *v)
{
    fake_this_pcpu = &pcpus[0];
    fake_cpus[0].is_kicked = true;
    fake_interrupt(v);
    fake_this_pcpu = NULL;
    EXPECT(fake_settle(10000));
}

/* A call of a VM's first vCPU. The values are in *values then. */
static int64_t call(struct vm *vm, uint64_t function, uint64_t a, uint64_t b, uint64_t c)
{
    struct order *order = &orders[machine_vcpu(vm, 0) - vcpus];

    *order = (struct order){ .exit = EXIT_HALT,
                             .function = function,
                             .x = { a, b, c, 0xdead },
                             .error = -1000,
                             .calls = true };
    wake(machine_vcpu(vm, 0));
    return order->error;
}

static uint64_t value(struct vm *vm, uint32_t n)
{
    return orders[machine_vcpu(vm, 0) - vcpus].x[n];
}

static void does(struct vm *vm, int exit)
{
    orders[machine_vcpu(vm, 0) - vcpus].exit = exit;
    wake(machine_vcpu(vm, 0));
}

/* Each on a CPU of its own; the first manages the second. */
static void build(void)
{
    manager = machine_add_vm("manager", 1, (uint8_t[]){ 0 });
    managed = machine_add_vm("managed", 2, (uint8_t[]){ 1, 2 });
    other = machine_add_vm("other", 1, (uint8_t[]){ 3 });
    machine_config(manager)->manages = 2;
    for (uint32_t i = 0; i < MACHINE_VCPUS; i++) {
        vcpus[i].arch.guest = obeys;
        orders[i].exit = EXIT_HALT;
    }
}

static void start(void)
{
    machine_finish();
    machine_start();
    EXPECT(fake_settle(10000));
}

/* Lets the clock pass to `time`, with all that happens until then. */
static void pass_to(uint64_t time)
{
    while (fake_clock < time) {
        uint64_t next = time;

        for (uint32_t cpu = 0; cpu < FAKE_CPUS_MAX; cpu++) {
            if (fake_cpus[cpu].deadline > fake_clock && fake_cpus[cpu].deadline < next) {
                next = fake_cpus[cpu].deadline;
            }
        }
        fake_clock = next;
        EXPECT(fake_settle(10000));
    }
}

static bool was_printed(const char *text)
{
    return memmem(fake_output, fake_output_count, text, strlen(text)) != NULL;
}

/* ---- Calls ---- */

TEST(about_oneself)
{
    build();
    start();
    EXPECT_EQ(call(other, ASHLAR_VERSION, 1, 2, 3), ASHLAR_OK);
    EXPECT(value(other, 0) == ASHLAR_CALLS_VERSION);
    EXPECT(value(other, 1) == 0 && value(other, 2) == 0 && value(other, 3) == 0);
    EXPECT_EQ(call(other, ASHLAR_SELF, 0, 0, 0), ASHLAR_OK);
    EXPECT(value(other, 0) == 2 && value(other, 1) == 3);
    EXPECT_EQ(call(other, ASHLAR_PLAN, 0, 0, 0), ASHLAR_INVALID);
    EXPECT_EQ(call(other, ASHLAR_WATCHDOG_START, 5, 0, 0), ASHLAR_INVALID);
    EXPECT_EQ(call(other, ASHLAR_WATCHDOG_KICK, 0, 0, 0), ASHLAR_OK);
}

TEST(nobody_else_may)
{
    build();
    start();
    for (uint64_t function = ASHLAR_STATE; function < ASHLAR_CALL_COUNT; function++) {
        bool acts = function >= ASHLAR_START && function <= ASHLAR_RESTART;

        for (uint64_t vm = 0; vm < 5; vm++) {
            if (vm != 2 || acts) { /* itself it may ask about */
                EXPECT_EQ(call(other, function, vm, 0, 0), ASHLAR_DENIED);
                EXPECT(value(other, 0) == 0 && value(other, 3) == 0);
            }
        }
        if (!acts) {
            EXPECT(call(other, function, 2, 0, 0) != ASHLAR_DENIED);
        }
        EXPECT_EQ(call(manager, function, 2, 0, 0), ASHLAR_DENIED);
        EXPECT_EQ(call(manager, function, UINT64_MAX, 0, 0), ASHLAR_DENIED);
    }
    EXPECT_EQ(call(manager, ASHLAR_PLAN_SWITCH, 0, 0, 0), ASHLAR_DENIED);
    EXPECT_EQ(call(manager, ASHLAR_CALL_COUNT, 1, 0, 0), ASHLAR_UNKNOWN);
    EXPECT_EQ(call(manager, UINT64_MAX, 1, 0, 0), ASHLAR_UNKNOWN);
    EXPECT_EQ(managed->state, VM_RUNNING);
    EXPECT_EQ(other->health.records[0].event, HEALTH_HYPERCALL);
    EXPECT_EQ(other->state, VM_RUNNING); /* it is ignored */
}

TEST(an_illegal_call_may_cost_more)
{
    build();
    machine_config(other)->health[HEALTH_HYPERCALL] = HEALTH_STOP;
    start();
    EXPECT_EQ(call(other, ASHLAR_STATE, 0, 0, 0), ASHLAR_DENIED);
    EXPECT_EQ(other->state, VM_FAILED);
}

static int64_t find(struct vm *vm, const char *name)
{
    uint64_t words[3] = { 0 };

    memcpy(words, name, strlen(name));
    return call(vm, ASHLAR_FIND, words[0], words[1], words[2]);
}

TEST(names)
{
    build();
    start();
    EXPECT_EQ(find(manager, "managed"), ASHLAR_OK);
    EXPECT(value(manager, 0) == 1);
    EXPECT_EQ(find(manager, "manager"), ASHLAR_OK);
    EXPECT(value(manager, 0) == 0);
    EXPECT_EQ(find(manager, "other"), ASHLAR_DENIED);
    EXPECT_EQ(find(manager, "no"), ASHLAR_DENIED);
    EXPECT_EQ(find(manager, ""), ASHLAR_DENIED);
    EXPECT_EQ(find(manager, "managed-managed-managed-"), ASHLAR_DENIED); /* no end */
}

TEST(life_of_another)
{
    build();
    start();
    EXPECT_EQ(call(manager, ASHLAR_STATE, 1, 0, 0), ASHLAR_OK);
    EXPECT(value(manager, 0) == ASHLAR_STATE_RUNNING && value(manager, 1) == 1);
    EXPECT(value(manager, 2) == 1 && value(manager, 3) == 2);
    EXPECT_EQ(call(manager, ASHLAR_START, 1, 0, 0), ASHLAR_REFUSED);
    EXPECT_EQ(call(manager, ASHLAR_RESUME, 1, 0, 0), ASHLAR_REFUSED);
    EXPECT_EQ(call(manager, ASHLAR_PAUSE, 1, 0, 0), ASHLAR_OK);
    EXPECT_EQ(managed->state, VM_PAUSED);
    EXPECT(!machine_vcpu(managed, 0)->arch.is_loaded);
    EXPECT_EQ(call(manager, ASHLAR_PAUSE, 1, 0, 0), ASHLAR_REFUSED);
    EXPECT_EQ(call(manager, ASHLAR_RESUME, 1, 0, 0), ASHLAR_OK);
    EXPECT_EQ(managed->state, VM_RUNNING);
    EXPECT_EQ(call(manager, ASHLAR_STOP, 1, 0, 0), ASHLAR_OK);
    EXPECT_EQ(managed->state, VM_STOPPED);
    EXPECT_EQ(call(manager, ASHLAR_STOP, 1, 0, 0), ASHLAR_REFUSED);
    EXPECT_EQ(call(manager, ASHLAR_PAUSE, 1, 0, 0), ASHLAR_REFUSED);
    EXPECT_EQ(call(manager, ASHLAR_START, 1, 0, 0), ASHLAR_OK);
    EXPECT_EQ(managed->state, VM_RUNNING);
    EXPECT_EQ(call(manager, ASHLAR_PAUSE, 1, 0, 0), ASHLAR_OK);
    EXPECT_EQ(call(manager, ASHLAR_RESTART, 1, 0, 0), ASHLAR_OK); /* out of a pause */
    EXPECT_EQ(managed->state, VM_RUNNING);
    EXPECT_EQ(managed->boot_count, 3);
}

TEST(what_is_linked_in_place_stays_stopped)
{
    build();
    machine_config(managed)->window_root.pa = 0;
    start();
    EXPECT_EQ(call(manager, ASHLAR_RESTART, 1, 0, 0), ASHLAR_FIXED);
    EXPECT_EQ(managed->state, VM_RUNNING);
    EXPECT_EQ(call(manager, ASHLAR_STOP, 1, 0, 0), ASHLAR_OK);
    EXPECT_EQ(call(manager, ASHLAR_START, 1, 0, 0), ASHLAR_FIXED);
}

TEST(counts)
{
    build();
    start();
    does(managed, EXIT_MMIO_READ);
    EXPECT_EQ(call(manager, ASHLAR_EXITS, 1, 0, EXIT_MMIO_READ), ASHLAR_OK);
    EXPECT(value(manager, 0) == 1);
    EXPECT_EQ(call(manager, ASHLAR_EXITS, 1, 0, EXIT_COUNT), ASHLAR_INVALID);
    EXPECT_EQ(call(manager, ASHLAR_EXITS, 1, 2, 0), ASHLAR_INVALID);
    EXPECT_EQ(call(manager, ASHLAR_TIME, 1, 1, 0), ASHLAR_OK);
    EXPECT(value(manager, 0) == 0); /* it is off */
    EXPECT_EQ(call(manager, ASHLAR_TIME, 1, 2, 0), ASHLAR_INVALID);
}

/* ---- Events ---- */

TEST(events)
{
    build();
    machine_config(managed)->health[HEALTH_MEMORY_FAULT] = HEALTH_RESTART;
    start();
    EXPECT_EQ(call(manager, ASHLAR_EVENTS, 1, 0, 0), ASHLAR_OK);
    EXPECT(value(manager, 0) == 0);
    EXPECT_EQ(call(manager, ASHLAR_EVENT, 1, 0, 0), ASHLAR_INVALID);
    fake_clock = 5000;
    does(managed, EXIT_GUEST_FAULT);
    EXPECT_EQ(call(manager, ASHLAR_EVENT, 1, 0, 0), ASHLAR_OK);
    EXPECT_EQ(value(manager, 0), 5000000); /* the fake's ticks are microseconds */
    EXPECT_EQ(ASHLAR_EVENT_KIND(value(manager, 1)), HEALTH_MEMORY_FAULT);
    EXPECT_EQ(ASHLAR_EVENT_ACTION(value(manager, 1)), HEALTH_RESTART);
    EXPECT_EQ(ASHLAR_EVENT_VCPU(value(manager, 1)), 0);
    EXPECT_EQ(value(manager, 2), 0x1234);
    EXPECT_EQ(value(manager, 3), 0x5678);
    for (uint32_t i = 1; i < HEALTH_RECORDS + 3; i++) {
        does(managed, EXIT_SYSTEM_RESET);
    }
    EXPECT_EQ(call(manager, ASHLAR_EVENTS, 1, 0, 0), ASHLAR_OK);
    EXPECT_EQ(value(manager, 0), HEALTH_RECORDS + 3);
    EXPECT_EQ(call(manager, ASHLAR_EVENT, 1, 2, 0), ASHLAR_INVALID); /* overwritten */
    EXPECT_EQ(call(manager, ASHLAR_EVENT, 1, 3, 0), ASHLAR_OK);
    EXPECT_EQ(ASHLAR_EVENT_KIND(value(manager, 1)), HEALTH_RESET);
    EXPECT_EQ(call(manager, ASHLAR_EVENT, 1, UINT64_C(1) << 32, 0), ASHLAR_INVALID);
}

/* Five restarts in a minute; the sixth is one too many, unless the first is a minute ago. */
TEST(restarts_are_counted)
{
    build();
    machine_config(managed)->health[HEALTH_MEMORY_FAULT] = HEALTH_RESTART;
    start();
    for (uint32_t i = 0; i < MACHINE_RESTARTS; i++) {
        does(managed, EXIT_GUEST_FAULT);
        fake_clock += 1000;
    }
    EXPECT_EQ(managed->boot_count, 1 + MACHINE_RESTARTS);
    does(managed, EXIT_SYSTEM_RESET); /* the guest's own wish does not count */
    EXPECT_EQ(managed->boot_count, 2 + MACHINE_RESTARTS);
    fake_clock = MACHINE_WITHIN;
    does(managed, EXIT_GUEST_FAULT);
    EXPECT_EQ(managed->state, VM_RUNNING);
    does(managed, EXIT_GUEST_FAULT); /* the second one was 1 ms after the first */
    EXPECT_EQ(managed->state, VM_FAILED);
    EXPECT(was_printed("spent, stop"));
    EXPECT_EQ(call(manager, ASHLAR_START, 1, 0, 0), ASHLAR_OK); /* by hand it may */
    EXPECT_EQ(managed->state, VM_RUNNING);
}

TEST(no_restart_at_all)
{
    build();
    machine_config(managed)->health[HEALTH_MEMORY_FAULT] = HEALTH_RESTART;
    machine_config(managed)->restart_limit = 0;
    start();
    does(managed, EXIT_GUEST_FAULT);
    EXPECT_EQ(managed->state, VM_FAILED);
}

TEST(a_fault_is_injected)
{
    build();
    machine_config(managed)->health[HEALTH_MEMORY_FAULT] = HEALTH_INJECT;
    start();
    does(managed, EXIT_GUEST_FAULT);
    EXPECT_EQ(managed->state, VM_RUNNING);
    EXPECT_EQ(machine_vcpu(managed, 0)->arch.faults, 1);
    EXPECT_EQ(managed->health.count, 1);
}

TEST(one_stops_all)
{
    build();
    machine_config(managed)->health[HEALTH_MEMORY_FAULT] = HEALTH_STOP_ALL;
    start();
    does(managed, EXIT_GUEST_FAULT);
    EXPECT_EQ(managed->state, VM_FAILED);
    EXPECT_EQ(manager->state, VM_STOPPED);
    EXPECT_EQ(other->state, VM_STOPPED);
    EXPECT_EQ(fake_power_offs, 1);
}

TEST(one_resets_the_machine)
{
    build();
    machine_config(managed)->health[HEALTH_ENTRY] = HEALTH_RESET_MACHINE;
    start();
    does(managed, EXIT_FAIL_ENTRY);
    EXPECT_EQ(fake_power_resets, 1);
    EXPECT_EQ(fake_power_offs, 0);
    EXPECT(was_printed("reset, as vm \"managed\" has it"));
}

/* ---- Watchdogs ---- */

static void build_watched(bool at_boot)
{
    build();
    machine_config(managed)->watchdog_us = 10000;
    machine_config(managed)->watchdog_at_boot = at_boot;
}

TEST(a_watchdog_bites)
{
    build_watched(true);
    start();
    pass_to(9000);
    EXPECT_EQ(call(managed, ASHLAR_WATCHDOG_KICK, 0, 0, 0), ASHLAR_OK);
    pass_to(18000);
    EXPECT_EQ(managed->boot_count, 1);
    pass_to(20000);
    EXPECT_EQ(managed->boot_count, 2); /* 10 ms after the kick */
    EXPECT_EQ(managed->health.records[0].event, HEALTH_WATCHDOG);
    EXPECT_EQ(managed->health.records[0].time, 19000);
    pass_to(28000);
    EXPECT_EQ(managed->boot_count, 2);
    pass_to(30000); /* it began with the VM's new start */
    EXPECT_EQ(managed->boot_count, 3);
}

/* Where the event has no consequence, the next sign of life starts the count again. */
TEST(a_watchdog_that_is_ignored)
{
    build_watched(true);
    machine_config(managed)->health[HEALTH_WATCHDOG] = HEALTH_IGNORE;
    start();
    pass_to(11000);
    EXPECT_EQ(managed->health.count, 1);
    pass_to(50000);
    EXPECT_EQ(managed->health.count, 1);
    EXPECT_EQ(call(managed, ASHLAR_WATCHDOG_KICK, 0, 0, 0), ASHLAR_OK);
    pass_to(59000);
    EXPECT_EQ(managed->health.count, 1);
    pass_to(61000);
    EXPECT_EQ(managed->health.count, 2);
    EXPECT_EQ(managed->boot_count, 1);
}

/* A device of two stages: the guest is warned first, and then has the time once more. */
TEST(a_watchdog_warns)
{
    build_watched(true);
    managed->arch.warnings = 1;
    start();
    pass_to(11000);
    EXPECT_EQ(managed->arch.warnings, 0);
    EXPECT_EQ(managed->boot_count, 1);
    EXPECT_EQ(managed->health.count, 0);
    pass_to(19000);
    EXPECT_EQ(managed->boot_count, 1);
    pass_to(22000);
    EXPECT_EQ(managed->boot_count, 2);
    EXPECT_EQ(managed->health.count, 1);
}

TEST(a_watchdog_from_boot_on_cannot_be_stopped)
{
    build_watched(true);
    start();
    EXPECT_EQ(call(managed, ASHLAR_WATCHDOG_STOP, 0, 0, 0), ASHLAR_REFUSED);
    EXPECT_EQ(call(managed, ASHLAR_WATCHDOG_START, 1000000, 0, 0), ASHLAR_OK); /* 10 ms at most */
    pass_to(11000);
    EXPECT_EQ(managed->boot_count, 2);
}

TEST(a_watchdog_that_the_guest_starts)
{
    build_watched(false);
    start();
    pass_to(50000);
    EXPECT_EQ(managed->boot_count, 1);
    EXPECT_EQ(call(managed, ASHLAR_WATCHDOG_START, 5, 0, 0), ASHLAR_OK);
    pass_to(54000);
    EXPECT_EQ(call(managed, ASHLAR_WATCHDOG_STOP, 0, 0, 0), ASHLAR_OK);
    pass_to(90000);
    EXPECT_EQ(managed->boot_count, 1);
    EXPECT_EQ(call(managed, ASHLAR_WATCHDOG_KICK, 0, 0, 0), ASHLAR_OK);
    pass_to(120000);
    EXPECT_EQ(managed->boot_count, 1);
    EXPECT_EQ(call(managed, ASHLAR_WATCHDOG_START, 5, 0, 0), ASHLAR_OK);
    pass_to(130000);
    EXPECT_EQ(managed->boot_count, 2);
    pass_to(200000); /* and is off after the restart */
    EXPECT_EQ(managed->boot_count, 2);
}

/* Its second vCPU, on another CPU than the one that watches. */
TEST(a_watchdog_of_two_cpus)
{
    struct vcpu *second;

    build_watched(false);
    start();
    second = machine_vcpu(managed, 1);
    fake_this_pcpu = &pcpus[2];
    fake_cpus[2].is_kicked = true;
    EXPECT_EQ(vcpu_on(second, 0x1000, 0), HV_OK);
    fake_this_pcpu = NULL;
    EXPECT(fake_settle(10000));
    orders[second - vcpus] = (struct order){
        .exit = EXIT_HALT, .function = ASHLAR_WATCHDOG_START, .x = { 4 }, .calls = true
    };
    wake(second);
    pass_to(5000);
    EXPECT_EQ(managed->boot_count, 2);
}

TEST(a_watchdog_waits_while_its_vm_is_paused)
{
    build_watched(true);
    start();
    pass_to(5000);
    EXPECT_EQ(call(manager, ASHLAR_PAUSE, 1, 0, 0), ASHLAR_OK);
    pass_to(100000);
    EXPECT_EQ(call(manager, ASHLAR_RESUME, 1, 0, 0), ASHLAR_OK);
    pass_to(109000);
    EXPECT_EQ(managed->boot_count, 1);
    pass_to(111000);
    EXPECT_EQ(managed->boot_count, 2);
}

TEST(a_stopped_vm_is_not_watched)
{
    build_watched(true);
    start();
    EXPECT_EQ(call(manager, ASHLAR_STOP, 1, 0, 0), ASHLAR_OK);
    pass_to(100000);
    EXPECT_EQ(managed->state, VM_STOPPED);
    EXPECT_EQ(managed->health.count, 0);
}

/* ---- The order of starts ---- */

/* "other" waits for "managed". */
static void build_order(void)
{
    build();
    machine_config(other)->after = 2;
    machine_config(managed)->ready_within_us = 10000;
}

TEST(who_waits_starts_with_the_sign)
{
    build_order();
    start();
    EXPECT_EQ(other->state, VM_READY);
    pass_to(5000);
    EXPECT_EQ(call(managed, ASHLAR_READY, 0, 0, 0), ASHLAR_OK);
    EXPECT_EQ(other->state, VM_RUNNING);
    EXPECT_EQ(call(managed, ASHLAR_READY, 0, 0, 0), ASHLAR_OK);
    pass_to(50000);
    EXPECT_EQ(managed->health.count, 0);
    EXPECT_EQ(other->boot_count, 1);
}

TEST(who_waits_in_vain_starts_late)
{
    build_order();
    start();
    pass_to(9000);
    EXPECT_EQ(other->state, VM_READY);
    pass_to(11000);
    EXPECT_EQ(other->state, VM_RUNNING);
    EXPECT_EQ(managed->health.records[0].event, HEALTH_NOT_READY);
}

TEST(who_is_late_may_be_restarted)
{
    build_order();
    machine_config(managed)->health[HEALTH_NOT_READY] = HEALTH_RESTART;
    start();
    pass_to(11000);
    EXPECT_EQ(managed->boot_count, 2);
    EXPECT_EQ(other->state, VM_READY);
    EXPECT_EQ(call(managed, ASHLAR_READY, 0, 0, 0), ASHLAR_OK);
    EXPECT_EQ(other->state, VM_RUNNING);
}

TEST(restarts_of_who_is_late_are_spent)
{
    build_order();
    machine_config(managed)->health[HEALTH_NOT_READY] = HEALTH_RESTART;
    start();
    pass_to(100000);
    EXPECT_EQ(managed->boot_count, 1 + MACHINE_RESTARTS);
    EXPECT_EQ(managed->state, VM_FAILED);
    EXPECT_EQ(other->state, VM_RUNNING);
}

TEST(the_operator_need_not_wait)
{
    build_order();
    start();
    fake_this_pcpu = &pcpus[0];
    fake_cpus[0].is_kicked = true;
    EXPECT_EQ(vm_boot(other), HV_OK);
    fake_this_pcpu = NULL;
    EXPECT(fake_settle(10000));
    pass_to(20000);
    EXPECT_EQ(other->state, VM_RUNNING);
    EXPECT_EQ(other->boot_count, 1);
}

/* All others end before: the machine waits for who waits. */
TEST(who_waits_counts_as_running)
{
    build_order();
    start();
    does(manager, EXIT_SYSTEM_DOWN);
    does(managed, EXIT_SYSTEM_DOWN);
    EXPECT_EQ(fake_power_offs, 0);
    pass_to(20000);
    EXPECT_EQ(other->state, VM_RUNNING);
    does(other, EXIT_SYSTEM_DOWN);
    EXPECT_EQ(fake_power_offs, 1);
}

TEST_MAIN()

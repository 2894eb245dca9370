/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Wake-ups under all interleavings: vCPUs that are off or halted, idle CPUs, stops. Every atomic
 * operation of the runtime is a place where another CPU may come in between.
 */
/* SOURCES: tests/host/machine.c tests/host/explore.c runtime/sched.c runtime/vcpu.c runtime/vm.c */
/* SOURCES: runtime/vmm.c runtime/health.c runtime/plan.c runtime/watchdog.c runtime/memory.c */
/* SOURCES: runtime/image.c runtime/panic.c runtime/lib/format.c runtime/console.c */
/* SOURCES: runtime/lib/sha256.c runtime/check.c arch/fake/check.c */
/* SOURCES: runtime/terminal.c tests/host/no_operator.c runtime/log.c arch/fake/context.c */
/* SOURCES: arch/fake/cpu.c arch/fake/vcpu.c arch/fake/console.c */
/* INTERLEAVE: runtime/sched.c runtime/vcpu.c runtime/vm.c runtime/vmm.c */
/* INTERLEAVE: arch/fake/vcpu.c */
#include "explore.h"
#include "machine.h"
#include "test.h"
#include <hv/vmm.h>

static struct vm *alpha, *beta;

/* CPU 0 and 1 run the two vCPUs of alpha. */
static void two_vcpus(fake_guest *first, fake_guest *second)
{
    *machine_log_level = 0;
    alpha = machine_add_vm("alpha", 2, (uint8_t[]){ 0, 1 });
    machine_vcpu(alpha, 0)->arch.guest = first;
    machine_vcpu(alpha, 1)->arch.guest = second;
    machine_finish();
    machine_start();
}

static int halts(struct vcpu *v)
{
    (void)v;
    return EXIT_HALT;
}

/* ---- A vCPU is switched on while it goes to sleep, and interrupted while it halts ---- */

static int switches_on_and_interrupts(struct vcpu *v)
{
    struct vcpu *other = machine_vcpu(v->vm, 1);

    switch (v->arch.steps) {
    case 1:
        EXPECT_EQ(vcpu_on(other, 0x1000, 0), HV_OK);
        return EXIT_CPU_UP;
    case 2:
        fake_interrupt(other);
        return EXIT_SEND_IPI;
    default:
        return EXIT_HALT;
    }
}

static void wake_up(void)
{
    two_vcpus(switches_on_and_interrupts, halts);
    explore_run();
    EXPECT_EQ(machine_vcpu(alpha, 1)->arch.resets, 1);
    EXPECT_EQ(machine_vcpu(alpha, 1)->state, VCPU_HALTED);
    /* Sent before its reset, the interrupt is gone; else it was taken, and never left pending. */
    EXPECT(!machine_vcpu(alpha, 1)->arch.has_interrupt);
    EXPECT(machine_vcpu(alpha, 1)->arch.steps >= 1);
}

TEST(no_wake_up_is_lost)
{
    printf("%u schedules\n", explore(wake_up, 2, 20000));
}

/* ---- Two vCPUs wake each other in turn ---- */

#define ROUNDS 3

static int ping_pong(struct vcpu *v)
{
    struct vcpu *other = machine_vcpu(v->vm, 1 - v->config->index);
    bool is_first = v->config->index == 0;

    if (is_first && v->arch.steps == 1) {
        EXPECT_EQ(vcpu_on(other, 0x1000, 0), HV_OK);
        return EXIT_HALT;
    }
    if (is_first ? v->arch.interrupts <= ROUNDS : v->arch.interrupts < ROUNDS) {
        if (!is_first || v->arch.interrupts > 0) {
            fake_interrupt(other);
        }
    }
    return EXIT_HALT;
}

static void ping(void)
{
    two_vcpus(ping_pong, ping_pong);
    explore_run();
    EXPECT(machine_vcpu(alpha, 1)->arch.interrupts >= ROUNDS);
}

TEST(ping_pong_goes_on)
{
    printf("%u schedules\n", explore(ping, 1, 20000));
}

/* ---- A stop reaches a vCPU wherever it is ---- */

static int switches_on_and_stops(struct vcpu *v)
{
    switch (v->arch.steps) {
    case 1:
        EXPECT_EQ(vcpu_on(machine_vcpu(v->vm, 1), 0x1000, 0), HV_OK);
        return EXIT_CPU_UP;
    default:
        return EXIT_SYSTEM_DOWN;
    }
}

static void stop(void)
{
    two_vcpus(switches_on_and_stops, halts);
    explore_run();
    EXPECT_EQ(alpha->state, VM_STOPPED);
    EXPECT_EQ(alpha->live_vcpu_count, 0);
    EXPECT_EQ(fake_power_offs, 1);
}

TEST(a_stop_reaches_every_vcpu)
{
    printf("%u schedules\n", explore(stop, 2, 20000));
}

/* ---- ... and so do interrupts and stops of a guest that does not exit by itself ---- */

static int computes_until_interrupted(struct vcpu *v)
{
    return v->arch.interrupts > 0 ? EXIT_HALT : FAKE_NO_EXIT;
}

static int interrupts_once_it_runs(struct vcpu *v)
{
    struct vcpu *other = machine_vcpu(v->vm, 1);

    if (v->arch.steps == 1) {
        EXPECT_EQ(vcpu_on(other, 0x1000, 0), HV_OK);
        return EXIT_CPU_UP;
    }
    if (other->state != VCPU_RUNNING) {
        return other->state == VCPU_HALTED ? EXIT_HALT : FAKE_NO_EXIT;
    }
    fake_interrupt(other);
    return EXIT_HALT;
}

static void interrupt_computing(void)
{
    two_vcpus(interrupts_once_it_runs, computes_until_interrupted);
    explore_run();
    EXPECT_EQ(machine_vcpu(alpha, 1)->arch.interrupts, 1);
}

TEST(an_interrupt_reaches_a_computing_guest)
{
    printf("%u schedules\n", explore(interrupt_computing, 1, 20000));
}

static int computes(struct vcpu *v)
{
    (void)v;
    return FAKE_NO_EXIT;
}

static void stop_computing(void)
{
    two_vcpus(switches_on_and_stops, computes);
    explore_run();
    EXPECT_EQ(alpha->state, VM_STOPPED);
    EXPECT_EQ(fake_power_offs, 1);
}

TEST(a_stop_reaches_a_computing_guest)
{
    printf("%u schedules\n", explore(stop_computing, 2, 20000));
}

/* ---- Both vCPUs try to be the one that ends the VM ---- */

static int both_end(struct vcpu *v)
{
    if (v->config->index == 0 && v->arch.steps == 1) {
        EXPECT_EQ(vcpu_on(machine_vcpu(v->vm, 1), 0x1000, 0), HV_OK);
        return EXIT_CPU_UP;
    }
    return v->config->index == 0 ? EXIT_SYSTEM_DOWN : EXIT_CPU_DOWN;
}

static void end_together(void)
{
    two_vcpus(both_end, both_end);
    explore_run();
    EXPECT_EQ(alpha->state, VM_STOPPED);
    EXPECT_EQ(fake_power_offs, 1);
}

TEST(ends_once)
{
    printf("%u schedules\n", explore(end_together, 2, 20000));
}

/* ---- A restart while the other vCPU is anywhere ---- */

static int restarts_once(struct vcpu *v)
{
    if (v->config->index == 1) {
        return EXIT_HALT;
    }
    switch (v->arch.steps) {
    case 1:
        EXPECT_EQ(machine_vcpu(v->vm, 1)->state, VCPU_OFF);
        EXPECT_EQ(vcpu_on(machine_vcpu(v->vm, 1), 0x1000, 0), HV_OK);
        return EXIT_CPU_UP;
    default:
        return v->vm->boot_count == 1 ? EXIT_SYSTEM_RESET : EXIT_HALT;
    }
}

static void restart(void)
{
    two_vcpus(restarts_once, restarts_once);
    explore_run();
    EXPECT_EQ(alpha->state, VM_RUNNING);
    EXPECT_EQ(alpha->boot_count, 2);
    EXPECT_EQ(alpha->live_vcpu_count, 2);
    EXPECT_EQ(machine_vcpu(alpha, 0)->arch.resets, 2);
    EXPECT_EQ(machine_vcpu(alpha, 0)->state, VCPU_HALTED);
    EXPECT_EQ(machine_vcpu(alpha, 1)->state, VCPU_HALTED);
    EXPECT_EQ(fake_power_offs, 0);
}

TEST(restart_races)
{
    printf("%u schedules\n", explore(restart, 2, 20000));
}

/* ---- Two VMs on two CPUs: the last one down ends the machine, once, and not earlier ---- */

static int ends_at_once(struct vcpu *v)
{
    (void)v;
    return EXIT_SYSTEM_DOWN;
}

static void two_short_vms(void)
{
    *machine_log_level = 0;
    alpha = machine_add_vm("alpha", 1, (uint8_t[]){ 1 });
    beta = machine_add_vm("beta", 1, (uint8_t[]){ 0 });
    machine_vcpu(alpha, 0)->arch.guest = ends_at_once;
    machine_vcpu(beta, 0)->arch.guest = ends_at_once;
    machine_finish();
    machine_start();
    explore_run();
    EXPECT_EQ(fake_power_offs, 1);
    EXPECT_EQ(alpha->state, VM_STOPPED);
    EXPECT_EQ(beta->state, VM_STOPPED);
    EXPECT_EQ(alpha->boot_count, 1);
    EXPECT_EQ(beta->boot_count, 1);
}

TEST(machine_ends_once_and_last)
{
    printf("%u schedules\n", explore(two_short_vms, 2, 20000));
}

/* ---- vCPUs of one CPU, woken from another ---- */

static int wakes_both(struct vcpu *v)
{
    if (v->arch.steps <= 4) {
        fake_interrupt(machine_vcpu(beta, v->arch.steps % 2));
        return EXIT_SEND_IPI;
    }
    return EXIT_HALT;
}

static int switches_second_on(struct vcpu *v)
{
    if (v->config->index == 0 && v->arch.steps == 1) {
        EXPECT_EQ(vcpu_on(machine_vcpu(v->vm, 1), 0x1000, 0), HV_OK);
    }
    return EXIT_HALT;
}

static void shared_cpu(void)
{
    *machine_log_level = 0;
    alpha = machine_add_vm("alpha", 1, (uint8_t[]){ 0 });
    beta = machine_add_vm("beta", 2, (uint8_t[]){ 1, 1 });
    machine_vcpu(alpha, 0)->arch.guest = wakes_both;
    machine_vcpu(beta, 0)->arch.guest = switches_second_on;
    machine_vcpu(beta, 1)->arch.guest = switches_second_on;
    machine_finish();
    machine_start();
    explore_run();
    for (uint32_t i = 0; i < 2; i++) {
        EXPECT(!machine_vcpu(beta, i)->arch.has_interrupt);
        EXPECT_EQ(machine_vcpu(beta, i)->state, VCPU_HALTED);
    }
}

TEST(wake_ups_on_a_shared_cpu)
{
    printf("%u schedules\n", explore(shared_cpu, 1, 20000));
}

TEST_MAIN()

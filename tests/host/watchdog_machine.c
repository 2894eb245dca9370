/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A VM with a watchdog. See watchdog_machine.h.
 */
#include "watchdog_machine.h"
#include "test.h"
#include <arch/fake.h>
#include <hv/arch/time.h>
#include <hv/watchdog.h>

struct vm_config machine_config = { .name = "a", .vcpu_count = 1 };
static const struct vcpu_config vcpu_config;
static struct pcpu pcpu;
struct vm vms[] = { { .config = &machine_config } };
struct vcpu vcpus[] = { { .config = &vcpu_config, .vm = &vms[0], .pcpu = &pcpu } };
uint64_t machine_clock = 12345;
uint32_t machine_events;
static uint64_t timer; /* of the CPU: when it looks at the watchdog */
_Thread_local struct pcpu *fake_this_pcpu;

uint64_t arch_time_now(void)
{
    return machine_clock;
}

uint64_t arch_time_frequency(void)
{
    return FAKE_FREQUENCY;
}

void fake_relax(void)
{
    FAIL("waits for a lock that nobody will release");
}

void sched_arm(void)
{
    timer = vms[0].watchdog_at;
}

void vcpu_notify(struct vcpu *v)
{
    (void)v;
}

void health_raise(struct vm *vm, struct vcpu *v, enum health_event event)
{
    EXPECT(vm == &vms[0] && v == NULL);
    EXPECT_EQ(event, HEALTH_WATCHDOG);
    machine_events++;
}

void machine_start(uint64_t watchdog_us, bool is_at_boot)
{
    fake_this_pcpu = &pcpu;
    machine_config.watchdog_us = watchdog_us;
    machine_config.watchdog_at_boot = is_at_boot;
    vms[0].state = VM_RUNNING;
    watchdog_reset(&vms[0]);
    sched_arm();
}

void machine_pass(uint64_t ticks)
{
    uint64_t until = machine_clock + ticks;
    uint32_t expired = 0;

    while (timer <= until) {
        EXPECT(++expired < 1000); /* it does not run wild */
        machine_clock = timer > machine_clock ? timer : machine_clock;
        if (vms[0].watchdog_at <= machine_clock) {
            watchdog_expire(&vms[0]);
        }
        sched_arm();
    }
    machine_clock = until;
}

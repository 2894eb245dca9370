/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Simulated CPUs: hv/arch/cpu.h and hv/arch/time.h, and the test's side of them. Knows nothing of
 * vCPUs and tasks, so that device models can be tested with it too.
 */
#include "context.h"
#include <arch/fake.h>
#include <hv/arch/cpu.h>
#include <hv/arch/time.h>
#include <hv/tables.h>
#include <stdio.h>
#include <stdlib.h>

struct fake_cpu fake_cpus[FAKE_CPUS_MAX];
_Thread_local struct pcpu *fake_this_pcpu;
uint64_t fake_clock;
uint32_t fake_power_offs;
uint32_t fake_power_resets;
bool fake_may_preempt;

static struct fake_cpu *cpu_of(const struct pcpu *pcpu)
{
    return &fake_cpus[pcpu->config->index];
}

static bool is_simulated(void)
{
    return fake_context_executing() != fake_context_driver();
}

/* ---- The test's side ---- */

static void enter_boot(void *entry)
{
    ((void (*)(void))entry)();
    abort();
}

void fake_start(struct pcpu *pcpu, void (*entry)(void))
{
    struct fake_cpu *cpu = cpu_of(pcpu);

    cpu->pcpu = pcpu;
    cpu->boot = fake_context_new(enter_boot, (void *)entry);
    cpu->current = cpu->boot;
    cpu->status = FAKE_READY;
    cpu->deadline = TIME_NEVER;
    cpu->guest_deadline = TIME_NEVER;
}

bool fake_has_interrupt(uint32_t cpu)
{
    return fake_cpus[cpu].is_kicked || fake_cpus[cpu].deadline <= fake_clock ||
           fake_cpus[cpu].guest_deadline <= fake_clock || (cpu == 0 && fake_port_has_interrupt());
}

bool fake_can_step(uint32_t cpu)
{
    switch (fake_cpus[cpu].status) {
    case FAKE_READY:
    case FAKE_SPINNING:
        return true;
    case FAKE_IDLE:
        return fake_has_interrupt(cpu);
    default:
        return false;
    }
}

bool fake_step(uint32_t cpu)
{
    if (!fake_can_step(cpu)) {
        return false;
    }
    fake_this_pcpu = fake_cpus[cpu].pcpu;
    fake_context_continue(fake_cpus[cpu].current);
    fake_this_pcpu = NULL;
    return true;
}

void fake_run(uint32_t steps)
{
    for (uint32_t i = 0; i < steps; i++) {
        for (uint32_t cpu = 0; cpu < FAKE_CPUS_MAX; cpu++) {
            fake_step(cpu);
        }
    }
}

bool fake_settle(uint32_t limit)
{
    for (uint32_t i = 0; i < limit; i++) {
        bool went_on = false;

        for (uint32_t cpu = 0; cpu < FAKE_CPUS_MAX; cpu++) {
            went_on = fake_step(cpu) || went_on;
        }
        if (!went_on) {
            return true;
        }
    }
    return false;
}

void fake_yield(enum fake_status status)
{
    struct fake_cpu *cpu = cpu_of(fake_this_pcpu);

    cpu->status = status;
    cpu->current = fake_context_executing();
    fake_context_continue(fake_context_driver());
    cpu->status = FAKE_READY;
}

void fake_preempt(void)
{
    if (fake_may_preempt && is_simulated()) {
        fake_yield(FAKE_READY);
    }
}

void fake_relax(void)
{
    if (!is_simulated()) {
        fprintf(stderr, "the test itself waits for a lock\n");
        abort();
    }
    fake_yield(FAKE_SPINNING);
}

/* ---- hv/arch/cpu.h ---- */

void arch_cpu_init(struct pcpu *pcpu)
{
    if (pcpu != fake_this_pcpu) {
        abort();
    }
}

enum hv_err arch_cpu_start(struct pcpu *pcpu)
{
    extern void pcpu_main(void);

    if (cpu_of(pcpu)->refuses_start) {
        return HV_ERR_STATE;
    }
    if (!cpu_of(pcpu)->is_mute) {
        fake_start(pcpu, pcpu_main);
    }
    return HV_OK;
}

void arch_cpu_kick(struct pcpu *pcpu)
{
    cpu_of(pcpu)->kicks++;
    cpu_of(pcpu)->is_kicked = true;
}

void arch_cpu_idle(void)
{
    while (!fake_has_interrupt(fake_this_pcpu->config->index)) {
        fake_yield(FAKE_IDLE);
    }
}

void arch_power_off(void)
{
    fake_power_offs++;
    for (;;) {
        fake_yield(FAKE_HALTED);
    }
}

void arch_power_reset(void)
{
    fake_power_resets++;
    for (;;) {
        fake_yield(FAKE_HALTED);
    }
}

void arch_cpu_halt(void)
{
    if (!is_simulated()) {
        abort(); /* a failed CHECK in a test that calls the runtime directly */
    }
    for (;;) {
        fake_yield(FAKE_HALTED);
    }
}

/* ---- hv/arch/time.h ---- */

uint64_t arch_time_now(void)
{
    return fake_clock;
}

uint64_t arch_time_frequency(void)
{
    return FAKE_FREQUENCY;
}

void arch_timer_set(uint64_t deadline)
{
    cpu_of(fake_this_pcpu)->deadline = deadline;
}

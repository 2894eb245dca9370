/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tasks, guests, interrupts and memory of the fake architecture. Each hook also checks that it is
 * called as its contract in hv/arch/ says.
 */
#include "context.h"
#include <arch/fake.h>
#include <hv/arch/console.h>
#include <hv/arch/cpu.h>
#include <hv/arch/irq.h>
#include <hv/arch/mm.h>
#include <hv/arch/task.h>
#include <hv/arch/time.h>
#include <hv/arch/vcpu.h>
#include <hv/arch/watchdog.h>
#include <hv/tables.h>
#include <hv/watchdog.h>
#include <stdio.h>
#include <stdlib.h>

uint32_t fake_windows_open;
uint64_t fake_zeroed;

/* Who breaks a contract of hv/arch/ is told, and the test ends. */
#define REQUIRE(condition)                                                                   \
    do {                                                                                     \
        if (!(condition)) {                                                                  \
            fprintf(stderr, "%s:%d: contract broken: %s\n", __FILE__, __LINE__, #condition); \
            abort();                                                                         \
        }                                                                                    \
    } while (0)

/* ---- hv/arch/task.h ---- */

static void enter_task(void *v)
{
    vcpu_task(v);
}

void arch_task_init(struct arch_task *task, uintptr_t stack_top, struct vcpu *v)
{
    (void)stack_top;
    task->context = fake_context_new(enter_task, v);
}

void arch_task_switch(struct arch_task *from, struct arch_task *to)
{
    REQUIRE(fake_windows_open == 0);
    REQUIRE(from != to);
    from->context = fake_context_executing();
    fake_context_continue(to->context);
}

/* ---- hv/arch/irq.h ---- */

static struct fake_cpu *cpu_of(const struct vcpu *v)
{
    return &fake_cpus[v->pcpu->config->index];
}

void fake_interrupt(struct vcpu *v)
{
    __atomic_store_n(&v->arch.has_interrupt, true, __ATOMIC_SEQ_CST);
    vcpu_notify(v);
}

void arch_irq_set_line(struct vm *vm, uint32_t virq, bool level)
{
    (void)virq;
    if (level) {
        fake_interrupt(&vcpus[vm->config->vcpu_first]);
    }
}

void arch_irq_poll(void)
{
    struct pcpu *pcpu = arch_this_pcpu();
    uint32_t index = pcpu->config->index;
    struct fake_cpu *cpu = &fake_cpus[index];

    if (cpu->is_kicked) {
        cpu->is_kicked = false;
        sched_kicked();
    }
    if (cpu->deadline <= fake_clock) {
        sched_timer();
    }
    if (index == 0 && fake_port_has_interrupt()) {
        console_interrupt();
    }
    if (cpu->guest_deadline <= fake_clock) {
        cpu->guest_deadline = TIME_NEVER;
        pcpu->loaded->arch.timer = TIME_NEVER;
        fake_interrupt(pcpu->loaded);
    }
}

void arch_console_guest_update(struct vm *vm)
{
    vm->arch.console_events++;
}

/* ---- hv/arch/vcpu.h ---- */

void arch_vm_reset(struct vm *vm)
{
    for (uint32_t i = 0; i < vm->config->vcpu_count; i++) {
        const struct vcpu *v = &vcpus[vm->config->vcpu_first + i];

        REQUIRE(v->state == VCPU_OFF && v->arch.offs == v->arch.resets);
    }
    vm->arch.resets++;
}

void arch_vcpu_reset(struct vcpu *v, uint64_t entry, uint64_t argument)
{
    REQUIRE(arch_this_pcpu() == v->pcpu);
    REQUIRE(!v->arch.is_loaded);
    v->arch.pc = entry;
    v->arch.argument = argument;
    v->arch.timer = TIME_NEVER;
    v->arch.has_interrupt = false;
    v->arch.steps = 0;
    v->arch.resets++;
}

void arch_vcpu_load(struct vcpu *v)
{
    const struct pcpu *pcpu = v->pcpu;

    REQUIRE(arch_this_pcpu() == pcpu);
    for (uint32_t slot = 0; slot < pcpu->config->vcpu_count; slot++) {
        REQUIRE(!pcpu->config->vcpus[slot]->arch.is_loaded);
    }
    v->arch.is_loaded = true;
    v->arch.loads++;
    cpu_of(v)->guest_deadline = v->arch.timer;
}

void fake_set_guest_timer(struct vcpu *v, uint64_t deadline)
{
    REQUIRE(v->arch.is_loaded);
    v->arch.timer = deadline;
    cpu_of(v)->guest_deadline = deadline;
}

void arch_vcpu_save(struct vcpu *v)
{
    REQUIRE(arch_this_pcpu() == v->pcpu);
    REQUIRE(v->arch.is_loaded);
    v->arch.is_loaded = false;
    v->wake_at = v->arch.timer;
    cpu_of(v)->guest_deadline = TIME_NEVER;
}

void arch_vcpu_off(struct vcpu *v)
{
    REQUIRE(arch_this_pcpu() == v->pcpu);
    REQUIRE(!v->arch.is_loaded && v->state == VCPU_EXITING);
    v->arch.offs++;
}

void arch_vcpu_inject_fault(struct vcpu *v)
{
    REQUIRE(arch_this_pcpu() == v->pcpu && v->pcpu->loaded == v);
    v->arch.faults++;
}

enum exit_reason arch_vcpu_run(struct vcpu *v)
{
    struct pcpu *pcpu = v->pcpu;
    int reason = EXIT_COUNT;

    REQUIRE(arch_this_pcpu() == pcpu && pcpu->running == v && pcpu->loaded == v);
    REQUIRE(v->arch.is_loaded && v->state == VCPU_RUNNING && fake_windows_open == 0);
    if (__atomic_exchange_n(&v->arch.has_interrupt, false, __ATOMIC_SEQ_CST)) {
        v->arch.interrupts++;
    }
    do {
        fake_yield(reason == FAKE_NO_EXIT ? FAKE_SPINNING : FAKE_READY);
        if (fake_has_interrupt(pcpu->config->index)) {
            arch_irq_poll();
            return EXIT_EXTERNAL_INTERRUPT;
        }
        v->arch.steps++;
        reason = v->arch.guest != NULL ? v->arch.guest(v) : EXIT_HALT;
    } while (reason == FAKE_NO_EXIT);
    return (enum exit_reason)reason;
}

bool arch_vcpu_has_interrupt(struct vcpu *v)
{
    return __atomic_load_n(&v->arch.has_interrupt, __ATOMIC_SEQ_CST) || v->arch.timer <= fake_clock;
}

/* ---- hv/arch/watchdog.h ---- */

bool arch_watchdog_warn(struct vm *vm)
{
    REQUIRE(arch_this_pcpu() == vm_vcpu(vm, 0)->pcpu);
    if (vm->arch.warnings == 0) {
        return false;
    }
    vm->arch.warnings--;
    watchdog_arm(vm, watchdog_longest(vm));
    return true;
}

/* ---- hv/arch/mm.h ---- */

void arch_window_open(paddr_t root)
{
    REQUIRE(root.pa != 0 && fake_windows_open == 0);
    fake_windows_open++;
}

void arch_window_close(void)
{
    REQUIRE(fake_windows_open == 1);
    fake_windows_open--;
}

void arch_mm_zero(paddr_t base, uint64_t size)
{
    (void)base;
    REQUIRE(fake_windows_open == 1);
    fake_zeroed += size;
}

void arch_mm_sync(paddr_t base, uint64_t size)
{
    (void)base;
    (void)size;
    REQUIRE(fake_windows_open == 1);
}

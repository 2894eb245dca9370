/* SPDX-License-Identifier: Apache-2.0 */
/*
 * vCPU tasks and the exit loop. See hv/vcpu.h for the states.
 */
#include <hv/arch/cpu.h>
#include <hv/arch/time.h>
#include <hv/arch/vcpu.h>
#include <hv/health.h>
#include <hv/image.h>
#include <hv/tables.h>
#include <hv/vmm.h>

/* Sets a state that only the task itself leaves; reports on other CPUs read it without the lock. */
static void set_state(struct vcpu *v, enum vcpu_state state)
{
    __atomic_store_n(&v->state, state, __ATOMIC_SEQ_CST);
}

static uint32_t requests(const struct vcpu *v)
{
    return __atomic_load_n(&v->requests, __ATOMIC_SEQ_CST);
}

void vcpu_notify(struct vcpu *v)
{
    sched_wake(v);
}

uint64_t vcpu_cpu_time(const struct vcpu *v)
{
    uint64_t time = __atomic_load_n(&v->cpu_time, __ATOMIC_RELAXED);
    uint64_t start = __atomic_load_n(&v->turn_start, __ATOMIC_RELAXED);

    if (__atomic_load_n(&v->pcpu->running, __ATOMIC_RELAXED) == v) {
        time += arch_time_now() - start;
    }
    return time;
}

enum hv_err vcpu_on(struct vcpu *v, uint64_t entry, uint64_t argument)
{
    struct vm *vm = v->vm;
    enum hv_err err = HV_OK;

    spin_lock(&vm->lock);
    if (vm->state != VM_RUNNING && vm->state != VM_PAUSED) { /* one that has not noticed yet */
        err = HV_ERR_STATE;
    } else if (v->state != VCPU_OFF) {
        err = HV_ERR_ALREADY;
    } else {
        vm_switch_on(vm, v, entry, argument);
    }
    spin_unlock(&vm->lock);
    return err;
}

/* Brings the vCPU's guest registers into the machine, if another's are there. */
static void load(struct vcpu *v)
{
    struct pcpu *pcpu = v->pcpu;

    if (pcpu->loaded != v) {
        if (pcpu->loaded != NULL) {
            arch_vcpu_save(pcpu->loaded);
        }
        pcpu->loaded = v;
        arch_vcpu_load(v);
        sched_arm(); /* the timer of the one that was loaded is ours to watch now */
    }
}

/* Takes the vCPU's guest registers out of the machine. */
static void unload(struct vcpu *v)
{
    if (v->pcpu->loaded == v) {
        arch_vcpu_save(v);
        v->pcpu->loaded = NULL;
    }
}

void vcpu_mark_exiting(struct vcpu *v)
{
    struct vm *vm = v->vm;
    bool vm_is_down;

    set_state(v, VCPU_EXITING);
    unload(v);
    arch_vcpu_off(v);
    v->wake_at = TIME_NEVER;
    spin_lock(&vm->lock);
    __atomic_store_n(&v->requests, 0, __ATOMIC_SEQ_CST);
    set_state(v, VCPU_OFF);
    vm_is_down = vm_vcpu_left(vm);
    spin_unlock(&vm->lock);
    if (vm_is_down) {
        vmm_vm_ended();
    }
}

/* Gives the CPU away as long as the vCPU has to wait. Who ends the wait makes the condition false
 * and then wakes the task: so the second look, with its ready bit cleared, misses nobody. */
static inline void wait_while(struct vcpu *v, bool (*must_wait)(struct vcpu *v))
{
    while (must_wait(v)) {
        sched_unready(v);
        if (must_wait(v)) {
            sched_block();
        }
        sched_ready(v);
    }
}

static bool is_halted(struct vcpu *v)
{
    return !arch_vcpu_has_interrupt(v) && requests(v) == 0;
}

/* The guest waits for an interrupt: until there is one, or a request. */
static void halt(struct vcpu *v)
{
    set_state(v, VCPU_HALTED);
    wait_while(v, is_halted);
    set_state(v, VCPU_RUNNING);
}

/* Its VM is paused, and nobody wants it to stop. */
static bool is_paused(struct vcpu *v)
{
    return (requests(v) & (VCPU_REQUEST_PAUSE | VCPU_REQUEST_STOP)) == VCPU_REQUEST_PAUSE;
}

/* Does what others asked for. Returns false if the vCPU is to switch itself off. */
static bool answer_requests(struct vcpu *v)
{
    if ((requests(v) & VCPU_REQUEST_ARM) != 0) {
        __atomic_fetch_and(&v->requests, ~VCPU_REQUEST_ARM, __ATOMIC_SEQ_CST);
        sched_arm();
    }
    if (is_paused(v)) {
        unload(v);
        wait_while(v, is_paused);
    }
    return (requests(v) & VCPU_REQUEST_STOP) == 0;
}

/* Acts on one exit. Returns false when the vCPU switches itself off. */
static bool handle_exit(struct vcpu *v, enum exit_reason reason)
{
    switch (reason) {
    case EXIT_HALT:
        halt(v);
        return true;
    case EXIT_SYSTEM_DOWN:
        health_raise(v->vm, v, HEALTH_SHUTDOWN);
        return true;
    case EXIT_SYSTEM_RESET:
        health_raise(v->vm, v, HEALTH_RESET);
        return true;
    case EXIT_GUEST_FAULT:
    case EXIT_FAIL_ENTRY:
        health_guest_fault(v, reason == EXIT_FAIL_ENTRY);
        return true;
    case EXIT_CPU_DOWN:
        return false;
    default: /* answered where it was decoded; nothing is left to do */
        return true;
    }
}

/* The exit loop: runs the guest until the vCPU goes off. */
static void vcpu_run(struct vcpu *v)
{
    for (;;) {
        enum exit_reason reason;

        if (v->pcpu->resched) {
            sched_yield();
        }
        if (requests(v) != 0) {
            if (!answer_requests(v)) {
                return;
            }
            continue; /* another's turn may have come */
        }
        load(v);
        reason = arch_vcpu_run(v);
        v->exits[reason]++;
        if (!handle_exit(v, reason)) {
            return;
        }
    }
}

static bool is_off(struct vcpu *v)
{
    return __atomic_load_n(&v->state, __ATOMIC_SEQ_CST) != VCPU_READY;
}

void vcpu_task(struct vcpu *v)
{
    for (;;) {
        wait_while(v, is_off); /* until somebody switches it on */
        sched_arm();           /* for what its VM has to do until then */
        if (v == vm_vcpu(v->vm, 0) && v->vm->load_pending) {
            v->vm->load_pending = false;
            image_load(v->vm);
        }
        arch_vcpu_reset(v, v->entry, v->argument);
        set_state(v, VCPU_RUNNING);
        vcpu_run(v);
        vcpu_mark_exiting(v);
    }
}

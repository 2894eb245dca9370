/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who runs on a CPU. See hv/sched.h.
 *
 * Only the CPU itself picks and switches; others do no more than set a bit of `ready` and kick.
 * Wake and idle cannot miss each other: a waker sets the bit and then kicks, and an idle CPU looks
 * at the bits with interrupts masked, so that a kick that came in between ends its wait at once.
 */
#include <hv/arch/cpu.h>
#include <hv/arch/irq.h>
#include <hv/arch/task.h>
#include <hv/plan.h>
#include <hv/sched.h>
#include <hv/tables.h>
#include <hv/time.h>

static uint64_t slot_bit(const struct vcpu *v)
{
    return UINT64_C(1) << v->config->slot;
}

static uint64_t ready_set(const struct pcpu *pcpu)
{
    return __atomic_load_n(&pcpu->ready, __ATOMIC_SEQ_CST);
}

static uint64_t slice_ticks(const struct pcpu *pcpu)
{
    return time_from_us(pcpu->config->slice_us);
}

/* The ready tasks whose turn it is: those of the first level that has any. */
static uint64_t turn_set(const struct pcpu *pcpu)
{
    uint64_t ready = ready_set(pcpu);

    for (uint32_t i = 0; i < pcpu->level_count; i++) {
        if ((ready & pcpu->levels[i]) != 0) {
            return ready & pcpu->levels[i];
        }
    }
    return 0;
}

/* The one of them whose last turn began longest ago; NULL if there is none. So whoever is preempted
 * by a higher level, or by the end of a window, has had its turn, and the next one follows. */
static struct vcpu *next_ready(const struct pcpu *pcpu)
{
    uint64_t set = turn_set(pcpu);
    struct vcpu *next = NULL;

    while (set != 0) {
        struct vcpu *v = pcpu->config->vcpus[take_bit(&set)];

        if (next == NULL || v->turn < next->turn) {
            next = v;
        }
    }
    return next;
}

/* True when nobody but the hypervisor can notice that the vCPU's own timer is due. */
static bool sleeps_unloaded(const struct pcpu *pcpu, const struct vcpu *v)
{
    return v != pcpu->loaded && (ready_set(pcpu) & slot_bit(v)) == 0;
}

/* The earlier one of a deadline and of what a vCPU, and the VM that it is the first of, wait for.
 */
static uint64_t earliest(const struct pcpu *pcpu, const struct vcpu *v, uint64_t deadline)
{
    if (sleeps_unloaded(pcpu, v) && v->wake_at < deadline) {
        deadline = v->wake_at;
    }
    if (v->config->index == 0 && vm_deadline(v->vm) < deadline) {
        deadline = vm_deadline(v->vm);
    }
    return deadline;
}

/* Arms the CPU's timer for the earliest of all that it is for. */
static void arm_timer(struct pcpu *pcpu)
{
    uint64_t deadline = pcpu->alarm < pcpu->window_end ? pcpu->alarm : pcpu->window_end;

    if (pcpu->running != NULL && (turn_set(pcpu) & ~slot_bit(pcpu->running)) != 0 &&
        pcpu->slice_end < deadline) {
        deadline = pcpu->slice_end;
    }
    for (uint32_t slot = 0; slot < pcpu->config->vcpu_count; slot++) {
        deadline = earliest(pcpu, pcpu->config->vcpus[slot], deadline);
    }
    arch_timer_set(deadline);
}

/* Counts the time of the task that goes, and starts the count of the one that comes. Others read
 * both at any time; a sum that is torn between them is off by one turn at most. */
static void account(struct vcpu *previous, struct vcpu *next, uint64_t now)
{
    if (previous != NULL) {
        __atomic_store_n(&previous->cpu_time, previous->cpu_time + now - previous->turn_start,
                         __ATOMIC_RELAXED);
    }
    if (next != NULL) {
        next->turn = ++next->pcpu->turn_count;
        __atomic_store_n(&next->turn_start, now, __ATOMIC_RELAXED);
    }
}

/* Makes `next` the running task; NULL is the idle task. Returns when the caller's turn comes again,
 * or at once if it is its turn now. */
static void switch_to(struct pcpu *pcpu, struct vcpu *next)
{
    struct vcpu *previous = pcpu->running;
    uint64_t now = arch_time_now();

    pcpu->resched = false;
    pcpu->slice_end = now + slice_ticks(pcpu);
    account(previous, next, now);
    __atomic_store_n(&pcpu->running, next, __ATOMIC_SEQ_CST);
    arm_timer(pcpu);
    if (next != previous) {
        arch_task_switch(previous != NULL ? &previous->task : &pcpu->idle,
                         next != NULL ? &next->task : &pcpu->idle);
    }
}

void sched_init(struct pcpu *pcpu)
{
    pcpu->alarm = TIME_NEVER;
    pcpu->window_end = TIME_NEVER;
    pcpu->levels = pcpu->config->levels;
    pcpu->level_count = pcpu->config->level_count;
    for (uint32_t slot = 0; slot < pcpu->config->vcpu_count; slot++) {
        struct vcpu *v = pcpu->config->vcpus[slot];

        v->wake_at = TIME_NEVER;
        arch_task_init(&v->task, v->config->stack_top, v);
        pcpu->ready |= slot_bit(v);
    }
}

void sched_run(void)
{
    struct pcpu *pcpu = arch_this_pcpu();

    if (pcpu->config->plans != NULL) {
        plan_follow(pcpu, arch_time_now());
        arm_timer(pcpu);
    }
    for (;;) {
        struct vcpu *next = next_ready(pcpu);

        if (next != NULL) {
            switch_to(pcpu, next);
        } else {
            arch_cpu_idle();
            arch_irq_poll();
        }
    }
}

bool sched_has_sibling(const struct vcpu *v)
{
    for (uint32_t slot = 0; slot < v->pcpu->config->vcpu_count; slot++) {
        const struct vcpu *other = v->pcpu->config->vcpus[slot];

        if (other != v && other->vm == v->vm) {
            return true;
        }
    }
    return false;
}

void sched_wake(struct vcpu *v)
{
    struct pcpu *pcpu = v->pcpu;
    uint64_t before = __atomic_fetch_or(&pcpu->ready, slot_bit(v), __ATOMIC_SEQ_CST);

    if (pcpu == arch_this_pcpu()) {
        sched_poke();
    } else if ((before & slot_bit(v)) == 0 ||
               __atomic_load_n(&pcpu->running, __ATOMIC_SEQ_CST) == v) {
        arch_cpu_kick(pcpu);
    }
}

void sched_unready(struct vcpu *v)
{
    __atomic_fetch_and(&v->pcpu->ready, ~slot_bit(v), __ATOMIC_SEQ_CST);
}

void sched_ready(struct vcpu *v)
{
    __atomic_fetch_or(&v->pcpu->ready, slot_bit(v), __ATOMIC_SEQ_CST);
}

void sched_block(void)
{
    struct pcpu *pcpu = arch_this_pcpu();
    struct vcpu *v = pcpu->running;

    if ((ready_set(pcpu) & slot_bit(v)) == 0) {
        switch_to(pcpu, next_ready(pcpu));
    }
}

void sched_yield(void)
{
    struct pcpu *pcpu = arch_this_pcpu();
    struct vcpu *v = pcpu->running;

    if ((turn_set(pcpu) & slot_bit(v)) == 0 || arch_time_now() >= pcpu->slice_end) {
        switch_to(pcpu, next_ready(pcpu));
    } else {
        pcpu->resched = false;
        arm_timer(pcpu);
    }
}

void sched_timer(void)
{
    struct pcpu *pcpu = arch_this_pcpu();
    uint64_t now = arch_time_now();

    if (pcpu->window_end <= now) {
        plan_follow(pcpu, now);
    }
    for (uint32_t slot = 0; slot < pcpu->config->vcpu_count; slot++) {
        struct vcpu *v = pcpu->config->vcpus[slot];

        if (sleeps_unloaded(pcpu, v) && v->wake_at <= now) {
            v->wake_at = TIME_NEVER;
            sched_ready(v);
        }
        if (v->config->index == 0 && vm_deadline(v->vm) <= now) {
            vm_deadline_passed(v->vm, now);
        }
    }
    if (pcpu->alarm <= now) {
        pcpu->alarm = TIME_NEVER;
        console_timer();
    }
    arm_timer(pcpu);
    sched_poke();
}

void sched_alarm(uint64_t deadline)
{
    struct pcpu *pcpu = arch_this_pcpu();

    if (deadline < pcpu->alarm) {
        pcpu->alarm = deadline;
        arm_timer(pcpu);
    }
}

void sched_arm(void)
{
    arm_timer(arch_this_pcpu());
}

void sched_poke(void)
{
    arch_this_pcpu()->resched = true;
}

void sched_kicked(void)
{
    const struct pcpu *pcpu = arch_this_pcpu();
    const struct vcpu *v = pcpu->running;

    if (v == NULL || (turn_set(pcpu) & ~slot_bit(v)) != 0 ||
        __atomic_load_n(&v->requests, __ATOMIC_SEQ_CST) != 0) {
        sched_poke();
    }
}

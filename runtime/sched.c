/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Per-CPU round robin. See hv/sched.h.
 *
 * Only the CPU itself picks and switches; others do no more than set a bit of `ready` and kick.
 * Wake and idle cannot miss each other: a waker sets the bit and then kicks, and an idle CPU looks
 * at the bits with interrupts masked, so that a kick that came in between ends its wait at once.
 */
#include <hv/arch/cpu.h>
#include <hv/arch/irq.h>
#include <hv/arch/task.h>
#include <hv/arch/time.h>
#include <hv/sched.h>
#include <hv/tables.h>

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
    return arch_time_frequency() * pcpu->config->slice_us / 1000000u;
}

/* The next ready task after `slot` in cyclic order, `slot` itself last; NULL if none is ready. */
static struct vcpu *next_ready(const struct pcpu *pcpu, uint32_t slot)
{
    uint64_t ready = ready_set(pcpu);
    uint32_t turn = (slot + 1) % SCHED_VCPUS_PER_CPU;
    uint64_t rotated;

    if (ready == 0) {
        return NULL;
    }
    rotated = turn == 0 ? ready : (ready >> turn) | (ready << (SCHED_VCPUS_PER_CPU - turn));
    slot = (turn + (uint32_t)__builtin_ctzll(rotated)) % SCHED_VCPUS_PER_CPU;
    return pcpu->config->vcpus[slot];
}

/* True when nobody but the hypervisor can notice that the vCPU's own timer is due. */
static bool sleeps_unloaded(const struct pcpu *pcpu, const struct vcpu *v)
{
    return v != pcpu->loaded && (ready_set(pcpu) & slot_bit(v)) == 0;
}

/* Arms the CPU's timer for the earliest of alarm, slice end and guest timers. The latter two are
 * for shared CPUs only: a vCPU alone has no one to share with, and its own timer stays in the
 * machine. */
static void arm_timer(struct pcpu *pcpu)
{
    uint64_t deadline = pcpu->alarm;
    uint64_t ready = ready_set(pcpu);

    if (pcpu->config->vcpu_count < 2) {
        arch_timer_set(deadline);
        return;
    }
    if (pcpu->running != NULL && (ready & ~slot_bit(pcpu->running)) != 0 &&
        pcpu->slice_end < deadline) {
        deadline = pcpu->slice_end;
    }
    for (uint32_t slot = 0; slot < pcpu->config->vcpu_count; slot++) {
        const struct vcpu *v = pcpu->config->vcpus[slot];

        if (sleeps_unloaded(pcpu, v) && v->wake_at < deadline) {
            deadline = v->wake_at;
        }
    }
    arch_timer_set(deadline);
}

/* Makes `next` the running task; NULL is the idle task. Returns when the caller's turn comes again,
 * or at once if it is its turn now. */
static void switch_to(struct pcpu *pcpu, struct vcpu *next)
{
    struct vcpu *previous = pcpu->running;

    pcpu->resched = false;
    if (next != NULL) {
        pcpu->slice_end = arch_time_now() + slice_ticks(pcpu);
    }
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

    for (;;) {
        struct vcpu *next = next_ready(pcpu, SCHED_VCPUS_PER_CPU - 1);

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
        switch_to(pcpu, next_ready(pcpu, v->config->slot));
    }
}

void sched_yield(void)
{
    struct pcpu *pcpu = arch_this_pcpu();
    struct vcpu *v = pcpu->running;

    if (arch_time_now() >= pcpu->slice_end) {
        switch_to(pcpu, next_ready(pcpu, v->config->slot));
    } else {
        pcpu->resched = false;
        arm_timer(pcpu);
    }
}

void sched_timer(void)
{
    struct pcpu *pcpu = arch_this_pcpu();
    uint64_t now = arch_time_now();

    for (uint32_t slot = 0; slot < pcpu->config->vcpu_count; slot++) {
        struct vcpu *v = pcpu->config->vcpus[slot];

        if (sleeps_unloaded(pcpu, v) && v->wake_at <= now) {
            v->wake_at = TIME_NEVER;
            sched_ready(v);
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

    if (v == NULL || (ready_set(pcpu) & ~slot_bit(v)) != 0 ||
        __atomic_load_n(&v->requests, __ATOMIC_SEQ_CST) != 0) {
        sched_poke();
    }
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The per-CPU scheduler: who of the vCPU tasks of one CPU runs.
 *
 * vCPUs never migrate. A CPU's ready set is one atomic word, bit `slot` for each of its vCPUs
 * (at most 64), so that waking a vCPU from any CPU is one atomic OR and needs no lock.
 *
 * Who comes first is said by *levels*, sets of slots: of the first level that has a ready task, the
 * one whose last turn began longest ago is next. Round robin has a level for each priority. On a
 * planned CPU the window of the moment has at most two: whose it is, and who gets what they leave
 * unused (hv/plan.h); a window without levels is nobody's.
 *
 * The CPU's deadline is the earliest of: the end of the window; the end of the slice, if another
 * vCPU of the level is ready; the guest timers of vCPUs that are not loaded; what its VMs must do
 * until then (vm_deadline()); the alarm of the console. A vCPU alone on its CPU, without plan and
 * watchdog, arms it only by leaving a line unfinished that somebody is looking at.
 */
#pragma once

#include <arch/types.h>
#include <hv/types.h>

struct pcpu_config;
struct vcpu;

/* A CPU's vCPUs are bits of one word. */
#define SCHED_VCPUS_PER_CPU 64

struct pcpu {
    struct arch_pcpu arch; /* first: trap entry reaches it by the per-CPU register */
    const struct pcpu_config *config;

    /* Own CPU only. */
    struct vcpu *running;   /* atomic, others read it: whose task executes; NULL: the idle task */
    struct vcpu *loaded;    /* whose guest registers are in the machine; NULL: nobody's */
    struct arch_task idle;  /* context of the idle task */
    const uint64_t *levels; /* [level_count]: sets of slots, from who comes first */
    uint32_t level_count;
    uint64_t window_end; /* ticks; when the levels change, or TIME_NEVER */
    uint64_t slice_end;  /* ticks; when `running` has had its turn */
    uint64_t turn_count; /* turns given so far */
    uint64_t alarm;      /* ticks; when console_timer() is wanted here, or TIME_NEVER */
    bool resched;        /* look for the next task before the guest is entered */

    /* Visible to others. */
    uint64_t ready HV_ALIGNED(64); /* atomic: bit `slot` of each vCPU task that wants to run */
    bool online;                   /* the firmware started it; boot CPU, before VMs boot */
    bool answered;                 /* atomic: it came to pcpu_main() */
};

/* Prepares the scheduler of a CPU: every vCPU task of it exists and is ready to wait for its start.
 * Called once for each CPU, on the boot CPU, before any CPU runs tasks. */
void sched_init(struct pcpu *pcpu);

/* Runs tasks on this CPU for ever; the caller's stack becomes the idle task. */
HV_NORETURN void sched_run(void);

/* True when another vCPU of the same VM runs on the same CPU: the two share a VMID, and what the
 * CPU keeps under it must not mix. Any CPU. */
bool sched_has_sibling(const struct vcpu *v);

/*
 * Marks a task ready and makes its CPU notice: by a kick, if it is another CPU that either did not
 * know of it or is executing that very vCPU's guest. Any CPU, no lock needed.
 */
void sched_wake(struct vcpu *v);

/* Takes a task off the ready set; it goes on running until it calls sched_block(). Own task. */
void sched_unready(struct vcpu *v);

/* Puts a task back into the ready set. Own task. */
void sched_ready(struct vcpu *v);

/* Gives the CPU away until the task is ready; returns at once if it is. Own task. */
void sched_block(void);

/* Lets the next ready task run if this one's turn is over or another must go first. Own task. */
void sched_yield(void);

/* This CPU's deadline passed: goes on to the next window, wakes vCPUs whose timers are due, ends
 * the slice. From the interrupt path of any context; no lock held. */
void sched_timer(void);

/* Arms this CPU's deadline anew, after a vCPU's wake_at changed. */
void sched_arm(void);

/* Calls console_timer() on this CPU once the counter reaches `deadline`, or earlier if asked for
 * before. Own CPU, any context, any lock held. */
void sched_alarm(uint64_t deadline);

/* Something about the ready set changed: look again before entering a guest. Own CPU. */
void sched_poke(void);

/* A kick arrived on this CPU. Where the running vCPU has the CPU to itself and nobody wants it to
 * stop, the kick is about its interrupts, which are looked at on every way into the guest. */
void sched_kicked(void);

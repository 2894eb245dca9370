/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Counts work that needs a CPU, to show who gets one. It never waits and never gives its CPU up.
 * Words of the command line:
 *
 *     steps=N    prints a line after each step, N in all (default 20; 0: for ever)
 *     step-ms=N  milliseconds of work alone on a CPU that make a step (default 10)
 *     mask=1     keeps all interrupts masked (it never takes one in any case)
 *     shared=1   expects to share its CPU: to be held up once in ten steps at least
 *     max-gap=N  milliseconds it may be held up at most (default 0: not checked)
 */
#include "guest.h"

/* Held up for longer than this counts as having lost the CPU: far more than an exit takes, less
 * than a time slice. */
#define GAP_US 2000u

#define WORK 2000u /* loop rounds between two looks at the counter: about 10 us */

static uint64_t gap_count;
static uint64_t longest_gap_us;
static uint64_t lost_us;

static void work(void)
{
    for (unsigned i = 0; i < WORK; i++) {
        __asm__ volatile("" ::: "memory");
    }
}

/* Works until @p us microseconds of its own time are over: time in which it did not run does not
 * count. */
static void run_step(uint64_t us)
{
    uint64_t last = time_us();
    uint64_t own = 0;
    while (own < us) {
        work();
        uint64_t now = time_us();
        uint64_t took = now - last;
        last = now;
        if (took < GAP_US) {
            own += took;
            continue;
        }
        gap_count++;
        lost_us += took;
        if (took > longest_gap_us) {
            longest_gap_us = took;
        }
    }
}

void guest_main(void)
{
    report_begin("rr");
    uint64_t steps = cmdline_number("steps", 20);
    uint64_t step_us = cmdline_number("step-ms", 10) * 1000;
    uint64_t max_gap_us = cmdline_number("max-gap", 0) * 1000;
    interrupts_mask(cmdline_is("mask", "1"));
    for (uint64_t step = 1; steps == 0 || step <= steps; step++) {
        run_step(step_us);
        print("step %lu\n", step);
    }
    print("held up %lu times, %lu us in all, %lu us at most\n", gap_count, lost_us, longest_gap_us);
    if (cmdline_is("shared", "1")) {
        report(gap_count >= steps / 10, "the CPU was shared: held up %lu times", gap_count);
    }
    if (max_gap_us > 0) {
        report(longest_gap_us <= max_gap_us, "never held up for more than %lu us", max_gap_us);
    }
    report(true, "%lu steps of %lu us", steps, step_us);
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Systematic exploration of schedules with a bound on preemptions. The child records what it could
 * have chosen into memory that it shares with the parent, which derives the next schedule from it.
 */
#define _GNU_SOURCE
#include "explore.h"
#include "test.h"
#include <arch/fake.h>
#include <sys/mman.h>

#define CHOICES_MAX 20000u
#define STEPS_MAX   20000u

/* One choice: number 0 lets the CPU go on that ran last, if it can. */
struct choice {
    uint8_t taken;
    uint8_t count;
    bool is_preemption; /* what is not 0 takes the turn from a CPU that could go on */
};

static struct {
    uint32_t prefix; /* choices that are given; the rest is 0 */
    uint32_t count;  /* choices that were made */
    struct choice choices[CHOICES_MAX];
} * shared;

/* The CPUs that can go on, the last one first unless it spins; returns how many. */
static uint32_t candidates(uint32_t last, uint8_t cpus[FAKE_CPUS_MAX], bool *last_can)
{
    uint32_t count = 0;
    bool last_spins = fake_cpus[last].status == FAKE_SPINNING;

    *last_can = fake_can_step(last) && !last_spins;
    if (*last_can) {
        cpus[count++] = (uint8_t)last;
    }
    for (uint32_t i = 1; i < FAKE_CPUS_MAX; i++) {
        uint32_t cpu = (last + i) % FAKE_CPUS_MAX;

        if (fake_can_step(cpu)) {
            cpus[count++] = (uint8_t)cpu;
        }
    }
    if (count == 0 && last_spins) {
        cpus[count++] = (uint8_t)last;
    }
    return count;
}

void explore_run(void)
{
    uint8_t cpus[FAKE_CPUS_MAX];
    uint32_t last = 0;

    fake_may_preempt = true;
    for (uint32_t steps = 0;; steps++) {
        bool last_can;
        uint32_t count = candidates(last, cpus, &last_can);
        struct choice *choice = &shared->choices[shared->count];

        if (count == 0) {
            break;
        }
        if (steps == STEPS_MAX || shared->count == CHOICES_MAX) {
            FAIL("does not end");
        }
        if (count > 1) {
            if (shared->count >= shared->prefix) {
                choice->taken = 0;
            }
            choice->count = (uint8_t)count;
            choice->is_preemption = last_can;
            last = cpus[choice->taken];
            shared->count++;
        } else {
            last = cpus[0];
        }
        fake_step(last);
    }
    fake_may_preempt = false;
}

/* Makes the next schedule out of the last one; false: all have been tried. */
static bool next_schedule(uint32_t preemptions)
{
    uint32_t used = 0;

    for (uint32_t i = 0; i < shared->count; i++) {
        used += shared->choices[i].is_preemption && shared->choices[i].taken > 0 ? 1 : 0;
    }
    for (uint32_t i = shared->count; i > 0; i--) {
        struct choice *choice = &shared->choices[i - 1];
        uint32_t cost = choice->is_preemption ? 1 : 0;

        used -= choice->taken > 0 ? cost : 0;
        if (choice->taken + 1u < choice->count && used + cost <= preemptions) {
            choice->taken++;
            shared->prefix = i;
            return true;
        }
    }
    return false;
}

static void print_schedule(void)
{
    fprintf(stderr, "schedule:");
    for (uint32_t i = 0; i < shared->count; i++) {
        if (shared->choices[i].taken > 0) {
            fprintf(stderr, " %u:%u/%u", i, shared->choices[i].taken, shared->choices[i].count);
        }
    }
    fprintf(stderr, " of %u choices\n", shared->count);
}

uint32_t explore(void (*scenario)(void), uint32_t preemptions, uint32_t limit)
{
    uint32_t tried = 0;

    shared = mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    EXPECT(shared != MAP_FAILED);
    do {
        int status = 0;
        pid_t pid;

        shared->count = 0;
        fflush(NULL);
        pid = fork();
        if (pid == 0) {
            scenario();
            _exit(0);
        }
        EXPECT(pid > 0 && waitpid(pid, &status, 0) == pid);
        tried++;
        if (status != 0) {
            print_schedule();
            FAIL("schedule %u fails", tried);
        }
    } while (tried < limit && next_schedule(preemptions));
    return tried;
}

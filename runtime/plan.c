/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Eras and windows. See hv/plan.h.
 */
#include <hv/arch/cpu.h>
#include <hv/lock.h>
#include <hv/log.h>
#include <hv/plan.h>
#include <hv/tables.h>
#include <hv/time.h>

struct era {
    uint64_t start; /* ticks */
    uint32_t plan;
};

static struct spinlock switch_lock; /* who writes an era holds it */
static struct era eras[2];          /* era n is at n % 2 */
static uint32_t latest;             /* atomic: number of the newest one */

static uint64_t frame_ticks(const struct era *era)
{
    return time_from_us(plan_configs[era->plan].frame_us);
}

/* The era that a point of time is in. */
static const struct era *era_at(uint64_t now)
{
    uint32_t newest = __atomic_load_n(&latest, __ATOMIC_ACQUIRE);
    const struct era *era = &eras[newest % 2];

    return era->start <= now || newest == 0 ? era : &eras[(newest - 1) % 2];
}

/* The beginning of the frame that a point of time is in. */
static uint64_t frame_start(const struct era *era, uint64_t now)
{
    return now - (now - era->start) % frame_ticks(era);
}

void plan_init(void)
{
    eras[0].start = arch_time_now();
}

void plan_follow(struct pcpu *pcpu, uint64_t now)
{
    const struct era *era = era_at(now);
    const struct plan_window *window = pcpu->config->plans[era->plan];
    uint64_t start = frame_start(era, now);

    while (start + time_from_us(window->end_us) <= now) {
        window++;
    }
    pcpu->levels = window->levels;
    pcpu->level_count = window->level_count;
    pcpu->window_end = start + time_from_us(window->end_us);
}

enum hv_err plan_switch(uint32_t index)
{
    enum hv_err err = HV_OK;
    uint64_t now;
    const struct era *era;

    if (index >= plan_count) {
        return HV_ERR_RANGE;
    }
    spin_lock(&switch_lock);
    now = arch_time_now();
    era = &eras[latest % 2];
    if (now < era->start || now - era->start < frame_ticks(era)) {
        err = HV_ERR_STATE;
    } else {
        struct era *next = &eras[(latest + 1) % 2];

        next->plan = index;
        next->start = frame_start(era, now) + 2 * frame_ticks(era);
        __atomic_store_n(&latest, latest + 1, __ATOMIC_RELEASE);
        log_info("plan \"%s\" follows", plan_configs[index].name);
    }
    spin_unlock(&switch_lock);
    return err;
}

bool plan_place(struct pcpu *pcpu, uint64_t now, struct plan_place *place)
{
    const struct era *era;

    if (pcpu->config->plans == NULL) {
        return false;
    }
    era = era_at(now);
    place->plan = era->plan;
    place->frame_start = frame_start(era, now);
    place->window_end = pcpu->window_end;
    return true;
}

uint32_t plan_current(void)
{
    return era_at(arch_time_now())->plan;
}

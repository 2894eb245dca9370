/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Plans: how CPU time is divided, frame by frame (ARINC 653 style).
 *
 * All planned CPUs follow the same plan and began its first frame at the same count of the
 * machine's counter. Where a CPU is in the frame is computed from that beginning and from the
 * counter alone, so no lateness of one window moves another.
 *
 * A switch of the plan makes a new *era*: the plan and the count at which its first frame begins,
 * one whole frame away at least, at a frame boundary of the era before. Each CPU picks its era by
 * the counter whenever a window ends, and every window ends at the boundary at the latest; so all
 * CPUs change over at the same count without a word between them. Two eras are kept. The older one
 * is overwritten only after the newer one began a frame ago, when nobody looks for it any more.
 */
#pragma once

#include <hv/types.h>

struct pcpu;

/* Begins the first era, now. Boot CPU, before other CPUs start. Nothing without a plan. */
void plan_init(void);

/* Puts this CPU into the window that the counter says: its levels and its end. Own CPU, planned. */
void plan_follow(struct pcpu *pcpu, uint64_t now);

/*
 * Switches to another plan, from one to two frames from now. Any CPU, no lock held.
 * Returns HV_ERR_RANGE if there is no such plan, HV_ERR_STATE if the last switch was asked for less
 * than two frames ago or so.
 */
HV_COLD HV_MUST_CHECK enum hv_err plan_switch(uint32_t index);

/* Where this CPU is in the plan. */
struct plan_place {
    uint32_t plan;        /* index in plan_configs[] */
    uint64_t frame_start; /* ticks */
    uint64_t window_end;  /* ticks */
};

/* Tells that of `now`, which is now. Own CPU. Returns false if it is not planned. */
bool plan_place(struct pcpu *pcpu, uint64_t now, struct plan_place *place);

/* The plan that runs now. Any CPU; there is one. */
uint32_t plan_current(void);

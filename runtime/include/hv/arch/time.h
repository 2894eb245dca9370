/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Architecture interface: time.
 *
 * Time is an unsigned 64-bit count of the machine's counter, which never goes back and is the same
 * on all CPUs. Each CPU has one deadline, owned by the scheduler.
 */
#pragma once

#include <hv/types.h>

#define TIME_NEVER UINT64_MAX

/* The counter now, in ticks. */
uint64_t arch_time_now(void);

/* Ticks in one second. */
uint64_t arch_time_frequency(void);

/*
 * Arms this CPU's hypervisor timer: once the counter reaches `deadline` (which may be in the past),
 * sched_timer() is called. TIME_NEVER disarms it.
 */
void arch_timer_set(uint64_t deadline);

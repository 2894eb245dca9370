/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tries the schedules of a small scenario one after the other.
 *
 * A scenario sets up a machine and calls explore_run(), which steps the simulated CPUs until none
 * can go on; then it checks the outcome. explore() repeats it, each time in a process of its own,
 * with another choice of who goes on at some point: depth first through all schedules in which a
 * CPU that could have gone on loses its turn at most `preemptions` times.
 */
#pragma once

#include <stdint.h>

/* Tries at most `limit` schedules; fails the test with the schedule if the scenario fails. Returns
 * how many were tried. */
uint32_t explore(void (*scenario)(void), uint32_t preemptions, uint32_t limit);

/* Runs the machine to its end under the schedule being tried; fails if there is none. */
void explore_run(void);

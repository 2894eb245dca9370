/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One VM with the real runtime/watchdog.c, for the models of watchdog devices. Its clock ticks at
 * FAKE_FREQUENCY; what the CPU of its first vCPU would do when its timer is due is done here.
 */
#pragma once

#include <hv/tables.h>

extern struct vm_config machine_config; /* of vms[0]; the test adds its device */
extern uint64_t machine_clock;
extern uint32_t machine_events; /* HEALTH_WATCHDOG, so far */

/* The VM starts. */
void machine_start(uint64_t watchdog_us, bool is_at_boot);

/* Time passes, and the watchdog's with it. */
void machine_pass(uint64_t ticks);

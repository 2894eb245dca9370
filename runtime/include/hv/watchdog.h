/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The watchdog of a VM: a count down that the guest's sign of life starts anew.
 *
 * It is one count in struct vm, watched by the CPU of the VM's first vCPU whatever its guest does.
 * How a guest gives the sign, by a device or by a call, is not known here. A paused VM's watchdog
 * waits, and begins anew when the VM goes on.
 */
#pragma once

#include <hv/types.h>

struct vm;

/* Starts or restarts the count: it expires `ticks` from now, and at most the VM's declared time
 * from now. Nothing if the VM has no watchdog. Any CPU; takes no lock. */
void watchdog_arm(struct vm *vm, uint64_t ticks);

/* Starts the count anew, as long as the last time; nothing if it is stopped. The same context. */
void watchdog_kick(struct vm *vm);

/* Stops it; nothing if the VM's description says that it runs from boot on. The same context. */
void watchdog_disarm(struct vm *vm);

/* True while it counts. Any CPU. */
bool watchdog_is_armed(const struct vm *vm);

/* The VM's declared time, in ticks; 0 if it has no watchdog. Any CPU. */
uint64_t watchdog_longest(const struct vm *vm);

/* Ticks until it expires; 0 while it is stopped. Any CPU. */
uint64_t watchdog_left(const struct vm *vm);

/* The VM starts, goes on after a pause, ended. The caller holds vm->lock. */
void watchdog_reset(struct vm *vm);
void watchdog_resume(struct vm *vm);
void watchdog_off(struct vm *vm);

/* Its time came: an event, if the VM runs and its device (hv/arch/watchdog.h) has given every
 * warning that it gives. Own CPU of the first vCPU, no lock held. */
void watchdog_expire(struct vm *vm);

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Architecture interface: the device by which a guest serves its VM's watchdog.
 *
 * Each architecture has the one that guests know there. What it has to tell goes through
 * hv/watchdog.h; this is what it has to be told.
 */
#pragma once

#include <hv/types.h>

struct vm;

/*
 * The count of a VM's watchdog ended. A device of several stages warns its guest then, and starts
 * the count of the next one. Returns true if it did, or if the guest was quicker and the count goes
 * on; false if that was all, or if the device has one stage. Own CPU of the VM's first vCPU, no
 * lock held.
 */
bool arch_watchdog_warn(struct vm *vm);

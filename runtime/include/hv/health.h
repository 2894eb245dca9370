/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What happens when a guest does what it may not.
 */
#pragma once

struct vcpu;

/*
 * Reports v->exit.fault on the console, with the VM's name, the program counter, the address and
 * the owner of that address, and carries out the VM's on-crash policy. Own task, no lock held.
 */
void health_guest_fault(struct vcpu *v);

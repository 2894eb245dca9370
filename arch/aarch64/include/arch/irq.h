/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Physical interrupts on their way in.
 */
#pragma once

#include <hv/types.h>

struct pcpu;

/*
 * Takes at most one pending physical interrupt: the hypervisor's own are handled, a guest's becomes
 * pending in its VM's virtual controller and stays active here until the guest's EOI.
 * Returns false if none was pending. On `pcpu`, interrupts masked, no lock held.
 */
bool irq_take(struct pcpu *pcpu);

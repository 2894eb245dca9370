/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Physical interrupts on their way in.
 */
#pragma once

#include <hv/types.h>

struct pcpu;

/*
 * Takes one pending physical interrupt, if there is any: the hypervisor's own are handled, a
 * guest's becomes pending in its VM's virtual controller and stays active here until the guest's
 * EOI. On `pcpu`, interrupts masked, no lock held.
 */
void irq_take(struct pcpu *pcpu);

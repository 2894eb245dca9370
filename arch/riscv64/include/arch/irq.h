/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Physical interrupts on their way in.
 */
#pragma once

#include <hv/types.h>

struct pcpu;

/* Opens this CPU to its interrupts; the first call also prepares the interrupt controller. Each
 * CPU, once, the boot CPU before any other is started. */
void irq_init_cpu(struct pcpu *pcpu);

/*
 * Takes one physical interrupt: the hypervisor's own are handled, a guest's becomes pending in its
 * VM's virtual controller and stays claimed here until the guest completes it.
 *   number: IRQ_* of the one that is pending
 * On `pcpu`, interrupts masked, no lock held.
 */
void irq_take(struct pcpu *pcpu, uint32_t number);

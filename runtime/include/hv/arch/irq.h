/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Architecture interface: interrupts that common code raises towards guests.
 *
 * How a physical interrupt reaches a guest is the architecture's own affair (list registers, guest
 * interrupt files, direct delivery); common code only moves the lines of emulated devices.
 */
#pragma once

#include <hv/types.h>

struct vm;

/*
 * Sets the level of an emulated device's interrupt line. Any CPU; takes the VM's interrupt lock and
 * notifies the vCPU that the interrupt is routed to.
 *   virq: interrupt number in the VM, granted to the device by the generator
 */
void arch_irq_set_line(struct vm *vm, uint32_t virq, bool level);

/* Takes every physical interrupt that is pending on this CPU. Hypervisor context, no lock held. */
void arch_irq_poll(void);

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Architecture interface: the CPU that executes, the other CPUs, and the machine's power.
 *
 * Context of every hook unless it says otherwise: hypervisor level, physical interrupts masked.
 */
#pragma once

#include <arch/cpu_inline.h>
#include <hv/types.h>

struct pcpu;

/*
 * Inline, in <arch/cpu_inline.h>:
 *   struct pcpu *arch_this_pcpu(void)   the CPU that executes; one register read
 *   void arch_cpu_relax(void)           the hint for a spin loop
 */

/*
 * Brings up what is private to the executing CPU: trap vectors, interrupt interface, timer.
 * Called once on each CPU, on its own stack, before it runs any task.
 */
void arch_cpu_init(struct pcpu *pcpu);

/*
 * Asks the firmware to start another CPU; it will enter pcpu_main() on its own stack.
 * Returns HV_ERR_STATE if the firmware refused.
 */
HV_MUST_CHECK enum hv_err arch_cpu_start(struct pcpu *pcpu);

/*
 * Makes another CPU leave its guest or its idle wait soon; nothing else happens there. The kicked
 * CPU sees every store that the caller made before.
 */
void arch_cpu_kick(struct pcpu *pcpu);

/* Waits until an interrupt is pending for this CPU; does not take it. May return early. */
void arch_cpu_idle(void);

/* Turns the machine off. Does not return; if the board refuses, this CPU waits for ever. */
HV_NORETURN void arch_power_off(void);

/* Resets the machine. Does not return; if the board refuses, this CPU waits for ever. */
HV_NORETURN void arch_power_reset(void);

/* Stops this CPU for good, after a bug of ours was reported. */
HV_NORETURN void arch_cpu_halt(void);

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Architecture interface: guest execution.
 *
 * A vCPU's registers live in the machine while it is *loaded* and in struct arch_vcpu otherwise;
 * pcpu->loaded names the one whose registers the CPU holds. A vCPU stays loaded while it blocks or
 * idles: only the entry of a different vCPU on that CPU moves registers. All hooks run on the
 * vCPU's own CPU unless they say otherwise.
 */
#pragma once

#include <arch/types.h>
#include <hv/types.h>
#include <hv/vcpu.h>

struct vm;

/* Puts the VM's interrupt controller and devices at their reset state, before its first instruction
 * and after its last: no interrupt of a device of it comes any more. No vCPU of it runs. Any CPU;
 * the caller holds vm->lock. */
void arch_vm_reset(struct vm *vm);

/*
 * Puts the vCPU at its architectural reset state, with the program counter at `entry` and the first
 * argument register holding `argument`. The vCPU is not loaded.
 */
void arch_vcpu_reset(struct vcpu *v, uint64_t entry, uint64_t argument);

/* Moves guest registers into the machine. No vCPU is loaded. */
void arch_vcpu_load(struct vcpu *v);

/*
 * Moves guest registers out of the machine. Sets v->wake_at to the time at which the guest's own
 * timer will want it back, or TIME_NEVER. The vCPU is loaded.
 */
void arch_vcpu_save(struct vcpu *v);

/* The vCPU goes off; it is not loaded. What waited for it there can go elsewhere. */
void arch_vcpu_off(struct vcpu *v);

/*
 * Runs the loaded vCPU, whose CPU has nothing to reschedule, until an exit that the common code has
 * to know about. Exits that need no scheduling and no life cycle are answered inside. Returns the
 * reason; v->exit holds its details.
 */
enum exit_reason arch_vcpu_run(struct vcpu *v);

/* True when a halted vCPU has an interrupt to take. The vCPU may be loaded or not. */
bool arch_vcpu_has_interrupt(struct vcpu *v);

/* The guest takes an exception for what v->exit.fault says, in place of the instruction that did
 * it, if it can take one. The vCPU is loaded or has run last on this CPU. */
void arch_vcpu_inject_fault(struct vcpu *v);

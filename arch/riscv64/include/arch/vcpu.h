/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the handlers of traps and firmware calls do to a vCPU.
 */
#pragma once

#include <hv/types.h>
#include <hv/vcpu.h>

struct vm_config;

/* Interrupts a vCPU as another hart's IPI does (SSIP). Any CPU, no lock needed. */
void vcpu_send_ipi(struct vcpu *v);

/* Clears the interrupt that IPIs raise. The vCPU is loaded on this CPU. */
void vcpu_clear_ipi(struct vcpu *v);

/* Hands what others raised for the loaded vCPU to its guest. */
void vcpu_flush(struct vcpu *v);

/* True when vcpu_flush() has something to do. In no order with other CPUs: one that makes it so
 * kicks afterwards, and then it is looked at again. */
static inline bool vcpu_is_stale(const struct vcpu *v)
{
    return __atomic_load_n(&v->arch.context.stale, __ATOMIC_RELAXED) ||
           __atomic_load_n(&v->arch.ipi, __ATOMIC_RELAXED);
}

/* hgatp of a VM's vCPUs. */
uint64_t vm_hgatp(const struct vm_config *vm);

/* The loaded guest goes on at `entry` as a hart does that wakes from a non-retentive suspension
 * (SBI 2.0, 9.4): no translation, no interrupts, a0 the hart id, a1 `argument`. */
void vcpu_resume_at(struct vcpu *v, uint64_t entry, uint64_t argument);

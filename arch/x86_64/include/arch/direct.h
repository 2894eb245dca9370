/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A vCPU alone on its CPU owns the CPU's local APIC while it is loaded: its timer, the interrupts
 * that devices and other vCPUs send it, its EOIs and its HLT cost no exit. See direct.c.
 */
#pragma once

#include <arch/types.h>
#include <hv/types.h>
#include <hv/vcpu.h>

/* Hands the APIC over, reset but for what the guest has written into the emulated registers.
 * Loaded. */
void direct_enter(struct vcpu *v);

/* Takes the APIC back, whatever state the guest has left it in. Loaded. */
void direct_leave(struct vcpu *v);

/* A level-triggered entry of the VM's IOAPIC was opened: EOIs exit from now on. vioapic->lock is
 * held. */
void direct_watch_eoi(struct vm *vm);

/* Which permission map of MSRs the vCPU runs with. */
const uint8_t *direct_msrpm(const struct vcpu *v);

/* A write to a register of an owned APIC that exited, or to APIC_BASE. Returns false for #GP. */
HV_MUST_CHECK bool direct_write(struct vcpu *v, uint32_t msr, uint64_t value);

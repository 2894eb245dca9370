/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The timer of a guest, with Sstc or without. All on the vCPU's own CPU.
 */
#pragma once

#include <hv/types.h>

struct pcpu;
struct vcpu;

/* When the guest timer that is in v->arch.timer is due, in ticks of the machine; TIME_NEVER if it
 * will not be. With Sstc: while the vCPU is not loaded. */
uint64_t time_guest_deadline(const struct vcpu *v);

/* Moves the guest's timer and the offset of its time into the hart; hvip is loaded before. */
void time_guest_load(const struct vcpu *v);

/* Moves the timer out of the hart and sets v->wake_at. */
void time_guest_save(struct vcpu *v);

/* The guest sets its timer, in guest time; the interrupt that stands falls. Loaded. */
void time_guest_set(struct vcpu *v, uint64_t deadline);

/* Without Sstc: raises the timer interrupt of the loaded guest if it is due, and arms the hart's
 * timer anew. */
void time_guest_expire(const struct vcpu *v);

/* The hart's supervisor timer interrupt. */
void time_interrupt(struct pcpu *pcpu);

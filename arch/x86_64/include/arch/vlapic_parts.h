/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How the parts of a virtual local APIC call each other. All on the vCPU's own CPU.
 */
#pragma once

#include <arch/vlapic.h>

/* Whether a vector was sent as a level last: the IOAPIC is to hear of its end. */
static inline bool vlapic_is_level(const struct vlapic *apic, uint32_t vector)
{
    return (__atomic_load_n(&apic->tmr[vector / 64], __ATOMIC_RELAXED) >> vector % 64 & 1) != 0;
}

/* ---- vlapic.c ---- */

/* Ends the interrupt in service; takes vioapic->lock if it is level-triggered. */
void vlapic_eoi(struct vcpu *v);

/* Raises an entry of the local vector table, unless it is masked.
 *   entry: LVT_TIMER or LVT_ERROR */
void vlapic_raise_lvt(struct vcpu *v, uint32_t entry);

/* Records an error for the ESR. The error interrupt comes once until the guest writes the ESR
 * (SDM vol. 3, 12.5.3). */
void vlapic_log_error(struct vcpu *v, uint32_t error);

/* Moves what others posted into the IRR. */
void vlapic_take_posted(struct vlapic *apic);

/* APIC_BASE or the SVR changed. */
void vlapic_update_accepting(struct vlapic *apic);

/* APIC_BASE has another mode: ids and logical ids are that mode's (SDM vol. 3, 12.12.5). */
void vlapic_identify(struct vcpu *v);

/* Resets all registers but APIC_BASE (SDM vol. 3, 12.4.7.1). */
void vlapic_reset_registers(struct vcpu *v);

/* ---- vlapic_timer.c ---- */

/* Stops the timer; divide by 2, as after a reset. */
void vlapic_timer_reset(struct vcpu *v);

/* Writes the initial count: starts the timer anew, 0: stops it. */
void vlapic_timer_write(struct vcpu *v, uint32_t count);

/* The count now. */
uint32_t vlapic_timer_count(struct vcpu *v);

/* Counts on at another speed. */
void vlapic_timer_set_divide(struct vcpu *v, uint32_t divide);

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Physical interrupts.
 */
#pragma once

#include <hv/types.h>

struct pcpu;

/* Prepares this CPU's APIC; the boot CPU's call also prepares the IOAPIC. */
void irq_init_cpu(struct pcpu *pcpu);

/*
 * Programs a pin of the IOAPIC: where it interrupts, by which vector and how. Nothing comes while
 * it changes, and what has not ended is forgotten. Any CPU; takes ioapic_lock.
 *   pin: 0 ... 23
 *   entry: lower half of the table's entry
 */
void irq_set_pin(uint32_t pin, uint32_t entry, const struct pcpu *pcpu);

/* Masks a pin, and leaves the rest of its entry. Any CPU; takes ioapic_lock. */
void irq_close_pin(uint32_t pin);

/* Whether some CPU works on a level-triggered pin (remote IRR). Takes ioapic_lock. */
bool irq_pin_is_in_service(uint32_t pin);

/* Takes this CPU's APIC for the hypervisor, with its timer stopped. */
void irq_own_apic(void);

/* Takes one interrupt; called by vectors.S while a window is open. */
void irq_take(uint64_t vector);

/* Takes every interrupt that is pending on this CPU: all, or NMIs alone where a guest owns the
 * APIC. Hypervisor context, no lock held. */
void irq_open(struct pcpu *pcpu, bool takes_vectors);

/* The windows themselves (vectors.S). */
void irq_window(void);
void irq_window_nmi(void);

/* Ends and forgets every interrupt that this CPU's APIC holds, which the hypervisor has (cpu.c). */
void irq_drain(void);

/* Sends an interrupt command to another CPU. */
void irq_send(uint32_t apic_id, uint32_t command);

/* The IOAPIC's own registers, in memory. */
#define IOAPIC_SELECT 0x00
#define IOAPIC_WINDOW 0x10

/* Of entries of the IOAPIC's table: NMIs instead of a vector's interrupts, nothing at all. */
#define IOAPIC_NMI    0x400u
#define IOAPIC_MASKED 0x10000u

/* Delivery modes, as commands. */
#define COMMAND_FIXED   0x4000u
#define COMMAND_NMI     0x4400u
#define COMMAND_INIT    0x4500u
#define COMMAND_STARTUP 0x4600u

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Physical interrupts.
 */
#pragma once

#include <hv/types.h>

struct pcpu;

/* Prepares this CPU's APIC; the boot CPU's call also prepares the IOAPIC. */
void irq_init_cpu(struct pcpu *pcpu);

/* Sends the NMIs of the HPET's first timer to a CPU. The caller keeps calls apart. */
void irq_route_time(const struct pcpu *pcpu);

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

/* Delivery modes, as commands. */
#define COMMAND_FIXED   0x4000u
#define COMMAND_NMI     0x4400u
#define COMMAND_INIT    0x4500u
#define COMMAND_STARTUP 0x4600u

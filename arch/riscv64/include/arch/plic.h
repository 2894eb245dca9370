/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The physical PLIC, owned by the hypervisor: every hart has one context, that of its supervisor
 * level.
 *
 * A source that belongs to a guest is claimed by the hypervisor and completed only when the guest
 * completes it in its virtual PLIC (arch/vplic.h). Until then the gateway lets nothing through, so
 * a level-triggered device interrupts once for each time it is handled, and no guest can storm the
 * hypervisor with it.
 *
 * Source: RISC-V Platform-Level Interrupt Controller Specification 1.0.0.
 */
#pragma once

#include <hv/types.h>

struct pcpu;

/* Register map (PLIC 1.0.0, chapter 3); offsets from the base, registers of 32 bits. */
#define PLIC_PRIORITY       0x0u    /* + 4 * source */
#define PLIC_PENDING        0x1000u /* + 4 * (source / 32) */
#define PLIC_ENABLE         0x2000u /* + 0x80 * context + 4 * (source / 32) */
#define PLIC_ENABLE_STRIDE  0x80u
#define PLIC_CONTEXT        0x200000u /* + 0x1000 * context */
#define PLIC_CONTEXT_STRIDE 0x1000u
#define PLIC_THRESHOLD      0x0u /* in a context's page */
#define PLIC_CLAIM          0x4u /* read: claim, write: complete */
#define PLIC_SIZE           0x4000000u

/* Puts the controller into a known state: every source disabled in all of the harts' contexts; the
 * console's source enabled on this CPU. Boot CPU, once, before the other CPUs run. */
void plic_init(void);

/* Opens this CPU's context. Each CPU, once, after plic_init(). */
void plic_init_cpu(const struct pcpu *pcpu);

/* Claims the most important source that is pending for this CPU: its number, or 0 if there is none.
 * The source is silent until plic_complete(). */
uint32_t plic_claim(const struct pcpu *pcpu);

/* Completes a source: it may interrupt again. `pcpu` is a CPU on which it is enabled, which need
 * not be this one. */
void plic_complete(uint32_t source, const struct pcpu *pcpu);

/* Lets a source through to a CPU, or not any more. Any CPU; takes plic_lock, a leaf. */
void plic_set_enabled(uint32_t source, const struct pcpu *pcpu, bool enabled);

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Bring-up of the physical GICv3. What the virtual controller asks of it stands in arch/gicv3.h.
 */
#pragma once

#include <hv/types.h>

struct pcpu;

/* The software-generated interrupt by which CPUs kick one another. */
#define GICV3_SGI_KICK 0u

/* Puts the distributor into a known state: every SPI disabled, group 1, configured and routed as
 * the generated table says. Boot CPU, once. */
void gicv3_init_distributor(void);

/* Wakes this CPU's redistributor and opens its CPU interface. Each CPU, once, after the above. */
void gicv3_init_cpu(struct pcpu *pcpu);

/* From now on a guest's accesses to ICC_SRE_EL1 trap: where the register can be written, it would
 * keep what one guest wrote for the next. Each CPU, once, after the virtual interface wrote it. */
void gicv3_close_sre(void);

/* Sends the kick to another CPU, after all stores made before. */
void gicv3_kick(const struct pcpu *pcpu);

/* Sets or clears the active state of a private interrupt of this CPU. */
void gicv3_set_private_active(const struct pcpu *pcpu, uint32_t intid, bool active);

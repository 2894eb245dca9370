/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Architecture interface: whether the machine is the one that the tables describe.
 *
 * Called before anything of the machine is set up (arch_cpu_init()), with the hypervisor's map on.
 * Differences are reported by hv/check.h; nothing is changed that the set-up does not write anew.
 */
#pragma once

#include <hv/types.h>

struct pcpu;

/* Compares the executing CPU with its entry in the tables: what it is, what it can do. On each CPU.
 */
void arch_check_cpu(const struct pcpu *pcpu);

/* Compares the interrupt controller with the tables. Boot CPU, before the others start. */
void arch_check_board(void);

/* Reads 32 bits at a mapped address where perhaps nothing is. Returns false if the machine says so
 * by an exception; where it does not, *value is what a bus without an answer reads as. */
HV_MUST_CHECK bool arch_probe(paddr_t address, uint32_t *value);

/* Writes 32 bits, past the caches, to where arch_probe() was answered. */
void arch_probe_write(paddr_t address, uint32_t value);

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The machine as a whole: bring-up, who waits for whom, the count of running VMs, and the end.
 */
#pragma once

#include <hv/types.h>

struct pcpu;
struct vm;

/*
 * The two entries from boot code, on the CPU's own stack, with the hypervisor's map on:
 * vmm_main() on the CPU that the machine started, pcpu_main() on each of the others.
 */
HV_COLD HV_NORETURN void vmm_main(void);
HV_NORETURN void pcpu_main(void);

/* A VM goes from not running to running. */
void vmm_vm_started(void);

/* A VM ended for good; the last one turns the machine off, and then this does not return. */
void vmm_vm_ended(void);

/* A VM starts or restarts: if others wait for it, it has its time to become ready. The caller holds
 * its lock. */
void vmm_vm_starts(struct vm *vm);

/* A VM gave its sign of readiness: who waited for it last starts. Any CPU, no lock held. */
void vmm_vm_ready(struct vm *vm);

/* A VM did not become ready in time: an event, and unless it restarts nobody waits any longer. CPU
 * of its first vCPU, no lock held. */
void vmm_vm_late(struct vm *vm);

/* Says why, and resets the machine. Any CPU; the first caller of this and vmm_end() wins. */
HV_NORETURN void vmm_reset(const struct vm *vm);

/* Reports how each VM ended, prints the verdict `end: 0` (no VM failed) or `end: 1`, and turns the
 * machine off. Any CPU; the first caller wins, others wait in it. */
HV_COLD HV_NORETURN void vmm_end(void);

/* The same for a machine on which no VM may boot (hv/check.h): prints `end: 1` and no more. */
HV_NORETURN void vmm_refuse(void);

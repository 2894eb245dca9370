/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The machine as a whole: bring-up, the count of running VMs, and the end.
 */
#pragma once

#include <hv/types.h>

struct pcpu;

/*
 * The two entries from boot code, on the CPU's own stack, with the hypervisor's map on:
 * vmm_main() on the CPU that the machine started, pcpu_main() on each of the others.
 */
HV_NORETURN void vmm_main(void);
HV_NORETURN void pcpu_main(void);

/* A VM goes from not running to running. */
void vmm_vm_started(void);

/* A VM ended for good; the last one turns the machine off, and then this does not return. */
void vmm_vm_ended(void);

/* Reports how each VM ended, prints the verdict `end: 0` (no VM failed) or `end: 1`, and turns the
 * machine off. Any CPU; the first caller wins, others wait in it. */
HV_NORETURN void vmm_end(void);

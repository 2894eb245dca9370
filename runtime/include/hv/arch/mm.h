/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Architecture interface: the windows through which the hypervisor sees guest memory.
 *
 * Guest memory is not mapped into the hypervisor. For the VMs that are copied into place, the
 * generator prints a second hypervisor map that adds that VM's memory (read, write) and the
 * pristine images (read only) at their physical addresses. A window is this CPU using that map. The
 * context must not switch tasks while a window is open.
 */
#pragma once

#include <hv/types.h>

/* Opens the window whose map root is `root` (vm_config.window_root). */
void arch_window_open(paddr_t root);

/* Closes the window: this CPU uses the hypervisor's own map again. */
void arch_window_close(void);

/* Zeroes [base, base + size) through an open window; both are multiples of 4 KiB. */
void arch_mm_zero(paddr_t base, uint64_t size);

/* Makes what was just written to [base, base + size) visible to accesses with caches off. A vCPU
 * that starts drops the instruction caches of its CPU by itself. */
void arch_mm_sync(paddr_t base, uint64_t size);

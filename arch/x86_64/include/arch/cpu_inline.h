/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The inline hooks of hv/arch/cpu.h.
 */
#pragma once

struct pcpu;

/* GS is the hypervisor's own while it executes: boot code sets it to the CPU's struct pcpu, and
 * VMLOAD brings it back after a guest has run. The first word there is its address. */
static inline struct pcpu *arch_this_pcpu(void)
{
    struct pcpu *pcpu;

    __asm__("movq %%gs:0, %0" : "=r"(pcpu));
    return pcpu;
}

static inline void arch_cpu_relax(void)
{
    __asm__ volatile("pause" ::: "memory");
}

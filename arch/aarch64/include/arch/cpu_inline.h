/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The inline hooks of hv/arch/cpu.h.
 */
#pragma once

struct pcpu;

/* TPIDR_EL2 is ours alone; boot code sets it to the CPU's struct pcpu. */
static inline struct pcpu *arch_this_pcpu(void)
{
    struct pcpu *pcpu;

    __asm__("mrs %0, tpidr_el2" : "=r"(pcpu));
    return pcpu;
}

static inline void arch_cpu_relax(void)
{
    __asm__ volatile("yield" ::: "memory");
}

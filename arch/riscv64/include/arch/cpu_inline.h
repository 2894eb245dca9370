/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The inline hooks of hv/arch/cpu.h.
 */
#pragma once

struct pcpu;

/* tp is the hypervisor's own while it executes; boot code sets it to the CPU's struct pcpu, and
 * trap entry brings it back. The compiler never touches it. */
static inline struct pcpu *arch_this_pcpu(void)
{
    struct pcpu *pcpu;

    __asm__("mv %0, tp" : "=r"(pcpu));
    return pcpu;
}

/* The pause hint (Zihintpause): a fence that does nothing on harts that do not know it. */
static inline void arch_cpu_relax(void)
{
    __asm__ volatile(".4byte 0x0100000f" ::: "memory");
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The inline hooks of hv/arch/cpu.h on the build machine. They stand apart from the fake's other
 * headers, so that device models of a real architecture can be tested with its own <arch/types.h>.
 */
#pragma once

struct pcpu;

/* The simulated CPU that executes; one for each thread of a test. */
extern _Thread_local struct pcpu *fake_this_pcpu;

/* A simulated CPU spins: others must get a turn. */
void fake_relax(void);

static inline struct pcpu *arch_this_pcpu(void)
{
    return fake_this_pcpu;
}

static inline void arch_cpu_relax(void)
{
    fake_relax();
}

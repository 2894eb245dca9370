/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Numbers that assembly shares with C; those of C structures are asserted in cpu.c, so they cannot
 * go stale.
 */
#pragma once

#define PCPU_SIZE         192  /* sizeof(struct pcpu) */
#define PCPU_CONFIG       8    /* offsetof(struct pcpu, config) */
#define PCPU_LOADED       24   /* offsetof(struct pcpu, loaded) */
#define PCPU_CONFIG_STACK 48   /* offsetof(struct pcpu_config, stack_top) */
#define PCPU_CONFIG_MPIDR 56   /* offsetof(struct pcpu_config, arch.mpidr) */
#define VCPU_FPCR         264  /* offsetof(struct arch_vcpu, fpcr); fpsr follows */
#define VCPU_Q            288  /* offsetof(struct arch_vcpu, q) */
#define TRAP_RESUME       14   /* EXIT_COUNT: a trap handler's word for "go on with the guest" */
#define ESR_EC_HVC64      0x16 /* exception class of a hypercall (DDI 0487, D19.2.37) */

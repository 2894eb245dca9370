/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Numbers that assembly shares with C; those of C structures are asserted in cpu.c, so they cannot
 * go stale.
 */
#pragma once

#define PCPU_SIZE         448 /* sizeof(struct pcpu) */
#define PCPU_CONFIG       272 /* offsetof(struct pcpu, config) */
#define PCPU_CONFIG_STACK 48  /* offsetof(struct pcpu_config, stack_top) */
#define PCPU_CONFIG_APIC  56  /* offsetof(struct pcpu_config, arch.apic_id) */
#define VCPU_VMCB         128 /* offsetof(struct arch_vcpu, vmcb) */
#define VCPU_HOST_SAVE    136 /* offsetof(struct arch_vcpu, host_save) */
#define TRAP_RESUME       14  /* EXIT_COUNT: trap_exit()'s word for "go on with the guest" */

#define SELECTOR_CODE 0x08
#define SELECTOR_DATA 0x10
#define SELECTOR_TSS  0x18

/* Where the other CPUs start, in real mode: below 1 MiB, in the area that is left to firmware. */
#define TRAMPOLINE 0x8000

/* The hypervisor's vectors: one for each pin of the IOAPIC, the timer, the kick, the spurious one.
 */
#define VECTOR_PIN       0x20
#define VECTOR_PIN_COUNT 24
#define VECTOR_TIMER     0x38
#define VECTOR_KICK      0x39
#define VECTOR_SPURIOUS  0x3f
#define VECTOR_COUNT     0x40 /* those above are leftovers of guests */

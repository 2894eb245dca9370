/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Numbers that assembly shares with C; those of C structures are asserted in cpu.c, so they cannot
 * go stale.
 */
#pragma once

#define PCPU_SIZE         192 /* sizeof(struct pcpu) */
#define PCPU_CONFIG       16  /* offsetof(struct pcpu, config) */
#define PCPU_LOADED       32  /* offsetof(struct pcpu, loaded) */
#define PCPU_CONFIG_STACK 48  /* offsetof(struct pcpu_config, stack_top) */
#define PCPU_CONFIG_HART  56  /* offsetof(struct pcpu_config, arch.hart_id) */
#define VCPU_HV_SP        256 /* offsetof(struct arch_vcpu, hv_sp) */
#define VCPU_HV_TP        264 /* offsetof(struct arch_vcpu, hv_tp) */
#define VCPU_F            272 /* offsetof(struct arch_vcpu, f) */
#define VCPU_FCSR         528 /* offsetof(struct arch_vcpu, fcsr) */
#define TRAP_RESUME       14  /* EXIT_COUNT: a trap handler's word for "go on with the guest" */
#define TRAP_RESUME_ALL   15  /* the same, and registers that C keeps have changed */
#define CAUSE_ECALL_VS    10  /* scause: environment call from VS-mode */

/* SBI (Supervisor Binary Interface 2.0, chapter 9): the hart state extension. */
#define SBI_EXT_HSM        0x48534d
#define SBI_HSM_HART_START 0
#define SBI_HSM_HART_STOP  1

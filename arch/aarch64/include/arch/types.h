/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the common structures hold of aarch64: registers of a vCPU, and the architecture's share of
 * the generated tables.
 */
#pragma once

#include <arch/vgic.h>
#include <arch/vgwdt.h>
#include <arch/vpl011.h>
#include <hv/types.h>

/* Hypervisor context of a task: callee-saved registers lie on its stack (AAPCS64, 6.1.1). */
struct arch_task {
    uintptr_t sp;
};

/* System registers of EL1 and EL0 that a guest owns; saved when another vCPU is loaded. */
struct arch_sysregs {
    uint64_t sp_el0, sp_el1, elr_el1, spsr_el1;
    uint64_t sctlr_el1, cpacr_el1, tcr_el1, ttbr0_el1, ttbr1_el1, mair_el1, amair_el1;
    uint64_t vbar_el1, esr_el1, far_el1, afsr0_el1, afsr1_el1, par_el1, contextidr_el1;
    uint64_t tpidr_el0, tpidrro_el0, tpidr_el1, csselr_el1;
    uint64_t cntkctl_el1, cntv_ctl_el0, cntv_cval_el0;
};

struct arch_vcpu {
    uint64_t x[31];                /* general registers; saved at traps (vectors.S says which) */
    uint64_t pc, pstate;           /* ELR_EL2, SPSR_EL2 while not loaded */
    uint64_t fpcr, fpsr;           /* FP and SIMD registers while not loaded (fp.S) */
    uint64_t q[64] HV_ALIGNED(16); /* v0-v31, two words each */
    struct arch_sysregs sys;       /* while not loaded */
    struct vgic_cpu vgic;
    bool flush_once;   /* drop the VM's TLB entries at the next load: it was reset */
    bool flush_always; /* ... at every load: another vCPU of its VM shares the CPU */
};

struct arch_vm {
    uint64_t counter_offset; /* CNTVOFF_EL2: the guest's virtual counter starts at 0 at each boot */
};

struct arch_pcpu {
    uint64_t unused; /* nothing of this architecture's yet */
};

/* Generated. */
struct arch_vm_config {
    struct vgic_config vgic;
    struct vpl011 *uart;    /* NULL: no console */
    struct vgwdt *watchdog; /* NULL: none */
};

struct arch_vcpu_config {
    uint64_t mpidr; /* affinity the guest sees: Aff0 = index % 16, Aff1 = index / 16 */
};

struct arch_pcpu_config {
    uint64_t mpidr; /* affinity bits of MPIDR_EL1, no others */
    paddr_t gicr;   /* this CPU's redistributor, RD_base frame */
    uint64_t midr;  /* implementer and part of MIDR_EL1; 0: the generator does not know the model */
};

struct arch_board_config {
    paddr_t gicd;
    paddr_t uart;               /* the hypervisor's PL011 */
    uint32_t vtimer_intid;      /* EL1 virtual timer PPI; the guest sees it under the same number */
    uint32_t htimer_intid;      /* EL2 physical timer PPI */
    uint32_t maintenance_intid; /* GIC maintenance PPI */
};

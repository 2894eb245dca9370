/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the common structures hold of riscv64: registers of a vCPU, and the architecture's share of
 * the generated tables.
 */
#pragma once

#include <arch/vaplic.h>
#include <arch/vplic.h>
#include <arch/vwdog.h>
#include <hv/types.h>
#include <hv/v16550.h>

/* Hypervisor context of a task: callee-saved registers lie on its stack (RISC-V psABI, 1.1). */
struct arch_task {
    uintptr_t sp;
};

/*
 * Control registers of VS-mode that a guest owns; moved when another vCPU is loaded. The last two
 * have no VS twin: a guest reads and writes the hart's own.
 */
struct arch_csrs {
    uint64_t vsstatus, vsie, vstvec, vsscratch, vsepc, vscause, vstval, vsatp;
    uint64_t scounteren, senvcfg;
};

/* Performance counters, as bits (sbi_pmu.c). Own CPU only. */
struct arch_pmu {
    bool is_granted;
    uint64_t configured, started;
};

struct arch_vcpu {
    uint64_t x[32];         /* general registers; saved at every trap (vectors.S); x[0] is 0 */
    uintptr_t hv_sp, hv_tp; /* of the hypervisor while the guest runs (vectors.S) */
    uint64_t f[32];         /* f0-f31 and fcsr while not loaded (fp.S) */
    uint64_t fcsr;
    uint64_t pc, sstatus, hstatus; /* sepc and the status registers while not loaded */
    struct arch_csrs csrs;         /* while not loaded */
    uint64_t timer;                /* guest time of its next timer interrupt: while not loaded;
                                    * without Sstc always */
    uint64_t hvip;                 /* while not loaded: interrupts that stand, but for VSEIP */
    uint64_t vsiselect;            /* while not loaded, where it has a guest interrupt file */
    uint32_t ipi;                  /* atomic flag: another vCPU sent an interrupt: vcpu_flush() */
    bool flush_once;               /* drop the VM's TLB entries at the next load: it was reset */
    bool flush_always;             /* ... at every load: another vCPU of its VM shares the CPU */
    struct arch_pmu pmu;           /* never moved: it is alone on its hart */
    struct vcontext context;       /* at its VM's emulated interrupt controller */
};

struct arch_vm {
    uint64_t time_offset; /* htimedelta: the guest's time starts at 0 at each boot */
};

struct arch_pcpu {
    uint64_t deadline;  /* ticks; what the scheduler wants the timer for; own CPU only */
    uint32_t is_kicked; /* atomic flag: a kick is on its way and not taken yet */
};

/* Generated. */
struct arch_vm_config {
    uint8_t stage2_mode; /* hgatp.MODE: 8 is Sv39x4, 9 is Sv48x4 */
    struct vcontroller_config controller;
    struct v16550 *uart;    /* NULL: no console */
    struct vwdog *watchdog; /* NULL: none */
    bool has_pmu;           /* granted; its vCPUs are alone on their harts */
};

struct arch_vcpu_config {
    uint64_t hart_id; /* what the guest sees: the vCPU's index in its VM */
    uint8_t vgein;    /* guest interrupt file on its CPU (hstatus.VGEIN), 0: none */
};

struct arch_pcpu_config {
    uint64_t hart_id;      /* of the machine */
    uint32_t plic_context; /* the hart's S-mode context at the PLIC; 0 where there is none */
    paddr_t imsic;         /* the hart's S-level interrupt file, its guest files follow; 0: none */
};

struct arch_board_config {
    uint64_t timebase_frequency; /* ticks of `time` in one second */
    paddr_t uart;                /* the hypervisor's NS16550 */
    uint32_t uart_irq;           /* its interrupt source */
    uint32_t uart_reg_shift;     /* registers are 1 << shift bytes apart */
    bool has_sstc;               /* stimecmp and vstimecmp exist */
    bool has_stateen;            /* hstateen0 exists (Smstateen): nothing is granted before it */
    paddr_t plic;                /* 0: the board has an AIA instead */
    uint32_t plic_source_count;  /* sources 1 ... count (riscv,ndev) */
    paddr_t aplic;               /* S-level domain; 0: none */
    uint32_t aplic_source_count; /* riscv,num-sources */
    uint32_t imsic_id_count;     /* identities 1 ... count of an S-level file (riscv,num-ids) */
    uint32_t imsic_guest_bits;   /* riscv,guest-index-bits */
    uint32_t imsic_hart_bits;    /* riscv,hart-index-bits */
};

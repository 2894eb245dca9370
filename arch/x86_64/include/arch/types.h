/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the common structures hold of x86_64: registers of a vCPU, and the architecture's share of
 * the generated tables.
 */
#pragma once

#include <arch/decode.h>
#include <arch/pio.h>
#include <arch/svm.h>
#include <arch/vioapic.h>
#include <arch/vlapic.h>
#include <arch/vwdat.h>
#include <hv/types.h>
#include <hv/v16550.h>

/* Hypervisor context of a task: callee-saved registers lie on its stack (System V ABI, 3.2.1). */
struct arch_task {
    uintptr_t sp;
};

/* An instruction that accessed a device, and what it does (emulate.c). */
#define INSTRUCTION_MAX 15u
#define KEPT_COUNT      8u
struct kept_instruction {
    uint8_t bytes[INSTRUCTION_MAX]; /* those that were there; the others are 0 */
    uint32_t count;                 /* of them; 0: nothing is kept */
    uint32_t mode;                  /* L and D of its code segment */
    struct decoded_access access;
};

struct arch_vcpu {
    uint64_t regs[16];  /* general registers by their number in instructions; saved at every exit
                         * (svm.S); RAX and RSP are in the VMCB instead */
    struct vmcb *vmcb;  /* config->arch.vmcb, where svm.S finds it */
    uint8_t *host_save; /* of its CPU, where svm.S finds it */
    uint64_t debug[4];  /* DR0-DR3, while not loaded */
    uint64_t tsc_aux;   /* the guest's MSR */
    uint64_t event;     /* EVENTINJ of what an exit interrupted, to be injected again; 0: none */
    bool nmi;           /* atomic: an NMI waits */
    bool is_nmi_masked; /* own CPU: one was delivered, and no IRET seen */
    bool is_direct;     /* owns the CPU's APIC when loaded: it is alone there (direct.c) */
    bool owns_apic;     /* atomic: it does now; the own CPU writes, pins follow (vioapic.c) */
    uint32_t init;      /* atomic: INIT_RECEIVED while it waits for a SIPI; and then, until it
                         * starts, STARTUP_RECEIVED and the page where */
    bool flush_once;    /* drop the VM's TLB entries at the next entry: it was reset */
    bool flush_always;  /* ... at every load: another vCPU of its VM shares the CPU */
    struct vlapic lapic;
    struct kept_instruction kept[KEPT_COUNT]; /* own CPU */
    uint8_t fx[512] HV_ALIGNED(16);           /* FXSAVE area, while not loaded */
};

#define STARTUP_RECEIVED 0x100u
#define INIT_RECEIVED    0x200u

struct arch_vm {
    uint64_t tsc_offset;  /* the guest's time-stamp counter starts at 0 at each boot */
    uint32_t watches_eoi; /* atomic: its IOAPIC has had a level-triggered entry (direct.c) */
};

/* 64-bit task state segment (APM vol. 2, 12.2.5), as words: RSP0 begins in the middle of one. */
struct tss {
    uint32_t words[26];
};

struct arch_pcpu {
    struct pcpu *self;      /* first: %gs:0 */
    uint64_t deadline;      /* ticks; what the scheduler wants the timer for; own CPU only */
    uint64_t hpet_deadline; /* the same where a guest owns the APIC, else 0; atomic, all read */
    uint32_t is_kicked;     /* atomic: a kick is on its way and not taken yet */
    uint64_t gdt[5];        /* null, code, data, TSS (two words) */
    struct tss tss;
    uint64_t nmi_stack[12] HV_ALIGNED(16);
};

/* ---- Generated ---- */

/* In which state the primary vCPU starts. */
enum guest_start {
    START_LONG,      /* 64-bit mode on arch.boot_cr3 and arch.boot_gdt; RSI = RDI = argument */
    START_PROTECTED, /* 32-bit protected mode, flat, no paging (PVH); EBX = argument */
};

#define CPUID_ANY_SUBLEAF UINT32_C(0xffffffff)

/* One leaf of CPUID. Sorted by leaf, then subleaf; what is not there reads as zeros. The words are
 * EAX, EBX, ECX, EDX. A leaf's place is unique among them. */
#define CPUID_PLACE(leaf) ((leaf) >> 30 << 4 | ((leaf)&0xf))
#define CPUID_PLACE_COUNT 64
struct cpuid_policy {
    uint32_t leaf, subleaf;
    uint32_t keep[4]; /* bits that come from the CPU */
    uint32_t set[4];  /* bits that are always there */
};

enum msr_kind {
    MSR_EMULATED, /* msr.c knows it */
    MSR_CONSTANT, /* reads .value, writes are ignored */
    MSR_FIXED,    /* reads .value, writes fault */
};

/* Sorted by msr. What is neither here nor passed through by the bitmap faults. */
struct msr_policy {
    uint32_t msr;
    uint32_t kind; /* enum msr_kind */
    uint64_t value;
};

struct arch_vm_config {
    enum guest_start start;
    uint64_t boot_cr3;
    paddr_t window; /* vm_config.window_root, and also of a VM that is linked in place */
    ipa_t boot_gdt;
    const uint8_t *iopm;  /* 12 KiB at a multiple of 4 KiB: permission map of ports (15.10) */
    const uint8_t *msrpm; /* 8 KiB at a multiple of 4 KiB: permission map of MSRs (15.11) */
    const uint8_t *msrpm_direct; /* the same, of a vCPU that owns its APIC */
    const uint8_t *msrpm_eoi;    /* ... and whose EOIs exit */
    const struct cpuid_policy *cpuid;
    const struct msr_policy *msrs;
    const struct port_region *ports;
    uint8_t cpuid_first[CPUID_PLACE_COUNT]; /* at a leaf's place: its first one in cpuid[] */
    uint16_t cpuid_count, msr_count, port_count;
    struct vioapic *ioapic;
    struct v16550 *uart;    /* NULL: no console */
    struct vwdat *watchdog; /* NULL: none */
};

struct arch_vcpu_config {
    uint32_t apic_id;  /* what the guest sees: the vCPU's index in its VM */
    struct vmcb *vmcb; /* 4 KiB at a multiple of it */
};

struct arch_pcpu_config {
    uint32_t apic_id;   /* of the machine */
    uint8_t *host_save; /* 4 KiB at a multiple of it (VM_HSAVE_PA) */
};

struct arch_board_config {
    uint16_t uart;     /* port of the hypervisor's 16550 */
    uint32_t uart_irq; /* its pin of the IOAPIC */
    paddr_t ioapic;
    paddr_t hpet;         /* what the time-stamp counter is measured with */
    uint16_t power_port;  /* PM1a control register */
    uint16_t power_value; /* SLP_EN and the SLP_TYP of S5, written to it */
};

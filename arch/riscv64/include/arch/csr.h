/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Control and status registers: accessors, and the registers and fields that this hypervisor sets
 * or reads, by the names of the RISC-V Privileged Architecture (20240411). Registers go by number,
 * because assemblers differ in the names they know.
 */
#pragma once

#include <arch/asm.h>
#include <hv/types.h>

/* Unprivileged manual, 7.1. */
#define CSR_CYCLE 0xc00
#define CSR_TIME  0xc01

/* Supervisor registers, 10.1 and chapter 12 (Sstc). */
#define CSR_SSTATUS    0x100
#define CSR_SIE        0x104
#define CSR_SCOUNTEREN 0x106
#define CSR_SENVCFG    0x10a
#define CSR_SEPC       0x141
#define CSR_STVAL      0x143
#define CSR_SIP        0x144
#define CSR_STIMECMP   0x14d
#define CSR_SATP       0x180

/* Hypervisor registers, 18.2. */
#define CSR_HSTATUS    0x600
#define CSR_HEDELEG    0x602
#define CSR_HIDELEG    0x603
#define CSR_HIE        0x604
#define CSR_HTIMEDELTA 0x605
#define CSR_HCOUNTEREN 0x606
#define CSR_HGEIE      0x607
#define CSR_HENVCFG    0x60a
#define CSR_HSTATEEN0  0x60c
#define CSR_HTVAL      0x643
#define CSR_HIP        0x644
#define CSR_HVIP       0x645
#define CSR_HTINST     0x64a
#define CSR_HGATP      0x680

/* Virtual supervisor registers, 18.2. */
#define CSR_VSSTATUS  0x200
#define CSR_VSIE      0x204
#define CSR_VSTVEC    0x205
#define CSR_VSSCRATCH 0x240
#define CSR_VSEPC     0x241
#define CSR_VSCAUSE   0x242
#define CSR_VSTVAL    0x243
#define CSR_VSTIMECMP 0x24d
#define CSR_VSISELECT 0x250 /* AIA 1.0, 2.3 */
#define CSR_VSATP     0x280

/* `number` is a constant. */
#define csr_read(number)                                                         \
    ({                                                                           \
        uint64_t value_;                                                         \
        __asm__ volatile("csrr %0, %1" : "=r"(value_) : "i"(number) : "memory"); \
        value_;                                                                  \
    })

/* Writes a register, or sets or clears the bits of `mask` in it. */
#define csr_write(number, value) csr_change("csrw", number, value)
#define csr_set(number, mask)    csr_change("csrs", number, mask)
#define csr_clear(number, mask)  csr_change("csrc", number, mask)
#define csr_change(instruction, number, value) \
    __asm__ volatile(instruction " %0, %1" : : "i"(number), "rK"((uint64_t)(value)) : "memory")

#define BIT(n) (UINT64_C(1) << (n))

/* sstatus and vsstatus, 10.1.1 and 18.2.12. */
#define SSTATUS_SIE      BIT(1)
#define SSTATUS_SPIE     BIT(5)
#define SSTATUS_SPP      BIT(8)
#define SSTATUS_FS       (UINT64_C(3) << 13)
#define SSTATUS_FS_CLEAN (UINT64_C(2) << 13)
#define SSTATUS_FS_DIRTY (UINT64_C(3) << 13)
#define SSTATUS_UXL_64   (UINT64_C(2) << 32)

/* hstatus, 18.2.1. */
#define HSTATUS_SPV         BIT(7) /* the trap came from a guest; sret goes there */
#define HSTATUS_SPVP        BIT(8) /* ... from its VS-mode */
#define HSTATUS_VGEIN_SHIFT 12
#define HSTATUS_VTW         BIT(21) /* trap WFI */
#define HSTATUS_VSXL_64     (UINT64_C(2) << 32)

/* scause, 10.1.8 and 18.6.1. */
#define SCAUSE_INTERRUPT           BIT(63)
#define CAUSE_INSTRUCTION_MISALIGN 0
#define CAUSE_INSTRUCTION_ACCESS   1
#define CAUSE_ILLEGAL_INSTRUCTION  2
#define CAUSE_BREAKPOINT           3
#define CAUSE_LOAD_MISALIGN        4
#define CAUSE_LOAD_ACCESS          5
#define CAUSE_STORE_MISALIGN       6
#define CAUSE_STORE_ACCESS         7
#define CAUSE_ECALL_U              8
#define CAUSE_INSTRUCTION_PAGE     12
#define CAUSE_LOAD_PAGE            13
#define CAUSE_STORE_PAGE           15
#define CAUSE_FETCH_GUEST_PAGE     20
#define CAUSE_LOAD_GUEST_PAGE      21
#define CAUSE_VIRTUAL_INSTRUCTION  22
#define CAUSE_STORE_GUEST_PAGE     23

/* Interrupts: numbers in scause, bits of sip, sie, hip, hie and hvip (18.2.3). */
#define IRQ_SSI  1 /* another hart's kick */
#define IRQ_VSSI 2
#define IRQ_STI  5 /* the hypervisor's timer */
#define IRQ_VSTI 6
#define IRQ_SEI  9 /* the interrupt controller */
#define IRQ_VSEI 10
#define IRQ_SGEI 12 /* a guest interrupt file of a vCPU that is not loaded */

#define HVIP_GUEST (BIT(IRQ_VSSI) | BIT(IRQ_VSTI) | BIT(IRQ_VSEI))

/* henvcfg, 18.2.5. */
#define HENVCFG_CBIE_FLUSH (UINT64_C(1) << 4) /* cbo.inval flushes: nobody sees older bytes */
#define HENVCFG_CBCFE      BIT(6)
#define HENVCFG_CBZE       BIT(7)
#define HENVCFG_STCE       BIT(63)

/* hstateen0, chapter 9 (Smstateen): what a guest may use without an exit. */
#define HSTATEEN0_IMSIC   BIT(58)
#define HSTATEEN0_AIA     BIT(59)
#define HSTATEEN0_CSRIND  BIT(60)
#define HSTATEEN0_SENVCFG BIT(62)

/* hcounteren, 18.2.4. */
#define HCOUNTEREN_TM BIT(1)

#define SATP_MODE_SV39 (UINT64_C(8) << 60)

#define HGATP_MODE_SHIFT 60
#define HGATP_VMID_SHIFT 44

/* hfence.gvma and hfence.vvma: drops all that this hart remembers of guests (18.3.2). */
static inline void hfence_all(void)
{
    __asm__ volatile(".4byte 0x62000073; .4byte 0x22000073" ::: "memory");
}

/* hfence.vvma: drops what it remembers of the VM whose VMID is in hgatp, but for its second stage.
 */
static inline void hfence_vvma(void)
{
    __asm__ volatile(".4byte 0x22000073" ::: "memory");
}

static inline void sfence_vma(void)
{
    __asm__ volatile("sfence.vma" ::: "memory");
}

static inline void fence_i(void)
{
    __asm__ volatile("fence.i" ::: "memory");
}

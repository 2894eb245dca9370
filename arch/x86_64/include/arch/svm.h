/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The virtual machine control block.
 *
 * Source: AMD64 Architecture Programmer's Manual volume 2 (24593), appendix B (layout), C (exit
 * codes), 15.9 (intercepts), 15.15 (clean bits), 15.20 (event injection).
 */
#pragma once

#include <arch/x86.h>
#include <hv/types.h>

struct vmcb_segment {
    uint16_t selector;
    uint16_t attributes; /* bits 55-52 and 47-40 of a descriptor */
    uint32_t limit;      /* in bytes */
    uint64_t base;
};

struct vmcb {
    /* control area */
    uint32_t intercept_cr; /* reads in the low half, writes in the high one */
    uint32_t intercept_dr;
    uint32_t intercept_exceptions;
    uint32_t intercept_1; /* INTERCEPT_1_* */
    uint32_t intercept_2; /* INTERCEPT_2_* */
    uint32_t intercept_3;
    uint8_t reserved_18[0x40 - 0x18];
    uint64_t iopm_base_pa;
    uint64_t msrpm_base_pa;
    uint64_t tsc_offset;
    uint32_t asid;
    uint32_t tlb_control;
    uint64_t v_intr; /* V_* */
    uint64_t interrupt_shadow;
    uint64_t exit_code;
    uint64_t exit_info_1;
    uint64_t exit_info_2;
    uint64_t exit_int_info;
    uint64_t np_enable;
    uint8_t reserved_98[0xa8 - 0x98];
    uint64_t event_inj;
    uint64_t n_cr3;
    uint64_t lbr_control;
    uint32_t clean;
    uint32_t reserved_c4;
    uint64_t next_rip;
    uint8_t reserved_d0[0x400 - 0xd0];
    /* state save area */
    struct vmcb_segment es, cs, ss, ds, fs, gs, gdtr, ldtr, idtr, tr;
    uint8_t reserved_4a0[0x4cb - 0x4a0];
    uint8_t cpl;
    uint32_t reserved_4cc;
    uint64_t efer;
    uint8_t reserved_4d8[0x548 - 0x4d8];
    uint64_t cr4, cr3, cr0, dr7, dr6, rflags, rip;
    uint8_t reserved_580[0x5d8 - 0x580];
    uint64_t rsp;
    uint8_t reserved_5e0[0x5f8 - 0x5e0];
    uint64_t rax;
    uint64_t star, lstar, cstar, sfmask, kernel_gs_base;
    uint64_t sysenter_cs, sysenter_esp, sysenter_eip;
    uint64_t cr2;
    uint8_t reserved_648[0x668 - 0x648];
    uint64_t g_pat;
    uint8_t reserved_670[0x1000 - 0x670];
};

_Static_assert(offsetof(struct vmcb, iopm_base_pa) == 0x40, "appendix B");
_Static_assert(offsetof(struct vmcb, v_intr) == 0x60, "appendix B");
_Static_assert(offsetof(struct vmcb, event_inj) == 0xa8, "appendix B");
_Static_assert(offsetof(struct vmcb, next_rip) == 0xc8, "appendix B");
_Static_assert(offsetof(struct vmcb, es) == 0x400, "appendix B");
_Static_assert(offsetof(struct vmcb, cpl) == 0x4cb, "appendix B");
_Static_assert(offsetof(struct vmcb, efer) == 0x4d0, "appendix B");
_Static_assert(offsetof(struct vmcb, rip) == 0x578, "appendix B");
_Static_assert(offsetof(struct vmcb, rax) == 0x5f8, "appendix B");
_Static_assert(offsetof(struct vmcb, cr2) == 0x640, "appendix B");
_Static_assert(offsetof(struct vmcb, g_pat) == 0x668, "appendix B");
_Static_assert(sizeof(struct vmcb) == 0x1000, "appendix B");

/* intercept_cr */
#define INTERCEPT_CR8_WRITE BIT32(16 + 8)

/* intercept_exceptions: vectors of exceptions */
#define VECTOR_DB  1u
#define VECTOR_BP  3u
#define VECTOR_OF  4u
#define VECTOR_UD  6u
#define VECTOR_DF  8u
#define VECTOR_GP  13u
#define VECTOR_AC  17u
#define VECTOR_MC  18u
#define VECTOR_NMI 2u

/* intercept_1 */
#define INTERCEPT_1_INTR     BIT32(0)
#define INTERCEPT_1_NMI      BIT32(1)
#define INTERCEPT_1_INIT     BIT32(3)
#define INTERCEPT_1_VINTR    BIT32(4)
#define INTERCEPT_1_RDPMC    BIT32(15)
#define INTERCEPT_1_CPUID    BIT32(18)
#define INTERCEPT_1_IRET     BIT32(20)
#define INTERCEPT_1_INVD     BIT32(22)
#define INTERCEPT_1_HLT      BIT32(24)
#define INTERCEPT_1_INVLPGA  BIT32(26)
#define INTERCEPT_1_IOIO     BIT32(27)
#define INTERCEPT_1_MSR      BIT32(28)
#define INTERCEPT_1_FERR     BIT32(30)
#define INTERCEPT_1_SHUTDOWN BIT32(31)

/* intercept_2 */
#define INTERCEPT_2_VMRUN   BIT32(0)
#define INTERCEPT_2_VMMCALL BIT32(1)
#define INTERCEPT_2_VMLOAD  BIT32(2)
#define INTERCEPT_2_VMSAVE  BIT32(3)
#define INTERCEPT_2_STGI    BIT32(4)
#define INTERCEPT_2_CLGI    BIT32(5)
#define INTERCEPT_2_SKINIT  BIT32(6)
#define INTERCEPT_2_WBINVD  BIT32(9)
#define INTERCEPT_2_MONITOR BIT32(10)
#define INTERCEPT_2_MWAIT   BIT32(11)
#define INTERCEPT_2_MWAIT_C BIT32(12)
#define INTERCEPT_2_XSETBV  BIT32(13)
#define INTERCEPT_2_RDPRU   BIT32(14)

/* v_intr */
#define V_TPR_MASK     UINT64_C(0xff)
#define V_IRQ          BIT(8)
#define V_INTR_PRIO    (UINT64_C(0xf) << 16)
#define V_IGN_TPR      BIT(20)
#define V_INTR_MASKING BIT(24)

/* interrupt_shadow */
#define INTERRUPT_SHADOW BIT(0)

/* tlb_control */
#define TLB_FLUSH_ALL 1u

#define NP_ENABLE BIT(0)

/* event_inj and exit_int_info */
#define EVENT_VECTOR_MASK    UINT64_C(0xff)
#define EVENT_TYPE_MASK      (UINT64_C(7) << 8)
#define EVENT_TYPE_INTR      (UINT64_C(0) << 8)
#define EVENT_TYPE_NMI       (UINT64_C(2) << 8)
#define EVENT_TYPE_EXCEPTION (UINT64_C(3) << 8)
#define EVENT_TYPE_SOFTWARE  (UINT64_C(4) << 8)
#define EVENT_ERROR_VALID    BIT(11)
#define EVENT_VALID          BIT(31)

/* clean: what the CPU may still have from the last VMRUN of this VMCB on it */
#define CLEAN_INTERCEPTS  BIT32(0)
#define CLEAN_PERMISSIONS BIT32(1)
#define CLEAN_INTR        BIT32(3)
#define CLEAN_NP          BIT32(4)
#define CLEAN_CR          BIT32(5)
#define CLEAN_ALL         0x3ffu

/* exit_code */
#define EXIT_CODE_CR8_WRITE 0x18u
#define EXIT_CODE_EXCEPTION 0x40u
#define EXIT_CODE_INTR      0x60u
#define EXIT_CODE_NMI       0x61u
#define EXIT_CODE_VINTR     0x64u
#define EXIT_CODE_RDPMC     0x6fu
#define EXIT_CODE_CPUID     0x72u
#define EXIT_CODE_IRET      0x74u
#define EXIT_CODE_INVD      0x76u
#define EXIT_CODE_HLT       0x78u
#define EXIT_CODE_IOIO      0x7bu
#define EXIT_CODE_MSR       0x7cu
#define EXIT_CODE_SHUTDOWN  0x7fu
#define EXIT_CODE_VMMCALL   0x81u
#define EXIT_CODE_WBINVD    0x89u
#define EXIT_CODE_XSETBV    0x8du
#define EXIT_CODE_NPF       0x400u
#define EXIT_CODE_INVALID   0xffffffffu /* the low half of -1 */

/* exit_info_1 of EXIT_CODE_IOIO (15.10.2); exit_info_2 is the next RIP */
#define IOIO_IN         BIT(0)
#define IOIO_STRING     BIT(2)
#define IOIO_REP        BIT(3)
#define IOIO_SIZE_SHIFT 4 /* 1, 2 or 4 */
#define IOIO_SIZE_MASK  7u
#define IOIO_PORT_SHIFT 16

#define PF_WRITE UINT64_C(2) /* of a page fault's error code */
#define PF_USER  UINT64_C(4)

/* exit_info_1 of EXIT_CODE_NPF: page fault error code, and what was going on */
#define NPF_PRESENT BIT(0)
#define NPF_WRITE   BIT(1)
#define NPF_FETCH   BIT(4)
#define NPF_TABLE   BIT(33) /* while walking the guest's own tables */

/* attributes of a segment */
#define SEGMENT_TYPE_CODE 0xbu
#define SEGMENT_TYPE_DATA 0x3u
#define SEGMENT_TYPE_LDT  0x2u
#define SEGMENT_TYPE_TSS  0xbu
#define SEGMENT_S         0x10u
#define SEGMENT_P         0x80u
#define SEGMENT_L         0x200u
#define SEGMENT_D         0x400u
#define SEGMENT_G         0x800u

#define VECTOR_PF 14u

#define CLEAN_CR2 BIT32(9)

#define EVENT_ERROR_SHIFT 32

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * System registers: accessors, and the fields that this hypervisor sets or reads, by the names of
 * the Arm Architecture Reference Manual (DDI 0487), chapter D19.
 */
#pragma once

#include <arch/asm.h>
#include <hv/types.h>

#define read_sysreg(name)                                  \
    ({                                                     \
        uint64_t value_;                                   \
        __asm__ volatile("mrs %0, " #name : "=r"(value_)); \
        value_;                                            \
    })

#define write_sysreg(name, value)                                             \
    do {                                                                      \
        uint64_t new_value_ = (value);                                        \
        __asm__ volatile("msr " #name ", %0" : : "r"(new_value_) : "memory"); \
    } while (0)

static inline void isb(void)
{
    __asm__ volatile("isb" ::: "memory");
}

static inline void dsb_sy(void)
{
    __asm__ volatile("dsb sy" ::: "memory");
}

static inline void dsb_ish(void)
{
    __asm__ volatile("dsb ish" ::: "memory");
}

#define BIT(n) (UINT64_C(1) << (n))

/* HCR_EL2, D19.2.48. */
#define HCR_VM     BIT(0) /* stage 2 on */
#define HCR_SWIO   BIT(1) /* invalidate by set/way also cleans */
#define HCR_PTW    BIT(2) /* table walks may not touch device memory */
#define HCR_FMO    BIT(3) /* physical interrupts go to EL2, EL1 has virtual ones */
#define HCR_IMO    BIT(4)
#define HCR_AMO    BIT(5)
#define HCR_BSU_IS BIT(10) /* barriers reach the inner shareable domain at least */
#define HCR_TWI    BIT(13) /* trap WFI */
#define HCR_TID3   BIT(18) /* trap reads of the feature ID registers */
#define HCR_TSC    BIT(19) /* trap SMC */
#define HCR_TIDCP  BIT(20) /* trap implementation defined registers */
#define HCR_TACR   BIT(21) /* trap ACTLR_EL1 */
#define HCR_RW     BIT(31) /* EL1 is AArch64 */
#define HCR_TLOR   BIT(35) /* trap limited ordering region registers */

/* ESR_EL2, D19.2.37. */
#define ESR_EC(esr)       ((uint32_t)((esr) >> 26) & 0x3f)
#define ESR_EC_BITS(ec)   ((uint64_t)(ec) << 26)
#define ESR_EC_WFX        0x01
#define ESR_EC_SVE        0x19
#define ESR_EC_HVC64      0x16
#define ESR_EC_SMC64      0x17
#define ESR_EC_SYSREG     0x18
#define ESR_EC_IABT_LOWER 0x20
#define ESR_EC_DABT_LOWER 0x24

#define ISS_DABT_ISV       BIT(24) /* the fields below are valid */
#define ISS_DABT_SAS(esr)  ((uint32_t)((esr) >> 22) & 0x3)
#define ISS_DABT_SSE       BIT(21)
#define ISS_DABT_SRT(esr)  ((uint32_t)((esr) >> 16) & 0x1f)
#define ISS_DABT_SF        BIT(15)
#define ISS_ABORT_S1PTW    BIT(7)
#define ISS_DABT_WNR       BIT(6)
#define ISS_ABORT_FSC_TYPE UINT64_C(0x3c) /* fault status without its level */
#define FSC_TRANSLATION    UINT64_C(0x04)
#define FSC_PERMISSION     UINT64_C(0x0c)
#define FSC_EXTERNAL       UINT64_C(0x10)

#define ISS_SYSREG_IS_READ BIT(0)
#define ISS_SYSREG_RT(esr) ((uint32_t)((esr) >> 5) & 0x1f)

/* A system register's name as it stands in the syndrome: op0, op1, CRn, CRm, op2. */
#define SYSREG(op0, op1, crn, crm, op2)                                            \
    (((uint32_t)(op0) << 20) | ((uint32_t)(op2) << 17) | ((uint32_t)(op1) << 14) | \
     ((uint32_t)(crn) << 10) | ((uint32_t)(crm) << 1))
#define ISS_SYSREG_NAME(esr) ((uint32_t)(esr)&SYSREG(3, 7, 15, 15, 7))

#define ESR_IL BIT(25) /* the instruction is 32 bits long */

/* SPSR_ELx, D19.2.152: PSTATE of the guest. */
#define PSTATE_EL      UINT64_C(0xc) /* exception level; 0 is EL0 in both execution states */
#define PSTATE_AARCH32 BIT(4)
#define PSTATE_SP      BIT(0) /* the level's own stack pointer */
/* IT[7:2] are bits [15:10], IT[1:0] bits [26:25]. */
#define PSTATE_IT(pstate)  (((pstate) >> 8 & 0xfc) | ((pstate) >> 25 & 0x3))
#define PSTATE_IT_BITS(it) (((it)&0xfc) << 8 | ((it)&0x3) << 25)
#define PSTATE_IT_MASK     PSTATE_IT_BITS(UINT64_C(0xff))
#define PSTATE_PAN         BIT(22)
#define PSTATE_EL1H_MASKED UINT64_C(0x3c5) /* EL1 with its own stack, all exceptions masked */
#define SCTLR_EL1_M        BIT(0)          /* MMU on */
#define SCTLR_EL1_SPAN     BIT(23)         /* an exception leaves PSTATE.PAN as it is */

/* Offsets from VBAR_EL1, table D1-6: synchronous exceptions from EL0. */
#define VECTOR_SAME_SP0      UINT64_C(0x000)
#define VECTOR_SAME_SPX      UINT64_C(0x200)
#define VECTOR_LOWER_AARCH64 UINT64_C(0x400)
#define VECTOR_LOWER_AARCH32 UINT64_C(0x600)

/* HPFAR_EL2.FIPA, D19.2.57: bits [47:12] of the faulting IPA. */
#define HPFAR_FIPA(hpfar) (((hpfar)&UINT64_C(0xfffffffff0)) << 8)

/* CNTx_CTL, D19.12. */
#define CNT_CTL_ENABLE BIT(0)
#define CNT_CTL_IMASK  BIT(1)

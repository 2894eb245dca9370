/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Trapped system registers: what a guest learns about its CPU, and what it may not touch.
 *
 * Feature registers (HCR_EL2.TID3) are the machine's own with every feature masked out that is not
 * granted or whose state is not switched: a guest then has no reason to use it. Registers of the
 * debug architecture read as zero and ignore writes: kernels reset them at boot, and there is
 * nothing behind them. Everything else that traps is the guest's fault.
 *
 * Source: Arm ARM DDI 0487, D19.2 (registers), D19.2.37 (ISS encoding for system registers).
 */
#include <arch/gicv3_regs.h>
#include <arch/sysreg.h>
#include <arch/trap.h>
#include <arch/vgic.h>

#define FIELD(shift) (UINT64_C(0xf) << (shift))

#define ICC_SGI0R  SYSREG(3, 0, 12, 11, 7)
#define ICC_SGI1R  SYSREG(3, 0, 12, 11, 5)
#define ICC_ASGI1R SYSREG(3, 0, 12, 11, 6)
#define ICC_DIR    SYSREG(3, 0, 12, 11, 1)
#define ICC_SRE    SYSREG(3, 0, 12, 12, 5)
#define ACTLR      SYSREG(3, 0, 1, 0, 1)
#define OSLSR      SYSREG(2, 0, 1, 1, 4)

/* op0, op1, CRn without CRm and op2: the space of the feature registers, and of debug registers. */
#define SPACE_MASK     SYSREG(3, 7, 15, 0, 0)
#define ID_SPACE       SYSREG(3, 0, 0, 0, 0)
#define DEBUG_OP0_MASK SYSREG(3, 0, 0, 0, 0)
#define DEBUG_OP0      SYSREG(2, 0, 0, 0, 0)

/* ID_AA64DFR0_EL1: Armv8.0 debug architecture with the least numbers of breakpoints, watchpoints
 * and context comparators that it allows, 2, 2 and 1, each field holding one less; no PMU, no
 * trace. */
#define DFR0_GUEST (UINT64_C(0x6) | (UINT64_C(1) << 12) | (UINT64_C(1) << 20))

/* Fields that are hidden. */
#define PFR0_HIDDEN                                                                         \
    (FIELD(8) /* EL2 */ | FIELD(12) /* EL3 */ | FIELD(28) /* RAS */ | FIELD(32) /* SVE */ | \
     FIELD(36) /* SEL2 */ | FIELD(40) /* MPAM */ | FIELD(44) /* AMU */ | FIELD(52) /* RME */)
#define PFR1_HIDDEN                                                              \
    (FIELD(8) /* MTE */ | FIELD(12) /* RAS_frac */ | FIELD(16) /* MPAM_frac */ | \
     FIELD(24) /* SME */ | FIELD(36) /* NMI */ | FIELD(44) /* GCS */ | FIELD(48) /* THE */)
#define ISAR1_HIDDEN                                                                       \
    (FIELD(4) /* APA */ | FIELD(8) /* API */ | FIELD(24) /* GPA */ | FIELD(28) /* GPI */ | \
     FIELD(60) /* LS64 */)
#define ISAR2_HIDDEN (FIELD(8) /* GPA3 */ | FIELD(12) /* APA3 */ | FIELD(16) /* MOPS */)
#define MMFR1_HIDDEN \
    (FIELD(8) /* VH */ | FIELD(16) /* LO */ | FIELD(36) /* AFP etc. */ | FIELD(40) /* HCX */)

/* Value of a feature register, CRm and op2 given. Registers that are not named read as zero: the
 * architecture reserves them so (D19.1, "Reserved ID registers are RES0"). */
static uint64_t id_register(uint32_t name)
{
    switch (name) {
    case SYSREG(3, 0, 0, 4, 0): /* AArch32 EL0 is allowed, EL1 is not */
        return read_sysreg(id_aa64pfr0_el1) & ~PFR0_HIDDEN;
    case SYSREG(3, 0, 0, 4, 1):
        return read_sysreg(id_aa64pfr1_el1) & ~PFR1_HIDDEN;
    case SYSREG(3, 0, 0, 5, 0):
        return DFR0_GUEST;
    case SYSREG(3, 0, 0, 6, 0):
        return read_sysreg(id_aa64isar0_el1);
    case SYSREG(3, 0, 0, 6, 1):
        return read_sysreg(id_aa64isar1_el1) & ~ISAR1_HIDDEN;
    case SYSREG(3, 0, 0, 6, 2):
        return read_sysreg(s3_0_c0_c6_2) & ~ISAR2_HIDDEN;
    case SYSREG(3, 0, 0, 7, 0):
        return read_sysreg(id_aa64mmfr0_el1);
    case SYSREG(3, 0, 0, 7, 1):
        return read_sysreg(id_aa64mmfr1_el1) & ~MMFR1_HIDDEN;
    case SYSREG(3, 0, 0, 7, 2):
        return read_sysreg(s3_0_c0_c7_2);
    /* AArch32, for user programs: the instruction sets and the memory model. */
    case SYSREG(3, 0, 0, 1, 0):
        return read_sysreg(id_pfr0_el1);
    case SYSREG(3, 0, 0, 1, 4):
        return read_sysreg(id_mmfr0_el1);
    case SYSREG(3, 0, 0, 1, 5):
        return read_sysreg(id_mmfr1_el1);
    case SYSREG(3, 0, 0, 1, 6):
        return read_sysreg(id_mmfr2_el1);
    case SYSREG(3, 0, 0, 1, 7):
        return read_sysreg(id_mmfr3_el1);
    case SYSREG(3, 0, 0, 2, 0):
        return read_sysreg(id_isar0_el1);
    case SYSREG(3, 0, 0, 2, 1):
        return read_sysreg(id_isar1_el1);
    case SYSREG(3, 0, 0, 2, 2):
        return read_sysreg(id_isar2_el1);
    case SYSREG(3, 0, 0, 2, 3):
        return read_sysreg(id_isar3_el1);
    case SYSREG(3, 0, 0, 2, 4):
        return read_sysreg(id_isar4_el1);
    case SYSREG(3, 0, 0, 2, 5):
        return read_sysreg(id_isar5_el1);
    case SYSREG(3, 0, 0, 2, 6):
        return read_sysreg(id_mmfr4_el1);
    case SYSREG(3, 0, 0, 3, 0):
        return read_sysreg(mvfr0_el1);
    case SYSREG(3, 0, 0, 3, 1):
        return read_sysreg(mvfr1_el1);
    case SYSREG(3, 0, 0, 3, 2):
        return read_sysreg(mvfr2_el1);
    default:
        return 0;
    }
}

/* True for registers that take any write and do nothing with it. */
static bool ignores_writes(uint32_t name)
{
    switch (name) {
    case ACTLR:
    case ICC_SRE:   /* the system register interface is all there is */
    case ICC_SGI0R: /* secure and group 0 interrupts: there are none to send to */
    case ICC_ASGI1R:
        return true;
    default:
        return (name & DEBUG_OP0_MASK) == DEBUG_OP0;
    }
}

uint32_t sysreg_access(struct vcpu *v, uint64_t esr)
{
    uint32_t name = ISS_SYSREG_NAME(esr);
    uint32_t rt = ISS_SYSREG_RT(esr);
    enum exit_reason reason = EXIT_SYSREG;

    if ((esr & ISS_SYSREG_IS_READ) == 0) {
        if (name == ICC_SGI1R) {
            vgic_send_sgi(v, trap_get_register(v, rt));
            reason = EXIT_SEND_IPI;
        } else if (name == ICC_DIR) {
            vgic_deactivate(v, trap_get_register(v, rt));
        } else if (!ignores_writes(name)) {
            return trap_denied(v, esr, "write to a system register that it was not granted");
        }
    } else if ((name & SPACE_MASK) == ID_SPACE) {
        trap_set_register(v, rt, id_register(name));
    } else if (name == OSLSR) {
        trap_set_register(v, rt, BIT(3)); /* OS Lock is implemented and open */
    } else if (name == ICC_SRE) {
        trap_set_register(v, rt, ICC_SRE_SRE | ICC_SRE_DFB | ICC_SRE_DIB);
    } else if (name == ACTLR || (name & DEBUG_OP0_MASK) == DEBUG_OP0) {
        trap_set_register(v, rt, 0);
    } else {
        return trap_denied(v, esr, "read of a system register that it was not granted");
    }
    trap_skip_instruction(esr);
    return reason;
}

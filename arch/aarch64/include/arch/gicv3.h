/* SPDX-License-Identifier: Apache-2.0 */
/*
 * GICv3 system registers as functions (ICC_*_EL1: the physical CPU interface; ICH_*_EL2: what a
 * guest sees through its virtual one), and what the virtual controller asks of the physical driver.
 *
 * Registers are written by number (S3_4_C12_C12_0), because assemblers differ in the names they
 * know. Every access is to the executing CPU's own registers.
 *
 * Source: IHI 0069H, 12.2 and 12.4. Host tests put a header of the same name with registers in
 * memory before this one.
 */
#pragma once

#include <arch/gicv3_regs.h>
#include <arch/sysreg.h>
#include <hv/types.h>

struct pcpu;

/*
 * Ends a physical interrupt that was acknowledged and is still active, as the guest's EOI would
 * have. Any CPU for an SPI; for a PPI the CPU on which it is active. Does nothing if it is not
 * active.
 */
void gicv3_deactivate(uint32_t intid);

/* Enables or disables a physical SPI in the distributor. Any CPU. */
void gicv3_set_enabled(uint32_t intid, bool enabled);

/* Forgets an edge that a physical SPI has latched. Any CPU. */
void gicv3_clear_pending(uint32_t intid);

/* Routes a physical SPI to a CPU. Any CPU. */
void gicv3_set_target(uint32_t intid, const struct pcpu *pcpu);

#define GICV3_READ_CASE(n, reg)   \
    case n:                       \
        value = read_sysreg(reg); \
        break;
#define GICV3_WRITE_CASE(n, reg)  \
    case n:                       \
        write_sysreg(reg, value); \
        break;

static inline uint64_t icc_pmr_read(void)
{
    return read_sysreg(S3_0_C4_C6_0);
}

static inline void icc_pmr_write(uint64_t value)
{
    write_sysreg(S3_0_C4_C6_0, value);
}

/* Acknowledges the highest-priority pending group 1 interrupt. */
static inline uint64_t icc_iar1_read(void)
{
    return read_sysreg(S3_0_C12_C12_0);
}

static inline void icc_eoir1_write(uint64_t value)
{
    write_sysreg(S3_0_C12_C12_1, value);
}

static inline void icc_dir_write(uint64_t value)
{
    write_sysreg(S3_0_C12_C11_1, value);
}

static inline void icc_sgi1r_write(uint64_t value)
{
    write_sysreg(S3_0_C12_C11_5, value);
}

static inline void icc_bpr1_write(uint64_t value)
{
    write_sysreg(S3_0_C12_C12_3, value);
}

static inline void icc_ctlr_write(uint64_t value)
{
    write_sysreg(S3_0_C12_C12_4, value);
}

static inline void icc_igrpen1_write(uint64_t value)
{
    write_sysreg(S3_0_C12_C12_7, value);
}

static inline void icc_sre_el1_write(uint64_t value)
{
    write_sysreg(S3_0_C12_C12_5, value);
}

static inline void icc_sre_el2_write(uint64_t value)
{
    write_sysreg(S3_4_C12_C9_5, value);
}

static inline uint64_t ich_hcr_read(void)
{
    return read_sysreg(S3_4_C12_C11_0);
}

static inline void ich_hcr_write(uint64_t value)
{
    write_sysreg(S3_4_C12_C11_0, value);
}

static inline uint64_t ich_vtr_read(void)
{
    return read_sysreg(S3_4_C12_C11_1);
}

static inline uint64_t ich_vmcr_read(void)
{
    return read_sysreg(S3_4_C12_C11_7);
}

static inline void ich_vmcr_write(uint64_t value)
{
    write_sysreg(S3_4_C12_C11_7, value);
}

/*
 * List registers that hold nothing and owe no maintenance interrupt. The barrier is needed because
 * a list register written before by this CPU shows here only after a context synchronisation.
 */
static inline uint32_t ich_elrsr_read(void)
{
    isb();
    return (uint32_t)read_sysreg(S3_4_C12_C11_5);
}

/* List registers that became empty and owe a maintenance interrupt; read after ich_elrsr_read(). */
static inline uint32_t ich_eisr_read(void)
{
    return (uint32_t)read_sysreg(S3_4_C12_C11_3);
}

/*
 * The number of a list register is a part of the instruction, so an access jumps into a table of
 * all of them: 8 bytes for each, the access and a branch behind the table.
 */
#define ICH_LR_ACCESS(read_or_write)                          \
    "adr    %[entry], 1f\n"                                   \
    "add    %[entry], %[entry], %[offset]\n"                  \
    "br     %[entry]\n"                                       \
    "1:\n"                                                    \
    ".irp   crm, 12, 13\n"                                    \
    ".irp   op2, 0, 1, 2, 3, 4, 5, 6, 7\n" read_or_write "\n" \
    "b      2f\n"                                             \
    ".endr\n"                                                 \
    ".endr\n"                                                 \
    "2:\n"

/* List register n, 0 ... 15; n has to exist (ICH_VTR_EL2.ListRegs). */
static inline uint64_t ich_lr_read(uint32_t n)
{
    uint64_t entry;
    uint64_t value;

    __asm__ volatile(ICH_LR_ACCESS("mrs %[value], s3_4_c12_c\\crm\\()_\\op2")
                     : [value] "=r"(value), [entry] "=&r"(entry)
                     : [offset] "r"(n % 16 * UINT64_C(8)));
    return value;
}

static inline void ich_lr_write(uint32_t n, uint64_t value)
{
    uint64_t entry;

    __asm__ volatile(ICH_LR_ACCESS("msr s3_4_c12_c\\crm\\()_\\op2, %[value]")
                     : [entry] "=&r"(entry)
                     : [value] "r"(value), [offset] "r"(n % 16 * UINT64_C(8))
                     : "memory");
}

#undef ICH_LR_ACCESS

/* Active priorities of group 0, n = 0 ... 3; n has to exist (ICH_VTR_EL2.PREbits). */
static inline uint64_t ich_ap0r_read(uint32_t n)
{
    uint64_t value = 0;

    switch (n) {
        GICV3_READ_CASE(0, S3_4_C12_C8_0)
        GICV3_READ_CASE(1, S3_4_C12_C8_1)
        GICV3_READ_CASE(2, S3_4_C12_C8_2)
        GICV3_READ_CASE(3, S3_4_C12_C8_3)
    default:
        break;
    }
    return value;
}

static inline void ich_ap0r_write(uint32_t n, uint64_t value)
{
    switch (n) {
        GICV3_WRITE_CASE(0, S3_4_C12_C8_0)
        GICV3_WRITE_CASE(1, S3_4_C12_C8_1)
        GICV3_WRITE_CASE(2, S3_4_C12_C8_2)
        GICV3_WRITE_CASE(3, S3_4_C12_C8_3)
    default:
        break;
    }
}

/* Active priorities of group 1. */
static inline uint64_t ich_ap1r_read(uint32_t n)
{
    uint64_t value = 0;

    switch (n) {
        GICV3_READ_CASE(0, S3_4_C12_C9_0)
        GICV3_READ_CASE(1, S3_4_C12_C9_1)
        GICV3_READ_CASE(2, S3_4_C12_C9_2)
        GICV3_READ_CASE(3, S3_4_C12_C9_3)
    default:
        break;
    }
    return value;
}

static inline void ich_ap1r_write(uint32_t n, uint64_t value)
{
    switch (n) {
        GICV3_WRITE_CASE(0, S3_4_C12_C9_0)
        GICV3_WRITE_CASE(1, S3_4_C12_C9_1)
        GICV3_WRITE_CASE(2, S3_4_C12_C9_2)
        GICV3_WRITE_CASE(3, S3_4_C12_C9_3)
    default:
        break;
    }
}

#undef GICV3_READ_CASE
#undef GICV3_WRITE_CASE

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Stands before aarch64's header of the same name in host tests: the registers of the virtual
 * interface are in memory, one set for each simulated CPU (vgic_machine.h).
 */
#pragma once

#include <arch/gicv3_regs.h>
#include <hv/types.h>

struct pcpu;

void gicv3_deactivate(uint32_t intid);
void gicv3_set_enabled(uint32_t intid, bool enabled);
void gicv3_clear_pending(uint32_t intid);
void gicv3_set_target(uint32_t intid, const struct pcpu *pcpu);

/* A CPU's virtual interface. */
struct fake_gic {
    uint64_t lr[16];
    uint64_t hcr, vtr, vmcr;
    uint64_t ap0r[4], ap1r[4];
};

/* The executing CPU's. */
struct fake_gic *fake_gic(void);

/* An access to a register that this machine does not have: the test fails. */
void fake_gic_check_lr(uint32_t n);
void fake_gic_check_apr(uint32_t n);

static inline void isb(void)
{
}

static inline void icc_sre_el1_write(uint64_t value)
{
    (void)value;
}

static inline uint64_t ich_hcr_read(void)
{
    return fake_gic()->hcr;
}

static inline void ich_hcr_write(uint64_t value)
{
    fake_gic()->hcr = value;
}

static inline uint64_t ich_vtr_read(void)
{
    return fake_gic()->vtr;
}

static inline uint64_t ich_vmcr_read(void)
{
    return fake_gic()->vmcr;
}

static inline void ich_vmcr_write(uint64_t value)
{
    fake_gic()->vmcr = value;
}

/* 12.4.5 */
static inline uint32_t ich_elrsr_read(void)
{
    uint32_t empty = 0;

    for (uint32_t n = 0; n <= (fake_gic()->vtr & ICH_VTR_LISTREGS_MASK); n++) {
        uint64_t lr = fake_gic()->lr[n];

        if ((lr & ICH_LR_STATE) == 0 && ((lr & ICH_LR_HW) || !(lr & ICH_LR_EOI))) {
            empty |= 1u << n;
        }
    }
    return empty;
}

/* 12.4.4 */
static inline uint32_t ich_eisr_read(void)
{
    uint32_t ended = 0;

    for (uint32_t n = 0; n <= (fake_gic()->vtr & ICH_VTR_LISTREGS_MASK); n++) {
        uint64_t lr = fake_gic()->lr[n];

        if ((lr & ICH_LR_STATE) == 0 && !(lr & ICH_LR_HW) && (lr & ICH_LR_EOI)) {
            ended |= 1u << n;
        }
    }
    return ended;
}

static inline uint64_t ich_lr_read(uint32_t n)
{
    fake_gic_check_lr(n);
    return fake_gic()->lr[n];
}

static inline void ich_lr_write(uint32_t n, uint64_t value)
{
    fake_gic_check_lr(n);
    fake_gic()->lr[n] = value;
}

static inline uint64_t ich_ap0r_read(uint32_t n)
{
    fake_gic_check_apr(n);
    return fake_gic()->ap0r[n];
}

static inline void ich_ap0r_write(uint32_t n, uint64_t value)
{
    fake_gic_check_apr(n);
    fake_gic()->ap0r[n] = value;
}

static inline uint64_t ich_ap1r_read(uint32_t n)
{
    fake_gic_check_apr(n);
    return fake_gic()->ap1r[n];
}

static inline void ich_ap1r_write(uint32_t n, uint64_t value)
{
    fake_gic_check_apr(n);
    fake_gic()->ap1r[n] = value;
}

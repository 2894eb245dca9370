/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A small GICv3 driver: one security state, affinity routing, all interrupts in group 1.
 */
#include "aarch64.h"

#define GICD_CTLR_ENABLE_GROUP1    (1u << 1)
#define GICD_CTLR_ARE              (1u << 4)
#define GICR_WAKER_PROCESSOR_SLEEP (1u << 1)
#define GICR_WAKER_CHILDREN_ASLEEP (1u << 2)
#define SGI1R_IRM                  (1ull << 40)

#define DEFAULT_PRIORITY 0xa0u

void gic_init(void)
{
    mmio_write(GICD_BASE + GICD_CTLR, GICD_CTLR_ARE);
    mmio_write(GICD_BASE + GICD_CTLR, GICD_CTLR_ARE | GICD_CTLR_ENABLE_GROUP1);
    unsigned lines = (mmio_read(GICD_BASE + GICD_TYPER) & 0x1f) + 1;
    for (unsigned word = 1; word < lines; word++) {
        mmio_write(GICD_BASE + GICD_IGROUPR + 4 * word, 0xffffffff);
        mmio_write(GICD_BASE + GICD_ICENABLER + 4 * word, 0xffffffff);
    }
}

void gic_cpu_init(void)
{
    uintptr_t redistributor = GICR_BASE + cpu_index() * (uintptr_t)GICR_STRIDE;
    uint32_t waker = mmio_read(redistributor + GICR_WAKER);
    mmio_write(redistributor + GICR_WAKER, waker & ~GICR_WAKER_PROCESSOR_SLEEP);
    while ((mmio_read(redistributor + GICR_WAKER) & GICR_WAKER_CHILDREN_ASLEEP) != 0) {
        cpu_relax();
    }
    uintptr_t sgi = redistributor + GICR_SGI;
    mmio_write(sgi + GICD_IGROUPR, 0xffffffff);
    mmio_write(sgi + GICD_ICENABLER, 0xffffffff);
    for (unsigned intid = 0; intid < 32; intid += 4) {
        mmio_write(sgi + GICD_IPRIORITYR + intid, DEFAULT_PRIORITY * 0x01010101u);
    }
    icc_write(ICC_SRE_EL1, 7);
    isb();
    icc_write(ICC_PMR_EL1, 0xff);
    icc_write(ICC_BPR1_EL1, 0);
    icc_write(ICC_CTLR_EL1, 0);
    icc_write(ICC_IGRPEN1_EL1, 1);
    isb();
}

uintptr_t gic_frame(unsigned intid)
{
    return intid < 32 ? GICR_BASE + cpu_index() * (uintptr_t)GICR_STRIDE + GICR_SGI : GICD_BASE;
}

void gic_set(unsigned intid, unsigned bank)
{
    mmio_write(gic_frame(intid) + bank + intid / 32 * 4, 1u << (intid % 32));
}

bool gic_bit(unsigned intid, unsigned bank)
{
    return (mmio_read(gic_frame(intid) + bank + intid / 32 * 4) >> (intid % 32) & 1) != 0;
}

void gic_enable(unsigned intid)
{
    gic_set(intid, GICD_ISENABLER);
}

void gic_disable(unsigned intid)
{
    gic_set(intid, GICD_ICENABLER);
    /* The write has taken effect when RWP reads 0 (IHI 0069, 12.9.4): bit 31 in GICD_CTLR, bit 3 in
     * GICR_CTLR. */
    if (intid < 32) {
        while ((mmio_read(gic_frame(intid) - GICR_SGI + GICR_CTLR) & (1u << 3)) != 0) {
            cpu_relax();
        }
    } else {
        while ((mmio_read(GICD_BASE + GICD_CTLR) & (1u << 31)) != 0) {
            cpu_relax();
        }
    }
}

void gic_priority(unsigned intid, uint8_t priority)
{
    access_write(gic_frame(intid) + GICD_IPRIORITYR + intid, 1, priority);
}

void gic_config(unsigned intid, bool edge)
{
    uintptr_t address = gic_frame(intid) + GICD_ICFGR + intid / 16 * 4;
    uint32_t bit = 2u << (2 * (intid % 16));
    uint32_t value = mmio_read(address);
    mmio_write(address, edge ? value | bit : value & ~bit);
}

void gic_route(unsigned intid, unsigned index)
{
    access_write(GICD_BASE + GICD_IROUTER + 8 * (uintptr_t)intid, 8, cpu_mpidr(index));
}

void gic_send(unsigned intid, unsigned targets)
{
    dsb(); /* what the receiver is to see must be visible before the interrupt */
    icc_write(ICC_SGI1R_EL1, (uint64_t)intid << 24 | targets);
    isb();
}

void gic_send_others(unsigned intid)
{
    dsb();
    icc_write(ICC_SGI1R_EL1, (uint64_t)intid << 24 | SGI1R_IRM);
    isb();
}

unsigned gic_wait(uint64_t timeout_us)
{
    uint64_t start = time_us();
    for (;;) {
        unsigned intid = gic_acknowledge();
        if (intid != INTID_SPURIOUS || time_us() - start > timeout_us) {
            return intid;
        }
        cpu_relax();
    }
}

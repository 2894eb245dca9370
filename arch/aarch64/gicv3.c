/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Physical GICv3: distributor, redistributors and CPU interfaces, owned by the hypervisor.
 *
 * All interrupts are group 1. ICC_CTLR_EL1.EOImode is 1: EOIR drops the running priority only, and
 * an interrupt that belongs to a guest stays active until the guest's own EOI, linked to it by the
 * list register, deactivates it. So a level-triggered device interrupts once for each time it is
 * handled, and no guest can storm the hypervisor with it.
 *
 * Source: Arm GIC Architecture Specification, IHI 0069H, chapters 4 and 12.
 */
#include <arch/gicv3.h>
#include <arch/gicv3_driver.h>
#include <arch/sysreg.h>
#include <hv/tables.h>

/* All of one priority: physical interrupts do not preempt the hypervisor. */
#define PRIORITY           0xa0a0a0a0u
#define PRIORITY_MASK_OPEN 0xffu

static uint32_t read32(uint64_t address)
{
    return *(volatile uint32_t *)address;
}

static void write32(uint64_t address, uint32_t value)
{
    *(volatile uint32_t *)address = value;
}

static void write64(uint64_t address, uint64_t value)
{
    *(volatile uint64_t *)address = value;
}

/* GICD_IROUTER and the redistributors name a CPU by its affinity (12.9.22). */
static void route(uint32_t intid, const struct pcpu *pcpu)
{
    write64(board.gicd.pa + GICD_IROUTER + 8u * intid, pcpu->config->arch.mpidr);
}

static void set_edge(uint32_t intid, bool is_edge)
{
    uint64_t address = board.gicd.pa + GICD_ICFGR + 4u * (intid / 16);
    uint32_t bit = 2u << (2 * (intid % 16));
    uint32_t value = read32(address);

    write32(address, is_edge ? value | bit : value & ~bit);
}

static void wait_distributor(void)
{
    while ((read32(board.gicd.pa + GICD_CTLR) & GICD_CTLR_RWP) != 0) {
        arch_cpu_relax();
    }
}

void gicv3_init_distributor(void)
{
    uint64_t gicd = board.gicd.pa;
    uint32_t count = 32 * ((read32(gicd + GICD_TYPER) & GICD_TYPER_ITLINES_MASK) + 1);

    write32(gicd + GICD_CTLR, 0);
    wait_distributor();
    for (uint32_t first = GIC_SPI_FIRST; first < count; first += 32) {
        write32(gicd + GICD_ICENABLER + first / 8, UINT32_MAX);
        write32(gicd + GICD_ICPENDR + first / 8, UINT32_MAX);
        write32(gicd + GICD_ICACTIVER + first / 8, UINT32_MAX);
        write32(gicd + GICD_IGROUPR + first / 8, UINT32_MAX);
    }
    for (uint32_t intid = GIC_SPI_FIRST; intid < count; intid += 4) {
        write32(gicd + GICD_IPRIORITYR + intid, PRIORITY);
    }
    wait_distributor();
    write32(gicd + GICD_CTLR, GICD_CTLR_ARE | GICD_CTLR_ENABLE_GRP1);
    wait_distributor();

    for (uint32_t intid = GIC_SPI_FIRST; intid < irq_route_count && intid < count; intid++) {
        const struct irq_route *irq = &irq_routes[intid];

        if (irq->owner == IRQ_OWNER_CONSOLE) {
            set_edge(intid, irq->is_edge);
            route(intid, arch_this_pcpu());
            gicv3_set_enabled(intid, true);
        } else if (irq->owner == IRQ_OWNER_VM) {
            set_edge(intid, irq->is_edge);
            route(intid, vcpus[vm_configs[irq->vm].vcpu_first].pcpu);
        }
    }
}

void gicv3_init_cpu(struct pcpu *pcpu)
{
    uint64_t gicr = pcpu->config->arch.gicr.pa;

    write32(gicr + GICR_WAKER, 0);
    while ((read32(gicr + GICR_WAKER) & GICR_WAKER_CHILDREN_ASLEEP) != 0) {
        arch_cpu_relax();
    }
    write32(gicr + GICR_ICENABLER0, UINT32_MAX);
    while ((read32(gicr + GICR_CTLR) & GICR_CTLR_RWP) != 0) {
        arch_cpu_relax();
    }
    write32(gicr + GICR_ICPENDR0, UINT32_MAX);
    write32(gicr + GICR_ICACTIVER0, UINT32_MAX);
    write32(gicr + GICR_IGROUPR0, UINT32_MAX);
    for (uint32_t intid = 0; intid < GIC_PRIVATE_COUNT; intid += 4) {
        write32(gicr + GICR_IPRIORITYR + intid, PRIORITY);
    }
    write32(gicr + GICR_ISENABLER0, (1u << GICV3_SGI_KICK) | (1u << board.vtimer_intid) |
                                        (1u << board.htimer_intid) |
                                        (1u << board.maintenance_intid));

    icc_sre_el2_write(ICC_SRE_SRE | ICC_SRE_DFB | ICC_SRE_DIB | ICC_SRE_ENABLE);
    isb();
    icc_pmr_write(PRIORITY_MASK_OPEN);
    icc_bpr1_write(0);
    icc_ctlr_write(ICC_CTLR_EOIMODE);
    icc_igrpen1_write(1);
    isb();
}

void gicv3_close_sre(void)
{
    icc_sre_el2_write(ICC_SRE_SRE | ICC_SRE_DFB | ICC_SRE_DIB);
    isb();
}

void gicv3_kick(const struct pcpu *pcpu)
{
    uint64_t mpidr = pcpu->config->arch.mpidr;
    uint64_t aff0 = mpidr & 0xff;

    __asm__ volatile("dsb ishst" ::: "memory"); /* what the kick is about is seen before it */
    icc_sgi1r_write(((mpidr >> 32) & 0xff) << ICC_SGIR_AFF3_SHIFT |
                    (aff0 / 16) << ICC_SGIR_RS_SHIFT |
                    ((mpidr >> 16) & 0xff) << ICC_SGIR_AFF2_SHIFT |
                    ((mpidr >> 8) & 0xff) << ICC_SGIR_AFF1_SHIFT |
                    (uint64_t)GICV3_SGI_KICK << ICC_SGIR_INTID_SHIFT | BIT(aff0 % 16));
    isb();
}

/* What was acknowledged is active before memory-mapped registers change active states: reads of
 * ICC_IAR1_EL1 need a barrier for that (IHI 0069H, 4.4). It stands here and not where interrupts
 * are acknowledged, since hardly any of them leads here. */
static void settle_acknowledged(void)
{
    dsb_sy();
}

void gicv3_set_private_active(const struct pcpu *pcpu, uint32_t intid, bool active)
{
    uint64_t gicr = pcpu->config->arch.gicr.pa;

    settle_acknowledged();
    write32(gicr + (active ? GICR_ISACTIVER0 : GICR_ICACTIVER0), 1u << intid);
    /* It has taken effect before the timer is switched, which is a system register. */
    (void)read32(gicr + GICR_ISACTIVER0);
    dsb_sy();
}

void gicv3_deactivate(uint32_t intid)
{
    if (intid < GIC_PRIVATE_COUNT) {
        gicv3_set_private_active(arch_this_pcpu(), intid, false);
    } else {
        settle_acknowledged();
        write32(board.gicd.pa + GICD_ICACTIVER + 4 * (intid / 32), 1u << (intid % 32));
    }
}

void gicv3_set_enabled(uint32_t intid, bool enabled)
{
    write32(board.gicd.pa + (enabled ? GICD_ISENABLER : GICD_ICENABLER) + 4 * (intid / 32),
            1u << (intid % 32));
}

void gicv3_clear_pending(uint32_t intid)
{
    write32(board.gicd.pa + GICD_ICPENDR + 4 * (intid / 32), 1u << (intid % 32));
}

void gicv3_set_target(uint32_t intid, const struct pcpu *pcpu)
{
    route(intid, pcpu);
}

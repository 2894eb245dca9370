/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whether the machine is the board: CPU models, GICv3. See hv/arch/check.h; arch_probe() is in
 * vectors.S.
 *
 * Source: Arm ARM DDI 0487, D19.2 (MIDR_EL1, ID_AA64MMFR0_EL1, ID_AA64PFR0_EL1); Arm IHI 0069H,
 * 12.9 (GICD_PIDR2, GICD_TYPER), 12.11 (GICR_TYPER).
 */
#include <arch/gicv3_regs.h>
#include <arch/sysreg.h>
#include <hv/arch/check.h>
#include <hv/arch/mm.h>
#include <hv/check.h>
#include <hv/tables.h>

#define MIDR_MODEL      UINT64_C(0xff00fff0) /* implementer and part, of any revision */
#define PARANGE_40      2u
#define PFR0_GIC(pfr0)  ((pfr0) >> 24 & 0xf)
#define PIDR2_ARCH(reg) ((reg) >> 4 & 0xf)

void arch_check_cpu(const struct pcpu *pcpu)
{
    const struct arch_pcpu_config *config = &pcpu->config->arch;

    if (config->midr != 0) { /* a model that the generator knows */
        check_equal("MIDR_EL1 (model) of CPU", config->mpidr, config->midr,
                    read_sysreg(midr_el1) & MIDR_MODEL);
    }
    check_least("ID_AA64MMFR0_EL1.PARange of CPU", config->mpidr, PARANGE_40,
                read_sysreg(id_aa64mmfr0_el1) & 0xf);
    check_feature("the system registers of a GICv3", config->mpidr,
                  PFR0_GIC(read_sysreg(id_aa64pfr0_el1)) != 0);
}

void arch_check_board(void)
{
    uint64_t gicd = board.gicd.pa;
    uint32_t pidr2 = check_register("GIC distributor", 0, (paddr_t){ gicd + GICD_PIDR2 });
    uint32_t typer = check_register("GIC distributor", 0, (paddr_t){ gicd + GICD_TYPER });

    check_least("version of GIC", 0, 3, PIDR2_ARCH(pidr2));
    check_least("interrupts of GIC", 0, irq_route_count,
                32 * ((typer & GICD_TYPER_ITLINES_MASK) + 1));
    for (uint32_t i = 0; i < pcpu_count; i++) {
        uint64_t mpidr = pcpu_configs[i].arch.mpidr;

        /* Trees do not say which redistributor is whose; the generator took them in order. */
        check_equal("GIC redistributor of CPU", mpidr, mpidr >> 32 << 24 | (mpidr & 0xffffff),
                    check_register("GIC redistributor of CPU", mpidr,
                                   (paddr_t){ pcpu_configs[i].arch.gicr.pa + GICR_TYPER + 4 }));
    }
}

void arch_probe_write(paddr_t address, uint32_t value)
{
    *(volatile uint32_t *)address.pa = value;
    arch_mm_sync(address, sizeof value);
}

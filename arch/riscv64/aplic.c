/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Physical APLIC. See arch/aplic.h.
 *
 * The firmware has delegated the wired sources to the supervisor domain and told the domain where
 * the interrupt files are (4.5.3, 4.5.4).
 *
 * Source: RISC-V Advanced Interrupt Architecture 1.0, chapter 4.
 */
#include <arch/aplic.h>
#include <arch/imsic.h>
#include <hv/arch/cpu.h>
#include <hv/tables.h>

static uint32_t read32(uint64_t offset)
{
    return *(volatile uint32_t *)(board.aplic.pa + offset);
}

static void write32(uint64_t offset, uint32_t value)
{
    *(volatile uint32_t *)(board.aplic.pa + offset) = value;
}

/* A CPU's number in targets: its place among the interrupt files (3.6). */
static uint32_t hart_index(const struct pcpu *pcpu)
{
    uint64_t place = pcpu->config->arch.imsic.pa / IMSIC_FILE_SIZE >> board.imsic_guest_bits;

    return (uint32_t)place & ((1u << board.imsic_hart_bits) - 1);
}

void aplic_init(void)
{
    write32(APLIC_DOMAINCFG, 0);
    for (uint32_t source = 1; source <= board.aplic_source_count; source++) {
        const struct irq_route *irq = source < irq_route_count ? &irq_routes[source] : NULL;

        aplic_set_mode(source, APLIC_SM_INACTIVE);
        if (irq != NULL && irq->owner == IRQ_OWNER_CONSOLE) {
            aplic_set_mode(source, irq->is_edge ? APLIC_SM_EDGE1 : APLIC_SM_LEVEL1);
            aplic_set_target(source, arch_this_pcpu(), IMSIC_FILE_HV, IMSIC_ID_SOURCE(source));
            aplic_set_enabled(source, true);
        }
    }
    write32(APLIC_DOMAINCFG, APLIC_DOMAINCFG_IE | APLIC_DOMAINCFG_DM);
}

void aplic_set_mode(uint32_t source, uint32_t mode)
{
    write32(APLIC_SOURCECFG + 4 * source, mode);
}

void aplic_set_target(uint32_t source, const struct pcpu *pcpu, uint32_t file, uint32_t identity)
{
    write32(APLIC_TARGET + 4 * source, hart_index(pcpu) << APLIC_TARGET_HART_SHIFT |
                                           file << APLIC_TARGET_FILE_SHIFT | identity);
}

void aplic_set_enabled(uint32_t source, bool enabled)
{
    write32(enabled ? APLIC_SETIENUM : APLIC_CLRIENUM, source);
}

void aplic_set_pending(uint32_t source, bool pending)
{
    write32(pending ? APLIC_SETIPNUM : APLIC_CLRIPNUM, source);
}

void aplic_end(uint32_t source)
{
    /* By the specification setipnum alone looks at the input; QEMU 7.2 does not. */
    if (aplic_input(source)) {
        aplic_set_pending(source, true);
    }
}

bool aplic_is_pending(uint32_t source)
{
    return (read32(APLIC_SETIP + 4 * (source / 32)) >> source % 32 & 1) != 0;
}

bool aplic_input(uint32_t source)
{
    return (read32(APLIC_IN_CLRIP + 4 * (source / 32)) >> source % 32 & 1) != 0;
}

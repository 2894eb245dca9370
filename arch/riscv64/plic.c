/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Physical PLIC. See arch/plic.h.
 *
 * All sources in use have one priority and no context has a threshold: the hypervisor takes what
 * comes, and its masked interrupts make it one at a time. Which source goes first for a guest is
 * the virtual PLIC's affair.
 *
 * Enable bits of different VMs lie in the same words, hence plic_lock. Claims and completions are
 * single accesses.
 *
 * Source: RISC-V Platform-Level Interrupt Controller Specification 1.0.0.
 */
#include <arch/plic.h>
#include <hv/arch/cpu.h>
#include <hv/lock.h>
#include <hv/tables.h>

#define PRIORITY 1u

static struct spinlock plic_lock;

static uint32_t read32(uint64_t offset)
{
    return *(volatile uint32_t *)(board.plic.pa + offset);
}

static void write32(uint64_t offset, uint32_t value)
{
    *(volatile uint32_t *)(board.plic.pa + offset) = value;
}

/* Offset of the registers of a CPU's context. */
static uint64_t context(const struct pcpu *pcpu)
{
    return PLIC_CONTEXT + (uint64_t)PLIC_CONTEXT_STRIDE * pcpu->config->arch.plic_context;
}

/* Offset of the word with the enable bit of a source in a CPU's context. */
static uint64_t enable_word(uint32_t source, const struct pcpu *pcpu)
{
    return PLIC_ENABLE + (uint64_t)PLIC_ENABLE_STRIDE * pcpu->config->arch.plic_context +
           4 * (source / 32);
}

void plic_init(void)
{
    for (uint32_t i = 0; i < pcpu_count; i++) {
        for (uint32_t source = 0; source <= board.plic_source_count; source += 32) {
            write32(enable_word(source, &pcpus[i]), 0);
        }
    }
    for (uint32_t source = 1; source <= board.plic_source_count; source++) {
        const struct irq_route *irq = source < irq_route_count ? &irq_routes[source] : NULL;
        bool is_used = irq != NULL && irq->owner != IRQ_OWNER_NONE;

        write32(PLIC_PRIORITY + 4 * source, is_used ? PRIORITY : 0);
        if (is_used && irq->owner == IRQ_OWNER_CONSOLE) {
            plic_set_enabled(source, arch_this_pcpu(), true);
        }
    }
}

void plic_init_cpu(const struct pcpu *pcpu)
{
    write32(context(pcpu) + PLIC_THRESHOLD, 0);
}

uint32_t plic_claim(const struct pcpu *pcpu)
{
    return read32(context(pcpu) + PLIC_CLAIM);
}

void plic_complete(uint32_t source, const struct pcpu *pcpu)
{
    write32(context(pcpu) + PLIC_CLAIM, source);
}

void plic_set_enabled(uint32_t source, const struct pcpu *pcpu, bool enabled)
{
    uint64_t offset = enable_word(source, pcpu);
    uint32_t bit = 1u << source % 32;
    uint32_t value;

    spin_lock(&plic_lock);
    value = read32(offset);
    write32(offset, enabled ? value | bit : value & ~bit);
    spin_unlock(&plic_lock);
}

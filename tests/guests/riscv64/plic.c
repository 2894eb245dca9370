/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A small PLIC driver for S-mode. A VM's PLIC has one context for each hart; that of QEMU's machine
 * has two, of which the second is S-mode's.
 */
#include "riscv64.h"

uintptr_t plic_context(unsigned offset, unsigned stride, unsigned index)
{
    uint64_t context = on_hypervisor() ? index : 2 * cpu_hart(index) + 1;
    return PLIC_BASE + offset + stride * context;
}

void plic_priority(unsigned source, uint32_t priority)
{
    mmio_write(PLIC_BASE + 4 * (uintptr_t)source, priority);
}

void plic_enable(unsigned source, bool enable)
{
    uintptr_t word = plic_context(PLIC_ENABLE, 0x80, cpu_index()) + source / 32 * 4;
    uint32_t bit = 1u << (source % 32);
    uint32_t value = mmio_read(word);
    mmio_write(word, enable ? value | bit : value & ~bit);
}

void plic_threshold(uint32_t threshold)
{
    mmio_write(plic_context(PLIC_THRESHOLD, 0x1000, cpu_index()), threshold);
}

bool plic_pending(unsigned source)
{
    return (mmio_read(PLIC_BASE + PLIC_PENDING + source / 32 * 4) >> (source % 32) & 1) != 0;
}

uint32_t plic_claim(void)
{
    return mmio_read(plic_context(PLIC_CLAIM, 0x1000, cpu_index()));
}

void plic_complete(uint32_t source)
{
    mmio_write(plic_context(PLIC_CLAIM, 0x1000, cpu_index()), source);
}

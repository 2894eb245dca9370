/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A small IOAPIC driver. CPU 0 alone uses it.
 */
#include "x86_64.h"

uint32_t ioapic_read(unsigned number)
{
    mmio_write(IOAPIC_BASE + IOAPIC_REGSEL, number);
    return mmio_read(IOAPIC_BASE + IOAPIC_WIN);
}

void ioapic_write(unsigned number, uint32_t value)
{
    mmio_write(IOAPIC_BASE + IOAPIC_REGSEL, number);
    mmio_write(IOAPIC_BASE + IOAPIC_WIN, value);
}

void ioapic_route(unsigned pin, uint32_t destination, uint32_t entry)
{
    ioapic_write(IOAPIC_ENTRY + 2 * pin, RTE_MASKED);
    ioapic_write(IOAPIC_ENTRY + 2 * pin + 1, destination << 24);
    ioapic_write(IOAPIC_ENTRY + 2 * pin, entry);
}

uint32_t ioapic_entry(unsigned pin)
{
    return ioapic_read(IOAPIC_ENTRY + 2 * pin);
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The local APIC of the calling CPU, in x2APIC mode unless lapic_use_xapic() said otherwise.
 */
#include "x86_64.h"

static bool is_xapic; /* of all CPUs; written before another starts */

void lapic_init(void)
{
    uint64_t base = msr_read(MSR_APIC_BASE);
    if (is_xapic && (base & APIC_BASE_EXTD) != 0) { /* only by way of "disabled" */
        base &= ~(APIC_BASE_ENABLE | APIC_BASE_EXTD);
        msr_write(MSR_APIC_BASE, base);
    }
    base |= APIC_BASE_ENABLE;
    msr_write(MSR_APIC_BASE, is_xapic ? base : base | APIC_BASE_EXTD);
    lapic_write(LAPIC_SVR, SVR_ENABLE | VECTOR_SPURIOUS);
    if (is_xapic) {
        lapic_write(LAPIC_DFR, UINT32_MAX); /* flat: CPU n is bit n */
        lapic_write(LAPIC_LDR, 1u << (24 + cpu_index()));
    }
}

void lapic_use_xapic(void)
{
    is_xapic = true;
    lapic_init();
}

uint64_t lapic_read(unsigned offset)
{
    return is_xapic ? mmio_read(LAPIC_BASE + offset) : msr_read(MSR_X2APIC + offset / 16);
}

void lapic_write(unsigned offset, uint64_t value)
{
    if (is_xapic) {
        mmio_write(LAPIC_BASE + offset, (uint32_t)value);
    } else {
        msr_write(MSR_X2APIC + offset / 16, value);
    }
}

void lapic_send(uint32_t destination, uint32_t command)
{
    if (is_xapic) {
        lapic_write(LAPIC_ICR_HIGH, destination << 24);
        lapic_write(LAPIC_ICR, command);
    } else {
        lapic_write(LAPIC_ICR, (uint64_t)destination << 32 | command);
    }
}

void lapic_end(void)
{
    lapic_write(LAPIC_EOI, 0);
}

bool lapic_has(unsigned set, unsigned vector)
{
    return (lapic_read(set + vector / 32 * 16) >> vector % 32 & 1) != 0;
}

bool lapic_pending(unsigned vector)
{
    return lapic_has(LAPIC_IRR, vector);
}

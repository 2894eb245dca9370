/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Windows into guest memory. See hv/arch/mm.h.
 *
 * Opening a window only adds entries to what this CPU may translate, so nothing has to be flushed;
 * closing it takes them away, so this CPU's EL2 translations are dropped (EL2 has no ASIDs without
 * VHE). Guests start with their caches off, so what was written is cleaned to the point of
 * coherency.
 *
 * Source: Arm ARM DDI 0487, D8.14 (TLB maintenance), D7.5 (caches), B2.4.4 (instruction caches).
 */
#include <arch/sysreg.h>
#include <hv/arch/mm.h>
#include <hv/string.h>

extern const uint64_t hv_map_root[];

static void use_map(uint64_t root)
{
    write_sysreg(ttbr0_el2, root);
    isb();
}

void arch_window_open(paddr_t root)
{
    use_map(root.pa);
}

void arch_window_close(void)
{
    use_map((uint64_t)hv_map_root);
    __asm__ volatile("dsb nsh; tlbi alle2; dsb nsh" ::: "memory");
    isb();
}

/* Smallest data cache line of the machine, bytes (CTR_EL0.DminLine). */
static uint64_t line_size(void)
{
    return UINT64_C(4) << ((read_sysreg(ctr_el0) >> 16) & 0xf);
}

static void clean(paddr_t base, uint64_t size)
{
    uint64_t line = line_size();

    for (uint64_t p = base.pa & ~(line - 1); p < base.pa + size; p += line) {
        __asm__ volatile("dc civac, %0" : : "r"(p) : "memory");
    }
    dsb_ish();
}

void arch_mm_zero(paddr_t base, uint64_t size)
{
    uint64_t dczid = read_sysreg(dczid_el0);
    uint64_t block = UINT64_C(4) << (dczid & 0xf);

    if ((dczid & BIT(4)) != 0) { /* DC ZVA is prohibited */
        memset((void *)base.pa, 0, size);
    } else {
        for (uint64_t p = base.pa; p < base.pa + size; p += block) {
            __asm__ volatile("dc zva, %0" : : "r"(p) : "memory");
        }
    }
    clean(base, size);
}

void arch_mm_sync(paddr_t base, uint64_t size)
{
    clean(base, size);
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Windows into guest memory. See hv/arch/mm.h. Loading CR3 drops this CPU's translations, and no
 * entry is global (APM vol. 2, 5.5.2).
 */
#include <arch/x86.h>
#include <hv/arch/mm.h>
#include <hv/string.h>

extern const uint64_t hv_map_root[];

void arch_window_open(paddr_t root)
{
    write_cr3(root.pa);
}

void arch_window_close(void)
{
    write_cr3((uint64_t)hv_map_root);
}

void arch_mm_zero(paddr_t base, uint64_t size)
{
    memset((void *)base.pa, 0, size);
}

/* Caches are coherent, with instruction fetches as well (APM vol. 2, 7.6.1). */
void arch_mm_sync(paddr_t base, uint64_t size)
{
    (void)base;
    (void)size;
}

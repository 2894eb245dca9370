/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Windows into guest memory. See hv/arch/mm.h.
 *
 * Harts may remember that an address was not mapped, so the translations of this hart are dropped
 * when a window opens as well as when it closes (RISC-V Privileged Architecture 20240411, 10.2.1).
 */
#include <arch/csr.h>
#include <hv/arch/mm.h>
#include <hv/string.h>

extern const uint64_t hv_map_root[];

static void use_map(uint64_t root)
{
    csr_write(CSR_SATP, SATP_MODE_SV39 | root / HV_PAGE_SIZE);
    sfence_vma();
}

void arch_window_open(paddr_t root)
{
    use_map(root.pa);
}

void arch_window_close(void)
{
    use_map((uint64_t)hv_map_root);
}

void arch_mm_zero(paddr_t base, uint64_t size)
{
    memset((void *)base.pa, 0, size);
}

/* Each vCPU's hart does its own fence.i when it loads the vCPU after a reset (vcpu.c); all that is
 * wanted here is that the bytes are written before that. */
void arch_mm_sync(paddr_t base, uint64_t size)
{
    (void)base;
    (void)size;
    __asm__ volatile("fence rw, rw" ::: "memory");
    fence_i();
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Guest memory, as the hypervisor sees it where the processor does not tell it what it must know:
 * instructions that access devices, string I/O, structures that a guest names by address.
 *
 * Guest memory is not mapped. A window on the VM is open while one piece of at most a page is
 * copied, or one entry of the guest's page tables read; every address on the way is looked up in
 * the VM's generated memory regions, so nothing but the VM's own memory is ever touched. What the
 * guest's tables say meanwhile may change under our hands: then the answer is wrong for this guest,
 * and for nobody else.
 *
 * Source: AMD64 Architecture Programmer's Manual volume 2 (24593), 5.2-5.4 (page tables), 5.6
 * (permissions).
 */
#include <arch/trap.h>
#include <arch/x86.h>
#include <hv/arch/mm.h>
#include <hv/string.h>
#include <hv/tables.h>

#define ENTRY_PRESENT BIT(0)
#define ENTRY_WRITE   BIT(1)
#define ENTRY_USER    BIT(2)
#define ENTRY_LARGE   BIT(7)
#define ENTRY_ADDRESS UINT64_C(0x000ffffffffff000)

/* A format of page tables: its root is CR3 & root_mask. */
struct paging {
    uint64_t root_mask;
    uint8_t levels;
    uint8_t index_bits; /* of all levels but the root's */
    uint8_t root_bits;
    uint8_t entry_size;
};

static const struct paging paging_long = { ENTRY_ADDRESS, 4, 9, 9, 8 };
static const struct paging paging_pae = { 0xffffffe0, 3, 9, 2, 8 };
static const struct paging paging_legacy = { 0xfffff000, 2, 10, 10, 4 };

/* Finds [ipa, ipa + size) in the machine; all of it lies in one region with those permissions. */
static bool find(const struct vm_config *vm, uint64_t ipa, uint32_t size, uint32_t permissions,
                 uint64_t *pa)
{
    for (uint32_t i = 0; i < vm->memory_count; i++) {
        const struct mem_region *region = &vm->memory[i];

        if (range_contains(region->ipa.ipa, region->size, ipa, size)) {
            *pa = region->pa.pa + (ipa - region->ipa.ipa);
            return (region->permissions & permissions) == permissions;
        }
    }
    return false;
}

static bool copy(struct vcpu *v, uint64_t ipa, uint32_t size, void *to, const void *from)
{
    const struct vm_config *vm = v->vm->config;
    uint64_t pa;

    if (!find(vm, ipa, size, to != NULL ? MEM_READ : MEM_READ | MEM_WRITE, &pa)) {
        return false;
    }
    arch_window_open(vm->arch.window);
    if (to != NULL) {
        memcpy(to, (const void *)pa, size);
    } else {
        memcpy((void *)pa, from, size);
    }
    arch_window_close();
    return true;
}

bool guest_read(struct vcpu *v, ipa_t ipa, void *to, uint32_t size)
{
    return copy(v, ipa.ipa, size, to, NULL);
}

bool guest_write(struct vcpu *v, ipa_t ipa, const void *from, uint32_t size)
{
    return copy(v, ipa.ipa, size, NULL, from);
}

static const struct paging *paging_of(const struct vmcb *vmcb)
{
    if ((vmcb->efer & EFER_LMA) != 0) {
        return &paging_long;
    }
    return (vmcb->cr4 & CR4_PAE) != 0 ? &paging_pae : &paging_legacy;
}

/* True when the entry is the last one of the walk; `level` counts down to 1. */
static bool is_leaf(const struct vmcb *vmcb, const struct paging *paging, uint32_t level,
                    uint64_t entry)
{
    bool may_be_large = level == 2 || (level == 3 && paging == &paging_long);

    if (paging == &paging_legacy && (vmcb->cr4 & CR4_PSE) == 0) {
        may_be_large = false;
    }
    return level == 1 || (may_be_large && (entry & ENTRY_LARGE) != 0);
}

/* Translates a linear address as the guest's own access would be, but for SMEP, SMAP and NX. */
static bool walk(struct vcpu *v, uint64_t linear, bool is_write, uint64_t *ipa)
{
    const struct vmcb *vmcb = v->arch.vmcb;
    const struct paging *paging = paging_of(vmcb);
    bool is_user = vmcb->cpl == 3;
    uint64_t needed = ENTRY_PRESENT | (is_user ? ENTRY_USER : 0);
    uint64_t table = vmcb->cr3 & paging->root_mask;
    uint32_t shift = 12u + paging->index_bits * (paging->levels - 1u);

    if ((vmcb->cr0 & CR0_PG) == 0) {
        *ipa = linear & UINT32_MAX;
        return true;
    }
    needed |= is_write && (is_user || (vmcb->cr0 & CR0_WP) != 0) ? ENTRY_WRITE : 0;
    for (uint32_t level = paging->levels; level > 0; level--) {
        uint32_t bits = level == paging->levels ? paging->root_bits : paging->index_bits;
        uint64_t index = linear >> shift & (BIT(bits) - 1);
        uint64_t entry = 0;
        bool is_pdpte = paging == &paging_pae && level == 3; /* has no permissions */

        if (!guest_read(v, (ipa_t){ table + index * paging->entry_size }, &entry,
                        paging->entry_size) ||
            (entry & (is_pdpte ? ENTRY_PRESENT : needed)) != (is_pdpte ? ENTRY_PRESENT : needed)) {
            return false;
        }
        if (is_leaf(vmcb, paging, level, entry)) {
            uint64_t offset_mask = BIT(shift) - 1;

            *ipa = (entry & ENTRY_ADDRESS & ~offset_mask) | (linear & offset_mask);
            return true;
        }
        table = entry & ENTRY_ADDRESS;
        shift -= paging->index_bits;
    }
    return false;
}

/* Bytes from a linear address to the end of its page, at most `size`. */
static uint32_t in_page(uint64_t linear, uint32_t size)
{
    uint32_t rest = HV_PAGE_SIZE - (uint32_t)(linear % HV_PAGE_SIZE);

    return size < rest ? size : rest;
}

uint32_t guest_read_linear(struct vcpu *v, uint64_t linear, uint8_t *to, uint32_t size)
{
    uint32_t done = 0;

    while (done < size) {
        uint32_t part = in_page(linear + done, size - done);
        uint64_t ipa;

        if (!walk(v, linear + done, false, &ipa) ||
            !guest_read(v, (ipa_t){ ipa }, to + done, part)) {
            break;
        }
        done += part;
    }
    return done;
}

uint32_t guest_write_linear(struct vcpu *v, uint64_t linear, const uint8_t *from, uint32_t size)
{
    uint32_t done = 0;

    while (done < size) {
        uint32_t part = in_page(linear + done, size - done);
        uint64_t ipa;

        if (!walk(v, linear + done, true, &ipa) ||
            !guest_write(v, (ipa_t){ ipa }, from + done, part)) {
            break;
        }
        done += part;
    }
    return done;
}

uint32_t guest_fetch(struct vcpu *v, uint8_t bytes[INSTRUCTION_MAX])
{
    const struct vmcb *vmcb = v->arch.vmcb;
    bool is_long = (vmcb->cs.attributes & SEGMENT_L) != 0;
    uint64_t linear = is_long ? vmcb->rip : (uint32_t)(vmcb->cs.base + vmcb->rip);

    return guest_read_linear(v, linear, bytes, INSTRUCTION_MAX);
}

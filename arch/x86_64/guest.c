/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Guest memory, as the hypervisor sees it where the processor does not tell it what it must know:
 * instructions that access devices, string I/O, structures that a guest names by address.
 *
 * Guest memory is not mapped. A window on the VM is open while a few bytes are copied, page tables
 * walked on the way; every address there is looked up in the VM's generated memory regions, so
 * nothing but the VM's own memory is ever touched. What the guest's tables say meanwhile may change
 * under our hands: then the answer is wrong for this guest, and for nobody else.
 *
 * Source: AMD64 Architecture Programmer's Manual volume 2 (24593), 5.2-5.4 (page tables), 5.6
 * (permissions).
 */
#include <arch/trap.h>
#include <arch/x86.h>
#include <hv/arch/mm.h>
#include <hv/memory.h>
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
static bool find(const struct vm *vm, uint64_t ipa, uint32_t size, uint32_t permissions,
                 uint64_t *pa)
{
    const struct mem_region *region = memory_at(vm, (ipa_t){ ipa }, size);

    if (region == NULL) {
        return false;
    }
    *pa = region->pa.pa + (ipa - region->ipa.ipa);
    return (region->permissions & permissions) == permissions;
}

bool guest_write(struct vcpu *v, ipa_t ipa, const void *from, uint32_t size)
{
    uint64_t pa;

    if (!find(v->vm, ipa.ipa, size, MEM_READ | MEM_WRITE, &pa)) {
        return false;
    }
    arch_window_open(v->vm->config->arch.window);
    memcpy((void *)pa, from, size);
    arch_window_close();
    return true;
}

/* ---- With the window open ---- */

static const struct paging *paging_of(const struct vmcb *vmcb)
{
    if ((vmcb->efer & EFER_LMA) != 0) {
        return &paging_long;
    }
    return (vmcb->cr4 & CR4_PAE) != 0 ? &paging_pae : &paging_legacy;
}

/* The levels, as bits, at which an entry may map a large page. */
static uint32_t large_levels(const struct vmcb *vmcb, const struct paging *paging)
{
    if (paging == &paging_long) {
        return 1u << 3 | 1u << 2;
    }
    return paging == &paging_pae || (vmcb->cr4 & CR4_PSE) != 0 ? 1u << 2 : 0;
}

/* Reads an entry once: other vCPUs may change it. */
static bool read_entry(const struct vm *vm, uint64_t ipa, uint32_t size, uint64_t *entry)
{
    uint64_t pa;

    if (!find(vm, ipa, size, MEM_READ, &pa)) {
        return false;
    }
    *entry = size == 8 ? mmio_read64(pa) : mmio_read32(pa);
    return true;
}

/* Translates a linear address as the guest's own access would be, but for SMEP, SMAP and NX. */
static bool walk(struct vcpu *v, uint64_t linear, bool is_write, uint64_t *ipa)
{
    const struct vmcb *vmcb = v->arch.vmcb;
    const struct paging *paging = paging_of(vmcb);
    uint32_t large = large_levels(vmcb, paging);
    uint32_t bits = paging->root_bits;
    uint32_t shift = 12u + paging->index_bits * (paging->levels - 1u);
    bool is_user = vmcb->cpl == 3;
    uint64_t needed = ENTRY_PRESENT | (is_user ? ENTRY_USER : 0);
    uint64_t table = vmcb->cr3 & paging->root_mask;

    if ((vmcb->cr0 & CR0_PG) == 0) {
        *ipa = linear & UINT32_MAX;
        return true;
    }
    needed |= is_write && (is_user || (vmcb->cr0 & CR0_WP) != 0) ? ENTRY_WRITE : 0;
    for (uint32_t level = paging->levels; level > 0; level--) {
        uint64_t index = linear >> shift & (BIT(bits) - 1);
        bool is_pdpte = paging == &paging_pae && level == 3; /* has no permissions */
        uint64_t wanted = is_pdpte ? ENTRY_PRESENT : needed;
        uint64_t entry;

        if (!read_entry(v->vm, table + index * paging->entry_size, paging->entry_size, &entry) ||
            (entry & wanted) != wanted) {
            return false;
        }
        table = entry & ENTRY_ADDRESS;
        if (level == 1 || ((large >> level & 1) != 0 && (entry & ENTRY_LARGE) != 0)) {
            uint64_t offset_mask = BIT(shift) - 1;

            *ipa = (table & ~offset_mask) | (linear & offset_mask);
            return true;
        }
        shift -= paging->index_bits;
        bits = paging->index_bits;
    }
    return false;
}

/* Copies up to `size` bytes from a linear address to `to`, or, where that is NULL, the other way.
 * Returns how many. */
static uint32_t copy(struct vcpu *v, uint64_t linear, uint32_t size, uint8_t *to,
                     const uint8_t *from)
{
    uint32_t permissions = to != NULL ? MEM_READ : MEM_READ | MEM_WRITE;
    uint32_t done = 0;

    while (done < size) {
        uint64_t at = linear + done;
        uint32_t rest = HV_PAGE_SIZE - (uint32_t)(at % HV_PAGE_SIZE); /* of its page */
        uint32_t part = size - done < rest ? size - done : rest;
        uint64_t ipa, pa;

        if (!walk(v, at, to == NULL, &ipa) || !find(v->vm, ipa, part, permissions, &pa)) {
            break;
        }
        if (to == NULL) {
            memcpy((void *)pa, from + done, part);
        } else if (part == INSTRUCTION_MAX) {
            __builtin_memcpy(to + done, (const void *)pa, INSTRUCTION_MAX); /* two moves */
        } else {
            memcpy(to + done, (const void *)pa, part);
        }
        done += part;
    }
    return done;
}

/* ---- Around it ---- */

static uint32_t copy_through_window(struct vcpu *v, uint64_t linear, uint32_t size, uint8_t *to,
                                    const uint8_t *from)
{
    uint32_t done;

    arch_window_open(v->vm->config->arch.window);
    done = copy(v, linear, size, to, from);
    arch_window_close();
    return done;
}

uint32_t guest_read_linear(struct vcpu *v, uint64_t linear, uint8_t *to, uint32_t size)
{
    return copy_through_window(v, linear, size, to, NULL);
}

uint32_t guest_write_linear(struct vcpu *v, uint64_t linear, const uint8_t *from, uint32_t size)
{
    return copy_through_window(v, linear, size, NULL, from);
}

uint32_t guest_fetch(struct vcpu *v, uint8_t bytes[INSTRUCTION_MAX])
{
    const struct vmcb *vmcb = v->arch.vmcb;
    bool is_long = (vmcb->cs.attributes & SEGMENT_L) != 0;
    uint64_t linear = is_long ? vmcb->rip : (uint32_t)(vmcb->cs.base + vmcb->rip);

    return guest_read_linear(v, linear, bytes, INSTRUCTION_MAX);
}

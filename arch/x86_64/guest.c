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
    uint64_t root_mask, linear_mask;
    uint64_t root_flags; /* permissions that entries of the root have */
    uint8_t levels;
    uint8_t index_bits; /* of a level; linear_mask cuts off what a root has less */
    uint8_t entry_size;
    uint8_t large_levels; /* bit i: an entry of level i may map a large page */
};

static const struct paging paging_long = { ENTRY_ADDRESS, UINT64_MAX, UINT64_MAX, 4, 9, 8, 0xc };
static const struct paging paging_pae = { 0xffffffe0, UINT32_MAX, ENTRY_PRESENT, 3, 9, 8, 0x4 };
static const struct paging paging_pse = { 0xfffff000, UINT32_MAX, UINT64_MAX, 2, 10, 4, 0x4 };
static const struct paging paging_legacy = { 0xfffff000, UINT32_MAX, UINT64_MAX, 2, 10, 4, 0 };

/* A VM's memory, and the region of it that was looked at last: mostly the next one, too. */
struct view {
    const struct vm *vm;
    const struct mem_region *region;
};

static struct view view_of(const struct vcpu *v)
{
    return (struct view){ v->vm, v->vm->config->memory };
}

/* Finds [ipa, ipa + size) in the machine; all of it lies in one region with those permissions. */
static inline bool find(struct view *view, uint64_t ipa, uint32_t size, uint32_t permissions,
                        uint64_t *pa)
{
    const struct mem_region *region = view->region;

    if (!range_contains(region->ipa.ipa, region->size, ipa, size)) {
        region = memory_at(view->vm, (ipa_t){ ipa }, size);
        if (region == NULL) {
            return false;
        }
        view->region = region;
    }
    *pa = region->pa.pa + (ipa - region->ipa.ipa);
    return (region->permissions & permissions) == permissions;
}

bool guest_write(struct vcpu *v, ipa_t ipa, const void *from, uint32_t size)
{
    struct view view = view_of(v);
    uint64_t pa;

    if (!find(&view, ipa.ipa, size, MEM_READ | MEM_WRITE, &pa)) {
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
    if ((vmcb->cr4 & CR4_PAE) != 0) {
        return &paging_pae;
    }
    return (vmcb->cr4 & CR4_PSE) != 0 ? &paging_pse : &paging_legacy;
}

/* Reads an entry once: other vCPUs may change it. */
static inline bool read_entry(struct view *view, uint64_t ipa, uint32_t size, uint64_t *entry)
{
    uint64_t pa;

    if (!find(view, ipa, size, MEM_READ, &pa)) {
        return false;
    }
    *entry = size == 8 ? mmio_read64(pa) : mmio_read32(pa);
    return true;
}

/* Translates a linear address as the guest's own access would be, but for SMEP, SMAP and NX. */
static bool walk(struct view *view, const struct vmcb *vmcb, uint64_t linear, bool is_write,
                 uint64_t *ipa)
{
    const struct paging *paging = paging_of(vmcb);
    uint32_t index_mask = (1u << paging->index_bits) - 1;
    uint32_t shift = 12u + paging->index_bits * (paging->levels - 1u);
    bool is_user = vmcb->cpl == 3;
    uint64_t needed = ENTRY_PRESENT | (is_user ? ENTRY_USER : 0);
    uint64_t table = vmcb->cr3 & paging->root_mask;
    uint64_t wanted;

    if ((vmcb->cr0 & CR0_PG) == 0) {
        *ipa = linear & UINT32_MAX;
        return true;
    }
    linear &= paging->linear_mask;
    needed |= is_write && (is_user || (vmcb->cr0 & CR0_WP) != 0) ? ENTRY_WRITE : 0;
    wanted = needed & paging->root_flags;
    for (uint32_t level = paging->levels; level > 0; level--) {
        uint64_t index = linear >> shift & index_mask;
        uint64_t entry;

        if (!read_entry(view, table + index * paging->entry_size, paging->entry_size, &entry) ||
            (entry & wanted) != wanted) {
            return false;
        }
        table = entry & ENTRY_ADDRESS;
        if (level == 1 ||
            ((entry & ENTRY_LARGE) != 0 && (paging->large_levels >> level & 1) != 0)) {
            uint64_t offset_mask = BIT(shift) - 1;

            *ipa = (table & ~offset_mask) | (linear & offset_mask);
            return true;
        }
        shift -= paging->index_bits;
        wanted = needed;
    }
    return false;
}

/* Copies up to `size` bytes from a linear address to `to`, or, where that is NULL, the other way.
 * Returns how many. */
static inline uint32_t copy(const struct vcpu *v, uint64_t linear, uint32_t size, uint8_t *to,
                            const uint8_t *from)
{
    uint32_t permissions = to != NULL ? MEM_READ : MEM_READ | MEM_WRITE;
    struct view view = view_of(v);
    uint32_t done = 0;

    while (done < size) {
        uint64_t at = linear + done;
        uint32_t rest = HV_PAGE_SIZE - (uint32_t)(at % HV_PAGE_SIZE); /* of its page */
        uint32_t part = size - done < rest ? size - done : rest;
        uint64_t ipa, pa;

        if (!walk(&view, v->arch.vmcb, at, to == NULL, &ipa) ||
            !find(&view, ipa, part, permissions, &pa)) {
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

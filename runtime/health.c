/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Faults of guests: the report and the policy. See hv/health.h.
 */
#include <hv/health.h>
#include <hv/log.h>
#include <hv/memory.h>
#include <hv/tables.h>

/* Who owns a physical address; the guest's own words for it when it is not mapped in its VM. */
static const char *owner_of(uint64_t address)
{
    uint32_t low = 0;
    uint32_t high = owner_count;

    while (low < high) {
        uint32_t middle = (low + high) / 2;

        if (address < owners[middle].base.pa) {
            high = middle;
        } else if (address - owners[middle].base.pa >= owners[middle].size) {
            low = middle + 1;
        } else {
            return owners[middle].name;
        }
    }
    return "nobody";
}

static void report(const struct vcpu *v)
{
    const struct guest_fault *fault = &v->exit.fault;
    const char *name = v->vm->config->name;
    const struct mem_region *own;

    if (fault->has_virtual_address) {
        log_error("vm \"%s\" vcpu %u: %s at virtual address 0x%lx, pc 0x%lx: its own memory", name,
                  v->config->index, fault->what, fault->virtual_address, fault->pc);
        return;
    }
    if (!fault->has_address) {
        log_error("vm \"%s\" vcpu %u: %s, pc 0x%lx, syndrome 0x%lx", name, v->config->index,
                  fault->what, fault->pc, fault->syndrome);
        return;
    }
    own = memory_at(v->vm, fault->address, 1);
    if (own != NULL) {
        log_error("vm \"%s\" vcpu %u: %s at 0x%lx, pc 0x%lx: its own memory \"%s\", %s%s%s", name,
                  v->config->index, fault->what, fault->address.ipa, fault->pc, own->name,
                  (own->permissions & MEM_READ) != 0 ? "r" : "-",
                  (own->permissions & MEM_WRITE) != 0 ? "w" : "-",
                  (own->permissions & MEM_EXECUTE) != 0 ? "x" : "-");
    } else {
        log_error("vm \"%s\" vcpu %u: %s at 0x%lx, pc 0x%lx: belongs to %s", name, v->config->index,
                  fault->what, fault->address.ipa, fault->pc, owner_of(fault->address.ipa));
    }
}

void health_guest_fault(struct vcpu *v)
{
    report(v);
    vm_end(v->vm, v->vm->config->on_crash == VM_POLICY_RESTART ? VM_END_RESTART : VM_END_FAILED);
}

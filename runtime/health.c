/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Faults of guests: the report and the policy. See hv/health.h.
 */
#include <hv/format.h>
#include <hv/health.h>
#include <hv/log.h>
#include <hv/memory.h>
#include <hv/tables.h>

/* Who owns a physical address; the guest's own words for it when it is not mapped in its VM. */
static const char *owner_of(uint64_t address)
{
    for (uint32_t i = 0; i < owner_count; i++) {
        if (range_contains(owners[i].base.pa, owners[i].size, address, 1)) {
            return owners[i].name;
        }
    }
    return "nobody";
}

/* Where it happened and whose that is, as far as the fault says. */
static void describe_place(const struct vcpu *v, char *text, size_t size)
{
    const struct guest_fault *fault = &v->exit.fault;
    const struct mem_region *own = memory_at(v->vm, fault->address, 1);

    if (fault->has_virtual_address) {
        format(text, size, " at virtual address 0x%lx, pc 0x%lx: its own memory",
               fault->virtual_address, fault->pc);
    } else if (!fault->has_address) {
        format(text, size, ", pc 0x%lx, syndrome 0x%lx", fault->pc, fault->syndrome);
    } else if (own == NULL) {
        format(text, size, " at 0x%lx, pc 0x%lx: belongs to %s", fault->address.ipa, fault->pc,
               owner_of(fault->address.ipa));
    } else {
        format(text, size, " at 0x%lx, pc 0x%lx: its own memory \"%s\", %c%c%c", fault->address.ipa,
               fault->pc, own->name, (own->permissions & MEM_READ) != 0 ? 'r' : '-',
               (own->permissions & MEM_WRITE) != 0 ? 'w' : '-',
               (own->permissions & MEM_EXECUTE) != 0 ? 'x' : '-');
    }
}

void health_guest_fault(struct vcpu *v)
{
    char place[LOG_LINE_SIZE];

    describe_place(v, place, sizeof place);
    log_error("vm \"%s\" vcpu %u: %s%s", v->vm->config->name, v->config->index, v->exit.fault.what,
              place);
    (void)vm_stop(v->vm,
                  v->vm->config->on_crash == VM_POLICY_RESTART ? VM_END_RESTART : VM_END_FAILED);
}

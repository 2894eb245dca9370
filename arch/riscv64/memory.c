/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A VM's memory regions. See arch/memory.h.
 */
#include <arch/memory.h>
#include <hv/tables.h>

bool memory_permits(const struct vm *vm, ipa_t base, uint64_t size, uint32_t permissions)
{
    for (uint32_t i = 0; i < vm->config->memory_count; i++) {
        const struct mem_region *region = &vm->config->memory[i];

        if (range_contains(region->ipa.ipa, region->size, base.ipa, size)) {
            return (region->permissions & permissions) == permissions;
        }
    }
    return false;
}

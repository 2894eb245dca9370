/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A VM's memory regions. See hv/memory.h.
 */
#include <hv/memory.h>
#include <hv/tables.h>

const struct mem_region *memory_at(const struct vm *vm, ipa_t base, uint64_t size)
{
    for (uint32_t i = 0; i < vm->config->memory_count; i++) {
        const struct mem_region *region = &vm->config->memory[i];

        if (range_contains(region->ipa.ipa, region->size, base.ipa, size)) {
            return region;
        }
    }
    return NULL;
}

const char *memory_permission_text(uint32_t permissions)
{
    static const char *const texts[] = { "---", "r--", "-w-", "rw-", "--x", "r-x", "-wx", "rwx" };

    return texts[permissions];
}

bool memory_permits(const struct vm *vm, ipa_t base, uint64_t size, uint32_t permissions)
{
    const struct mem_region *region = memory_at(vm, base, size);

    return region != NULL && (region->permissions & permissions) == permissions;
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Dispatch of device accesses. See hv/mmio.h.
 */
#include <hv/mmio.h>
#include <hv/tables.h>

static inline const struct mmio_region *find(const struct vm *vm, ipa_t address, uint64_t size)
{
    const struct mmio_region *region = vm->config->mmio;

    /* The last region that begins at or below the address, or the first one. */
    for (uint32_t count = vm->config->mmio_count; count > 1;) {
        uint32_t half = count / 2;

        region += address.ipa >= region[half].base.ipa ? half : 0;
        count -= half;
    }
    return vm->config->mmio_count > 0 &&
                   range_contains(region->base.ipa, region->size, address.ipa, size)
               ? region
               : NULL;
}

const struct mmio_region *mmio_at(const struct vm *vm, ipa_t address, uint64_t size)
{
    return find(vm, address, size);
}

bool mmio_dispatch(struct vcpu *v, struct mmio_access *access)
{
    const struct mmio_region *region = find(v->vm, access->address, access->size);

    return region != NULL && region->handle(v, region->device, access);
}

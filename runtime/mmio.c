/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Dispatch of device accesses. See hv/mmio.h.
 */
#include <hv/mmio.h>
#include <hv/tables.h>

bool mmio_dispatch(struct vcpu *v, struct mmio_access *access)
{
    const struct mmio_region *region = v->vm->config->mmio;
    uint64_t address = access->address.ipa;

    /* The last region that begins at or below the address, or the first one. */
    for (uint32_t count = v->vm->config->mmio_count; count > 1;) {
        uint32_t half = count / 2;

        region += address >= region[half].base.ipa ? half : 0;
        count -= half;
    }
    return v->vm->config->mmio_count > 0 &&
           range_contains(region->base.ipa, region->size, address, access->size) &&
           region->handle(v, region->device, access);
}

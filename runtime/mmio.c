/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Dispatch of device accesses. See hv/mmio.h.
 */
#include <hv/mmio.h>
#include <hv/tables.h>

bool mmio_dispatch(struct vcpu *v, struct mmio_access *access)
{
    const struct vm_config *config = v->vm->config;
    uint64_t address = access->address.ipa;
    uint32_t low = 0;
    uint32_t high = config->mmio_count;

    while (low < high) {
        uint32_t middle = (low + high) / 2;
        const struct mmio_region *region = &config->mmio[middle];

        if (address < region->base.ipa) {
            high = middle;
        } else if (address - region->base.ipa >= region->size) {
            low = middle + 1;
        } else {
            return range_contains(region->base.ipa, region->size, address, access->size) &&
                   region->handle(v, region->device, access);
        }
    }
    return false;
}

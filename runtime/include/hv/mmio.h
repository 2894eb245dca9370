/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Emulated devices: from a guest physical address to the generated table's handler.
 */
#pragma once

#include <hv/types.h>

struct mmio_access;
struct mmio_region;
struct vcpu;
struct vm;

/* The VM's emulated device with all of [address, address + size), or NULL: a binary search in the
 * VM's sorted table. Any CPU, no lock. */
const struct mmio_region *mmio_at(const struct vm *vm, ipa_t address, uint64_t size);

/*
 * Carries out an access to an emulated device of the vCPU's VM by the device's handler. For reads
 * the answer is in access->value, zero-extended.
 * Returns false if no device has the address or the device refuses: the guest's fault.
 * Own CPU, no lock held.
 */
HV_MUST_CHECK bool mmio_dispatch(struct vcpu *v, struct mmio_access *access);

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Emulated devices: from a guest physical address to the generated table's handler.
 */
#pragma once

#include <hv/types.h>

struct mmio_access;
struct vcpu;

/*
 * Carries out an access to an emulated device of the vCPU's VM: a binary search in the VM's sorted
 * table, then the device's handler. For reads the answer is in access->value, zero-extended.
 * Returns false if no device has the address or the device refuses: the guest's fault.
 * Own CPU, no lock held.
 */
HV_MUST_CHECK bool mmio_dispatch(struct vcpu *v, struct mmio_access *access);

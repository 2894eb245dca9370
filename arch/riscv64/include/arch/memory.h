/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a VM's own memory regions say of an address that its guest names.
 */
#pragma once

#include <hv/types.h>

struct vm;

/* True when [base, base + size) lies inside one of the VM's regions, and the guest has all of
 * `permissions` (MEM_*) there. */
bool memory_permits(const struct vm *vm, ipa_t base, uint64_t size, uint32_t permissions);

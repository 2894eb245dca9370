/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a VM's own memory regions say of an address that its guest names. Any CPU, no lock.
 */
#pragma once

#include <hv/types.h>

struct mem_region;
struct vm;

/* The VM's region in which all of [base, base + size) lies, or NULL. */
const struct mem_region *memory_at(const struct vm *vm, ipa_t base, uint64_t size);

/* Permissions (MEM_*) as people write them: "rw-". */
const char *memory_permission_text(uint32_t permissions);

/* True when there is one, and the guest has all of `permissions` (MEM_*) there. */
bool memory_permits(const struct vm *vm, ipa_t base, uint64_t size, uint32_t permissions);

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Stands before riscv64's header of the same name in host tests of code that needs no more of it
 * than its fences.
 */
#pragma once

#include <arch/asm.h>
#include <hv/types.h>

#define BIT(n) (UINT64_C(1) << (n))

/* Counted by the test. */
void fence_i(void);
void hfence_vvma(void);

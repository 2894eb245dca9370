/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Stands before riscv64's header of the same name in host tests of code that needs no more of it
 * than its fences and one register.
 */
#pragma once

#include <arch/asm.h>
#include <hv/types.h>

#define BIT(n) (UINT64_C(1) << (n))

#define CSR_CYCLE      0xc00
#define CSR_HCOUNTEREN 0x606
#define HCOUNTEREN_TM  BIT(1)

/* The test's. */
void csr_write(uint32_t number, uint64_t value);
void fence_i(void);
void hfence_vvma(void);

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the compiler calls for __builtin_bswap32(): base riscv64 has no instruction that swaps
 * bytes.
 */
#include "guest.h"

uint32_t __bswapsi2(uint32_t value);

uint32_t __bswapsi2(uint32_t value)
{
    return value << 24 | (value & 0xff00) << 8 | (value >> 8 & 0xff00) | value >> 24;
}

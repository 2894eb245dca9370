/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What compilers call where the base instruction set has nothing: counting the zeros below a bit
 * (Zbb has it). The name and its meaning are the compiler's (GCC internals, "Integer library
 * routines"). It cannot exchange single bytes either (Zabha can); therefore atomic flags that are
 * exchanged are words.
 */
#include <hv/types.h>

int __ctzdi2(uint64_t value);

/* A de Bruijn sequence: each of its 64 windows of 6 bits is another number. */
#define DE_BRUIJN UINT64_C(0x0218a392cd3d5dbf)

/* Which bit is alone in a word, by the window it moves to the top. */
static const uint8_t bit_of_window[64] = {
    0,  1,  2,  7,  3,  13, 8,  19, 4,  25, 14, 28, 9,  34, 20, 40, 5,  17, 26, 38, 15, 46,
    29, 48, 10, 31, 35, 54, 21, 50, 41, 57, 63, 6,  12, 18, 24, 27, 33, 39, 16, 37, 45, 47,
    30, 53, 49, 56, 62, 11, 23, 32, 36, 44, 52, 55, 61, 22, 43, 51, 60, 42, 59, 58,
};

int __ctzdi2(uint64_t value)
{
    return bit_of_window[((value & -value) * DE_BRUIJN) >> 58];
}

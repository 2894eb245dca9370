/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The runtime's memory functions against the C library's, for every small size and alignment. They
 * are compiled into this file under other names, since the sanitizers watch the library's own.
 */
#include <stddef.h>

#define memcpy  hv_memcpy
#define memmove hv_memmove
#define memset  hv_memset
#define memcmp  hv_memcmp
#define strlen  hv_strlen
#include "../../runtime/lib/string.c"
#undef memcpy
#undef memmove
#undef memset
#undef memcmp
#undef strlen
#include "test.h"

#define SIZE 160

static uint8_t source[SIZE], target[SIZE], expected[SIZE];

static void fill(void)
{
    for (unsigned i = 0; i < SIZE; i++) {
        source[i] = (uint8_t)(i * 7 + 1);
        target[i] = expected[i] = (uint8_t)(0xff - i);
    }
}

TEST(copies)
{
    for (size_t from = 0; from < 16; from++) {
        for (size_t to = 0; to < 16; to++) {
            for (size_t size = 0; size < SIZE - 16; size++) {
                fill();
                memcpy(expected + to, source + from, size);
                EXPECT(hv_memcpy(target + to, source + from, size) == target + to);
                EXPECT(memcmp(target, expected, SIZE) == 0);
            }
        }
    }
}

TEST(overlapping_moves)
{
    for (size_t from = 0; from < 40; from++) {
        for (size_t to = 0; to < 40; to++) {
            for (size_t size = 0; size < SIZE - 40; size++) {
                fill();
                memmove(expected + to, expected + from, size);
                EXPECT(hv_memmove(target + to, target + from, size) == target + to);
                EXPECT(memcmp(target, expected, SIZE) == 0);
            }
        }
    }
}

TEST(fills)
{
    for (size_t to = 0; to < 16; to++) {
        for (size_t size = 0; size < SIZE - 16; size++) {
            fill();
            memset(expected + to, 0x1a5, size);
            EXPECT(hv_memset(target + to, 0x1a5, size) == target + to);
            EXPECT(memcmp(target, expected, SIZE) == 0);
        }
    }
}

TEST(comparisons)
{
    static const uint8_t low[] = { 1, 2, 3 }, high[] = { 1, 2, 0x80 };

    EXPECT_EQ(hv_memcmp(low, high, 0), 0);
    EXPECT_EQ(hv_memcmp(low, high, 2), 0);
    EXPECT(hv_memcmp(low, high, 3) < 0); /* as unsigned bytes */
    EXPECT(hv_memcmp(high, low, 3) > 0);
    EXPECT_EQ(hv_strlen(""), 0);
    EXPECT_EQ(hv_strlen("abc"), 3);
}

TEST_MAIN()

/* SPDX-License-Identifier: Apache-2.0 */
/* Formatting: every conversion, and that no byte is written behind the buffer. */
/* SOURCES: runtime/lib/format.c */
#include "test.h"
#include <hv/format.h>

#define EXPECT_FORMAT(expected, ...)                                                 \
    do {                                                                             \
        char buffer[128];                                                            \
        EXPECT_EQ(format(buffer, sizeof buffer, __VA_ARGS__), sizeof(expected) - 1); \
        EXPECT_STR(buffer, expected);                                                \
    } while (0)

TEST(decimal)
{
    EXPECT_FORMAT("0 1 4294967295", "%u %u %u", 0u, 1u, UINT32_MAX);
    EXPECT_FORMAT("18446744073709551615", "%lu", UINT64_MAX);
}

TEST(hexadecimal)
{
    EXPECT_FORMAT("0 ff deadbeef", "%x %x %x", 0u, 255u, 0xdeadbeefu);
    EXPECT_FORMAT("0xffffffffffffffff", "0x%lx", UINT64_MAX);
}

TEST(width)
{
    EXPECT_FORMAT("    5|   ff", "%5u|%5x", 5u, 255u);
    EXPECT_FORMAT("   ab|abcdef", "%5s|%3s", "ab", "abcdef");
    EXPECT_FORMAT("123456|           1", "%3u|%12lu", 123456u, UINT64_C(1));
}

TEST(text)
{
    EXPECT_FORMAT("vm \"alpha\": ok 100%", "vm \"%s\": %c%c 100%%", "alpha", 'o', 'k');
    EXPECT_FORMAT("", "%s", "");
}

/* What the compiler would refuse must still not read wild arguments. */
TEST(mistakes_show)
{
    char buffer[32];
    const char *volatile unknown = "%y", *volatile no_text = "%s", *volatile lone = "50%";

    EXPECT_EQ(format(buffer, sizeof buffer, unknown), 2);
    EXPECT_STR(buffer, "%y");
    EXPECT_EQ(format(buffer, sizeof buffer, no_text, (char *)NULL), 6);
    EXPECT_STR(buffer, "(null)");
    EXPECT_EQ(format(buffer, sizeof buffer, lone), 3);
    EXPECT_STR(buffer, "50%");
}

TEST(never_beyond_the_buffer)
{
    for (size_t size = 1; size < 24; size++) {
        char *buffer = malloc(size); /* the sanitizer watches its end */
        size_t count = format(buffer, size, "%8x %s", 0xabcdu, "0123456789");

        EXPECT_EQ(count, size - 1 < 19 ? size - 1 : 19);
        EXPECT_EQ(strlen(buffer), count);
        EXPECT(memcmp(buffer, "    abcd 0123456789", count) == 0);
        free(buffer);
    }
}

TEST_MAIN()

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the x86_64 decoder makes of instructions, for test_decode_x86_64.py: reads lines of a mode
 * (16, 32 or 64) and bytes in hexadecimal, writes a line for each.
 */
/* ARCH: x86_64 */
/* SOURCES: arch/x86_64/decode.c */
#include <arch/decode.h>
#include <stdio.h>

static uint32_t read_bytes(const char *text, uint8_t *bytes)
{
    unsigned value;
    uint32_t count = 0;

    while (count < 15 && sscanf(text + 2 * (size_t)count, "%2x", &value) == 1) {
        bytes[count++] = (uint8_t)value;
    }
    return count;
}

int main(void)
{
    unsigned mode;
    char text[64];

    while (scanf("%u %63s", &mode, text) == 2) {
        uint8_t bytes[15];
        uint32_t count = read_bytes(text, bytes);
        struct decoded_access access;

        if (!decode(bytes, count, mode == 64, mode == 32, &access)) {
            puts("refused");
            continue;
        }
        printf("%u %u %u %u %d %d %d %d %d %llx\n", access.size, access.length, access.reg,
               access.extend_to, access.is_high_byte, access.is_immediate, access.is_signed,
               access.is_write, access.to_register, (unsigned long long)access.immediate);
    }
    return 0;
}

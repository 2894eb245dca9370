/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Memory and word functions. Byte by byte: with the MMU off no unaligned access is allowed, and
 * size does not matter here.
 */
#include "guest.h"

void *memset(void *to, int value, size_t size)
{
    volatile uint8_t *bytes =
        to; /* volatile, or the compiler would make this loop a call of memset */
    for (size_t i = 0; i < size; i++) {
        bytes[i] = (uint8_t)value;
    }
    return to;
}

void *memcpy(void *restrict to, const void *restrict from, size_t size)
{
    volatile uint8_t *out = to;
    const uint8_t *in = from;
    for (size_t i = 0; i < size; i++) {
        out[i] = in[i];
    }
    return to;
}

bool word_is(const char *word, const char *text)
{
    while (*text != '\0' && *word == *text) {
        word++;
        text++;
    }
    return *text == '\0' && (*word == '\0' || *word == ' ' || *word == ',');
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The memory functions that a freestanding compiler may call, and strlen.
 *
 * Plain, but by machine words where both ends allow it: images of tens of megabytes go through
 * memcpy().
 */
#include <hv/string.h>
#include <hv/types.h>

/* Or the compiler would turn these loops back into calls of the functions that they implement. */
#pragma GCC optimize("no-tree-loop-distribute-patterns")

/* A word that may lie over any object. */
typedef uint64_t __attribute__((may_alias)) word_t;

#define WORD sizeof(word_t)

static bool is_word_aligned(const void *p)
{
    return (uintptr_t)p % WORD == 0;
}

/* Four words, read before they are written, as processors like it. */
static inline void copy_words(word_t *to, const word_t *from)
{
    word_t a = from[0], b = from[1], c = from[2], d = from[3];

    to[0] = a;
    to[1] = b;
    to[2] = c;
    to[3] = d;
}

void *memcpy(void *restrict to, const void *restrict from, size_t size)
{
    uint8_t *out = to;
    const uint8_t *in = from;

    if (((uintptr_t)out ^ (uintptr_t)in) % WORD == 0) {
        while (size > 0 && !is_word_aligned(out)) {
            *out++ = *in++;
            size--;
        }
        while (size >= 8 * WORD) {
            copy_words((word_t *)(void *)out, (const word_t *)(const void *)in);
            copy_words((word_t *)(void *)out + 4, (const word_t *)(const void *)in + 4);
            in += 8 * WORD;
            out += 8 * WORD;
            size -= 8 * WORD;
        }
    }
    while (size > 0) {
        *out++ = *in++;
        size--;
    }
    return to;
}

void *memmove(void *to, const void *from, size_t size)
{
    uint8_t *out = to;
    const uint8_t *in = from;

    if ((uintptr_t)to - (uintptr_t)from >= size) {
        /* `to` lies below `from`, or beyond its end: forwards never overtakes the source. */
        for (size_t i = 0; i < size; i++) {
            out[i] = in[i];
        }
    } else {
        while (size > 0) {
            size--;
            out[size] = in[size];
        }
    }
    return to;
}

void *memset(void *to, int value, size_t size)
{
    uint8_t *out = to;
    word_t pattern = (uint8_t)value * UINT64_C(0x0101010101010101);

    while (size > 0 && !is_word_aligned(out)) {
        *out++ = (uint8_t)value;
        size--;
    }
    while (size >= 8 * WORD) {
        word_t *words = (word_t *)(void *)out;

        words[0] = pattern;
        words[1] = pattern;
        words[2] = pattern;
        words[3] = pattern;
        words[4] = pattern;
        words[5] = pattern;
        words[6] = pattern;
        words[7] = pattern;
        out += 8 * WORD;
        size -= 8 * WORD;
    }
    while (size > 0) {
        *out++ = (uint8_t)value;
        size--;
    }
    return to;
}

int memcmp(const void *a, const void *b, size_t size)
{
    const uint8_t *left = a;
    const uint8_t *right = b;

    for (size_t i = 0; i < size; i++) {
        if (left[i] != right[i]) {
            return left[i] < right[i] ? -1 : 1;
        }
    }
    return 0;
}

size_t strlen(const char *text)
{
    size_t length = 0;

    while (text[length] != '\0') {
        length++;
    }
    return length;
}

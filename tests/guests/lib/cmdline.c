/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The command line: property `bootargs` of node /chosen in the flattened device tree (Devicetree
 * Specification 0.4, chapter 5). A scanner for this one property, which trusts the tree: it was
 * written by the generator or by QEMU.
 */
#include "guest.h"

#define FDT_MAGIC      0xd00dfeedu
#define FDT_BEGIN_NODE 1u
#define FDT_END_NODE   2u
#define FDT_PROP       3u
#define FDT_NOP        4u

static const char *bootargs = "";

static uint32_t big_endian(const volatile uint32_t *cell)
{
    return __builtin_bswap32(*cell);
}

static bool text_equal(const char *a, const char *b)
{
    while (*a != '\0' && *a == *b) {
        a++;
        b++;
    }
    return *a == *b;
}

static uintptr_t align4(uintptr_t address)
{
    return (address + 3) & ~(uintptr_t)3;
}

void cmdline_init(uintptr_t dtb)
{
    const uint32_t *header = (const uint32_t *)dtb;
    if ((dtb & 3) != 0 || big_endian(&header[0]) != FDT_MAGIC) {
        return;
    }
    uintptr_t cursor = dtb + big_endian(&header[2]);
    const char *strings = (const char *)(dtb + big_endian(&header[3]));
    int depth = 0;
    bool in_chosen = false;
    for (;;) {
        uint32_t token = big_endian((const uint32_t *)cursor);
        cursor += 4;
        if (token == FDT_BEGIN_NODE) {
            const char *name = (const char *)cursor;
            depth++;
            in_chosen = depth == 2 && text_equal(name, "chosen");
            while (*name != '\0') {
                name++;
            }
            cursor = align4((uintptr_t)name + 1);
        } else if (token == FDT_END_NODE) {
            depth--;
            in_chosen = false;
        } else if (token == FDT_PROP) {
            uint32_t length = big_endian((const uint32_t *)cursor);
            uint32_t name = big_endian((const uint32_t *)(cursor + 4));
            if (in_chosen && text_equal(strings + name, "bootargs")) {
                bootargs = (const char *)(cursor + 8);
                return;
            }
            cursor = align4(cursor + 8 + length);
        } else if (token != FDT_NOP) {
            return; /* FDT_END, or nothing we know */
        }
    }
}

const char *cmdline_value(const char *key)
{
    const char *word = bootargs;
    while (*word != '\0') {
        const char *k = key;
        while (*k != '\0' && *word == *k) {
            word++;
            k++;
        }
        if (*k == '\0' && *word == '=') {
            return word + 1;
        }
        while (*word != '\0' && *word != ' ') {
            word++;
        }
        while (*word == ' ') {
            word++;
        }
    }
    return NULL;
}

uint64_t parse_number(const char **cursor)
{
    const char *p = *cursor;
    uint64_t value = 0;
    unsigned base = 10;
    if (p[0] == '0' && p[1] == 'x') {
        base = 16;
        p += 2;
    }
    for (;; p++) {
        unsigned digit;
        if (*p >= '0' && *p <= '9') {
            digit = (unsigned)(*p - '0');
        } else if (base == 16 && *p >= 'a' && *p <= 'f') {
            digit = (unsigned)(*p - 'a') + 10;
        } else {
            break;
        }
        value = value * base + digit;
    }
    *cursor = p;
    return value;
}

uint64_t cmdline_number(const char *key, uint64_t fallback)
{
    const char *value = cmdline_value(key);
    return value == NULL ? fallback : parse_number(&value);
}

void cmdline_set(const char *text)
{
    bootargs = text;
}

bool cmdline_is(const char *key, const char *text)
{
    const char *value = cmdline_value(key);
    return value != NULL && word_is(value, text);
}

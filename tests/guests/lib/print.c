/* SPDX-License-Identifier: Apache-2.0 */
/*
 * printf for test guests: the few conversions that guest.h lists, straight to the console, without
 * buffers.
 */
#include "guest.h"

static void put_text(const char *text, unsigned width)
{
    unsigned length = 0;
    while (text[length] != '\0') {
        console_put(text[length++]);
    }
    for (; length < width; length++) {
        console_put(' ');
    }
}

static void put_number(uint64_t value, unsigned base, unsigned width, char pad)
{
    char digits[20]; /* 2^64 has 20 decimal digits */
    unsigned count = 0;
    do {
        digits[count++] = "0123456789abcdef"[value % base];
        value /= base;
    } while (value != 0);
    for (unsigned i = count; i < width; i++) {
        console_put(pad);
    }
    while (count > 0) {
        console_put(digits[--count]);
    }
}

static void put_signed(int64_t value, unsigned width, char pad)
{
    uint64_t magnitude = (uint64_t)value;
    if (value < 0) {
        console_put('-');
        magnitude = 0 - magnitude;
    }
    put_number(magnitude, 10, width, pad);
}

void vprint(const char *format, va_list args)
{
    for (const char *p = format; *p != '\0'; p++) {
        if (*p != '%') {
            console_put(*p);
            continue;
        }
        p++;
        char pad = ' ';
        if (*p == '0') {
            pad = '0';
            p++;
        }
        unsigned width = 0;
        while (*p >= '0' && *p <= '9') {
            width = width * 10 + (unsigned)(*p++ - '0');
        }
        bool is_long = false;
        while (*p == 'l') {
            is_long = true;
            p++;
        }
        switch (*p) {
        case 's':
            put_text(va_arg(args, const char *), width);
            break;
        case 'c':
            console_put((char)va_arg(args, int));
            break;
        case 'd':
            put_signed(is_long ? va_arg(args, int64_t) : va_arg(args, int), width, pad);
            break;
        case 'u':
            put_number(is_long ? va_arg(args, uint64_t) : va_arg(args, unsigned), 10, width, pad);
            break;
        case 'x':
            put_number(is_long ? va_arg(args, uint64_t) : va_arg(args, unsigned), 16, width, pad);
            break;
        case 'p':
            put_text("0x", 0);
            put_number((uint64_t)(uintptr_t)va_arg(args, void *), 16, width, '0');
            break;
        case '\0':
            return;
        default:
            console_put(*p);
            break;
        }
    }
}

void print(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    vprint(format, args);
    va_end(args);
}

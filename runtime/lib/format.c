/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Formatting into a buffer of fixed size. See hv/format.h for the conversions; anything else is
 * printed as it stands, so that a mistake shows.
 */
#include <hv/format.h>

struct output {
    char *buffer;
    size_t size; /* with the terminating zero */
    size_t count;
};

static void put(struct output *out, char c)
{
    if (out->count + 1 < out->size) {
        out->buffer[out->count] = c;
        out->count++;
    }
}

/* Text, after spaces up to `width`. */
static void put_string(struct output *out, unsigned width, const char *text)
{
    unsigned used = 0;

    if (text == NULL) {
        text = "(null)";
    }
    while (used < width && text[used] != '\0') {
        used++;
    }
    for (; used < width; used++) {
        put(out, ' ');
    }
    for (; *text != '\0'; text++) {
        put(out, *text);
    }
}

static void put_number(struct output *out, unsigned width, uint64_t value, unsigned base)
{
    char digits[21]; /* of 2^64 - 1 in decimal, and the end */
    char *first = &digits[sizeof digits - 1];

    *first = '\0';
    do {
        *--first = "0123456789abcdef"[value % base];
        value /= base;
    } while (value != 0);
    put_string(out, width, first);
}

_Static_assert(sizeof(long) == 8, "l is read as a 64-bit argument");

size_t format_va(char *buffer, size_t size, const char *format, va_list arguments)
{
    struct output out = { .buffer = buffer, .size = size };

    for (; *format != '\0'; format++) {
        unsigned width = 0;
        bool is_long;

        if (*format != '%') {
            put(&out, *format);
            continue;
        }
        for (format++; *format >= '0' && *format <= '9'; format++) {
            width = width * 10 + (unsigned)(*format - '0');
        }
        is_long = *format == 'l';
        format += is_long ? 1 : 0;
        switch (*format) {
        case 's':
            put_string(&out, width, va_arg(arguments, const char *));
            break;
        case 'c':
            put(&out, (char)va_arg(arguments, int));
            break;
        case 'u':
        case 'x':
            put_number(&out, width,
                       is_long ? va_arg(arguments, uint64_t) : va_arg(arguments, unsigned),
                       *format == 'x' ? 16 : 10);
            break;
        case '\0': /* a lone '%' at the end */
            format--;
            put(&out, '%');
            break;
        case '%':
            put(&out, '%');
            break;
        default:
            put(&out, '%');
            put(&out, *format);
            break;
        }
    }
    buffer[out.count] = '\0';
    return out.count;
}

size_t format(char *buffer, size_t size, const char *format, ...)
{
    va_list arguments;
    size_t count;

    va_start(arguments, format);
    count = format_va(buffer, size, format, arguments);
    va_end(arguments);
    return count;
}

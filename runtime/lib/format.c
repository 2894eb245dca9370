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

/* One conversion, read from the format. */
struct conversion {
    bool zero_padded;
    bool alternate; /* '#': 0x before a hexadecimal number */
    bool is_long;   /* l, ll or z: 64 bits on every architecture that we have */
    unsigned width;
};

static void put(struct output *out, char c)
{
    if (out->count + 1 < out->size) {
        out->buffer[out->count] = c;
        out->count++;
    }
}

static void pad(struct output *out, char c, unsigned width, size_t used)
{
    for (size_t i = used; i < width; i++) {
        put(out, c);
    }
}

static void put_string(struct output *out, const struct conversion *conversion, const char *text)
{
    size_t length = 0;

    if (text == NULL) {
        text = "(null)";
    }
    while (text[length] != '\0') {
        length++;
    }
    pad(out, ' ', conversion->width, length);
    for (size_t i = 0; i < length; i++) {
        put(out, text[i]);
    }
}

/* Sign and 0x stand before zeros, but after spaces. */
static void put_number(struct output *out, const struct conversion *conversion, uint64_t value,
                       unsigned base, bool is_negative)
{
    char digits[20]; /* of 2^64 - 1 in decimal, last digit first */
    size_t count = 0;
    size_t length;

    do {
        digits[count] = "0123456789abcdef"[value % base];
        value /= base;
        count++;
    } while (value != 0);

    length = count + (is_negative ? 1u : 0u) + (conversion->alternate ? 2u : 0u);
    if (!conversion->zero_padded) {
        pad(out, ' ', conversion->width, length);
    }
    if (is_negative) {
        put(out, '-');
    }
    if (conversion->alternate) {
        put(out, '0');
        put(out, 'x');
    }
    if (conversion->zero_padded) {
        pad(out, '0', conversion->width, length);
    }
    while (count > 0) {
        count--;
        put(out, digits[count]);
    }
}

/* Reads flags, width and length modifier; returns where the conversion's letter stands. */
static const char *read_conversion(const char *format, struct conversion *conversion)
{
    *conversion = (struct conversion){ 0 };
    while (*format == '0' || *format == '#') {
        if (*format == '0') {
            conversion->zero_padded = true;
        } else {
            conversion->alternate = true;
        }
        format++;
    }
    while (*format >= '0' && *format <= '9') {
        conversion->width = conversion->width * 10 + (unsigned)(*format - '0');
        format++;
    }
    while (*format == 'l' || *format == 'z') {
        conversion->is_long = true;
        format++;
    }
    return format;
}

_Static_assert(sizeof(long) == 8 && sizeof(long long) == 8 && sizeof(size_t) == 8,
               "l, ll and z are read as one 64-bit argument");

size_t format_va(char *buffer, size_t size, const char *format, va_list arguments)
{
    struct output out = { .buffer = buffer, .size = size };
    struct conversion conversion;

    for (; *format != '\0'; format++) {
        if (*format != '%') {
            put(&out, *format);
            continue;
        }
        format = read_conversion(format + 1, &conversion);
        switch (*format) {
        case 's':
            put_string(&out, &conversion, va_arg(arguments, const char *));
            break;
        case 'c':
            put(&out, (char)va_arg(arguments, int));
            break;
        case 'd': {
            long value = conversion.is_long ? va_arg(arguments, long) : va_arg(arguments, int);
            uint64_t magnitude = value < 0 ? 0u - (uint64_t)value : (uint64_t)value;

            put_number(&out, &conversion, magnitude, 10, value < 0);
            break;
        }
        case 'u':
        case 'x': {
            uint64_t value =
                conversion.is_long ? va_arg(arguments, uint64_t) : va_arg(arguments, unsigned);

            conversion.alternate = conversion.alternate && *format == 'x';
            put_number(&out, &conversion, value, *format == 'x' ? 16 : 10, false);
            break;
        }
        case 'p':
            conversion.alternate = true;
            put_number(&out, &conversion, (uintptr_t)va_arg(arguments, void *), 16, false);
            break;
        case '\0': /* a lone '%' at the end */
            put(&out, '%');
            format--;
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

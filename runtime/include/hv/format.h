/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Formatting of text into a buffer of fixed size.
 */
#pragma once

#include <hv/types.h>
#include <stdarg.h>

/*
 * Writes at most size - 1 bytes and a terminating zero. Conversions: %s %c %u %x and %%, of 64 bits
 * with l, right-aligned in a width; anything else is printed as it stands, so that a mistake shows.
 * Returns the number of bytes written, without the zero. `size` is at least 1.
 */
HV_COLD size_t format_va(char *buffer, size_t size, const char *format, va_list arguments)
    HV_PRINTF(3, 0);

/* The same with arguments of its own. */
HV_COLD size_t format(char *buffer, size_t size, const char *format, ...) HV_PRINTF(3, 4);

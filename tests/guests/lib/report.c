/* SPDX-License-Identifier: Apache-2.0 */
/*
 * PASS, FAIL and SKIP lines and their counts. Only CPU 0 reports.
 */
#include "guest.h"

static const char *report_prefix = "?";
static unsigned pass_count;
static unsigned fail_count;
static unsigned skip_count;

void report_as(const char *prefix)
{
    report_prefix = prefix;
}

void report_begin(const char *prefix)
{
    report_as(prefix);
    print("GUEST: %s\n", prefix);
}

/* Prints "KIND: prefix: text" without the newline. */
static void line(const char *kind, const char *format, va_list args)
{
    print("%s: %s: ", kind, report_prefix);
    vprint(format, args);
}

bool report(bool ok, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    line(ok ? "PASS" : "FAIL", format, args);
    va_end(args);
    print("\n");
    *(ok ? &pass_count : &fail_count) += 1;
    return ok;
}

bool report_equal(uint64_t got, uint64_t expected, const char *format, ...)
{
    bool ok = got == expected;
    va_list args;
    va_start(args, format);
    line(ok ? "PASS" : "FAIL", format, args);
    va_end(args);
    if (ok) {
        print("\n");
    } else {
        print(": got 0x%lx, expected 0x%lx\n", got, expected);
    }
    *(ok ? &pass_count : &fail_count) += 1;
    return ok;
}

void report_skip(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    line("SKIP", format, args);
    va_end(args);
    print("\n");
    skip_count++;
}

void report_end(void)
{
    print("SUMMARY: %u passed, %u failed, %u skipped\n", pass_count, fail_count, skip_count);
    machine_off();
}

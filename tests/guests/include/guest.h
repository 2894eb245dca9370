/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What every test guest can use, on every architecture.
 *
 * A test guest is a bare-metal program of one file: it defines guest_main() and links with lib/ and
 * with the files of its architecture (<arch>/ implements what is marked "architecture" below). It
 * runs in a VM of Ashlar, and, as a reference, on plain QEMU. It prints `PASS: prefix: text`,
 * `FAIL: ...` and `SKIP: ...` lines, ends with `SUMMARY: N passed, N failed, N skipped`, and powers
 * its machine off.
 *
 * Guests run with the MMU off (x86_64: with a fixed map): no unaligned accesses, no atomic
 * read-modify-write. What two CPUs share is volatile and has one writer. Only CPU 0 prints, unless
 * a guest says otherwise.
 */
#pragma once

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Most CPUs a guest can start; each has a stack of GUEST_STACK_SIZE bytes (start.S). */
#define GUEST_CPU_MAX    4
#define GUEST_STACK_SIZE 0x4000u

#define ARRAY_SIZE(array) (sizeof(array) / sizeof((array)[0]))

/* ---- lib/print.c: text to the console ---- */

/**
 * Prints like printf. Knows %s %c %d %u %x %lx %lu %ld %p %%, a width, and a leading 0.
 * A newline is sent as it is. May be used before anything else.
 */
void print(const char *format, ...) __attribute__((format(printf, 1, 2)));

/** As print(), with the arguments in @p args. */
void vprint(const char *format, va_list args) __attribute__((format(printf, 1, 0)));

/* ---- lib/report.c: what the test found ---- */

/** Sets the prefix of all following lines. */
void report_as(const char *prefix);

/** The same, and prints a banner `GUEST: prefix`. */
void report_begin(const char *prefix);

/** Prints a PASS or FAIL line and counts it. Returns @p ok. */
bool report(bool ok, const char *format, ...) __attribute__((format(printf, 2, 3)));

/** Prints a PASS line when @p got equals @p expected, else a FAIL line with both. Returns whether
 * they are equal. */
bool report_equal(uint64_t got, uint64_t expected, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/** Prints a SKIP line; the text must say why. */
void report_skip(const char *format, ...) __attribute__((format(printf, 1, 2)));

/** Prints the SUMMARY line and powers the machine off. */
_Noreturn void report_end(void);

/* ---- lib/cmdline.c: /chosen/bootargs of the device tree, or what start_info says (x86_64) ---- */

/** Remembers the device tree at @p dtb; one without the right magic number counts as absent. */
void cmdline_init(uintptr_t dtb);

/** Takes @p text, which stays where it is, as the command line. */
void cmdline_set(const char *text);

/**
 * Looks for the word `key=value`.
 * Returns the value's first character (the value ends at a space or at NUL), or NULL when there is
 * no such word.
 */
const char *cmdline_value(const char *key);

/** The number (decimal, or hexadecimal with 0x) given for @p key, or @p fallback. */
uint64_t cmdline_number(const char *key, uint64_t fallback);

/** Whether the value of @p key is exactly @p text. */
bool cmdline_is(const char *key, const char *text);

/** Reads a number at *@p cursor, moves the cursor behind it; returns 0 where there is none. */
uint64_t parse_number(const char **cursor);

/* ---- lib/string.c (the compiler emits calls of the first two) ---- */

void *memset(void *to, int value, size_t size);
void *memcpy(void *restrict to, const void *restrict from, size_t size);

/** Whether the word at @p word (ended by a space, comma or NUL) is @p text. */
bool word_is(const char *word, const char *text);

/* ---- what the guest defines ---- */

/** The test: runs on CPU 0 with interrupts masked; returning ends with report_end(). */
void guest_main(void);

/* ---- architecture ---- */

/** Sends one character to the guest's console; waits while its queue is full. */
void console_put(char c);

/** Takes a received character, or returns -1 when there is none. */
int console_take(void);

/** Powers this guest off by the firmware interface. */
_Noreturn void machine_off(void);

/** Resets this guest by the firmware interface: it starts again at its first instruction. */
_Noreturn void machine_reset(void);

/** Number of the CPU this runs on, 0 is the one that started. */
unsigned cpu_index(void);

/** Starts CPU @p index in @p entry (with @p argument), interrupts masked. Returns 0, or the
 * firmware's error. */
int64_t cpu_start(unsigned index, void (*entry)(uint64_t argument), uint64_t argument);

/** Stops the calling CPU for good, or until it is started again. */
_Noreturn void cpu_stop(void);

/** Waits until CPU @p index is off. Returns false when it is still on after @p timeout_us. */
bool cpu_wait_off(unsigned index, uint64_t timeout_us);

/** A hint that this is a spin loop, and a barrier for the compiler. */
void cpu_relax(void);

/** Orders earlier memory accesses before later ones, for all CPUs. */
void memory_barrier(void);

/** Masks (true) or unmasks interrupts of this CPU. */
void interrupts_mask(bool mask);

/** The guest's monotonic counter, and its frequency in Hz. */
uint64_t time_ticks(void);
uint64_t time_hz(void);

/** Microseconds since an arbitrary moment. */
uint64_t time_us(void);

/** Waits, spinning, for @p us microseconds. */
void delay_us(uint64_t us);

/** Whether *@p flag reaches @p value (or more) within @p timeout_us microseconds. */
bool wait_for(const volatile uint64_t *flag, uint64_t value, uint64_t timeout_us);

/** Whether this runs in a VM of Ashlar; false on plain QEMU, where some checks are skipped. */
bool on_hypervisor(void);

/**
 * One 32-bit number that survives a reset of the guest although its RAM is pristine again: a
 * register of a device that the system file must pass through (aarch64: the match register of the
 * PL031 at 0x0901_0000; riscv64: the upper half of the alarm of the goldfish RTC at 0x0010_1000;
 * x86_64: a register of the disk controller at 0xfebf_f000).
 * It reads 0 before it was written for the first time.
 */
uint32_t scratch_load(void);
void scratch_store(uint32_t value);

/** What one access that may fault did. */
struct fault {
    bool taken;        /* an exception reached the guest */
    uint64_t syndrome; /* ESR_EL1 (aarch64), scause (riscv64), vector (x86_64) */
    uint64_t address;  /* FAR_EL1, stval, CR2 */
};

/** From now on an exception of this CPU is recorded and the faulting instruction skipped. */
void fault_expect(void);

/** Ends what fault_expect() began and returns the first exception since then. */
struct fault fault_result(void);

/** One access of @p size (1, 2, 4 or 8) bytes with a plain load or store. */
uint64_t access_read(uintptr_t address, unsigned size);
void access_write(uintptr_t address, unsigned size, uint64_t value);

/** Calls address @p address; comes back when what is there returns or an expected exception is
 * taken. */
void access_execute(uintptr_t address);

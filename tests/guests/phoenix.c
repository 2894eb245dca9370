/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Crashes, each time in another way and after it has dirtied all of its memory, and looks after
 * each restart whether everything is as it was before: all of its memory is summed, and what
 * belongs to nobody must be zero. Needs a VM of two CPUs with a watchdog, whose on-crash is
 * "restart". Words of the command line:
 *
 *     kib=N      size of its only memory region (default 4096)
 *     bad=N      an address that is not its own (default 0x7f000000)
 *     crashes=N  powers off instead of crashing once more (default 0: crashes for ever)
 */
#include "guest.h"
#include <ashlar.h>

#define REGION_ALIGN                                                              \
    0x200000u /* a guest's image begins in the first such piece of its memory, or \
               * at the end of it */
#define PATTERN     0xa5a5a5a5a5a5a5a5u
#define WATCHDOG_MS 100u
#define CONSTANT    0x5eed5eed5eed5eedu

extern uint64_t guest_image_start[], guest_image_end[];

/* Written before the crash, although they are constants: their pages are the guest's own. */
static const volatile uint64_t constants[512] = { CONSTANT, [511] = CONSTANT };
static volatile uint64_t variables[512] = { CONSTANT, [511] = CONSTANT };
static volatile uint64_t zeroes[512];

static uint64_t bad;
static uint64_t *ram, *ram_end;

/* Sums all memory but what a start has changed before it comes here: stacks and variables. */
static uint64_t sum(void)
{
    uint64_t result = 0;

    for (const volatile uint64_t *word = ram; word < ram_end; word++) {
        if (word == (uint64_t *)((uintptr_t)&constants[512])) {
            word = guest_image_end;
        }
        result = (result << 7 | result >> 57) ^ *word;
    }
    return result;
}

/* Words behind the image that are not zero: the device tree, or the tables of an x86 machine. */
static uint64_t count_nonzero(void)
{
    uint64_t count = 0;

    for (const volatile uint64_t *word = guest_image_end; word < ram_end; word++) {
        count += *word != 0 ? 1 : 0;
    }
    return count;
}

static void dirty(void)
{
    for (volatile uint64_t *word = guest_image_end; word < ram_end; word++) {
        *word = PATTERN;
    }
    for (unsigned i = 0; i < ARRAY_SIZE(variables); i++) {
        ((volatile uint64_t *)(uintptr_t)constants)[i] = PATTERN;
        variables[i] = PATTERN;
        zeroes[i] = PATTERN;
    }
}

static _Noreturn void spin(void)
{
    for (;;) {
        cpu_relax();
    }
}

static void crash_elsewhere(uint64_t kind)
{
    interrupts_mask(true);
    if (kind == 0) {
        access_write(bad, 8, PATTERN);
    }
    spin();
}

/* Ends the VM. Returns when the hypervisor did not stop it. */
static void crash(uint64_t kind)
{
    print("crash %lu\n", kind);
    switch (kind) {
    case 0:
        (void)access_read(bad, 1);
        break;
    case 1:
        access_write(bad, 4, 1);
        break;
    case 2:
        access_execute(bad);
        break;
    case 3: /* hangs with its interrupts masked: the watchdog's to end */
        interrupts_mask(true);
        spin();
    case 4: /* the other CPU crashes while this one works */
    case 5: /* the other CPU works while this one crashes */
        (void)cpu_start(1, crash_elsewhere, kind - 4);
        if (kind == 4) {
            spin();
        }
        delay_us(500);
        (void)access_read(bad, 8);
        break;
    case 6: /* both hang */
        (void)cpu_start(1, crash_elsewhere, 1);
        spin();
    default: /* in the middle of a store to its last byte and beyond */
        access_write((uintptr_t)ram_end, 8, PATTERN);
        break;
    }
}

void guest_main(void)
{
    uint64_t first = (uintptr_t)guest_image_start - 1;
    uint64_t most = cmdline_number("crashes", 0);
    uint64_t boots, value[4];

    report_as("phoenix");
    ram = (uint64_t *)(first - first % REGION_ALIGN);
    ram_end = ram + cmdline_number("kib", 4096) * 1024 / sizeof *ram;
    bad = cmdline_number("bad", 0x7f000000);
    (void)ashlar_call(ASHLAR_WATCHDOG_START, WATCHDOG_MS, 0, 0, 0);
    (void)ashlar_call(ASHLAR_SELF, 0, 0, 0, value);
    if (ashlar_call(ASHLAR_STATE, value[0], 0, 0, value) != ASHLAR_OK) {
        report(false, "it is not told how often it was started");
        return;
    }
    boots = value[2];
    print("boot %lu: sum 0x%lx, %lu words behind the image\n", boots, sum(), count_nonzero());
    if (constants[511] != CONSTANT || variables[511] != CONSTANT || zeroes[511] != 0) {
        report(false, "boot %lu: memory is not as it was", boots);
    }
    if (most != 0 && boots > most) {
        report(true, "%lu crashes", boots - 1);
        return;
    }
    dirty();
    crash(boots % 8);
    report(false, "boot %lu: it goes on", boots);
}

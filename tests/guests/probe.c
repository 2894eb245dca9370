/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Memory isolation: touches what is its own, then, one address after the other, what is not. An
 * access outside ends the VM, which must have on-crash = "restart": the scratch register (guest.h)
 * says at which address to go on. Words of the command line; numbers as 0x1000 or 4096:
 *
 *     own=A-B,...  ranges of its own RAM: first and last byte are read and written back
 *     probe=LIST   accesses that must not come back, separated by commas:
 *                  <op><address> or <op><first>-<end>/<step>, with op
 *                  r or w: a byte read or written; R or W: 8 bytes; x: a jump
 *
 * Each access is announced by `probe N op address`; one that comes back is a FAIL line.
 */
#include "guest.h"

#define SCRATCH_MAGIC 0x15010000u

/* One element of the list. */
struct range {
    char op;
    uint64_t first;
    uint64_t end;
    uint64_t step;
};

/* Reads the element at *@p cursor and moves behind it; false at the end of the list. */
static bool next_range(const char **cursor, struct range *range)
{
    const char *p = *cursor;
    if (*p == ',') {
        p++;
    }
    if (*p == '\0' || *p == ' ') {
        return false;
    }
    range->op = *p++;
    range->first = parse_number(&p);
    range->end = range->first + 1;
    range->step = 1;
    if (*p == '-') {
        p++;
        range->end = parse_number(&p);
        if (*p == '/') {
            p++;
            range->step = parse_number(&p);
        }
    }
    *cursor = p;
    return true;
}

/* Finds element @p index of the list; false when it has fewer. */
static bool find_probe(uint32_t index, char *op, uint64_t *address)
{
    const char *cursor = cmdline_value("probe");
    struct range range;
    while (cursor != NULL && next_range(&cursor, &range)) {
        uint64_t count = (range.end - range.first + range.step - 1) / range.step;
        if (index < count) {
            *op = range.op;
            *address = range.first + index * range.step;
            return true;
        }
        index -= (uint32_t)count;
    }
    return false;
}

static void test_own(void)
{
    const char *cursor = cmdline_value("own");
    while (cursor != NULL && *cursor >= '0' && *cursor <= '9') {
        uint64_t first = parse_number(&cursor);
        cursor++;
        uint64_t last = parse_number(&cursor) - 1;
        uint64_t bytes[] = { access_read(first, 1), access_read(last, 1) };
        access_write(first, 1, ~bytes[0]);
        access_write(last, 1, ~bytes[1]);
        bool ok = access_read(first, 1) == (uint8_t)~bytes[0] &&
                  access_read(last, 1) == (uint8_t)~bytes[1];
        access_write(first, 1, bytes[0]);
        access_write(last, 1, bytes[1]);
        report(ok, "own memory 0x%lx to 0x%lx: first and last byte", first, last);
        if (*cursor == ',') {
            cursor++;
        }
    }
}

static void touch(char op, uint64_t address)
{
    switch (op) {
    case 'r':
        (void)access_read(address, 1);
        break;
    case 'R':
        (void)access_read(address, 8);
        break;
    case 'w':
        access_write(address, 1, 0xa5);
        break;
    case 'W':
        access_write(address, 8, 0xa5a5a5a5a5a5a5a5);
        break;
    case 'x':
        access_execute(address);
        break;
    default:
        report(false, "unknown operation %c", op);
        break;
    }
}

void guest_main(void)
{
    uint32_t scratch = scratch_load();
    uint32_t index = (scratch & 0xffff0000) == SCRATCH_MAGIC ? scratch & 0xffff : 0;
    report_as("probe");
    if (index == 0) {
        report_begin("probe");
        test_own();
    }
    char op;
    uint64_t address;
    while (find_probe(index, &op, &address)) {
        index++;
        scratch_store(SCRATCH_MAGIC | index);
        print("probe %u %c 0x%lx\n", index, op, address);
        fault_expect();
        touch(op, address);
        bool taken = fault_result().taken;
        report(false, "probe %u %c 0x%lx came back%s", index, op, address,
               taken ? " with an exception" : "");
    }
    scratch_store(0);
    report(true, "%u addresses probed", index);
}

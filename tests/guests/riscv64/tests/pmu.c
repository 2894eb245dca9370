/* SPDX-License-Identifier: Apache-2.0 */
/*
 * SBI 2.0's PMU (chapter 11), granted and not. Words of the command line:
 *
 *     granted=N  0: there must be none, and reading `cycle` is the last thing that the guest does
 *     resets=N   reboots N times (default 0; needs the scratch register, see guest.h): each life
 *                must find the counters as new
 */
#include "riscv64.h"

#define SCRATCH_MAGIC 0x5b200000u

#define NUM_COUNTERS 0
#define GET_INFO     1
#define CFG_MATCHING 2
#define START        3
#define STOP         4
#define FW_READ      5
#define FW_READ_HI   6
#define SET_SHMEM    7

#define CYCLES       1 /* events */
#define INSTRUCTIONS 2

#define SKIP_MATCH  1 /* flags of CFG_MATCHING */
#define CLEAR_VALUE 2
#define AUTO_START  4

#define ERR_ALREADY_STARTED (-7)
#define ERR_ALREADY_STOPPED (-8)
#define ERR_NO_SHMEM        (-9)

#define LONG_AGO 1500000000u /* a count that no life begins with */

static void pmu(uint64_t function, uint64_t base, uint64_t mask, uint64_t flags, uint64_t argument,
                int64_t error, const char *what)
{
    uint64_t arguments[5] = { base, mask, flags, argument, 0 };

    report_equal((uint64_t)sbi_call5(SBI_EXT_PMU, function, arguments).error, (uint64_t)error, "%s",
                 what);
}

static uint64_t configured(uint64_t mask, uint64_t flags, uint64_t event)
{
    uint64_t arguments[5] = { 0, mask, flags, event, 0 };
    struct sbi_result result = sbi_call5(SBI_EXT_PMU, CFG_MATCHING, arguments);

    return result.error == 0 ? result.value : ~0ull;
}

static void test_info(void)
{
    static const uint64_t none[] = { 1, 3, 64, ~0ull };

    report_equal(sbi_call(SBI_EXT_PMU, NUM_COUNTERS, 0, 0, 0).value, 3, "counters 0 to 2");
    report_equal(sbi_call(SBI_EXT_PMU, GET_INFO, 0, 0, 0).value, 63u << 12 | CSR_CYCLE,
                 "0 is cycle");
    report_equal(sbi_call(SBI_EXT_PMU, GET_INFO, 2, 0, 0).value, 63u << 12 | CSR_INSTRET,
                 "2 is instret");
    for (unsigned i = 0; i < ARRAY_SIZE(none); i++) {
        pmu(GET_INFO, none[i], 0, 0, 0, SBI_ERR_INVALID_PARAM, "there is no other");
        pmu(FW_READ, none[i], 0, 0, 0, SBI_ERR_INVALID_PARAM, "none of firmware");
    }
    pmu(FW_READ, 0, 0, 0, 0, SBI_ERR_INVALID_PARAM, "cycle is not of firmware");
    pmu(FW_READ_HI, 2, 0, 0, 0, SBI_ERR_INVALID_PARAM, "nor instret");
    pmu(SET_SHMEM, 0, 0, 0, 0, SBI_ERR_NOT_SUPPORTED, "no snapshots");
    pmu(~0ull, 0, 0, 0, 0, SBI_ERR_NOT_SUPPORTED, "no function ~0");
}

/* A set is a base and a mask; one bit too many and nothing is done. */
static void test_sets(void)
{
    for (uint64_t function = CFG_MATCHING; function <= STOP; function++) {
        pmu(function, 0, 7, 0, CYCLES, SBI_ERR_INVALID_PARAM, "a set with counter 1");
        pmu(function, 2, 2, 0, CYCLES, SBI_ERR_INVALID_PARAM, "a set with counter 3");
        pmu(function, 62, 5, 0, CYCLES, SBI_ERR_INVALID_PARAM, "a set beyond 63");
        pmu(function, ~0ull, 1, 0, CYCLES, SBI_ERR_INVALID_PARAM, "base ~0");
        pmu(function, 0, 1, 0x100, CYCLES, SBI_ERR_INVALID_PARAM, "flags that are not there");
        pmu(function, 0, 1, 1ull << 63, CYCLES, SBI_ERR_INVALID_PARAM, "flag 63");
    }
}

static void test_configure(void)
{
    pmu(STOP, 0, 5, 1, 0, 0, "both stop, and are free");
    pmu(STOP, 0, 5, 0, 0, ERR_ALREADY_STOPPED, "only once");
    pmu(START, 0, 1, 0, 0, SBI_ERR_INVALID_PARAM, "one that is not configured does not start");
    pmu(CFG_MATCHING, 0, 5, 0, 3, SBI_ERR_NOT_SUPPORTED, "there is no event 3");
    pmu(CFG_MATCHING, 0, 5, 0, 0x10001, SBI_ERR_NOT_SUPPORTED, "no cache events");
    pmu(CFG_MATCHING, 0, 5, 0, 1ull << 32 | CYCLES, SBI_ERR_NOT_SUPPORTED, "no event of 33 bits");
    pmu(CFG_MATCHING, 0, 1, 0, INSTRUCTIONS, SBI_ERR_NOT_SUPPORTED, "cycle counts cycles only");
    pmu(CFG_MATCHING, 0, 0, 0, CYCLES, SBI_ERR_NOT_SUPPORTED, "an empty set counts nothing");
    report_equal(configured(5, 0, CYCLES), 0, "cycles are counter 0's");
    report_equal(configured(5, 0, INSTRUCTIONS), 2, "instructions counter 2's");
    pmu(CFG_MATCHING, 0, 5, 0, CYCLES, SBI_ERR_NOT_SUPPORTED, "taken");
    report_equal(configured(1, SKIP_MATCH, CYCLES), 0, "but to its owner");
}

/* What is stopped stands. QEMU (7.2) sees at the first read that it was stopped. */
#define STANDS(csr, what)                          \
    do {                                           \
        (void)csr_read(csr);                       \
        uint64_t stood_ = csr_read(csr);           \
        delay_us(1000);                            \
        report_equal(csr_read(csr), stood_, what); \
    } while (0)

static void test_start_and_stop(void)
{
    uint64_t first;

    STANDS(CSR_CYCLE, "a counter that is stopped stands");
    pmu(START, 0, 1, 2, 0, ERR_NO_SHMEM, "no snapshot to start from");
    pmu(START, 0, 1, 1, 1ull << 40, 0, "start at 2^40");
    pmu(START, 0, 5, 0, 0, ERR_ALREADY_STARTED, "one of two runs");
    first = csr_read(CSR_CYCLE);
    report(first >= 1ull << 40 && first - (1ull << 40) < 1ull << 39, "it begins there: %lu", first);
    delay_us(1000);
    report(csr_read(CSR_CYCLE) > first, "and runs");
    pmu(START, 2, 1, 0, 0, 0, "instret starts where it stood");
    first = csr_read(CSR_INSTRET);
    report(csr_read(CSR_INSTRET) > first, "and runs");
    pmu(STOP, 0, 1, 2, 0, ERR_NO_SHMEM, "no snapshot at the end");
    pmu(STOP, 0, 1, 0, 0, 0, "cycle stops");
    STANDS(CSR_CYCLE, "and stands");
    pmu(STOP, 0, 5, 0, 0, ERR_ALREADY_STOPPED, "one of two stood");
    STANDS(CSR_INSTRET, "now both do");
    report_equal(configured(1, SKIP_MATCH | CLEAR_VALUE | AUTO_START, CYCLES), 0, "begin anew");
    first = csr_read(CSR_CYCLE);
    report(first < 1ull << 39, "from 0: %lu", first);
    delay_us(1000);
    report(csr_read(CSR_CYCLE) > first, "and run");
}

/* Nothing of an earlier life: both run, from 0, and are nobody's. */
static void test_new(void)
{
    uint64_t cycle = csr_read(CSR_CYCLE), instret = csr_read(CSR_INSTRET);

    report(cycle < LONG_AGO, "cycle begins with the VM: %lu", cycle);
    report(instret < LONG_AGO, "instret too: %lu", instret);
    delay_us(1000);
    report(csr_read(CSR_CYCLE) > cycle && csr_read(CSR_INSTRET) > instret, "both run");
    pmu(START, 0, 1, 0, 0, SBI_ERR_INVALID_PARAM, "neither is configured");
}

static void test_denied(void)
{
    report_equal(sbi_call(SBI_EXT_BASE, 3, SBI_EXT_PMU, 0, 0).value, 0, "no PMU");
    for (uint64_t function = NUM_COUNTERS; function <= SET_SHMEM; function++) {
        pmu(function, 0, 1, 0, CYCLES, SBI_ERR_NOT_SUPPORTED, "and it answers so");
    }
}

void guest_main(void)
{
    uint64_t resets = cmdline_number("resets", 0);
    uint32_t scratch = resets > 0 ? scratch_load() : 0;
    uint32_t boot = (scratch & 0xffff0000) == SCRATCH_MAGIC ? scratch & 0xffff : 0;

    report_begin("pmu");
    if (cmdline_number("granted", 1) == 0) {
        test_denied();
        print("survived: cycle is %lu\n", csr_read(CSR_CYCLE));
        return;
    }
    print("boot %u\n", boot);
    report_equal(sbi_call(SBI_EXT_BASE, 3, SBI_EXT_PMU, 0, 0).value, 1, "there is a PMU");
    test_new();
    if (boot < resets) { /* with both far beyond what a life begins with, one stopped */
        configured(1, AUTO_START, CYCLES);
        pmu(STOP, 0, 5, 0, 0, 0, "both stop");
        pmu(START, 0, 1, 1, 1ull << 50, 0, "cycle at 2^50");
        scratch_store(SCRATCH_MAGIC | (boot + 1));
        print("resetting\n");
        sbi_call(SBI_EXT_SRST, 0, SBI_SRST_COLD, 0, 0);
        report(false, "the reset returned");
    }
    if (resets > 0) {
        scratch_store(0);
    }
    test_info();
    test_sets();
    test_configure();
    test_start_and_stop();
}

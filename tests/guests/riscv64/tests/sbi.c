/* SPDX-License-Identifier: Apache-2.0 */
/*
 * SBI 2.0 as a VM of two harts sees it: what is granted, the error codes of malformed calls, harts
 * on and off, IPIs, fences, console, resets and what they must put right. Words of the command
 * line: resets=N   reboots N times, each time another way, before it powers off (default 0; needs
 * the scratch register, see guest.h) Numbers in parentheses are chapters of the SBI specification.
 */
#include "riscv64.h"

#define SCRATCH_MAGIC 0x5b100000u
#define WAIT_US       2000000u
#define PATTERN       0x5a5a0000u

static volatile uint64_t second_argument;
static volatile uint64_t second_started;
static volatile uint64_t second_release;
static volatile uint64_t soft_count[2]; /* by CPU, which alone writes it */
static volatile uint64_t must_be_zero;  /* in .bss */
static volatile uint64_t must_be_seven = 7;

static void error_is(struct sbi_result result, int64_t expected, const char *what)
{
    report_equal((uint64_t)result.error, (uint64_t)expected, "%s", what);
}

static void on_interrupt(unsigned code)
{
    if (code == IRQ_SOFT) {
        csr_clear(CSR_SIP, 1u << IRQ_SOFT);
        soft_count[cpu_index()]++;
    } else {
        csr_clear(CSR_SIE, 1u << code);
    }
}

static void test_entry(void)
{
    report_equal(entry_sstatus & SSTATUS_SIE, 0, "interrupts are masked at entry");
    report_equal(entry_satp, 0, "satp is 0 at entry");
    if (on_hypervisor()) {
        report_equal(entry_hart, 0, "a0 is hart 0");
        report_equal(entry_sie, 0, "sie is 0 at entry");
    }
    report_equal(must_be_zero, 0, ".bss reads zero");
    report_equal(must_be_seven, 7, ".data is as linked");
    must_be_zero = 1;
    must_be_seven = 8;
}

static void test_base(void)
{
    static const uint32_t granted[] = { SBI_EXT_BASE,
                                        SBI_EXT_TIME,
                                        SBI_EXT_IPI,
                                        SBI_EXT_RFENCE,
                                        SBI_EXT_HSM,
                                        SBI_EXT_SRST,
                                        0,
                                        1,
                                        2,
                                        8 };
    static const uint32_t absent[] = { SBI_EXT_SUSP, SBI_EXT_NACL, SBI_EXT_STA, 9,
                                       0x08000000,   0x0900abcd,   0x0a000000,  0xffffffff };
    struct sbi_result version = sbi_call(SBI_EXT_BASE, 0, 0, 0, 0);
    report(version.error == 0 && version.value >= 0x01000000, "SBI %lu.%lu", version.value >> 24,
           version.value & 0xffffff);
    for (unsigned i = 0; i < ARRAY_SIZE(granted); i++) {
        struct sbi_result found = sbi_call(SBI_EXT_BASE, 3, granted[i], 0, 0);
        report(found.error == 0 && found.value != 0, "extension 0x%x is there", granted[i]);
    }
    if (!on_hypervisor()) {
        report_skip("the rest of BASE is Ashlar's");
        return;
    }
    report_equal(version.value, 0x02000000, "SBI 2.0");
    report_equal(sbi_call(SBI_EXT_BASE, 3, SBI_EXT_DBCN, 0, 0).value, 1, "DBCN is there");
    for (unsigned i = 0; i < ARRAY_SIZE(absent); i++) {
        struct sbi_result found = sbi_call(SBI_EXT_BASE, 3, absent[i], 0, 0);
        report(found.error == 0 && found.value == 0, "extension 0x%x is not", absent[i]);
        error_is(sbi_call(absent[i], 0, 0, 0, 0), SBI_ERR_NOT_SUPPORTED, "and answers so");
    }
    for (unsigned function = 4; function <= 6; function++) {
        struct sbi_result number = sbi_call(SBI_EXT_BASE, function, 0, 0, 0);
        report(number.error == 0 && number.value == 0, "machine number %u is not told", function);
    }
    error_is(sbi_call(SBI_EXT_BASE, 7, 0, 0, 0), SBI_ERR_NOT_SUPPORTED, "BASE has no function 7");
    error_is(sbi_call(SBI_EXT_BASE, ~0ull, 0, 0, 0), SBI_ERR_NOT_SUPPORTED, "nor ~0");
    error_is(sbi_call(1ull << 32 | SBI_EXT_BASE, 0, 0, 0, 0), SBI_ERR_NOT_SUPPORTED,
             "no extension has more than 32 bits");
}

/* A call changes a0 and a1, and nothing else (3). */
static void test_registers(uint64_t extension, uint64_t function, const char *what)
{
    uint64_t x[32];
    for (unsigned i = 0; i < 32; i++) {
        x[i] = 0x0101010101010101 * i ^ 0xfedcba9876543210;
    }
    x[16] = function;
    x[17] = extension;
    sbi_call_all(x);
    unsigned changed = 0;
    for (unsigned i = 1; i < 32; i++) {
        uint64_t before = 0x0101010101010101 * i ^ 0xfedcba9876543210;
        if (i == 2 || i == 10 || i == 11) {
            continue;
        }
        before = i == 16 ? function : i == 17 ? extension : before;
        changed += x[i] != before;
    }
    report_equal(changed, 0, "%s keeps all registers but a0 and a1", what);
}

static void second_main(uint64_t argument)
{
    second_argument = argument;
    irq_set_handler(on_interrupt);
    csr_write(CSR_SIE, 1u << IRQ_SOFT);
    interrupts_mask(false);
    memory_barrier();
    second_started = second_started + 1;
    while (second_release < second_started) {
        cpu_relax();
    }
    interrupts_mask(true);
}

static void test_start(void)
{
    uint64_t hart = cpu_hart(1);
    report_equal(sbi_call(SBI_EXT_HSM, SBI_HSM_STATUS, cpu_hart(0), 0, 0).value, SBI_HSM_STARTED,
                 "this hart is started");
    report_equal(sbi_call(SBI_EXT_HSM, SBI_HSM_STATUS, hart, 0, 0).value, SBI_HSM_STOPPED,
                 "the other is stopped");
    error_is(sbi_call(SBI_EXT_HSM, SBI_HSM_STATUS, 1000, 0, 0), SBI_ERR_INVALID_PARAM,
             "status of hart 1000");
    error_is(sbi_call(SBI_EXT_HSM, SBI_HSM_STATUS, ~0ull, 0, 0), SBI_ERR_INVALID_PARAM,
             "status of hart ~0");
    error_is(sbi_call(SBI_EXT_HSM, SBI_HSM_START, 1000, RAM_BASE, 0), SBI_ERR_INVALID_PARAM,
             "start of hart 1000");
    error_is(sbi_call(SBI_EXT_HSM, SBI_HSM_START, cpu_hart(0), RAM_BASE + 0x200000, 0),
             SBI_ERR_ALREADY_AVAILABLE, "start of this hart");
    error_is(sbi_call(SBI_EXT_HSM, 4, 0, 0, 0), SBI_ERR_NOT_SUPPORTED, "HSM has no function 4");
    if (on_hypervisor()) {
        error_is(sbi_call(SBI_EXT_HSM, SBI_HSM_START, hart, 0x1000, 0), SBI_ERR_INVALID_ADDRESS,
                 "start where there is no memory");
        error_is(sbi_call(SBI_EXT_HSM, SBI_HSM_START, hart, ~0ull, 0), SBI_ERR_INVALID_ADDRESS,
                 "start at ~0");
    }
    for (uint64_t round = 1; round <= 20; round++) {
        int64_t error = cpu_start(1, second_main, PATTERN + round);
        bool started = wait_for(&second_started, round, WAIT_US);
        int64_t again = cpu_start(1, second_main, PATTERN + round);
        second_release = round;
        bool off = cpu_wait_off(1, WAIT_US);
        if (error != 0 || !started || again != SBI_ERR_ALREADY_AVAILABLE || !off ||
            second_argument != PATTERN + round) {
            report(false, "start %lu: error %ld, started %d, again %ld, off %d", round, (long)error,
                   started, (long)again, off);
            return;
        }
    }
    report(true, "hart 1 on and off twenty times");
}

static void test_ipi(void)
{
    uint64_t both = 1ull << cpu_hart(0) | 1ull << cpu_hart(1);
    uint64_t round = second_started + 1;
    cpu_start(1, second_main, 0);
    wait_for(&second_started, round, WAIT_US);
    irq_set_handler(on_interrupt);
    csr_write(CSR_SIE, 1u << IRQ_SOFT);
    interrupts_mask(false);
    error_is(sbi_call(SBI_EXT_IPI, 0, 1ull << cpu_hart(1), 0, 0), SBI_SUCCESS, "IPI to the other");
    report(wait_for(&soft_count[1], 1, WAIT_US), "arrives");
    report_equal(soft_count[0], 0, "and only there");
    error_is(sbi_call(SBI_EXT_IPI, 0, both, 0, 0), SBI_SUCCESS, "IPI to both");
    report(wait_for(&soft_count[0], 1, WAIT_US) && wait_for(&soft_count[1], 2, WAIT_US), "arrives");
    error_is(sbi_call(SBI_EXT_IPI, 0, 0, ~0ull, 0), SBI_SUCCESS, "IPI to all");
    report(wait_for(&soft_count[0], 2, WAIT_US) && wait_for(&soft_count[1], 3, WAIT_US), "arrives");
    uint64_t start = time_us();
    for (uint64_t i = 0; i < 1000; i++) {
        sbi_call(SBI_EXT_IPI, 0, 1ull << cpu_hart(1), 0, 0);
        wait_for(&soft_count[1], 4 + i, WAIT_US);
    }
    report(soft_count[1] >= 1003, "a thousand more in %lu us", time_us() - start);
    error_is(sbi_call(SBI_EXT_IPI, 0, 1, 1000, 0), SBI_ERR_INVALID_PARAM, "IPI to hart 1000");
    if (on_hypervisor()) { /* older firmware leaves out harts that are not there */
        error_is(sbi_call(SBI_EXT_IPI, 0, ~0ull, 0, 0), SBI_ERR_INVALID_PARAM, "IPI to 64 harts");
    }
    error_is(sbi_call(SBI_EXT_IPI, 1, 1, 0, 0), SBI_ERR_NOT_SUPPORTED, "IPI has no function 1");
    interrupts_mask(true);
    csr_write(CSR_SIE, 0);
}

/* Fences while the other hart runs. */
static void test_fences(void)
{
    uint64_t other = 1ull << cpu_hart(1);
    unsigned wrong = 0;
    for (unsigned function = 0; function <= 2; function++) {
        for (unsigned size = 0; size < 3; size++) {
            uint64_t sizes[] = { 0, 4096, ~0ull };
            uint64_t arguments[5] = { other, 0, 0x1000, sizes[size], 5 };
            wrong += sbi_call5(SBI_EXT_RFENCE, function, arguments).error != 0;
            arguments[0] = 0;
            arguments[1] = ~0ull;
            wrong += sbi_call5(SBI_EXT_RFENCE, function, arguments).error != 0;
        }
    }
    report_equal(wrong, 0, "remote fences of every kind");
    error_is(sbi_call(SBI_EXT_RFENCE, 0, 1, 1000, 0), SBI_ERR_INVALID_PARAM, "fence on hart 1000");
    error_is(sbi_call(SBI_EXT_RFENCE, 99, 1, 0, 0), SBI_ERR_NOT_SUPPORTED, "RFENCE function 99");
    if (on_hypervisor()) {
        error_is(sbi_call(SBI_EXT_RFENCE, 1, ~0ull, 0, 0), SBI_ERR_INVALID_PARAM, "on 64 harts");
        for (unsigned function = 3; function <= 6; function++) {
            error_is(sbi_call(SBI_EXT_RFENCE, function, other, 0, 0), SBI_ERR_NOT_SUPPORTED,
                     "fences of hypervisors");
        }
    }
    second_release = second_started;
    report(cpu_wait_off(1, WAIT_US), "the other hart ends");
}

static void test_suspend(void)
{
    error_is(sbi_call(SBI_EXT_HSM, SBI_HSM_SUSPEND, 1, 0, 0), SBI_ERR_INVALID_PARAM,
             "suspend, reserved type");
    irq_set_handler(on_interrupt);
    csr_write(CSR_SIE, 1u << IRQ_TIMER);
    uint64_t start = time_us();
    timer_arm_us(20000);
    error_is(sbi_call(SBI_EXT_HSM, SBI_HSM_SUSPEND, 0, 0, 0), SBI_SUCCESS, "retentive suspend");
    timer_stop();
    csr_write(CSR_SIE, 0);
    report(time_us() - start < WAIT_US, "the timer ends it, after %lu us", time_us() - start);
    if (on_hypervisor()) {
        error_is(sbi_call(SBI_EXT_HSM, SBI_HSM_SUSPEND, 0x80000000, 0x1000, 0),
                 SBI_ERR_INVALID_ADDRESS, "non-retentive suspend to where there is no memory");
    }
}

static void test_console(void)
{
    static const char text[] = "DBCN: written\n";
    uint64_t address = (uintptr_t)text;
    if (sbi_call(SBI_EXT_BASE, 3, SBI_EXT_DBCN, 0, 0).value == 0) {
        report_skip("no DBCN");
        return;
    }
    struct sbi_result written = sbi_call(SBI_EXT_DBCN, 0, sizeof(text) - 1, address, 0);
    report(written.error == 0 && written.value == sizeof(text) - 1, "DBCN write");
    struct sbi_result nothing = sbi_call(SBI_EXT_DBCN, 0, 0, address, 0);
    report(nothing.error == 0 && nothing.value == 0, "DBCN write of nothing");
    error_is(sbi_call(SBI_EXT_DBCN, 2, '\n', 0, 0), SBI_SUCCESS, "DBCN write byte");
    error_is(sbi_call(SBI_EXT_DBCN, 3, 0, 0, 0), SBI_ERR_NOT_SUPPORTED, "DBCN function 3");
    error_is(sbi_call(SBI_EXT_DBCN, 0, 8, address, 1), SBI_ERR_INVALID_PARAM, "DBCN above 64 bits");
    if (!on_hypervisor()) {
        return;
    }
    static const struct {
        uint64_t base;
        uint64_t size;
        const char *what;
    } outside[] = {
        { 0x1000, 8, "where nothing is" },
        { UART_BASE, 8, "on the UART" },
        { RAM_BASE - 4, 8, "across the start of memory" },
        { ~0ull - 3, 8, "round the end of addresses" },
        { RAM_BASE, ~0ull, "of the largest size" },
        { RAM_BASE, 1ull << 40, "longer than memory" },
    };
    for (unsigned i = 0; i < ARRAY_SIZE(outside); i++) {
        error_is(sbi_call(SBI_EXT_DBCN, 0, outside[i].size, outside[i].base, 0),
                 SBI_ERR_INVALID_PARAM, outside[i].what);
        error_is(sbi_call(SBI_EXT_DBCN, 1, outside[i].size, outside[i].base, 0),
                 SBI_ERR_INVALID_PARAM, outside[i].what);
    }
    static char buffer[16];
    struct sbi_result got = sbi_call(SBI_EXT_DBCN, 1, sizeof(buffer), (uintptr_t)buffer, 0);
    report(got.error == 0 && got.value == 0, "DBCN read when nothing was typed");
}

static void test_legacy(void)
{
    report_equal((uint64_t)sbi_call(1, 0, 'L', 0, 0).error, 0, "legacy putchar");
    report_equal((uint64_t)sbi_call(2, 0, 0, 0, 0).error, ~0ull, "legacy getchar: nothing there");
    report_equal((uint64_t)sbi_call(0, 0, ~0ull, 0, 0).error, 0, "legacy set timer");
    uint64_t mask = 1ull << cpu_hart(0);
    report_equal((uint64_t)sbi_call(4, 0, (uintptr_t)&mask, 0, 0).error, 0, "legacy send IPI");
    uint64_t start = time_us();
    while (!interrupt_pending(IRQ_SOFT) && time_us() - start < WAIT_US) {
        cpu_relax();
    }
    report(interrupt_pending(IRQ_SOFT), "is pending");
    sbi_call(3, 0, 0, 0, 0);
    report(!interrupt_pending(IRQ_SOFT), "legacy clear IPI");
    report_equal((uint64_t)sbi_call(5, 0, (uintptr_t)&mask, 0, 0).error, 0, "legacy fence.i");
    report_equal((uint64_t)sbi_call(6, 0, 0, 0, ~0ull).error, 0, "legacy sfence.vma");
}

static void test_reset_errors(void)
{
    error_is(sbi_call(SBI_EXT_SRST, 1, 0, 0, 0), SBI_ERR_NOT_SUPPORTED, "SRST function 1");
    error_is(sbi_call(SBI_EXT_SRST, 0, 3, 0, 0), SBI_ERR_INVALID_PARAM, "reserved reset type");
    error_is(sbi_call(SBI_EXT_SRST, 0, ~0ull, 0, 0), SBI_ERR_INVALID_PARAM, "reset type ~0");
    if (on_hypervisor()) {
        error_is(sbi_call(SBI_EXT_SRST, 0, 1, 2, 0), SBI_ERR_INVALID_PARAM, "reserved reason");
    }
}

void guest_main(void)
{
    uint64_t resets = cmdline_number("resets", 0);
    uint32_t scratch = resets > 0 ? scratch_load() : 0;
    uint32_t boot = (scratch & 0xffff0000) == SCRATCH_MAGIC ? scratch & 0xffff : 0;
    report_begin("sbi");
    print("boot %u\n", boot);
    test_entry();
    test_start();
    if (boot == 0) {
        test_base();
        test_registers(SBI_EXT_BASE, 0, "GET_SPEC_VERSION");
        test_registers(SBI_EXT_IPI, 99, "a call of an unknown function");
        test_registers(0x12345678, 0, "a call of an unknown extension");
        test_ipi();
        test_fences();
        test_suspend();
        test_console();
        test_legacy();
        test_reset_errors();
    }
    if (boot < resets) {
        scratch_store(SCRATCH_MAGIC | (boot + 1));
        if (boot % 2 != 0) { /* with the other hart running */
            cpu_start(1, second_main, 0);
        }
        print("resetting\n");
        sbi_call(SBI_EXT_SRST, 0, boot % 2 == 0 ? SBI_SRST_COLD : SBI_SRST_WARM, boot % 2, 0);
        report(false, "the reset returned");
    }
    if (resets > 0) {
        scratch_store(0);
    }
}

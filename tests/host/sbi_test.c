/* SPDX-License-Identifier: Apache-2.0 */
/*
 * SBI decisions (SBI 2.0): what a guest is answered, and which of the machine's harts its calls
 * reach. Firmware, guest memory, timer and life cycle are the test's.
 */
/* ARCH: riscv64 */
/* SOURCES: arch/riscv64/sbi.c arch/riscv64/sbi_harts.c arch/riscv64/sbi_console.c */
/* SOURCES: arch/riscv64/sbi_pmu.c runtime/memory.c */
#include "test.h"
#include <arch/csr.h>
#include <arch/firmware.h>
#include <arch/sbi.h>
#include <arch/time.h>
#include <arch/trap.h>
#include <arch/vcpu.h>
#include <ashlar.h>
#include <hv/call.h>
#include <hv/log.h>
#include <hv/tables.h>
#include <hv/v16550.h>

#define VCPUS 4u
#define FIRST 3u /* of the VM's vCPUs in vcpus[] */
#define RAM   UINT64_C(0x80000000)
#define ROM   UINT64_C(0x90000000)

_Thread_local struct pcpu *fake_this_pcpu;

static const struct mem_region memory[] = {
    { .name = "ram",
      .ipa = { RAM },
      .size = 0x1000,
      .permissions = MEM_READ | MEM_WRITE | MEM_EXECUTE },
    { .name = "rom", .ipa = { ROM }, .size = 0x1000, .permissions = MEM_READ },
};
static struct v16550 uart;
static struct vm_config config = { .name = "a",
                                   .vcpu_first = FIRST,
                                   .vcpu_count = VCPUS,
                                   .memory = memory,
                                   .memory_count = 2,
                                   .arch.uart = &uart };
static struct vm vm = { .config = &config, .state = VM_RUNNING };
/* vCPUs 0 and 2 share hart 2; hart 70 is out of reach of one mask from hart 0. */
static const struct pcpu_config pcpu_config[] = { { .arch.hart_id = 2 },
                                                  { .arch.hart_id = 0 },
                                                  { .arch.hart_id = 70 } };
struct pcpu pcpus[] = { { .config = &pcpu_config[0] },
                        { .config = &pcpu_config[1] },
                        { .config = &pcpu_config[2] } };
static struct vcpu_config vcpu_config[FIRST + VCPUS];
struct vcpu vcpus[FIRST + VCPUS];

/* ---- What it calls ---- */

static enum hv_err on_answer;
static struct vcpu *on_target;
static uint64_t on_entry, on_argument;
static uint64_t timer, resume_entry;
static uint32_t ipis; /* bit i: vCPU i was sent one */
static uint32_t local_fences;
static struct hart_set fenced[4];
static uint64_t fence_start, fence_size;
static uint32_t fence_count;
static uint8_t guest_memory[0x1000], output[600], input[8];
static uint32_t output_count, output_room, input_count;
static uint64_t guest_word;
static bool is_mapped;

static uint64_t own_function;

int64_t call_make(struct vcpu *v, uint64_t function, uint64_t x[CALL_VALUES])
{
    EXPECT(v == &vcpus[FIRST]);
    own_function = function;
    for (uint64_t i = 0; i < CALL_VALUES; i++) {
        x[i] += 100 + i;
    }
    return ASHLAR_REFUSED;
}

enum hv_err vcpu_on(struct vcpu *v, uint64_t entry, uint64_t argument)
{
    on_target = v;
    on_entry = entry;
    on_argument = argument;
    return on_answer;
}

void vcpu_send_ipi(struct vcpu *v)
{
    ipis |= 1u << (v - &vcpus[FIRST]);
}

void vcpu_clear_ipi(struct vcpu *v)
{
    ipis &= ~(1u << (v - &vcpus[FIRST]));
}

void vcpu_resume_at(struct vcpu *v, uint64_t entry, uint64_t argument)
{
    EXPECT(v == &vcpus[FIRST]);
    resume_entry = entry;
    on_argument = argument;
}

void time_guest_set(struct vcpu *v, uint64_t deadline)
{
    EXPECT(v == &vcpus[FIRST]);
    timer = deadline;
}

void fence_i(void)
{
    local_fences++;
}

void hfence_vvma(void)
{
    local_fences++;
}

void firmware_remote_fence_i(struct hart_set harts)
{
    fenced[fence_count++] = harts;
}

void firmware_remote_hfence_vvma(struct hart_set harts, uint64_t start, uint64_t size)
{
    fenced[fence_count++] = harts;
    fence_start = start;
    fence_size = size;
}

/* The machine's counters of this hart, and what its firmware was asked for. */
static bool has_counters;
static uint64_t hcounteren, running, first_value;
static uint32_t pmu_count, log_count;
static struct {
    uint64_t function, counters, flags, argument;
} pmu_calls[4];

bool firmware_pmu(uint64_t function, uint64_t counters, uint64_t flags, uint64_t argument)
{
    EXPECT(counters != 0 && (counters & ~UINT64_C(5)) == 0); /* no others exist */
    EXPECT(pmu_count < 4);
    pmu_calls[pmu_count].function = function;
    pmu_calls[pmu_count].counters = counters;
    pmu_calls[pmu_count].flags = flags;
    pmu_calls[pmu_count++].argument = argument;
    if (function == SBI_PMU_COUNTER_STOP) {
        running &= ~counters;
    } else if (function == SBI_PMU_COUNTER_START) {
        EXPECT((flags & ~UINT64_C(1)) == 0);
        running |= counters;
        first_value = argument;
    } else {
        EXPECT_EQ(function, SBI_PMU_COUNTER_CFG_MATCHING);
        EXPECT_EQ(argument, counters == 1 ? 1 : 2); /* each its own event */
        EXPECT((flags & ~UINT64_C(6)) == 0);
        running |= (flags & 4) != 0 ? counters : 0;
    }
    return has_counters;
}

void csr_write(uint32_t number, uint64_t value)
{
    EXPECT_EQ(number, CSR_HCOUNTEREN);
    hcounteren = value;
}

void log_write(enum log_level level, const char *text, ...)
{
    EXPECT_EQ(level, LOG_ERROR);
    (void)text;
    log_count++;
}

bool access_guest_word(uint64_t address, uint64_t *value)
{
    (void)address;
    *value = guest_word;
    return is_mapped;
}

uint64_t access_copy_from_guest(uint8_t *to, ipa_t from, uint64_t size)
{
    EXPECT(from.ipa >= RAM && from.ipa + size <= RAM + sizeof guest_memory);
    memcpy(to, &guest_memory[from.ipa - RAM], size);
    return is_mapped ? size : 0;
}

uint64_t access_copy_to_guest(ipa_t to, const uint8_t *from, uint64_t size)
{
    EXPECT(to.ipa >= RAM && to.ipa + size <= RAM + sizeof guest_memory);
    memcpy(&guest_memory[to.ipa - RAM], from, size);
    return is_mapped ? size : 0;
}

uint32_t v16550_send(struct v16550 *to, const uint8_t *bytes, uint32_t count)
{
    uint32_t done = 0;

    EXPECT(to == &uart);
    for (; done < count && output_room > 0; done++, output_room--) {
        output[output_count++] = bytes[done];
    }
    return done;
}

void v16550_update(struct v16550 *of)
{
    EXPECT(of == &uart);
}

uint32_t v16550_receive(struct v16550 *from, uint8_t *bytes, uint32_t count)
{
    uint32_t done = count < input_count ? count : input_count;

    EXPECT(from == &uart);
    memcpy(bytes, input, done);
    input_count -= done;
    memmove(input, &input[done], input_count);
    return done;
}

/* ---- Help ---- */

static const uint8_t cpu_of[VCPUS] = { 0, 1, 0, 2 };

static void start(void)
{
    for (uint32_t i = 0; i < VCPUS; i++) {
        vcpu_config[FIRST + i].index = (uint16_t)i;
        vcpus[FIRST + i].config = &vcpu_config[FIRST + i];
        vcpus[FIRST + i].vm = &vm;
        vcpus[FIRST + i].pcpu = &pcpus[cpu_of[i]];
    }
    vcpus[FIRST].state = VCPU_RUNNING;
    is_mapped = true;
    output_room = sizeof output;
    fence_count = 0;
    local_fences = 0;
    ipis = 0;
    pmu_count = 0;
    vcpus[FIRST].arch.pmu = (struct arch_pmu){ 0 };
}

struct reply {
    enum exit_reason reason;
    int64_t a0;
    uint64_t a1;
};

static struct reply call(uint64_t extension, uint64_t function, uint64_t a0, uint64_t a1,
                         uint64_t a2, uint64_t a3)
{
    uint64_t x[32], before[32];
    struct reply reply;

    for (uint32_t i = 0; i < 32; i++) {
        x[i] = 0x1111 * i;
    }
    x[10] = a0;
    x[11] = a1;
    x[12] = a2;
    x[13] = a3;
    x[16] = function;
    x[17] = extension;
    memcpy(before, x, sizeof x);
    reply.reason = sbi_call(&vcpus[FIRST], x);
    reply.a0 = (int64_t)x[10];
    reply.a1 = x[11];
    for (uint32_t i = 0; i < 32; i++) {
        EXPECT(i == 10 || i == 11 || x[i] == before[i]); /* nothing else changes (3) */
    }
    return reply;
}

/* A call that returns with this error and value. */
#define EXPECT_REPLY(made, expected_error, expected_value) \
    do {                                                   \
        struct reply is_ = (made);                         \
        EXPECT_EQ(is_.reason, EXIT_HYPERCALL);             \
        EXPECT_EQ(is_.a0, expected_error);                 \
        EXPECT_EQ(is_.a1, expected_value);                 \
    } while (0)

#define ALL SBI_ALL_HARTS

/* ---- BASE ---- */

/* Ashlar's own calls: the function and the registers that they get. */
TEST(own_calls)
{
    uint64_t x[32] = { 0 };

    x[SBI_EXTENSION] = ASHLAR_ECALL;
    x[SBI_FUNCTION] = 7;
    for (uint64_t i = 0; i < 6; i++) {
        x[SBI_A0 + i] = i;
    }
    EXPECT_EQ(sbi_call(&vcpus[FIRST], x), EXIT_HYPERCALL);
    EXPECT_EQ(own_function, 7);
    EXPECT_EQ((int64_t)x[SBI_A0], ASHLAR_REFUSED);
    EXPECT(x[SBI_A0 + 1] == 100 && x[SBI_A0 + 2] == 102 && x[SBI_A0 + 3] == 104);
    EXPECT(x[SBI_A0 + 4] == 103 && x[SBI_A0 + 5] == 5);
}

TEST(base)
{
    start();
    EXPECT_REPLY(call(0x10, 0, 0, 0, 0, 0), 0, 0x02000000);
    EXPECT_REPLY(call(0x10, 4, 0, 0, 0, 0), 0, 0);
    EXPECT_REPLY(call(0x10, 6, 0, 0, 0, 0), 0, 0);
    EXPECT_REPLY(call(0x10, 7, 0, 0, 0, 0), SBI_ERR_NOT_SUPPORTED, 0);
}

TEST(probe)
{
    static const uint64_t there[] = { 0x10,     0x54494d45, 0x735049,  0x52464e43,
                                      0x48534d, 0x53525354, 0x4442434e };

    start();
    for (unsigned i = 0; i < sizeof there / sizeof there[0]; i++) {
        EXPECT_REPLY(call(0x10, 3, there[i], 0, 0, 0), 0, 1);
    }
    EXPECT_REPLY(call(0x10, 3, 0x504d55, 0, 0, 0), 0, 0); /* PMU */
    EXPECT_REPLY(call(0x10, 3, UINT64_C(1) << 32 | 0x10, 0, 0, 0), 0, 0);
    config.arch.uart = NULL;
    EXPECT_REPLY(call(0x10, 3, 0x4442434e, 0, 0, 0), 0, 0);
}

/* Everything that is not in the lists: the specified answer, and no more. */
TEST(unknown)
{
    uint64_t random = 7;

    start();
    EXPECT_REPLY(call(9, 0, 0, 0, 0, 0), SBI_ERR_NOT_SUPPORTED, 0);
    EXPECT_REPLY(call(UINT64_MAX, 0, 0, 0, 0, 0), SBI_ERR_NOT_SUPPORTED, 0);
    EXPECT_REPLY(call(0x54494d45, 1, 0, 0, 0, 0), SBI_ERR_NOT_SUPPORTED, 0);
    EXPECT_REPLY(call(0x735049, 1, 0, 0, 0, 0), SBI_ERR_NOT_SUPPORTED, 0);
    EXPECT_REPLY(call(0x48534d, 4, 0, 0, 0, 0), SBI_ERR_NOT_SUPPORTED, 0);
    EXPECT_REPLY(call(0x53525354, 1, 0, 0, 0, 0), SBI_ERR_NOT_SUPPORTED, 0);
    EXPECT_REPLY(call(0x4442434e, 3, 0, 0, 0, 0), SBI_ERR_NOT_SUPPORTED, 0);
    for (uint64_t function = 3; function < 20; function++) {
        EXPECT_REPLY(call(0x52464e43, function, ALL, ALL, 0, 0), SBI_ERR_NOT_SUPPORTED, 0);
    }
    for (uint32_t i = 0; i < 10000; i++) {
        uint64_t extension = test_random(&random);

        EXPECT_REPLY(call(extension, test_random(&random), 0, 0, 0, 0), SBI_ERR_NOT_SUPPORTED, 0);
    }
}

TEST(set_timer)
{
    start();
    EXPECT_REPLY(call(0x54494d45, 0, 12345, 0, 0, 0), 0, 0);
    EXPECT_EQ(timer, 12345);
    EXPECT_EQ(call(0, 0, 777, 5, 0, 0).a1, 5); /* legacy calls keep a1 (5) */
    EXPECT_EQ(timer, 777);
}

/* ---- IPI ---- */

TEST(ipi)
{
    static const struct {
        uint64_t mask, base;
        int64_t error;
        uint32_t vcpus;
    } cases[] = {
        { 0x5, 0, 0, 0x5 },
        { 0x3, 2, 0, 0xc },
        { 0, ALL, 0, 0xf },
        { 0x12, ALL, 0, 0xf },
        { 0, 0, 0, 0 },
        { 0x10, 0, SBI_ERR_INVALID_PARAM, 0 },
        { 0x1f, 0, SBI_ERR_INVALID_PARAM, 0 },
        { 0x1, 4, SBI_ERR_INVALID_PARAM, 0 },
        { UINT64_C(1) << 63, 1, SBI_ERR_INVALID_PARAM, 0 },
        { 0x1, 64, SBI_ERR_INVALID_PARAM, 0 },
        { 0x1, UINT64_MAX - 1, SBI_ERR_INVALID_PARAM, 0 },
        { UINT64_MAX, 0, SBI_ERR_INVALID_PARAM, 0 },
    };

    for (unsigned i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct reply reply;

        start();
        reply = call(0x735049, 0, cases[i].mask, cases[i].base, 0, 0);
        EXPECT_EQ(reply.reason, EXIT_SEND_IPI);
        EXPECT_EQ(reply.a0, cases[i].error);
        EXPECT_EQ(reply.a1, 0);
        EXPECT_EQ(ipis, cases[i].vcpus);
    }
}

TEST(legacy_ipi)
{
    start();
    guest_word = 0x6;
    EXPECT_EQ(call(4, 0, 0x1000, 0, 0, 0).a0, 0);
    EXPECT_EQ(ipis, 0x6);
    EXPECT_EQ(call(4, 0, 0, 0, 0, 0).a0, 0); /* no mask: all */
    EXPECT_EQ(ipis, 0xf);
    EXPECT_EQ(call(3, 0, 0, 0, 0, 0).a0, 0);
    EXPECT_EQ(ipis, 0xe);
    is_mapped = false;
    EXPECT(call(4, 0, 0x1000, 0, 0, 0).a0 < 0);
}

/* ---- RFENCE ---- */

/* vCPU 0 runs on hart 2, and vCPU 2 shares it: both are here. */
TEST(fences_reach_the_right_harts_only)
{
    start();
    EXPECT_REPLY(call(0x52464e43, 0, 0x2, 0, 0, 0), 0, 0);
    EXPECT_EQ(fence_count, 1);
    EXPECT(fenced[0].mask << fenced[0].base == 0x1);
    EXPECT_EQ(local_fences, 0);
    start();
    EXPECT_REPLY(call(0x52464e43, 1, 0x5, 0, 0x1000, 0x2000), 0, 0);
    EXPECT_EQ(fence_count, 0);
    EXPECT(local_fences > 0);
    start();
    EXPECT_REPLY(call(0x52464e43, 2, 0, ALL, 0x1000, 0x2000), 0, 0);
    EXPECT_EQ(fence_count, 2); /* harts 0 and 70 do not fit into one mask */
    EXPECT(fenced[0].base == 0 && fenced[0].mask == 1);
    EXPECT(fenced[1].base == 70 && fenced[1].mask == 1);
    EXPECT(fence_start == 0x1000 && fence_size == 0x2000);
}

TEST(fence_ranges)
{
    start();
    call(0x52464e43, 1, 0x2, 0, 0x5000, UINT64_MAX);
    EXPECT(fence_start == 0 && fence_size == 0); /* everything */
    call(0x52464e43, 1, 0x2, 0, 0, 0);
    EXPECT(fence_start == 0 && fence_size == 0);
    EXPECT_REPLY(call(0x52464e43, 1, 0x10, 0, 0, 0), SBI_ERR_INVALID_PARAM, 0);
}

TEST(legacy_fences)
{
    start();
    guest_word = 0x2;
    EXPECT_EQ(call(5, 0, 0x1000, 0, 0, 0).a0, 0);
    EXPECT_EQ(call(6, 0, 0x1000, 0x7000, 0x1000, 0).a0, 0);
    EXPECT_EQ(fence_count, 2);
    EXPECT(fence_start == 0x7000 && fence_size == 0x1000);
    EXPECT_EQ(call(7, 0, 0x1000, 0x7000, 0x1000, 9).a0, 0);
}

/* ---- HSM ---- */

TEST(hart_start)
{
    start();
    EXPECT_REPLY(call(0x48534d, 0, 2, RAM, 99, 0), 0, 0);
    EXPECT(on_target == &vcpus[FIRST + 2] && on_entry == RAM && on_argument == 99);
    on_target = NULL;
    EXPECT_REPLY(call(0x48534d, 0, VCPUS, RAM, 0, 0), SBI_ERR_INVALID_PARAM, 0);
    EXPECT_REPLY(call(0x48534d, 0, UINT64_MAX, RAM, 0, 0), SBI_ERR_INVALID_PARAM, 0);
    EXPECT_REPLY(call(0x48534d, 0, 1, 0, 0, 0), SBI_ERR_INVALID_ADDRESS, 0);
    EXPECT_REPLY(call(0x48534d, 0, 1, ROM, 0, 0), SBI_ERR_INVALID_ADDRESS, 0);
    EXPECT_REPLY(call(0x48534d, 0, 1, RAM + 0xfff, 0, 0), SBI_ERR_INVALID_ADDRESS, 0);
    EXPECT(on_target == NULL);
    on_answer = HV_ERR_ALREADY;
    EXPECT_REPLY(call(0x48534d, 0, 1, RAM, 0, 0), SBI_ERR_ALREADY_AVAILABLE, 0);
    on_answer = HV_ERR_STATE;
    EXPECT_REPLY(call(0x48534d, 0, 1, RAM, 0, 0), SBI_ERR_FAILED, 0);
}

TEST(hart_status)
{
    static const struct {
        enum vcpu_state state;
        uint64_t status;
    } cases[] = { { VCPU_OFF, 1 },
                  { VCPU_READY, 2 },
                  { VCPU_RUNNING, 0 },
                  { VCPU_HALTED, 0 },
                  { VCPU_EXITING, 3 } };

    start();
    for (unsigned i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        vcpus[FIRST + 1].state = cases[i].state;
        EXPECT_REPLY(call(0x48534d, 2, 1, 0, 0, 0), 0, cases[i].status);
    }
    EXPECT_REPLY(call(0x48534d, 2, VCPUS, 0, 0, 0), SBI_ERR_INVALID_PARAM, 0);
}

TEST(hart_stop_and_suspend)
{
    start();
    EXPECT_EQ(call(0x48534d, 1, 0, 0, 0, 0).reason, EXIT_CPU_DOWN);
    EXPECT_EQ(call(0x48534d, 3, 0, 0, 0, 0).reason, EXIT_HALT);
    EXPECT_EQ(call(0x48534d, 3, 0, 0, 0, 0).a0, 0);
    EXPECT_EQ(call(0x48534d, 3, 0x80000000, RAM + 4, 55, 0).reason, EXIT_HALT);
    EXPECT(resume_entry == RAM + 4 && on_argument == 55);
    EXPECT_REPLY(call(0x48534d, 3, 0x80000000, ROM, 0, 0), SBI_ERR_INVALID_ADDRESS, 0);
    EXPECT_REPLY(call(0x48534d, 3, 1, 0, 0, 0), SBI_ERR_INVALID_PARAM, 0);
    EXPECT_REPLY(call(0x48534d, 3, 0x90000000, RAM, 0, 0), SBI_ERR_INVALID_PARAM, 0);
}

/* ---- SRST ---- */

TEST(system_reset)
{
    start();
    EXPECT_EQ(call(0x53525354, 0, 0, 0, 0, 0).reason, EXIT_SYSTEM_DOWN);
    EXPECT_EQ(call(0x53525354, 0, 0, 1, 0, 0).reason, EXIT_SYSTEM_DOWN);
    EXPECT_EQ(call(0x53525354, 0, 1, 0, 0, 0).reason, EXIT_SYSTEM_RESET);
    EXPECT_EQ(call(0x53525354, 0, 2, 0, 0, 0).reason, EXIT_SYSTEM_RESET);
    EXPECT_EQ(call(8, 0, 0, 0, 0, 0).reason, EXIT_SYSTEM_DOWN);
    EXPECT_REPLY(call(0x53525354, 0, 3, 0, 0, 0), SBI_ERR_INVALID_PARAM, 0);
    EXPECT_REPLY(call(0x53525354, 0, 0, 2, 0, 0), SBI_ERR_INVALID_PARAM, 0);
    EXPECT_REPLY(call(0x53525354, 0, 0xf0000000, 0, 0, 0), SBI_ERR_INVALID_PARAM, 0);
}

/* ---- Console ---- */

TEST(console_write)
{
    start();
    memcpy(&guest_memory[0x10], "hello", 5);
    EXPECT_REPLY(call(0x4442434e, 0, 5, RAM + 0x10, 0, 0), 0, 5);
    EXPECT(output_count == 5 && memcmp(output, "hello", 5) == 0);
    EXPECT_REPLY(call(0x4442434e, 0, 0x1000, RAM, 0, 0), 0, 256); /* bounded */
    output_room = 3;
    EXPECT_REPLY(call(0x4442434e, 0, 5, RAM, 0, 0), 0, 3);
    EXPECT_REPLY(call(0x4442434e, 0, 5, RAM, 0, 0), 0, 0); /* full: not an error (12.1) */
}

TEST(console_addresses)
{
    static const struct {
        uint64_t size, low, high;
    } bad[] = { { 1, 0, 0 },   { 2, RAM + 0xfff, 0 }, { UINT64_MAX, RAM, 0 },
                { 1, RAM, 1 }, { 0x1001, RAM, 0 },    { 16, UINT64_MAX - 7, 0 } };

    start();
    input_count = 4;
    for (uint64_t function = 0; function < 2; function++) {
        for (unsigned i = 0; i < sizeof bad / sizeof bad[0]; i++) {
            EXPECT_REPLY(call(0x4442434e, function, bad[i].size, bad[i].low, bad[i].high, 0),
                         SBI_ERR_INVALID_PARAM, 0);
        }
    }
    EXPECT_REPLY(call(0x4442434e, 1, 4, ROM, 0, 0), SBI_ERR_INVALID_PARAM, 0);
    EXPECT(input_count == 4 && output_count == 0);
}

TEST(console_read)
{
    start();
    memcpy(input, "abc", 3);
    input_count = 3;
    EXPECT_REPLY(call(0x4442434e, 1, 2, RAM + 4, 0, 0), 0, 2);
    EXPECT(memcmp(&guest_memory[4], "ab", 2) == 0);
    EXPECT_REPLY(call(0x4442434e, 1, 0x1000, RAM, 0, 0), 0, 1);
    EXPECT_REPLY(call(0x4442434e, 1, 0x1000, RAM, 0, 0), 0, 0);
}

/* Output of one byte waits: the guest calls again until there is room. */
TEST(console_bytes)
{
    start();
    EXPECT_REPLY(call(0x4442434e, 2, 'x', 0, 0, 0), 0, 0);
    EXPECT_EQ(call(1, 0, 'y', 5, 0, 0).a0, 0);
    EXPECT(memcmp(output, "xy", 2) == 0);
    output_room = 0;
    EXPECT_EQ(call(0x4442434e, 2, 'z', 0, 0, 0).reason, EXIT_PREEMPTED);
    EXPECT_EQ(call(0x4442434e, 2, 'z', 7, 0, 0).a0, 'z'); /* its arguments are as they were */
    EXPECT_EQ(call(1, 0, 'z', 0, 0, 0).reason, EXIT_PREEMPTED);
    EXPECT_EQ(call(2, 0, 0, 0, 0, 0).a0, -1);
    input[0] = 0xff;
    input_count = 1;
    EXPECT_EQ(call(2, 0, 0, 0, 0, 0).a0, 0xff);
}

/* ---- PMU ---- */

#define PMU 0x504d55

/* With the counters granted, or not. */
static void start_counters(bool granted)
{
    start();
    config.arch.has_pmu = granted;
    has_counters = true;
    running = 0;
    sbi_pmu_reset(&vcpus[FIRST]);
    config.arch.has_pmu = false;
}

TEST(counters_not_granted)
{
    start_counters(false);
    EXPECT_EQ(hcounteren, 2);
    EXPECT_EQ(pmu_count, 0);
    for (uint64_t function = 0; function < 9; function++) {
        EXPECT_REPLY(call(PMU, function, 0, 1, 0, 1), SBI_ERR_NOT_SUPPORTED, 0);
    }
}

TEST(counters_granted)
{
    start_counters(true);
    EXPECT_EQ(hcounteren, 7);
    EXPECT_EQ(pmu_count, 2); /* cleared and started, each */
    EXPECT_EQ(pmu_calls[0].counters | pmu_calls[1].counters, 5);
    EXPECT_EQ(pmu_calls[0].flags & pmu_calls[1].flags, 6);
    EXPECT_REPLY(call(0x10, 3, PMU, 0, 0, 0), 0, 1);
    EXPECT_REPLY(call(PMU, 0, 0, 0, 0, 0), 0, 3);
    EXPECT_REPLY(call(PMU, 1, 0, 0, 0, 0), 0, 0x3fc00);
    EXPECT_REPLY(call(PMU, 1, 1, 0, 0, 0), SBI_ERR_INVALID_PARAM, 0);
    EXPECT_REPLY(call(PMU, 1, 2, 0, 0, 0), 0, 0x3fc02);
    EXPECT_REPLY(call(PMU, 1, 3, 0, 0, 0), SBI_ERR_INVALID_PARAM, 0);
    EXPECT_REPLY(call(PMU, 1, ALL, 0, 0, 0), SBI_ERR_INVALID_PARAM, 0);
    EXPECT_REPLY(call(PMU, 5, 0, 0, 0, 0), SBI_ERR_INVALID_PARAM, 0);
    EXPECT_REPLY(call(PMU, 6, 0, 0, 0, 0), SBI_ERR_INVALID_PARAM, 0);
    EXPECT_REPLY(call(PMU, 7, 0, 0, 0, 0), SBI_ERR_NOT_SUPPORTED, 0);
    EXPECT_EQ(pmu_count, 2);
}

/* A firmware without counters: the VM is told that there are none. */
TEST(counters_that_the_machine_has_not)
{
    start();
    config.arch.has_pmu = true;
    has_counters = false;
    log_count = 0;
    sbi_pmu_reset(&vcpus[FIRST]);
    config.arch.has_pmu = false;
    EXPECT_EQ(hcounteren, 2);
    EXPECT_EQ(log_count, 1);
    EXPECT_REPLY(call(0x10, 3, PMU, 0, 0, 0), 0, 0);
    EXPECT_REPLY(call(PMU, 0, 0, 0, 0, 0), SBI_ERR_NOT_SUPPORTED, 0);
}

/* What is malformed does not reach the firmware. */
TEST(counters_malformed)
{
    static const uint64_t sets[][2] = { { 0, 2 }, { 0, 7 },  { 1, 1 },   { 3, 1 },  { 2, 2 },
                                        { 0, 8 }, { 63, 5 }, { ALL, 1 }, { 64, 1 }, { 0, ALL } };

    start_counters(true);
    pmu_count = 0;
    for (uint64_t function = 2; function <= 4; function++) {
        for (uint32_t i = 0; i < sizeof sets / sizeof *sets; i++) {
            EXPECT_REPLY(call(PMU, function, sets[i][0], sets[i][1], 0, 1), SBI_ERR_INVALID_PARAM,
                         0);
        }
        EXPECT_REPLY(call(PMU, function, 0, 1, 0x100, 1), SBI_ERR_INVALID_PARAM, 0);
        EXPECT_REPLY(call(PMU, function, 0, 1, UINT64_C(1) << 63, 1), SBI_ERR_INVALID_PARAM, 0);
    }
    EXPECT_REPLY(call(PMU, 2, 0, 5, 0, 0), SBI_ERR_NOT_SUPPORTED, 0);
    EXPECT_REPLY(call(PMU, 2, 0, 5, 0, 3), SBI_ERR_NOT_SUPPORTED, 0);
    EXPECT_REPLY(call(PMU, 2, 0, 5, 0, UINT64_C(1) << 32 | 1), SBI_ERR_NOT_SUPPORTED, 0);
    EXPECT_REPLY(call(PMU, 2, 0, 0, 0, 1), SBI_ERR_NOT_SUPPORTED, 0);
    EXPECT_REPLY(call(PMU, 2, 2, 1, 0, 1), SBI_ERR_NOT_SUPPORTED, 0);
    EXPECT_REPLY(call(PMU, 3, 0, 1, 0, 0), SBI_ERR_INVALID_PARAM, 0); /* not configured */
    EXPECT_REPLY(call(PMU, 4, 0, 1, 2, 0), SBI_ERR_NO_SHMEM, 0);
    EXPECT_EQ(pmu_count, 0);
    EXPECT_EQ(running, 5);
}

TEST(counters_life)
{
    start_counters(true);
    pmu_count = 0;
    EXPECT_REPLY(call(PMU, 4, 0, 5, 1, 0), 0, 0);
    EXPECT_EQ(running, 0);
    EXPECT_REPLY(call(PMU, 4, 0, 5, 0, 0), SBI_ERR_ALREADY_STOPPED, 0);
    EXPECT_REPLY(call(PMU, 2, 0, 5, 0xf8, 1), 0, 0); /* modes not to be counted are hints */
    EXPECT_EQ(pmu_count, 1);
    EXPECT_REPLY(call(PMU, 2, 0, 5, 0, 1), SBI_ERR_NOT_SUPPORTED, 0); /* taken */
    EXPECT_REPLY(call(PMU, 2, 0, 1, 1, 1), 0, 0);                     /* but to its owner */
    EXPECT_REPLY(call(PMU, 2, 0, 5, 6, 2), 0, 2);
    EXPECT_EQ(running, 4);
    EXPECT_REPLY(call(PMU, 3, 0, 5, 0, 0), SBI_ERR_ALREADY_STARTED, 0);
    EXPECT_REPLY(call(PMU, 3, 0, 1, 2, 0), SBI_ERR_NO_SHMEM, 0);
    EXPECT_EQ(running, 4);
    EXPECT_REPLY(call(PMU, 3, 0, 1, 1, 0x1234), 0, 0);
    EXPECT_EQ(running, 5);
    EXPECT_EQ(first_value, 0x1234);
    EXPECT_REPLY(call(PMU, 4, 2, 1, 0, 0), 0, 0);
    pmu_count = 0;
    EXPECT_REPLY(call(PMU, 4, 0, 5, 0, 0), SBI_ERR_ALREADY_STOPPED, 0); /* and the other stops */
    EXPECT_EQ(running, 0);
    EXPECT_EQ(pmu_calls[0].counters, 1);
    EXPECT_REPLY(call(PMU, 3, 0, 0, 0, 0), 0, 0); /* an empty set */
    EXPECT_EQ(pmu_count, 1);
    sbi_pmu_reset(&vcpus[FIRST]);
    config.arch.has_pmu = true;
    sbi_pmu_reset(&vcpus[FIRST]);
    config.arch.has_pmu = false;
    EXPECT_REPLY(call(PMU, 3, 0, 4, 0, 0), SBI_ERR_INVALID_PARAM, 0); /* nobody's again */
}

TEST(vm_without_console)
{
    start();
    config.arch.uart = NULL;
    for (uint64_t function = 0; function < 3; function++) {
        EXPECT_REPLY(call(0x4442434e, function, 1, RAM, 0, 0), SBI_ERR_NOT_SUPPORTED, 0);
    }
    EXPECT_EQ(call(1, 0, 'y', 0, 0, 0).a0, SBI_ERR_NOT_SUPPORTED);
    EXPECT_EQ(call(2, 0, 0, 0, 0, 0).a0, SBI_ERR_NOT_SUPPORTED);
}

TEST_MAIN()

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * PSCI and SMCCC decisions (Arm DEN 0022D, DEN 0028). Only the life cycle's answer to CPU_ON is
 * fake.
 */
/* ARCH: aarch64 */
/* SOURCES: arch/aarch64/psci.c runtime/memory.c */
#include "test.h"
#include <arch/psci.h>
#include <ashlar.h>
#include <hv/call.h>
#include <hv/tables.h>

#define VCPUS 20
#define ENTRY UINT64_C(0x40200000)

_Thread_local struct pcpu *fake_this_pcpu;

void fake_relax(void)
{
}

static const struct mem_region memory[] = {
    { .name = "ram", .ipa = { 0x40000000 }, .size = 0x10000000, .permissions = 7 },
    { .name = "data", .ipa = { 0x60000000 }, .size = 0x1000, .permissions = 3 },
};
static const struct vm_config config = {
    .name = "a", .vcpu_first = 3, .vcpu_count = VCPUS, .memory = memory, .memory_count = 2
};
static struct vm vm = { .config = &config, .state = VM_RUNNING };
static struct vcpu_config vcpu_config[3 + VCPUS];
struct vcpu vcpus[3 + VCPUS];

static enum hv_err answer; /* of vcpu_on() */
static struct vcpu *on_target;
static uint64_t on_entry, on_argument;
static enum vcpu_state on_race; /* what the state has become meanwhile */

enum hv_err vcpu_on(struct vcpu *v, uint64_t entry, uint64_t argument)
{
    on_target = v;
    on_entry = entry;
    on_argument = argument;
    v->state = on_race;
    return answer;
}

static void start(void)
{
    for (uint32_t i = 0; i < VCPUS; i++) {
        vcpu_config[3 + i].index = (uint16_t)i;
        vcpu_config[3 + i].arch.mpidr = i % 16 | i / 16 << 8;
        vcpus[3 + i].config = &vcpu_config[3 + i];
        vcpus[3 + i].vm = &vm;
    }
    vcpus[3].state = VCPU_RUNNING;
    on_target = NULL;
}

/* Calls that return to the guest. */
static int64_t call(uint64_t x0, uint64_t x1, uint64_t x2, uint64_t x3)
{
    uint64_t x[5] = { x0, x1, x2, x3 };

    bool is_cpu_on = (x0 & ~(uint64_t)SMCCC_64 & UINT32_MAX) == PSCI_CPU_ON;

    EXPECT_EQ(psci_call(&vcpus[3], x), is_cpu_on ? EXIT_CPU_UP : EXIT_HYPERCALL);
    EXPECT(x[1] == x1 && x[2] == x2 && x[3] == x3);
    return (int64_t)x[0];
}

/* Ashlar's own calls: the number and the registers that they get. */
static uint64_t own_function;

int64_t call_make(struct vcpu *v, uint64_t function, uint64_t x[CALL_VALUES])
{
    EXPECT(v == &vcpus[3]);
    own_function = function;
    for (uint64_t i = 0; i < CALL_VALUES; i++) {
        x[i] += 100 + i;
    }
    return ASHLAR_REFUSED;
}

TEST(own_calls)
{
    uint64_t x[5] = { ASHLAR_HVC + 7, 1, 2, 3, 4 };

    EXPECT_EQ(psci_call(&vcpus[3], x), EXIT_HYPERCALL);
    EXPECT_EQ(own_function, 7);
    EXPECT_EQ((int64_t)x[0], ASHLAR_REFUSED);
    EXPECT(x[1] == 101 && x[2] == 103 && x[3] == 105 && x[4] == 107);
    own_function = 0;
    EXPECT_EQ(call(ASHLAR_HVC - 1, 0, 0, 0), PSCI_NOT_SUPPORTED);
    EXPECT_EQ(call(ASHLAR_HVC + 0x10000, 0, 0, 0), PSCI_NOT_SUPPORTED);
    EXPECT_EQ(own_function, 0);
}

TEST(versions)
{
    start();
    EXPECT_EQ(call(PSCI_VERSION, 0, 0, 0), 0x10001);
    EXPECT_EQ(call(SMCCC_VERSION, 0, 0, 0), 0x10001);
    EXPECT_EQ(call(PSCI_MIGRATE_INFO_TYPE, 0, 0, 0), 2);
}

TEST(features)
{
    static const uint32_t known[] = { 0x84000000, 0x84000001, 0xc4000001, 0x84000002, 0x84000003,
                                      0xc4000003, 0x84000004, 0xc4000004, 0x84000006, 0x84000008,
                                      0x84000009, 0x8400000a, 0x80000000 };

    start();
    for (unsigned i = 0; i < sizeof known / sizeof *known; i++) {
        EXPECT_EQ(call(PSCI_FEATURES, known[i], 0, 0), 0);
    }
    EXPECT_EQ(call(PSCI_FEATURES, 0x84000007, 0, 0), -1);
    EXPECT_EQ(call(PSCI_FEATURES, 0xc4000002, 0, 0), -1); /* CPU_OFF has no SMC64 form */
    EXPECT_EQ(call(SMCCC_ARCH_FEATURES, 0x80000001, 0, 0), 0);
    EXPECT_EQ(call(SMCCC_ARCH_FEATURES, 0x80008000, 0, 0), -1);
}

/* What is not listed is refused, in all ranges of function identifiers. */
TEST(unknown_calls)
{
    uint64_t seed = 3;

    start();
    for (unsigned i = 0; i < 100000; i++) {
        uint64_t function = test_random(&seed) & 0xffffffff;
        bool known = (function & 0xffffffe0 & ~(uint64_t)SMCCC_64) == 0x84000000 ||
                     (function & 0xfffffffe) == 0x80000000 || function >> 16 == 0xc600;

        EXPECT(known || call(function, 1, 2, 3) == -1);
    }
    for (uint64_t function = 0x8400000b; function < 0x84000020; function++) {
        EXPECT_EQ(call(function, 0, 0, 0), -1);
    }
}

TEST(cpu_on)
{
    start();
    on_race = VCPU_READY;
    for (uint32_t i = 1; i < VCPUS; i++) {
        EXPECT_EQ(call(PSCI_CPU_ON | SMCCC_64, i % 16 | i / 16 << 8, ENTRY + 4 * i, i), 0);
        EXPECT(on_target == &vcpus[3 + i]);
        EXPECT_EQ(on_entry, ENTRY + 4 * i);
        EXPECT_EQ(on_argument, i);
    }
}

/* The SMC32 form carries 32 bits, whatever the upper halves hold. */
TEST(cpu_on_32)
{
    start();
    EXPECT_EQ(call(PSCI_CPU_ON, 0xdead000000000001, 0xdead000040200000, 0xdead000000000007), 0);
    EXPECT(on_target == &vcpus[4]);
    EXPECT_EQ(on_entry, ENTRY);
    EXPECT_EQ(on_argument, 7);
    EXPECT_EQ(call(0xffffffff00000000 | PSCI_VERSION, 0, 0, 0), 0x10001);
}

TEST(cpu_on_refused)
{
    static const uint64_t strangers[] = { 16, 0x104, 0x80000001, 0x10000, 0x100000000, 255 << 8 };

    start();
    for (unsigned i = 0; i < sizeof strangers / sizeof *strangers; i++) {
        EXPECT_EQ(call(PSCI_CPU_ON | SMCCC_64, strangers[i], ENTRY, 0), PSCI_INVALID_PARAMETERS);
    }
    EXPECT_EQ(call(PSCI_CPU_ON | SMCCC_64, 1, 0x3ffffffc, 0), PSCI_INVALID_ADDRESS);
    EXPECT_EQ(call(PSCI_CPU_ON | SMCCC_64, 1, 0x50000000, 0), PSCI_INVALID_ADDRESS);
    EXPECT_EQ(call(PSCI_CPU_ON | SMCCC_64, 1, 0x60000000, 0), PSCI_INVALID_ADDRESS);
    EXPECT_EQ(call(PSCI_CPU_ON | SMCCC_64, 1, UINT64_MAX - 3, 0), PSCI_INVALID_ADDRESS);
    EXPECT(on_target == NULL);
}

TEST(cpu_on_of_one_that_is_on)
{
    start();
    answer = HV_ERR_ALREADY;
    vcpus[4].state = on_race = VCPU_READY;
    EXPECT_EQ(call(PSCI_CPU_ON | SMCCC_64, 1, ENTRY, 0), PSCI_ON_PENDING);
    vcpus[4].state = on_race = VCPU_RUNNING;
    EXPECT_EQ(call(PSCI_CPU_ON | SMCCC_64, 1, ENTRY, 0), PSCI_ALREADY_ON);
    vcpus[4].state = on_race = VCPU_HALTED;
    EXPECT_EQ(call(PSCI_CPU_ON | SMCCC_64, 1, ENTRY, 0), PSCI_ALREADY_ON);
    EXPECT_EQ(call(PSCI_CPU_ON | SMCCC_64, 0, ENTRY, 0), PSCI_ALREADY_ON); /* itself */
}

TEST(affinity_info)
{
    start();
    EXPECT_EQ(call(PSCI_AFFINITY_INFO | SMCCC_64, 0, 0, 0), PSCI_AFFINITY_ON);
    EXPECT_EQ(call(PSCI_AFFINITY_INFO | SMCCC_64, 1, 0, 0), PSCI_AFFINITY_OFF);
    vcpus[4].state = VCPU_READY;
    EXPECT_EQ(call(PSCI_AFFINITY_INFO, 1, 0, 0), PSCI_AFFINITY_ON_PENDING);
    vcpus[4].state = VCPU_HALTED;
    EXPECT_EQ(call(PSCI_AFFINITY_INFO, 1, 0, 0), PSCI_AFFINITY_ON);
    EXPECT_EQ(call(PSCI_AFFINITY_INFO, 0x103, 0, 0), PSCI_AFFINITY_OFF);
    EXPECT_EQ(call(PSCI_AFFINITY_INFO, 0x104, 0, 0), PSCI_INVALID_PARAMETERS);
    EXPECT_EQ(call(PSCI_AFFINITY_INFO, 0, 1, 0), PSCI_INVALID_PARAMETERS);
}

/* A vCPU that is leaving is not off: its memory may not be taken from it yet. */
TEST(affinity_info_of_one_that_leaves)
{
    start();
    vcpus[4].state = VCPU_EXITING;
    EXPECT_EQ(call(PSCI_AFFINITY_INFO, 1, 0, 0), PSCI_AFFINITY_ON);
}

TEST(calls_that_do_not_return)
{
    uint64_t x[5] = { PSCI_CPU_OFF, 1, 2, 3 };

    start();
    EXPECT_EQ(psci_call(&vcpus[3], x), EXIT_CPU_DOWN);
    x[0] = PSCI_SYSTEM_OFF;
    EXPECT_EQ(psci_call(&vcpus[3], x), EXIT_SYSTEM_DOWN);
    x[0] = PSCI_SYSTEM_RESET;
    EXPECT_EQ(psci_call(&vcpus[3], x), EXIT_SYSTEM_RESET);
}

TEST(cpu_suspend)
{
    uint64_t x[5] = { PSCI_CPU_SUSPEND | SMCCC_64, 0x00010000, ENTRY, 0 };

    start();
    EXPECT_EQ(psci_call(&vcpus[3], x), EXIT_HALT);
    EXPECT_EQ(x[0], 0); /* what it finds when it wakes */
    EXPECT_EQ(call(PSCI_CPU_SUSPEND | SMCCC_64, 0x80000000, ENTRY, 0), PSCI_INVALID_PARAMETERS);
}

TEST_MAIN()

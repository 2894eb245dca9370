/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The timer of the virtual local APIC. Its clock has 1 GHz, so that with a counter of 1 GHz, which
 * most tests have, one count at divide by 1 is one tick.
 */
/* ARCH: x86_64 */
/* SOURCES: arch/x86_64/vlapic.c arch/x86_64/vlapic_registers.c arch/x86_64/vlapic_timer.c */
/* SOURCES: arch/x86_64/vlapic_icr.c arch/x86_64/vioapic.c tests/host/apic_machine.c */
#include "apic_machine.h"

#define V           (&vcpus[0])
#define VECTOR      0x40
#define DIVIDE_BY_1 0xbu

static void start(uint32_t lvt)
{
    machine_boot();
    now = 5000;
    enable(V);
    msr_write(V, LAPIC_DIVIDE, DIVIDE_BY_1);
    msr_write(V, LVT(LVT_TIMER), lvt | VECTOR);
    memset(asked, 0, sizeof asked);
}

/* The timer's interrupt is taken now, or is not. */
static bool fires(void)
{
    int vector;

    enter(V);
    vlapic_expire(V);
    vector = take(V);
    if (vector < 0) {
        return false;
    }
    EXPECT_EQ(vector, VECTOR);
    msr_write(V, LAPIC_EOI, 0);
    EXPECT_EQ(take(V), -1);
    return true;
}

static uint64_t count(void)
{
    return msr_read(V, LAPIC_CURRENT_COUNT);
}

TEST(one_shot)
{
    start(0);
    msr_write(V, LAPIC_INITIAL_COUNT, 100);
    EXPECT_EQ(asked[0].timer_changes, 1);
    EXPECT_EQ(vlapic_deadline(V), 5100);
    EXPECT_EQ(count(), 100);
    now = 5001;
    EXPECT_EQ(count(), 99);
    now = 5099;
    EXPECT_EQ(count(), 1);
    EXPECT(!fires() && !vlapic_has_interrupt(V));
    now = 5100;
    EXPECT(vlapic_has_interrupt(V));
    EXPECT(fires());
    EXPECT_EQ(count(), 0);
    EXPECT_EQ(vlapic_deadline(V), TIME_NEVER);
    now = 1000000;
    EXPECT(!fires());
}

TEST(started_anew_and_stopped)
{
    start(0);
    msr_write(V, LAPIC_INITIAL_COUNT, 100);
    now += 50;
    msr_write(V, LAPIC_INITIAL_COUNT, 100);
    now += 99;
    EXPECT(!fires());
    msr_write(V, LAPIC_INITIAL_COUNT, 0);
    EXPECT_EQ(asked[0].timer_changes, 3);
    EXPECT_EQ(vlapic_deadline(V), TIME_NEVER);
    EXPECT_EQ(count(), 0);
    now += 1000;
    EXPECT(!fires());
}

/* What was due before the write is not lost by it. */
TEST(due_before_it_is_started_anew)
{
    start(0);
    msr_write(V, LAPIC_INITIAL_COUNT, 100);
    now += 100;
    msr_write(V, LAPIC_INITIAL_COUNT, 1000);
    EXPECT(fires());
    EXPECT_EQ(vlapic_deadline(V), now + 1000);
}

TEST(due_before_it_is_masked)
{
    start(0);
    msr_write(V, LAPIC_INITIAL_COUNT, 100);
    now += 100;
    msr_write(V, LVT(LVT_TIMER), LVT_MASKED | VECTOR);
    EXPECT(fires());
}

TEST(due_before_the_apic_is_disabled)
{
    start(0);
    msr_write(V, LAPIC_INITIAL_COUNT, 100);
    now += 100;
    msr_write(V, LAPIC_SVR, 0xff);
    EXPECT(fires());
}

TEST(periodic)
{
    start(LVT_TIMER_PERIODIC);
    msr_write(V, LAPIC_INITIAL_COUNT, 20000);
    for (uint64_t i = 1; i <= 10; i++) {
        now = 5000 + 20000 * i - 1;
        EXPECT(!fires());
        EXPECT_EQ(count(), 1);
        now += 1 + i; /* late, but in step */
        EXPECT(fires());
        EXPECT_EQ(vlapic_deadline(V), 5000 + 20000 * (i + 1));
        EXPECT_EQ(count(), 20000 - i);
    }
}

/* Missed periods are one interrupt, and the next one is in step. */
TEST(missed_periods)
{
    start(LVT_TIMER_PERIODIC);
    msr_write(V, LAPIC_INITIAL_COUNT, 20000);
    now = 5000 + UINT64_C(20000) * 1000000007 + 123;
    EXPECT(fires());
    EXPECT_EQ(vlapic_deadline(V), 5000 + UINT64_C(20000) * 1000000008);
    EXPECT(!fires());
    now = 5000 + UINT64_C(20000) * 1000000009; /* exactly two later */
    EXPECT(fires());
    EXPECT_EQ(vlapic_deadline(V), now + 20000);
}

/* A period that would leave no time for anything is stretched; the count stays in its range. */
TEST(shortest_period)
{
    start(LVT_TIMER_PERIODIC);
    msr_write(V, LAPIC_INITIAL_COUNT, 1);
    now += 1;
    EXPECT(fires());
    EXPECT_EQ(vlapic_deadline(V), now + 10000);
    EXPECT_EQ(count(), 1);
    now += 9999;
    EXPECT(!fires());
    now += 1;
    EXPECT(fires());
}

TEST(stopped_while_periodic)
{
    start(LVT_TIMER_PERIODIC);
    msr_write(V, LAPIC_INITIAL_COUNT, 20000);
    now += 20000;
    EXPECT(fires());
    msr_write(V, LAPIC_INITIAL_COUNT, 0);
    now += 100000;
    EXPECT(!fires());
}

TEST(mode_is_looked_at_when_it_is_due)
{
    start(LVT_TIMER_PERIODIC);
    msr_write(V, LAPIC_INITIAL_COUNT, 20000);
    msr_write(V, LVT(LVT_TIMER), VECTOR);
    EXPECT_EQ(vlapic_deadline(V), 25000);
    now = 25000;
    EXPECT(fires());
    EXPECT_EQ(vlapic_deadline(V), TIME_NEVER);
    msr_write(V, LVT(LVT_TIMER), LVT_TIMER_PERIODIC | VECTOR); /* does not start it */
    EXPECT_EQ(vlapic_deadline(V), TIME_NEVER);
}

/* A masked timer counts, and wants nobody to look. */
TEST(masked)
{
    start(LVT_MASKED);
    msr_write(V, LAPIC_INITIAL_COUNT, 100);
    EXPECT_EQ(vlapic_deadline(V), TIME_NEVER);
    EXPECT_EQ(count(), 100);
    now += 50;
    EXPECT_EQ(count(), 50);
    asked[0].timer_changes = 0;
    msr_write(V, LVT(LVT_TIMER), VECTOR);
    EXPECT_EQ(asked[0].timer_changes, 1);
    EXPECT_EQ(vlapic_deadline(V), 5100);
    msr_write(V, LVT(LVT_TIMER), LVT_MASKED | VECTOR);
    now += 50;
    EXPECT_EQ(count(), 0);
    msr_write(V, LVT(LVT_TIMER), VECTOR); /* that one is lost */
    EXPECT(!fires());
    EXPECT_EQ(vlapic_deadline(V), TIME_NEVER);
}

TEST(masked_periodic)
{
    start(LVT_TIMER_PERIODIC | LVT_MASKED);
    msr_write(V, LAPIC_INITIAL_COUNT, 20000);
    now += 50001;
    EXPECT_EQ(count(), 9999);
    msr_write(V, LVT(LVT_TIMER), LVT_TIMER_PERIODIC | VECTOR);
    EXPECT(!fires());
    EXPECT_EQ(vlapic_deadline(V), 65000);
}

TEST(masked_by_disabling_the_apic)
{
    start(0);
    msr_write(V, LAPIC_INITIAL_COUNT, 100);
    asked[0].timer_changes = 0;
    msr_write(V, LAPIC_SVR, 0xff);
    EXPECT_EQ(asked[0].timer_changes, 1);
    EXPECT_EQ(vlapic_deadline(V), TIME_NEVER);
    now += 100;
    EXPECT(!fires());
}

/* Divide configuration (12.5.4): by 2, 4, 8, 16, 32, 64, 128, 1. */
TEST(divide)
{
    static const uint32_t values[] = { 0xb, 0x0, 0x1, 0x2, 0x3, 0x8, 0x9, 0xa };

    for (uint32_t i = 0; i < 8; i++) {
        start(0);
        msr_write(V, LAPIC_DIVIDE, values[i]);
        msr_write(V, LAPIC_INITIAL_COUNT, 1000);
        EXPECT_EQ(vlapic_deadline(V), now + (1000u << i));
        now += 400u << i;
        EXPECT_EQ(count(), 600);
        now++;
        EXPECT_EQ(count(), i == 0 ? 599 : 600);
        now = 5000 + (1000u << i) - 1;
        EXPECT(!fires());
        now++;
        EXPECT(fires());
    }
}

TEST(divide_changes_while_it_counts)
{
    start(0);
    msr_write(V, LAPIC_INITIAL_COUNT, 1000);
    now += 600;
    asked[0].timer_changes = 0;
    msr_write(V, LAPIC_DIVIDE, 0x1); /* by 4 */
    EXPECT_EQ(asked[0].timer_changes, 1);
    EXPECT_EQ(count(), 400);
    EXPECT_EQ(vlapic_deadline(V), now + 4 * 400);
    now += 4 * 400;
    EXPECT(fires());
    msr_write(V, LAPIC_DIVIDE, 0x0); /* does not start it */
    EXPECT_EQ(vlapic_deadline(V), TIME_NEVER);
}

/* Longest and shortest counts with other counters, some above 2^32 Hz. */
TEST(frequencies)
{
    static const uint64_t frequencies[] = { 1000000,    24000000,   999999999,
                                            2399987123, 4294967296, 5100000000 };

    for (uint32_t i = 0; i < sizeof frequencies / sizeof frequencies[0]; i++) {
        uint64_t ns = UINT64_C(0xffffffff) << 7;
        long double exact;
        uint64_t ticks;

        frequency = frequencies[i];
        start(0);
        msr_write(V, LAPIC_DIVIDE, 0xa); /* by 128 */
        msr_write(V, LAPIC_INITIAL_COUNT, UINT32_MAX);
        ticks = vlapic_deadline(V) - now;
        exact = (long double)ns * (long double)frequency / 1e9L;
        EXPECT((long double)ticks <= exact && (long double)ticks > exact - exact / 1e6L - 2);
        EXPECT(count() > UINT32_MAX - 5000u); /* rounded, but by no more than a millionth */
        now += ticks / 2;
        EXPECT(count() > UINT32_MAX / 2 - 5000u && count() < UINT32_MAX / 2 + 5000u);
        now += ticks - ticks / 2 - 1;
        EXPECT(count() >= 1 && !fires());
        now++;
        EXPECT(fires());
    }
}

TEST(illegal_vector)
{
    start(0);
    msr_write(V, LVT(LVT_TIMER), 0x0f);
    msr_write(V, LAPIC_INITIAL_COUNT, 100);
    now += 100;
    EXPECT(!fires());
    msr_write(V, LAPIC_ESR, 0);
    EXPECT_EQ(msr_read(V, LAPIC_ESR), ESR_RECEIVE_ILLEGAL_VECTOR);
}

TEST_MAIN()

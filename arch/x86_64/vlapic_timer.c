/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The timer of a virtual local APIC. See arch/vlapic.h.
 *
 * It counts nanoseconds, divided. All that runs is the time, in ticks, at which the count reaches
 * zero: before anything looks at the timer or changes it, settle() does what was due until now. A
 * masked timer runs on and raises nothing.
 */
#include <arch/vcpu.h>
#include <arch/vlapic_parts.h>
#include <hv/arch/time.h>
#include <hv/tables.h>

#define NS_PER_SECOND UINT64_C(1000000000)

/* A periodic timer is no faster: it would leave its guest no time to do anything. */
#define PERIOD_MIN_NS 10000u

/* value * scale, where scale is 32.32 fixed point. */
static uint64_t scaled(uint64_t value, uint64_t scale)
{
    return (uint64_t)((unsigned __int128)value * scale >> 32);
}

/* a / b in 32.32 fixed point; a, b < 2^32 * NS_PER_SECOND. */
static uint64_t ratio(uint64_t a, uint64_t b)
{
    return (a / b << 32) + (a % b << 32) / b;
}

static uint64_t ticks_of(const struct vlapic *apic, uint32_t count)
{
    return scaled((uint64_t)count << apic->divide_shift, apic->ticks_per_ns);
}

/* When a periodic timer that is due is due again. */
static uint64_t next_deadline(const struct vlapic *apic, uint64_t now)
{
    uint64_t period = ticks_of(apic, apic->reg[LAPIC_INITIAL_COUNT]);
    uint64_t least = scaled(PERIOD_MIN_NS, apic->ticks_per_ns);
    uint64_t late = now - apic->deadline;

    period = period > least ? period : least;
    return now + period - (late < period ? late : late % period);
}

static void settle(struct vcpu *v, uint64_t now)
{
    struct vlapic *apic = &v->arch.lapic;

    if (now < apic->deadline) {
        return;
    }
    vlapic_raise_lvt(v, LVT_TIMER);
    if ((apic->reg[LAPIC_LVT + LVT_TIMER] & LVT_TIMER_PERIODIC) != 0) {
        apic->deadline = next_deadline(apic, now);
    } else {
        apic->deadline = TIME_NEVER;
    }
}

void vlapic_expire(struct vcpu *v)
{
    settle(v, arch_time_now());
}

uint64_t vlapic_deadline(const struct vcpu *v)
{
    const struct vlapic *apic = &v->arch.lapic;

    return (apic->reg[LAPIC_LVT + LVT_TIMER] & LVT_MASKED) != 0 ? TIME_NEVER : apic->deadline;
}

/* Counts down from `count`, or stops at 0. */
static void start(struct vcpu *v, uint32_t count, uint64_t now)
{
    struct vlapic *apic = &v->arch.lapic;

    apic->deadline = count == 0 ? TIME_NEVER : now + ticks_of(apic, count);
    vcpu_timer_changed(v);
}

void vlapic_timer_write(struct vcpu *v, uint32_t count)
{
    uint64_t now = arch_time_now();

    settle(v, now);
    v->arch.lapic.reg[LAPIC_INITIAL_COUNT] = count;
    start(v, count, now);
}

/* The count at a time at which nothing is due: not 0 before the interrupt comes, and no more than
 * what it started from, where a period was stretched. */
static uint32_t count_at(const struct vlapic *apic, uint64_t now)
{
    uint64_t count;

    if (apic->deadline == TIME_NEVER) {
        return 0;
    }
    count = scaled(apic->deadline - now, apic->ns_per_tick);
    count = (count + (1u << apic->divide_shift) - 1) >> apic->divide_shift;
    count = count > 0 ? count : 1;
    return count < apic->reg[LAPIC_INITIAL_COUNT] ? (uint32_t)count
                                                  : apic->reg[LAPIC_INITIAL_COUNT];
}

uint32_t vlapic_timer_count(struct vcpu *v)
{
    uint64_t now = arch_time_now();

    settle(v, now);
    return count_at(&v->arch.lapic, now);
}

void vlapic_timer_set_divide(struct vcpu *v, uint32_t divide)
{
    struct vlapic *apic = &v->arch.lapic;
    uint64_t now = arch_time_now();
    uint32_t count;

    settle(v, now);
    count = count_at(apic, now);
    apic->reg[LAPIC_DIVIDE] = divide;
    /* Bits 0, 1 and 3: 0 is 2, 1 is 4 ... 6 is 128, 7 is 1. */
    apic->divide_shift = (((divide & 3) | (divide >> 1 & 4)) + 1) & 7;
    start(v, count, now);
}

void vlapic_timer_reset(struct vcpu *v)
{
    struct vlapic *apic = &v->arch.lapic;
    uint64_t frequency = arch_time_frequency();

    apic->ticks_per_ns = ratio(frequency, NS_PER_SECOND);
    apic->ns_per_tick = ratio(NS_PER_SECOND, frequency);
    apic->divide_shift = 1;
    apic->deadline = TIME_NEVER;
}

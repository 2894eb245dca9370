/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Time. See arch/time.h.
 *
 * The counter is the time-stamp counter, which all CPUs of a machine share (invariant TSC). How
 * fast it and the APIC's timer count is measured once against the HPET, whose period is known,
 * while the boot CPU halts. The APIC's timer counts down from 32 bits once: a deadline that is
 * further away than that interrupts early, and is armed anew.
 *
 * Where a guest's APIC timer is emulated, the CPU's serves two deadlines: the scheduler's and the
 * loaded guest's. It is armed for the earlier one whenever one of them changes, and after each of
 * its interrupts. Where a guest owns the APIC (direct.c), the CPU's timer is the guest's, and the
 * scheduler's deadline is the HPET's, which serves the first of all such CPUs.
 *
 * Source: APM vol. 2 (24593), 16.4.1 (APIC timer); IA-PC HPET specification 1.0a, 2.3.
 */
#include <arch/asm.h>
#include <arch/irq.h>
#include <arch/time.h>
#include <arch/trap.h>
#include <arch/vlapic.h>
#include <arch/x86.h>
#include <hv/arch/cpu.h>
#include <hv/arch/time.h>
#include <hv/lock.h>
#include <hv/tables.h>

#define HPET_CAPABILITIES 0x004 /* upper half: period in femtoseconds */
#define HPET_CONFIG       0x010
#define HPET_COUNTER      0x0f0
#define HPET_ENABLE       1u
#define HPET_TIMER_CONFIG 0x100
#define HPET_TIMER_ENABLE BIT32(2)
#define HPET_COMPARATOR   0x108
#define HPET_MARGIN       100u /* counts that arming takes at most */

#define DIVIDE_BY_1 0xbu

#define KHZ       1000u
#define SECOND_FS UINT64_C(1000000000000000)

/* How much the APIC's timer counts while the clocks are measured: 10 ms at 1 GHz. */
#define MEASURED_COUNT 10000000u

/* Boot CPU, before any other starts. */
static uint64_t tsc_frequency;
static uint64_t hpet_frequency;
static uint64_t apic_ratio; /* counts of the APIC's timer in a tick of the TSC, times 2^32 */

uint64_t arch_time_now(void)
{
    return rdtsc();
}

uint64_t arch_time_frequency(void)
{
    return tsc_frequency;
}

/* The APIC's timer interrupts once it has counted down, and counts on: what it has counted when the
 * CPU is awake again is known. */
void time_init(void)
{
    uint64_t hpet = board.hpet.pa;
    uint32_t period = mmio_read32(hpet + HPET_CAPABILITIES);
    uint32_t hpet_begin, hpet_count;
    uint64_t tsc_begin, tsc_count, apic_count;

    mmio_write32(hpet + HPET_CONFIG, mmio_read32(hpet + HPET_CONFIG) | HPET_ENABLE);
    lapic_write(LAPIC_DIVIDE, DIVIDE_BY_1);
    lapic_write(LAPIC_LVT + LVT_TIMER, LVT_TIMER_PERIODIC | VECTOR_TIMER);
    hpet_begin = mmio_read32(hpet + HPET_COUNTER);
    tsc_begin = rdtsc();
    lapic_write(LAPIC_INITIAL_COUNT, MEASURED_COUNT);
    arch_cpu_idle();
    hpet_count = mmio_read32(hpet + HPET_COUNTER) - hpet_begin;
    tsc_count = rdtsc() - tsc_begin;
    apic_count = 2 * MEASURED_COUNT - lapic_read(LAPIC_CURRENT_COUNT);
    lapic_write(LAPIC_INITIAL_COUNT, 0);
    time_init_cpu();
    hpet_frequency = SECOND_FS / period;
    tsc_frequency = tsc_count * hpet_frequency / hpet_count;
    apic_ratio = (apic_count << 32) / tsc_count;
}

void time_init_cpu(void)
{
    lapic_write(LAPIC_DIVIDE, DIVIDE_BY_1);
    lapic_write(LAPIC_LVT + LVT_TIMER, VECTOR_TIMER);
}

/* The CPU whose APIC a guest owns and whose deadline comes first; NULL if none has one. */
static const struct pcpu *first_deadline(void)
{
    const struct pcpu *first = NULL;

    for (uint32_t i = 0; i < pcpu_count; i++) {
        const struct pcpu *pcpu = &pcpus[i];
        uint64_t deadline = __atomic_load_n(&pcpu->arch.hpet_deadline, __ATOMIC_SEQ_CST);

        if (deadline != 0 && (first == NULL || deadline < first->arch.hpet_deadline)) {
            first = pcpu;
        }
    }
    return first;
}

/* Arms the HPET's first timer for the first of all deadlines; its NMI goes to that CPU. */
void time_arm_hpet(void)
{
    static struct spinlock hpet_lock; /* guards the HPET and its pin */
    uint64_t hpet = board.hpet.pa;
    const struct pcpu *first;

    spin_lock(&hpet_lock);
    first = first_deadline();
    mmio_write32(hpet + HPET_TIMER_CONFIG, 0);
    if (first != NULL) {
        uint64_t deadline = first->arch.hpet_deadline, now = rdtsc();
        uint64_t wait = deadline > now ? deadline - now : 0;
        uint64_t counts = wait * (hpet_frequency / KHZ) / (tsc_frequency / KHZ);

        irq_set_pin(TIME_PIN, IOAPIC_NMI, first);
        mmio_write32(hpet + HPET_TIMER_CONFIG, TIME_PIN << 9 | HPET_TIMER_ENABLE);
        mmio_write64(hpet + HPET_COMPARATOR,
                     mmio_read64(hpet + HPET_COUNTER) + counts + HPET_MARGIN);
    }
    spin_unlock(&hpet_lock);
}

/* The deadline of a CPU whose APIC a guest owns, or 0. */
static void set_hpet_deadline(struct pcpu *pcpu, uint64_t deadline)
{
    if (deadline != pcpu->arch.hpet_deadline) {
        __atomic_store_n(&pcpu->arch.hpet_deadline, deadline, __ATOMIC_SEQ_CST);
        time_arm_hpet();
    }
}

void time_arm(struct pcpu *pcpu)
{
    uint64_t deadline = pcpu->arch.deadline;
    uint64_t now, ticks;

    if (pcpu->loaded != NULL && pcpu->loaded->arch.owns_apic) {
        set_hpet_deadline(pcpu, deadline == TIME_NEVER ? 0 : deadline);
        return;
    }
    set_hpet_deadline(pcpu, 0);
    if (pcpu->loaded != NULL) {
        uint64_t guest = vlapic_deadline(pcpu->loaded);

        deadline = guest < deadline ? guest : deadline;
    }
    if (deadline == TIME_NEVER) {
        lapic_write(LAPIC_INITIAL_COUNT, 0);
        return;
    }
    now = rdtsc();
    ticks = deadline > now ? deadline - now : 0;
    ticks = ticks > UINT32_MAX ? UINT32_MAX : ticks;
    ticks = (ticks * apic_ratio >> 32) + 1;
    lapic_write(LAPIC_INITIAL_COUNT, ticks > UINT32_MAX ? UINT32_MAX : ticks);
}

void arch_timer_set(uint64_t deadline)
{
    struct pcpu *pcpu = arch_this_pcpu();

    pcpu->arch.deadline = deadline;
    time_arm(pcpu);
}

void time_interrupt(struct pcpu *pcpu)
{
    uint64_t now = rdtsc();

    if (tsc_frequency == 0) {
        return; /* time_init() is at work: the timer counts on */
    }
    if (pcpu->loaded != NULL && vlapic_deadline(pcpu->loaded) <= now) {
        vlapic_expire(pcpu->loaded);
    }
    if (pcpu->arch.deadline <= now) {
        sched_timer(); /* arms the timer */
    } else {
        time_arm(pcpu);
    }
}

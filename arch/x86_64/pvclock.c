/* SPDX-License-Identifier: Apache-2.0 */
/*
 * kvmclock: how the guest's time-stamp counter becomes time, written once where the guest wants it.
 *
 * The counter never changes its speed and the guest's begins at 0 when its VM boots, so what is
 * written then stays true. The wall clock is that of a machine without one: the epoch.
 *
 * Source: Linux Documentation/virt/kvm/x86/msr.rst (MSR_KVM_WALL_CLOCK_NEW,
 * MSR_KVM_SYSTEM_TIME_NEW); the structures' layout is that text's.
 */
#include <arch/trap.h>
#include <arch/x86.h>
#include <hv/arch/time.h>

#define SYSTEM_TIME_ENABLE UINT64_C(1)
#define FLAG_TSC_STABLE    1u
#define SECOND_NS          UINT64_C(1000000000)

struct pvclock_time {
    uint32_t version; /* odd while it is written */
    uint32_t pad;
    uint64_t tsc_timestamp;
    uint64_t system_time;       /* ns, at tsc_timestamp */
    uint32_t tsc_to_system_mul; /* ns in a tick after the shift, times 2^32 */
    int8_t tsc_shift;
    uint8_t flags;
    uint8_t pad2[2];
};

struct pvclock_wall_clock {
    uint32_t version;
    uint32_t seconds, nanoseconds;
};

_Static_assert(sizeof(struct pvclock_time) == 32, "msr.rst");

/* Scales the frequency into (0.5, 1] GHz, where the multiplier has all of its 32 bits. */
static void set_scale(struct pvclock_time *time, uint64_t frequency)
{
    while (frequency > SECOND_NS) {
        frequency /= 2;
        time->tsc_shift--;
    }
    while (frequency <= SECOND_NS / 2) {
        frequency *= 2;
        time->tsc_shift++;
    }
    time->tsc_to_system_mul = (uint32_t)(((SECOND_NS << 32) / frequency) >> 1);
    time->tsc_shift++;
}

bool pvclock_write(struct vcpu *v, uint32_t msr, uint64_t value)
{
    struct pvclock_time time = { .version = 2, .flags = FLAG_TSC_STABLE };
    struct pvclock_wall_clock wall_clock = { .version = 2 };

    if (msr == MSR_KVM_WALL_CLOCK) {
        return guest_write(v, (ipa_t){ value }, &wall_clock, sizeof wall_clock);
    }
    if ((value & SYSTEM_TIME_ENABLE) == 0) {
        return true;
    }
    set_scale(&time, arch_time_frequency());
    return guest_write(v, (ipa_t){ value & ~SYSTEM_TIME_ENABLE }, &time, sizeof time);
}

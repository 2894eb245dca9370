/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Watchdogs. See hv/watchdog.h.
 */
#include <hv/arch/cpu.h>
#include <hv/arch/watchdog.h>
#include <hv/tables.h>
#include <hv/time.h>
#include <hv/watchdog.h>

uint64_t watchdog_longest(const struct vm *vm)
{
    return time_from_us(vm->config->watchdog_us);
}

/* Sets the count; returns true if the CPU that watches it must arm its timer for that. */
static bool set(struct vm *vm, uint64_t ticks)
{
    uint64_t at = ticks == 0 ? TIME_NEVER : arch_time_now() + ticks;

    __atomic_store_n(&vm->watchdog_ticks, ticks, __ATOMIC_RELAXED);
    return __atomic_exchange_n(&vm->watchdog_at, at, __ATOMIC_SEQ_CST) > at;
}

/* Counts down, and makes the CPU that watches it know if it must look earlier than it would. */
static void count(struct vm *vm, uint64_t ticks)
{
    struct vcpu *first = vm_vcpu(vm, 0);

    if (!set(vm, ticks)) {
        return;
    }
    if (first->pcpu == arch_this_pcpu()) {
        sched_arm();
    } else {
        __atomic_fetch_or(&first->requests, VCPU_REQUEST_ARM, __ATOMIC_SEQ_CST);
        vcpu_notify(first);
    }
}

void watchdog_arm(struct vm *vm, uint64_t ticks)
{
    uint64_t most = watchdog_longest(vm);

    if (most != 0) {
        count(vm, ticks == 0 ? 1 : ticks < most ? ticks : most);
    }
}

void watchdog_kick(struct vm *vm)
{
    uint64_t ticks = __atomic_load_n(&vm->watchdog_ticks, __ATOMIC_RELAXED);

    if (ticks != 0) {
        count(vm, ticks);
    }
}

void watchdog_disarm(struct vm *vm)
{
    if (!vm->config->watchdog_at_boot) {
        watchdog_off(vm);
    }
}

bool watchdog_is_armed(const struct vm *vm)
{
    return __atomic_load_n(&vm->watchdog_ticks, __ATOMIC_RELAXED) != 0;
}

uint64_t watchdog_left(const struct vm *vm)
{
    uint64_t at = __atomic_load_n(&vm->watchdog_at, __ATOMIC_RELAXED);
    uint64_t now = arch_time_now();

    return at != TIME_NEVER && at > now ? at - now : 0;
}

void watchdog_reset(struct vm *vm)
{
    (void)set(vm, vm->config->watchdog_at_boot ? watchdog_longest(vm) : 0);
}

void watchdog_resume(struct vm *vm)
{
    (void)set(vm, vm->watchdog_ticks);
}

void watchdog_off(struct vm *vm)
{
    (void)set(vm, 0);
}

void watchdog_expire(struct vm *vm)
{
    __atomic_store_n(&vm->watchdog_at, TIME_NEVER, __ATOMIC_SEQ_CST);
    if (vm->state == VM_RUNNING && !arch_watchdog_warn(vm)) {
        health_raise(vm, NULL, HEALTH_WATCHDOG);
    }
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Emulated watchdog behind ACPI's WDAT. See arch/vwdat.h.
 *
 * The end of the count is the VM's watchdog event. A period is cut to the VM's declared time, which
 * it is after a reset. A watchdog that runs from boot on cannot be stopped; CONTROL tells that it
 * runs.
 */
#include <arch/vwdat.h>
#include <hv/arch/time.h>
#include <hv/arch/watchdog.h>
#include <hv/tables.h>
#include <hv/watchdog.h>

static uint64_t ticks_per_ms(void)
{
    return arch_time_frequency() / 1000u;
}

static void restart(struct vwdat *wdat)
{
    watchdog_arm(wdat->vm, ticks_per_ms() * __atomic_load_n(&wdat->period_ms, __ATOMIC_RELAXED));
}

static void write_register(struct vwdat *wdat, uint32_t offset, uint32_t value)
{
    if (offset == WDAT_CONTROL) {
        if ((value & WDAT_CONTROL_RUN) != 0) {
            restart(wdat);
        } else {
            watchdog_disarm(wdat->vm);
        }
        return;
    }
    if (offset == WDAT_PERIOD) {
        __atomic_store_n(&wdat->period_ms, value, __ATOMIC_RELAXED);
    }
    if (watchdog_is_armed(wdat->vm)) {
        restart(wdat);
    }
}

static uint32_t read_register(const struct vwdat *wdat, uint32_t offset)
{
    switch (offset) {
    case WDAT_PERIOD:
        return __atomic_load_n(&wdat->period_ms, __ATOMIC_RELAXED);
    case WDAT_COUNT:
        return (uint32_t)(watchdog_left(wdat->vm) / ticks_per_ms());
    default:
        return watchdog_is_armed(wdat->vm) ? WDAT_CONTROL_RUN : 0;
    }
}

uint32_t vwdat_port(struct vcpu *v, void *device, struct port_access *access)
{
    struct vwdat *wdat = device;

    (void)v;
    if (access->size == 4 && access->offset % 4 == 0) {
        if (access->is_write) {
            write_register(wdat, access->offset, access->value);
        } else {
            access->value = read_register(wdat, access->offset);
        }
    }
    return EXIT_COUNT;
}

void vwdat_reset(struct vwdat *wdat)
{
    __atomic_store_n(&wdat->period_ms, (uint32_t)(wdat->vm->config->watchdog_us / 1000u),
                     __ATOMIC_RELAXED);
}

/* One stage, no warning. */
bool arch_watchdog_warn(struct vm *vm)
{
    (void)vm;
    return false;
}

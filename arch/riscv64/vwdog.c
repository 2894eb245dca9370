/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Emulated watchdog of Allwinner's D1. See arch/vwdog.h.
 *
 * The end of the interval is the VM's watchdog event. CFG says that it resets the system, and
 * nothing else can be chosen: there is no interrupt. The register for a reset by software is not
 * there. An interval is cut to the VM's declared time.
 *
 * A watchdog that runs from boot on has the declared time until the guest restarts it; writing 0 to
 * MODE.EN does nothing to it.
 */
#include <arch/vwdog.h>
#include <hv/arch/time.h>
#include <hv/arch/watchdog.h>
#include <hv/tables.h>
#include <hv/watchdog.h>

/* Half seconds of an interval (WDOG_MODE_REG.WDOG_INTV_VALUE); what is reserved is the longest. */
static uint64_t interval_ticks(const struct vwdog *wdog)
{
    static const uint8_t halves[] = { 1, 2, 4, 6, 8, 10, 12, 16, 20, 24, 28, 32, 32, 32, 32, 32 };
    uint32_t interval = __atomic_load_n(&wdog->interval, __ATOMIC_RELAXED);

    return arch_time_frequency() * halves[interval & WDOG_MODE_INTV_MASK] / 2;
}

static void write_mode(struct vwdog *wdog, uint32_t value)
{
    __atomic_store_n(&wdog->interval, value >> WDOG_MODE_INTV_SHIFT & WDOG_MODE_INTV_MASK,
                     __ATOMIC_RELAXED);
    if ((value & WDOG_MODE_EN) != 0) {
        watchdog_arm(wdog->vm, interval_ticks(wdog));
    } else {
        watchdog_disarm(wdog->vm);
    }
}

static void write_register(struct vwdog *wdog, uint32_t offset, uint32_t value)
{
    if (offset == WDOG_CTRL && (value & WDOG_CTRL_MASK) == WDOG_CTRL_RESTART) {
        if (watchdog_is_armed(wdog->vm)) {
            watchdog_arm(wdog->vm, interval_ticks(wdog));
        }
    } else if (offset == WDOG_MODE && value >> WDOG_KEY_SHIFT == WDOG_KEY) {
        write_mode(wdog, value);
    }
}

/* Keys read as zero, and so do registers that do not exist. */
static uint32_t read_register(const struct vwdog *wdog, uint32_t offset)
{
    if (offset == WDOG_CFG) {
        return WDOG_CFG_RESET;
    }
    if (offset == WDOG_MODE) {
        return __atomic_load_n(&wdog->interval, __ATOMIC_RELAXED) << WDOG_MODE_INTV_SHIFT |
               (watchdog_is_armed(wdog->vm) ? WDOG_MODE_EN : 0);
    }
    return 0;
}

bool vwdog_access(struct vcpu *v, void *device, struct mmio_access *access)
{
    struct vwdog *wdog = device;
    uint32_t offset = (uint32_t)access->address.ipa % HV_PAGE_SIZE;

    (void)v;
    if (access->size != 4 || offset % 4 != 0) {
        return false;
    }
    if (access->is_write) {
        write_register(wdog, offset, (uint32_t)access->value);
    } else {
        access->value = read_register(wdog, offset);
    }
    return true;
}

void vwdog_reset(struct vwdog *wdog)
{
    __atomic_store_n(&wdog->interval, 0, __ATOMIC_RELAXED);
}

/* One stage, no warning. */
bool arch_watchdog_warn(struct vm *vm)
{
    (void)vm;
    return false;
}

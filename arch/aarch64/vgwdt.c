/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Emulated generic watchdog. See arch/vgwdt.h.
 *
 * Two stages of WOR ticks each follow a refresh, that is a write to WRR, WOR or WCS. At the end of
 * the first WS0 is raised, a level-sensitive interrupt that stands until the next refresh; at the
 * end of the second comes WS1, which here is the VM's watchdog event. Both stages together last no
 * longer than the VM's declared time, so a stage is cut to half of it. The guest never sees WS1 in
 * WCS: what follows the event ends the VM, or lets it go on with its watchdog run out until the
 * next refresh.
 *
 * A watchdog that runs from boot on has one stage, of the declared time, until the guest's first
 * refresh. Writing 0 to WCS.EN does nothing to it, no refresh either.
 *
 * Where the guest serves its watchdog by calls instead, they start and restart the stage of the
 * moment.
 *
 * WCV is read-only. It is in ticks of the counter that the guest reads (CNTVCT_EL0).
 */
#include <arch/vgwdt.h>
#include <hv/arch/irq.h>
#include <hv/arch/time.h>
#include <hv/arch/watchdog.h>
#include <hv/tables.h>
#include <hv/watchdog.h>

static void set_ws0(struct vgwdt *wdt, bool level)
{
    if (level != wdt->ws0) {
        wdt->ws0 = level;
        arch_irq_set_line(wdt->vm, wdt->virq, level);
    }
}

/* Starts a stage. wdt->lock is held, as in all that follows. */
static void count(struct vgwdt *wdt)
{
    uint64_t most = watchdog_longest(wdt->vm) / 2;
    uint64_t ticks = wdt->wor < most ? wdt->wor : most;

    wdt->compare = arch_time_now() + ticks;
    watchdog_arm(wdt->vm, ticks);
}

static void refresh(struct vgwdt *wdt)
{
    set_ws0(wdt, false);
    if (watchdog_is_armed(wdt->vm)) {
        wdt->is_refreshed = true;
        count(wdt);
    }
}

static void write_wcs(struct vgwdt *wdt, uint32_t value)
{
    if ((value & WCS_EN) == 0) {
        watchdog_disarm(wdt->vm);
        if (!watchdog_is_armed(wdt->vm)) {
            set_ws0(wdt, false);
        }
    } else {
        set_ws0(wdt, false);
        wdt->is_refreshed = true;
        count(wdt);
    }
}

static void write_control(struct vgwdt *wdt, uint32_t offset, uint32_t value)
{
    switch (offset) {
    case GWDT_WCS:
        write_wcs(wdt, value);
        break;
    case GWDT_WOR:
        wdt->wor = (wdt->wor & ~UINT64_C(0xffffffff)) | value;
        refresh(wdt);
        break;
    case GWDT_WOR + 4:
        wdt->wor = ((uint64_t)value << 32 | (uint32_t)wdt->wor) & WOR_MASK;
        refresh(wdt);
        break;
    default:
        break;
    }
}

/* Registers that do not exist read as zero. */
static uint32_t read_control(const struct vgwdt *wdt, uint32_t offset)
{
    uint64_t wcv = wdt->compare - wdt->vm->arch.counter_offset;

    switch (offset) {
    case GWDT_WCS:
        return (watchdog_is_armed(wdt->vm) ? WCS_EN : 0) | (wdt->ws0 ? WCS_WS0 : 0);
    case GWDT_WOR:
        return (uint32_t)wdt->wor;
    case GWDT_WOR + 4:
        return (uint32_t)(wdt->wor >> 32);
    case GWDT_WCV:
        return (uint32_t)wcv;
    case GWDT_WCV + 4:
        return (uint32_t)(wcv >> 32);
    case GWDT_W_IIDR:
        return W_IIDR_REVISION1;
    default:
        return 0;
    }
}

static bool is_aligned_word(const struct mmio_access *access)
{
    return access->size == 4 && access->address.ipa % 4 == 0;
}

bool vgwdt_refresh_access(struct vcpu *v, void *device, struct mmio_access *access)
{
    struct vgwdt *wdt = device;
    uint32_t offset = (uint32_t)access->address.ipa % HV_PAGE_SIZE;

    (void)v;
    if (!is_aligned_word(access)) {
        return false;
    }
    if (!access->is_write) {
        access->value = offset == GWDT_W_IIDR ? W_IIDR_REVISION1 : 0;
    } else if (offset == GWDT_WRR) {
        spin_lock(&wdt->lock);
        refresh(wdt);
        spin_unlock(&wdt->lock);
    }
    return true;
}

bool vgwdt_control_access(struct vcpu *v, void *device, struct mmio_access *access)
{
    struct vgwdt *wdt = device;
    uint32_t offset = (uint32_t)access->address.ipa % HV_PAGE_SIZE;

    (void)v;
    if (!is_aligned_word(access)) {
        return false;
    }
    spin_lock(&wdt->lock);
    if (access->is_write) {
        write_control(wdt, offset, (uint32_t)access->value);
    } else {
        access->value = read_control(wdt, offset);
    }
    spin_unlock(&wdt->lock);
    return true;
}

void vgwdt_reset(struct vgwdt *wdt)
{
    spin_lock(&wdt->lock);
    set_ws0(wdt, false);
    wdt->wor = watchdog_longest(wdt->vm) / 2;
    wdt->compare = arch_time_now();
    wdt->is_refreshed = false;
    spin_unlock(&wdt->lock);
}

bool arch_watchdog_warn(struct vm *vm)
{
    struct vgwdt *wdt = vm->config->arch.watchdog;
    bool is_over;

    spin_lock(&wdt->lock);
    is_over = !wdt->is_refreshed || (wdt->ws0 && arch_time_now() >= wdt->compare);
    if (!is_over && watchdog_is_armed(vm)) {
        uint64_t now = arch_time_now();

        if (now >= wdt->compare) {
            set_ws0(wdt, true);
            count(wdt);
        } else {
            watchdog_arm(vm, wdt->compare - now); /* the guest was quicker */
        }
    }
    spin_unlock(&wdt->lock);
    return !is_over;
}

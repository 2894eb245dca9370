/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Emulated watchdog of Allwinner's D1, one for each VM with a watchdog: registers in front of
 * hv/watchdog.h. It is the simplest of those that Debian's riscv64 kernel has a driver for and that
 * need no bus, clock or reset controller.
 *
 * Source: D1-H User Manual V1.0, 3.7 (timer), registers WDOG_*; offsets are those from
 * WDOG_IRQ_EN_REG, as in the Linux binding allwinner,sun4i-a10-wdt.
 */
#pragma once

#include <hv/types.h>

struct mmio_access;
struct vcpu;
struct vm;

#define WDOG_CTRL 0x10u
#define WDOG_CFG  0x14u
#define WDOG_MODE 0x18u

/* CTRL: restarts the count, if the key is with it (bits 12:1). */
#define WDOG_CTRL_MASK    0x1fffu
#define WDOG_CTRL_RESTART (0xa57u << 1 | 1u)

/* CFG and MODE count only with a key in their upper half. */
#define WDOG_KEY_SHIFT       16
#define WDOG_KEY             0x16aau
#define WDOG_CFG_RESET       0x1u /* the whole system is reset */
#define WDOG_MODE_EN         0x1u
#define WDOG_MODE_INTV_SHIFT 4
#define WDOG_MODE_INTV_MASK  0xfu

struct vwdog {
    struct vm *vm;     /* generated */
    uint32_t interval; /* atomic: MODE's field, as the guest wrote it */
};

/* Device model entry (mmio_handler). It refuses all but aligned words. */
bool vwdog_access(struct vcpu *v, void *device, struct mmio_access *access);

/* Registers back to their reset values. Any CPU, no lock held but vm->lock. */
void vwdog_reset(struct vwdog *wdog);

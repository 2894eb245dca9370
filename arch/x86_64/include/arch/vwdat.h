/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Emulated watchdog, one for each VM with a watchdog: I/O ports in front of hv/watchdog.h.
 *
 * Its registers are nobody's but ours. A guest learns them from the ACPI table WDAT, which says for
 * each action what is to be read or written where (gen/acpi.py).
 *
 * Source: Microsoft, Hardware Watchdog Timers Design Specification 1.01, watchdog action table.
 */
#pragma once

#include <arch/pio.h>
#include <hv/types.h>

struct vm;

/* Offsets of the registers, of 32 bits. */
#define WDAT_PERIOD  0u /* milliseconds that it counts down from */
#define WDAT_COUNT   4u /* milliseconds that are left; writing restarts the count */
#define WDAT_CONTROL 8u

#define WDAT_CONTROL_RUN 0x1u

struct vwdat {
    struct vm *vm;      /* generated */
    uint32_t period_ms; /* atomic */
};

/* Registers back to their reset values. Any CPU, no lock held but vm->lock. */
void vwdat_reset(struct vwdat *wdat);

/* `device` is a struct vwdat. Accesses of other than four bytes, or not to the begin of a register,
 * find nothing. */
port_handler vwdat_port;

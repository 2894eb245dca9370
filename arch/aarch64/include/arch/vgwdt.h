/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Emulated generic watchdog, one for each VM with a watchdog: two frames of registers in front of
 * hv/watchdog.h.
 *
 * Source: Arm Base System Architecture 1.0, DEN0094C, A (generic watchdog); architecture
 * revision 1.
 */
#pragma once

#include <hv/lock.h>
#include <hv/types.h>

struct mmio_access;
struct vcpu;
struct vm;

/* Offsets of the registers: refresh frame, control frame, and what both have. */
#define GWDT_WRR    0x000u
#define GWDT_WCS    0x000u
#define GWDT_WOR    0x008u /* 48 bits in two words, ticks */
#define GWDT_WCV    0x010u /* 64 bits in two words, ticks of the guest's counter */
#define GWDT_W_IIDR 0xfccu

/* WCS: enabled, first signal, second signal. */
#define WCS_EN  0x1u
#define WCS_WS0 0x2u
#define WCS_WS1 0x4u

#define WOR_MASK         UINT64_C(0xffffffffffff)
#define W_IIDR_REVISION1 0x10000u /* architecture revision, bits 19:16; no implementer */

struct vgwdt {
    struct vm *vm;        /* generated */
    uint32_t virq;        /* generated: interrupt number in the VM, of WS0 */
    struct spinlock lock; /* guards what follows, and orders it with the VM's count */
    uint64_t wor;         /* ticks of each stage, as the guest wrote them */
    uint64_t compare;     /* ticks; end of the stage */
    bool is_refreshed;    /* the guest has, since it started */
    bool ws0;             /* the first signal, and its interrupt line */
};

/* Device model entries (mmio_handler), one for each frame. They refuse all but aligned words. */
bool vgwdt_refresh_access(struct vcpu *v, void *device, struct mmio_access *access);
bool vgwdt_control_access(struct vcpu *v, void *device, struct mmio_access *access);

/* Registers back to their reset values. Any CPU, no lock held but vm->lock. */
void vgwdt_reset(struct vgwdt *wdt);

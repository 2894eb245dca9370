/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Emulated PL011 UART, one for each VM with a console: between the guest's registers and the VM's
 * console rings.
 *
 * Source: Arm PrimeCell UART (PL011) Technical Reference Manual, DDI 0183G, chapter 3.
 */
#pragma once

#include <hv/lock.h>
#include <hv/types.h>

struct console;
struct mmio_access;
struct vcpu;
struct vm;

struct vpl011 {
    struct vm *vm;           /* generated */
    struct console *console; /* generated */
    uint32_t virq;           /* generated: interrupt number in the VM */
    struct spinlock lock;    /* guards the registers below, and the guest side of the rings */
    uint16_t ilpr, ibrd, fbrd, lcr_h, cr, ifls, imsc, dmacr; /* as the guest wrote them */
    bool tx_interrupt;                                       /* raw transmit interrupt */
    bool tx_is_above; /* the transmit FIFO is above its trigger level */
    bool line;        /* level of the interrupt line, as last told to the interrupt controller */
};

/* Device model entry (mmio_handler). */
bool vpl011_access(struct vcpu *v, void *device, struct mmio_access *access);

/* Registers back to their reset values; input not yet read is dropped. Any CPU, no lock held but
 * vm->lock. */
void vpl011_reset(struct vpl011 *uart);

/* Recomputes the interrupt state after the rings changed. Any CPU, no lock held but vm->lock. */
void vpl011_update(struct vpl011 *uart);

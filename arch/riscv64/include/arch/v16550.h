/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Emulated NS16550A UART, one for each VM with a console: between the guest's registers and the
 * VM's console rings. Registers are bytes, one at each address.
 *
 * Source: TL16C550D data sheet (SLLS597E), PC16550D data sheet (TL/C/8652).
 */
#pragma once

#include <hv/lock.h>
#include <hv/types.h>

struct console;
struct mmio_access;
struct vcpu;
struct vm;

#define V16550_SIZE 8u /* of the registers; above them a window reads as zero */

struct v16550 {
    struct vm *vm;           /* generated */
    struct console *console; /* generated */
    uint32_t virq;           /* generated: interrupt number in the VM */
    struct spinlock lock;    /* guards the registers below, and the guest side of the rings */
    uint8_t ier, fcr, lcr, mcr, scr, dll, dlm; /* as the guest wrote them */
    bool tx_interrupt; /* the transmitter ran empty and the guest has not been told yet */
    bool tx_is_filled; /* the transmit FIFO holds something */
    bool line;         /* level of the interrupt line, as last told to the interrupt controller */
};

/* Device model entry (mmio_handler). */
bool v16550_access(struct vcpu *v, void *device, struct mmio_access *access);

/*
 * The guest's firmware console: the same rings, past the registers. Any CPU, no lock held.
 * Return how many bytes were taken or given: fewer than `count` when the ring is full or empty.
 */
uint32_t v16550_write(struct v16550 *uart, const uint8_t *bytes, uint32_t count);
uint32_t v16550_read(struct v16550 *uart, uint8_t *bytes, uint32_t count);

/* Registers back to their reset values; input not yet read is dropped. Any CPU, no lock held but
 * vm->lock. */
void v16550_reset(struct v16550 *uart);

/* Recomputes the interrupt state after the rings changed. Any CPU, no lock held but vm->lock. */
void v16550_update(struct v16550 *uart);

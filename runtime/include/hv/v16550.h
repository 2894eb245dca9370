/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Emulated NS16550A UART, one for each VM with a console: between the guest's registers and the
 * VM's console rings. Shared by the architectures whose guests expect one, in memory or at I/O
 * ports; its interrupt line is moved by arch_irq_set_line().
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

struct v16550_registers {
    uint8_t ier, fcr, lcr, mcr, scr, dll, dlm;
};

struct v16550 {
    struct vm *vm;                /* generated */
    struct console *console;      /* generated */
    uint32_t virq;                /* generated: interrupt number in the VM */
    struct spinlock lock;         /* guards the registers below, and the guest side of the rings */
    struct v16550_registers regs; /* as the guest wrote them */
    bool tx_interrupt; /* the transmitter ran empty and the guest has not been told yet */
    bool tx_is_filled; /* the transmit FIFO holds something */
    bool line;         /* level of the interrupt line, as last told to the interrupt controller */
};

/*
 * Device model entry (mmio_handler). The page offset of the access' address is the number of a
 * register (hv/ns16550.h), which is a byte; the other 4088 read as zero and ignore writes. An
 * access that comes by an I/O port has the register's number for an address. `v` is not used, no
 * lock is held. Returns false if it is not one byte.
 */
bool v16550_access(struct vcpu *v, void *device, struct mmio_access *access);

/*
 * The guest's firmware console: the same rings, past the registers. Any CPU, no lock held.
 * Return how many bytes were taken or given: fewer than `count` when the ring is full or empty.
 */
uint32_t v16550_send(struct v16550 *uart, const uint8_t *bytes, uint32_t count);
uint32_t v16550_receive(struct v16550 *uart, uint8_t *bytes, uint32_t count);

/* Registers back to their reset values; input not yet read is dropped. Any CPU, no lock held but
 * vm->lock. */
void v16550_reset(struct v16550 *uart);

/* Recomputes the interrupt state after the rings changed. Any CPU, no lock held but vm->lock. */
void v16550_update(struct v16550 *uart);

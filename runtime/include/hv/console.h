/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One terminal for all VMs.
 *
 * Every VM with a console has a transmit and a receive ring; consoles[0] is the hypervisor's own.
 * Output appears line by line, each line prefixed with its VM's name, so that lines of different VMs
 * never mix; the VM in focus is shown byte by byte, because a person is typing there. When another
 * line has to appear while the focused VM's line is unfinished, that line is broken off and taken up
 * again, prefix and all. Input goes to the VM in focus. The escape key (Ctrl-]) starts a command:
 *
 *     1-9  focus that VM        n  next VM            l  list VMs and their states
 *     r    restart the VM       s  stop the VM        b  boot the VM
 *     q    machine off          h  help               Ctrl-] sends the key itself
 *
 * Nothing is lost and nobody waits: when a VM's ring is full, its emulated UART says so (the guest
 * waits, by itself); when the port is full, its "room to send" interrupt goes on draining.
 *
 * Rings have one producer and one consumer. Guest side: under the lock of the emulated UART. Port
 * side: under console_lock, which is only ever try-locked on the way out: whoever holds it drains
 * what the others left.
 */
#pragma once

#include <hv/types.h>

#define CONSOLE_TX_SIZE 2048u /* powers of two */
#define CONSOLE_RX_SIZE 256u

struct vm;

struct console {
    const char *name; /* prefix of its lines */
    struct vm *vm;    /* NULL for the hypervisor's own */
    uint32_t tx_head; /* atomic: next byte to write; producer */
    uint32_t tx_tail; /* atomic: next byte to send; consumer */
    uint32_t rx_head; /* atomic: producer is the port */
    uint32_t rx_tail; /* atomic: consumer is the guest */
    uint8_t tx[CONSOLE_TX_SIZE];
    uint8_t rx[CONSOLE_RX_SIZE];
};

/* Takes the port; focus goes to the first VM with a console. Boot CPU, once. */
void console_init(void);

/* Queues one byte of a guest's output. Returns false, having done nothing, if its ring is full.
 * The caller is the ring's only producer (it holds the emulated UART's lock). */
bool console_put(struct console *console, uint8_t byte);

/* True when console_put() would take a byte. */
bool console_has_room(const struct console *console);

/* The next byte of input for the guest, or -1. The caller is the ring's only consumer. */
int console_get(struct console *console);

/* True when console_get() would return a byte. */
bool console_has_input(const struct console *console);

/* Sends what can be sent now. Never waits. Any CPU, no console lock held. */
void console_drain(void);

/* The port received bytes or has room again. From the interrupt path. Runs escape commands. */
void console_interrupt(void);

/* Sends everything that is queued, unfinished lines too; waits for the port. Before power-off. */
void console_flush(void);

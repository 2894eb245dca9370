/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One terminal for all VMs.
 *
 * Every VM with a console has a transmit and a receive ring; consoles[0] is the hypervisor's own.
 * Output appears line by line, each line prefixed with its VM's name, so that lines of different
 * VMs never mix. The VM in focus, where a person is typing, also gets its unfinished line shown
 * (prompt, echo), when it has paused in the middle of it. When another line has to appear while an
 * unfinished one stands on the terminal, that line is broken off and taken up again later, prefix
 * and all. Input goes to the VM in focus, until the escape key (Ctrl-]) opens the operator's
 * prompt, if the system has one (hv/operator.h, hv/command.h). Then no unfinished line of a VM is
 * shown: finished ones appear above the line that is being typed.
 *
 * Only the VM in focus may send escape sequences, and not while the prompt is open: those of
 * others are left out.
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
#define CONSOLE_RX_SIZE 4096u /* room for what a person pastes while the guest is slow */

/* Of an unfinished line that was broken off, as much can be repeated. */
#define CONSOLE_TEXT_SIZE 96u

struct vm;

/* Indices run freely and are reduced when a ring is accessed, so that head - tail is the fill. */
struct console {
    const char *name;    /* prefix of its lines; "hv" for the hypervisor's own */
    struct vm *vm;       /* NULL for the hypervisor's own */
    uint32_t tx_head;    /* atomic: next byte to write; producer */
    uint32_t tx_tail;    /* atomic: next byte to send; consumer */
    uint32_t tx_line;    /* atomic: start of the line that is not finished yet; producer */
    uint64_t tx_time;    /* atomic: ticks when the first byte of that line came; producer */
    uint32_t rx_head;    /* atomic: producer is the port */
    uint32_t rx_tail;    /* atomic: consumer is the guest */
    uint32_t is_changed; /* atomic: the guest has to be told that its rings changed */

    /* Under console_lock: the unfinished line. */
    bool is_broken;       /* another console's line has broken it off */
    uint8_t escape;       /* it ends within an escape sequence */
    uint32_t text_length; /* of its visible text; more than CONSOLE_TEXT_SIZE: too long to repeat */
    uint8_t text[CONSOLE_TEXT_SIZE];

    uint8_t tx[CONSOLE_TX_SIZE];
    uint8_t rx[CONSOLE_RX_SIZE];
};

/* Takes the port; focus goes to the first VM with a console. Boot CPU, once. */
void console_init(void);

/* Queues one byte of a guest's output. Returns false, having done nothing, if its ring is full.
 * The caller is the ring's only producer (it holds the emulated UART's lock). */
bool console_put(struct console *console, uint8_t byte);

/* How many bytes console_put() would take now. */
uint32_t console_room(const struct console *console);

/* Finishes the line that the guest left unfinished, if any: it starts anew. Same caller as put. */
void console_end_line(struct console *console);

/* The next byte of input for the guest, or -1. The caller is the ring's only consumer. */
int console_get(struct console *console);

/* True when console_get() would return a byte. */
bool console_has_input(const struct console *console);

/* Sends what can be sent now, and tells guests about the room. Never waits. Any CPU, no lock held
 * but vm->lock. */
void console_drain(void);

/* The same for callers that may hold any lock: guests are told later, from the port's interrupt. */
void console_drain_locked(void);

/*
 * The port received bytes or has room again. From the interrupt path, no lock held. At most 64
 * bytes are taken, PASS_BYTES are sent, and one piece of the operator's work is done, which is a
 * line of output or the completion of a word; what is left has its turn a millisecond later.
 * Measured on aarch64, in instructions that the guest there stood still (QEMU, -icount, 4 MiB
 * guests): a key at the prompt 1,700, 64 at once 18,000, a piece of a command 23,000.
 */
HV_COLD void console_interrupt(void);

/* The time has come that the console asked for with sched_alarm(). From the interrupt path. */
void console_timer(void);

/* The VM console in focus, or NULL. */
struct console *console_focus(void);

/* Where a person is typing: the hypervisor's own console while the prompt is open, else the focus.
 */
struct console *console_attended(void);

/* Moves the focus to a VM's console; its unfinished line is shown with the next drain. Any CPU. */
void console_set_focus(struct console *console);

/* Sends everything that is queued, unfinished lines too; waits for the port. Before power-off.
 * Any CPU, no lock held. */
HV_COLD void console_flush(void);

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Architecture interface: the board's serial port, owned by the hypervisor.
 *
 * All hooks are called with console_lock held (hv/console.h), except arch_console_panic_put().
 */
#pragma once

#include <hv/types.h>

/* Prepares the port and its receive interrupt. Called once, on the boot CPU. */
void arch_console_init(void);

/* Sends one byte if the port has room now; returns false, having done nothing, if it has not. */
bool arch_console_put(uint8_t byte);

/* True when every byte has left the port. */
bool arch_console_is_sent(void);

/* The next received byte, or -1. */
int arch_console_get(void);

/* Switches the port's "room to send" interrupt; while on, console_interrupt() is called for it. */
void arch_console_notify_room(bool on);

/* Sends one byte, waiting for room; for the last words of a broken hypervisor. No lock. */
void arch_console_panic_put(uint8_t byte);

/* A register of the port (`number`: UART_* of hv/ns16550.h), where it is an NS16550A: the
 * hypervisor's driver is runtime/drivers/ns16550.c there, and how its registers are reached is the
 * architecture's. No lock. */
uint8_t arch_uart_read(uint32_t number);
void arch_uart_write(uint32_t number, uint8_t value);

struct vm;

/* A VM's console rings changed (input came, room came): its emulated UART looks at them and moves
 * its interrupt line. Any CPU, no lock held. */
void arch_console_guest_update(struct vm *vm);

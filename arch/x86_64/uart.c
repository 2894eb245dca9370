/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How the machine's NS16550A is reached: its registers are ports of the ISA bus. See
 * hv/arch/console.h.
 */
#include <arch/x86.h>
#include <hv/arch/console.h>
#include <hv/tables.h>

uint8_t arch_uart_read(uint32_t number)
{
    return in8((uint16_t)(board.uart + number));
}

void arch_uart_write(uint32_t number, uint8_t value)
{
    out8((uint16_t)(board.uart + number), value);
}

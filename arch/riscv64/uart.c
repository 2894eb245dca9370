/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How the board's NS16550A is reached: its registers are in memory, as far apart as the device tree
 * says. See hv/arch/console.h.
 */
#include <hv/arch/console.h>
#include <hv/tables.h>

static volatile uint8_t *reg(uint32_t number)
{
    return (volatile uint8_t *)(board.uart.pa + (number << board.uart_reg_shift));
}

uint8_t arch_uart_read(uint32_t number)
{
    return *reg(number);
}

void arch_uart_write(uint32_t number, uint8_t value)
{
    *reg(number) = value;
}

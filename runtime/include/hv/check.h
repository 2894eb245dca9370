/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The comparison of the machine with the tables, before any VM boots.
 *
 * The tables say what the board's device tree said. On another machine the hypervisor would crash,
 * or worse; so it says what differs, and turns that machine off with the verdict `end: 1`.
 */
#pragma once

#include <hv/types.h>

/* Compares the boot CPU, the interrupt controller and RAM, as far as windows show it. Boot CPU,
 * first of all; does not return if something differs. */
HV_COLD void check_machine(void);

/* Compares the executing CPU and answers the boot CPU, which waits in check_cpus(). Does not return
 * on another CPU than that of the tables. Each CPU but the first, first of all. */
HV_COLD void check_this_cpu(void);

/* Waits until every other CPU has answered; does not return if one does not, or is another one.
 * Boot CPU, after it has started them. */
HV_COLD void check_cpus(void);

/*
 * For arch_check_*(): each reports a difference, which ends the boot later.
 *   what, number: "CPU", 2: what is compared
 */
HV_COLD void check_equal(const char *what, uint64_t number, uint64_t expected, uint64_t found);
HV_COLD void check_least(const char *what, uint64_t number, uint64_t least, uint64_t found);

/* A feature that the CPU `number` must have. */
HV_COLD void check_feature(const char *name, uint64_t number, bool is_there);

/* A register of the board: its value, or 0 if nothing answers, which is reported. */
uint32_t check_register(const char *what, uint64_t number, paddr_t address);

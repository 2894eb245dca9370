/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Our own bugs: CHECK() states what cannot be false unless the hypervisor is wrong.
 *
 * It must never look at a guest's input: a guest's mistakes are guest faults, which end that VM
 * (hv/health.h). A failed CHECK stops the machine with file and line.
 */
#pragma once

#include <hv/types.h>

/* Reports a bug and stops the machine. Any context; takes no lock. */
HV_NORETURN void panic(const char *file, unsigned line, const char *what);

#define CHECK(condition)                           \
    do {                                           \
        if (!(condition)) {                        \
            panic(__FILE__, __LINE__, #condition); \
        }                                          \
    } while (0)

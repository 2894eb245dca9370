/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Computes on two CPUs with interrupts masked, and never waits or ends.
 */
#include "guest.h"

static void spin(uint64_t argument)
{
    (void)argument;
    interrupts_mask(true);
    for (;;) {
        cpu_relax();
    }
}

void guest_main(void)
{
    report_begin("pair");
    (void)cpu_start(1, spin, 0);
    spin(0);
}

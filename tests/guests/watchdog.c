/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The VM's watchdog by calls of Ashlar's. The VM's description declares 500 ms, from the guest's
 * start of it or, with the word boot=1, from the VM's start on. Its last deed is to fall silent:
 * what follows is for the test to see.
 */
#include "guest.h"
#include <ashlar.h>

#define DECLARED_MS 500u

static int64_t call(enum ashlar_call function, uint64_t argument)
{
    return ashlar_call(function, argument, 0, 0, NULL);
}

/* Gives a sign of life ten times in a declared time, for three of them. */
static bool serve(void)
{
    bool is_ok = true;

    for (int i = 0; i < 30; i++) {
        delay_us(DECLARED_MS * 1000u / 10);
        is_ok = call(ASHLAR_WATCHDOG_KICK, 0) == ASHLAR_OK && is_ok;
    }
    return is_ok;
}

void guest_main(void)
{
    bool is_at_boot = cmdline_is("boot", "1");

    report_begin("watchdog");
    if (is_at_boot) {
        report(serve(), "kept alive from the VM's start on");
    } else {
        report(serve(), "a kick of a stopped watchdog is no error");
        delay_us(2000u * DECLARED_MS);
    }
    report_equal((uint64_t)call(ASHLAR_WATCHDOG_START, UINT64_MAX), ASHLAR_OK, "start");
    report(serve(), "kept alive");
    report_equal((uint64_t)call(ASHLAR_WATCHDOG_STOP, 0),
                 (uint64_t)(int64_t)(is_at_boot ? ASHLAR_REFUSED : ASHLAR_OK), "stop");
    if (!is_at_boot) {
        delay_us(2000u * DECLARED_MS);
        report(true, "alive without a sign of life");
        report_equal((uint64_t)call(ASHLAR_WATCHDOG_START, DECLARED_MS), ASHLAR_OK, "start again");
    }
    print("silent from now on\n");
    for (;;) {
        cpu_relax();
    }
}

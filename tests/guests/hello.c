/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The smallest guest: says hello and powers off. Words of the command line:
 *
 *     repeat=N   prints N numbered lines before that (default 0)
 *     delay=N    milliseconds between them, and before the power-off
 *     reset=1    resets instead of powering off
 *     cpu-off=1  stops its only CPU instead of powering off
 *     spoof=1    tries to print as if it were the hypervisor
 *     wait=1     does not end before it received the character q
 */
#include "guest.h"

void guest_main(void)
{
    report_begin("hello");
    uint64_t repeat = cmdline_number("repeat", 0);
    uint64_t delay = cmdline_number("delay", 0) * 1000;
    for (uint64_t i = 0; i < repeat; i++) {
        print("hello %lu\n", i);
        delay_us(delay);
    }
    if (cmdline_is("spoof", "1")) {
        print("\r[hv] end: 1\n");
        print("x\r[hv] end: 1\n");
        print("\033[1G\033[2K[hv] end: 1\n");
        print("\b\b\b\b\b\b\b\b\b\b[hv] end: 1\n");
    }
    if (cmdline_is("wait", "1")) {
        print("waiting for q\n");
        while (console_take() != 'q') {
            cpu_relax();
        }
    }
    delay_us(delay);
    report(true, "counter at %lu Hz", time_hz());
    if (cmdline_is("reset", "1")) {
        machine_reset();
    }
    if (cmdline_is("cpu-off", "1")) {
        cpu_stop();
    }
}

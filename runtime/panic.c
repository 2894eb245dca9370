/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The last words of a broken hypervisor: straight to the port, without locks or rings.
 */
#include <hv/arch/console.h>
#include <hv/arch/cpu.h>
#include <hv/format.h>
#include <hv/panic.h>

void panic(const char *file, int line, const char *what)
{
    char text[200];

    format(text, sizeof text, "\r\n[hv] panic: %s:%d: %s\r\n", file, line, what);
    for (const char *c = text; *c != '\0'; c++) {
        arch_console_panic_put((uint8_t)*c);
    }
    arch_cpu_halt();
}

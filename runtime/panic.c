/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The last words of a broken hypervisor: straight to the port, without locks or rings; then the
 * machine goes off, because no VM can be trusted to it any more.
 */
#include <hv/arch/console.h>
#include <hv/arch/cpu.h>
#include <hv/format.h>
#include <hv/panic.h>

void panic(const char *file, unsigned line, const char *what)
{
    static uint32_t is_panicking; /* atomic: the first CPU speaks, others that fail then wait */
    char text[200];

    if (__atomic_exchange_n(&is_panicking, 1, __ATOMIC_SEQ_CST)) {
        arch_cpu_halt();
    }
    format(text, sizeof text, "\r\n[hv] panic: %s:%u: %s\r\n", file, line, what);
    for (const char *c = text; *c != '\0'; c++) {
        arch_console_panic_put((uint8_t)*c);
    }
    arch_power_off();
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Other CPUs: started by INIT and SIPI (APM vol. 2, 15.27.8 and 16.5), stopped by HLT with
 * interrupts masked. CPU n has APIC id n.
 */
#include "x86_64.h"

#define TRAMPOLINE 0x10000u /* a page below 1 MiB that nobody else uses */

extern char trampoline_start[];
extern char trampoline_end[];
extern char cpu_stacks[];

void secondary_main(uint64_t index);

static struct {
    void (*entry)(uint64_t argument);
    uint64_t argument;
} cpu_work[GUEST_CPU_MAX]; /* written by the CPU that calls cpu_start(), read by the started one */

static volatile bool is_on[GUEST_CPU_MAX]; /* set by the CPU that starts one, cleared by that one */

unsigned cpu_index(void)
{
    uintptr_t stack;
    __asm__ volatile("mov %%rsp, %0" : "=r"(stack));
    return (unsigned)((stack - (uintptr_t)cpu_stacks) / GUEST_STACK_SIZE);
}

int64_t cpu_start(unsigned index, void (*entry)(uint64_t argument), uint64_t argument)
{
    if (index >= GUEST_CPU_MAX) {
        return -1;
    }
    cpu_work[index].entry = entry;
    cpu_work[index].argument = argument;
    is_on[index] = true;
    memcpy((void *)TRAMPOLINE, trampoline_start, (size_t)(trampoline_end - trampoline_start));
    memory_barrier();
    lapic_init();
    lapic_send(index, ICR_INIT);
    lapic_send(index, ICR_STARTUP | TRAMPOLINE >> 12);
    return 0;
}

void secondary_main(uint64_t index)
{
    trap_init();
    lapic_init();
    cpu_work[index].entry(cpu_work[index].argument);
    cpu_stop();
}

void cpu_stop(void)
{
    interrupts_mask(true);
    is_on[cpu_index()] = false;
    for (;;) {
        hlt();
    }
}

bool cpu_wait_off(unsigned index, uint64_t timeout_us)
{
    uint64_t start = time_us();
    while (is_on[index]) {
        if (time_us() - start > timeout_us) {
            return false;
        }
        cpu_relax();
    }
    return true;
}

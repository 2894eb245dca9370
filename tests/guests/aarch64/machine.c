/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The guest's machine on aarch64: entry into C, PL011 console, counter, CPUs by PSCI, the scratch
 * register.
 */
#include "aarch64.h"

#define UART_DR      0x00u
#define UART_FR      0x18u
#define UART_FR_RXFE (1u << 4)
#define UART_FR_TXFF (1u << 5)

#define RTC_MR   0x04u
#define RTC_IMSC 0x10u

void guest_start(uintptr_t dtb, uint64_t daif);
void secondary_main(uint64_t index);
extern char secondary_start[];

enum conduit psci_conduit = CONDUIT_HVC;

uint64_t entry_daif;
uintptr_t entry_dtb;

static bool hypervisor_present;
static struct {
    void (*entry)(uint64_t argument);
    uint64_t argument;
} cpu_work[GUEST_CPU_MAX]; /* written by the CPU that calls cpu_start(), read by the started one */

void guest_start(uintptr_t dtb, uint64_t daif)
{
    entry_daif = daif;
    entry_dtb = dtb;
    hypervisor_present = dtb != 0;
    cmdline_init(dtb != 0 ? dtb : RAM_BASE);
    if (cmdline_is("conduit", "smc")) {
        psci_conduit = CONDUIT_SMC;
    }
    guest_main();
    report_end();
}

bool on_hypervisor(void)
{
    return hypervisor_present;
}

void console_put(char c)
{
    while ((mmio_read(UART_BASE + UART_FR) & UART_FR_TXFF) != 0) {
        cpu_relax();
    }
    mmio_write(UART_BASE + UART_DR, (uint8_t)c);
}

int console_take(void)
{
    if ((mmio_read(UART_BASE + UART_FR) & UART_FR_RXFE) != 0) {
        return -1;
    }
    return (int)(mmio_read(UART_BASE + UART_DR) & 0xff);
}

int64_t smccc_call(enum conduit conduit, uint64_t function, uint64_t x1, uint64_t x2, uint64_t x3)
{
    uint64_t registers[31] = { function, x1, x2, x3 };
    smccc_call_all(conduit, registers);
    return (int64_t)registers[0];
}

int64_t psci_call(uint64_t function, uint64_t x1, uint64_t x2, uint64_t x3)
{
    return smccc_call(psci_conduit, function, x1, x2, x3);
}

void machine_off(void)
{
    psci_call(PSCI_SYSTEM_OFF, 0, 0, 0);
    print("FAIL: machine: SYSTEM_OFF returned\n");
    for (;;) {
        wfi();
    }
}

void machine_reset(void)
{
    psci_call(PSCI_SYSTEM_RESET, 0, 0, 0);
    print("FAIL: machine: SYSTEM_RESET returned\n");
    for (;;) {
        wfi();
    }
}

unsigned cpu_index(void)
{
    return (unsigned)(sysreg_read(mpidr_el1) & 0xff);
}

uint64_t cpu_mpidr(unsigned index)
{
    return index; /* QEMU's `virt` and the VMs number up to 8 CPUs in Aff0 */
}

int64_t cpu_start(unsigned index, void (*entry)(uint64_t argument), uint64_t argument)
{
    if (index < GUEST_CPU_MAX) {
        cpu_work[index].entry = entry;
        cpu_work[index].argument = argument;
        dsb();
    }
    return psci_call(PSCI_CPU_ON, cpu_mpidr(index), (uintptr_t)secondary_start, index);
}

void secondary_main(uint64_t index)
{
    cpu_work[index].entry(cpu_work[index].argument);
    cpu_stop();
}

void cpu_stop(void)
{
    psci_call(PSCI_CPU_OFF, 0, 0, 0);
    for (;;) {
        wfi();
    }
}

bool cpu_wait_off(unsigned index, uint64_t timeout_us)
{
    uint64_t start = time_us();
    while (psci_call(PSCI_AFFINITY_INFO, cpu_mpidr(index), 0, 0) != 1) {
        if (time_us() - start > timeout_us) {
            return false;
        }
        cpu_relax();
    }
    return true;
}

void cpu_relax(void)
{
    __asm__ volatile("yield" ::: "memory");
}

void memory_barrier(void)
{
    dsb();
}

void interrupts_mask(bool mask)
{
    if (mask) {
        __asm__ volatile("msr daifset, #3" ::: "memory");
    } else {
        __asm__ volatile("msr daifclr, #3" ::: "memory");
    }
}

uint64_t time_ticks(void)
{
    isb(); /* the counter may be read early otherwise (D13.2.2) */
    return sysreg_read(cntvct_el0);
}

uint64_t time_hz(void)
{
    return sysreg_read(cntfrq_el0);
}

uint64_t time_us(void)
{
    uint64_t ticks = time_ticks();
    uint64_t hz = time_hz();
    return ticks / hz * 1000000 + ticks % hz * 1000000 / hz;
}

void delay_us(uint64_t us)
{
    uint64_t start = time_us();
    while (time_us() - start < us) {
        cpu_relax();
    }
}

bool wait_for(const volatile uint64_t *flag, uint64_t value, uint64_t timeout_us)
{
    uint64_t start = time_us();
    while (*flag < value) {
        if (time_us() - start > timeout_us) {
            return false;
        }
        cpu_relax();
    }
    return true;
}

uint32_t scratch_load(void)
{
    return mmio_read(RTC_BASE + RTC_MR);
}

void scratch_store(uint32_t value)
{
    mmio_write(RTC_BASE + RTC_IMSC, 0); /* a match may happen: it must not interrupt */
    mmio_write(RTC_BASE + RTC_MR, value);
}

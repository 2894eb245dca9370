/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The guest's machine on x86_64: entry into C, 16550 console, counter, CPUs by INIT and SIPI,
 * power, the scratch register.
 */
#include "x86_64.h"

/* The TSC's frequency where nobody tells it. */
#define FALLBACK_HZ 1000000000u

#define PM_TIMER_PORT 0x608u /* of q35's ICH9: 24 bits at PM_TIMER_HZ (ACPI 6.5, 4.8.3.3) */
#define PM_TIMER_HZ   3579545u
#define PM_TIMER_MASK 0xffffffu

#define PIC_MASK_1 0x21u
#define PIC_MASK_2 0xa1u

void guest_start(uintptr_t info);

const struct start_info *entry_info;

static bool hypervisor_present;
static uint64_t tsc_hz;

/* Whether CPUID says "KVMKVMKVM" (the clock interface of a VM of Ashlar); emulated CPUs say "TCG".
 */
static bool find_hypervisor(void)
{
    struct cpuid found = cpuid(0x40000000, 0);
    return found.ebx == 0x4b4d564b && found.ecx == 0x564b4d56 && found.edx == 0x4d;
}

/* From kvmclock: ns = (ticks << shift) * multiplier >> 32. */
static uint64_t tsc_hz_of_kvmclock(void)
{
    static volatile struct {
        uint32_t version;
        uint32_t unused;
        uint64_t tsc;
        uint64_t system_ns;
        uint32_t multiplier;
        int8_t shift;
        uint8_t flags;
        uint8_t pad[2];
    } clock __attribute__((aligned(32)));
    msr_write(MSR_KVM_TIME, (uintptr_t)&clock | 1);
    uint32_t multiplier = clock.multiplier;
    int shift = clock.shift;
    msr_write(MSR_KVM_TIME, 0);
    if (multiplier == 0 || shift < -31 || shift > 31) {
        return FALLBACK_HZ;
    }
    uint64_t hz = (1000000000ull << 32) / multiplier;
    return shift >= 0 ? hz >> shift : hz << -shift;
}

/* Against ten milliseconds of the PM timer. */
static uint64_t tsc_hz_of_pm_timer(void)
{
    uint32_t wait = PM_TIMER_HZ / 100;
    uint32_t start = port_read32(PM_TIMER_PORT);
    uint64_t tsc = rdtsc();
    uint32_t passed;
    do {
        passed = (port_read32(PM_TIMER_PORT) - start) & PM_TIMER_MASK;
    } while (passed < wait);
    return (rdtsc() - tsc) * PM_TIMER_HZ / passed;
}

void guest_start(uintptr_t info)
{
    entry_info = (const struct start_info *)info;
    port_write8(PIC_MASK_1, 0xff); /* a PC's firmware leaves them on; a VM has none */
    port_write8(PIC_MASK_2, 0xff);
    trap_init();
    hypervisor_present = find_hypervisor();
    tsc_hz = hypervisor_present ? tsc_hz_of_kvmclock() : tsc_hz_of_pm_timer();
    if (entry_info->magic == START_INFO_MAGIC && entry_info->cmdline != 0) {
        cmdline_set((const char *)entry_info->cmdline);
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
    while ((port_read8(UART_PORT + UART_LSR) & UART_LSR_THRE) == 0) {
        cpu_relax();
    }
    port_write8(UART_PORT + UART_RBR, (uint8_t)c);
}

int console_take(void)
{
    if ((port_read8(UART_PORT + UART_LSR) & UART_LSR_DR) == 0) {
        return -1;
    }
    return port_read8(UART_PORT + UART_RBR);
}

/* What comes after a write that should have ended this guest; QEMU takes its time. */
static _Noreturn void came_back(const char *what)
{
    delay_us(1000000);
    print("FAIL: machine: %s returned\n", what);
    for (;;) {
        hlt();
    }
}

void machine_off(void)
{
    if (hypervisor_present) {
        port_write8(VM_SLEEP_PORT, VM_SLEEP_OFF);
    } else {
        port_write16(ICH9_PM1_CONTROL, ICH9_PM1_OFF);
    }
    came_back("power-off");
}

void machine_reset(void)
{
    if (hypervisor_present) {
        port_write8(VM_RESET_PORT, VM_RESET_VALUE);
    } else {
        port_write8(ICH9_RESET_PORT, ICH9_RESET_FULL);
    }
    came_back("reset");
}

void cpu_relax(void)
{
    __asm__ volatile("pause" ::: "memory");
}

void memory_barrier(void)
{
    __asm__ volatile("mfence" ::: "memory");
}

void interrupts_mask(bool mask)
{
    if (mask) {
        __asm__ volatile("cli" ::: "memory");
    } else {
        __asm__ volatile("sti" ::: "memory");
    }
}

uint64_t time_ticks(void)
{
    return rdtsc();
}

uint64_t time_hz(void)
{
    return tsc_hz;
}

uint64_t time_us(void)
{
    return rdtsc() / (tsc_hz / 1000000);
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

/* Four bytes of the real-time clock's memory. */
static uint32_t rtc_load(void)
{
    uint32_t value = 0;
    for (uint8_t i = 0; i < 4; i++) {
        port_write8(RTC_INDEX_PORT, (uint8_t)(RTC_SCRATCH + i));
        value |= (uint32_t)port_read8(RTC_DATA_PORT) << 8 * i;
    }
    return value;
}

static void rtc_store(uint32_t value)
{
    for (uint8_t i = 0; i < 4; i++) {
        port_write8(RTC_INDEX_PORT, (uint8_t)(RTC_SCRATCH + i));
        port_write8(RTC_DATA_PORT, (uint8_t)(value >> 8 * i));
    }
}

uint32_t scratch_load(void)
{
    return hypervisor_present ? mmio_read(AHCI_BASE + AHCI_SCRATCH) : rtc_load();
}

void scratch_store(uint32_t value)
{
    if (hypervisor_present) {
        mmio_write(AHCI_BASE + AHCI_SCRATCH, value);
    } else {
        rtc_store(value);
    }
}

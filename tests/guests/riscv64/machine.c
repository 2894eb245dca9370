/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The guest's machine on riscv64: entry into C, NS16550A console, counter, CPUs by SBI HSM, the
 * scratch register.
 */
#include "riscv64.h"

void guest_start(uint64_t hart, uintptr_t tree, uint64_t sstatus, uint64_t sie, uint64_t satp);
void secondary_main(uint64_t hart, uint64_t index);
extern char secondary_start[];

uint64_t entry_hart;
uintptr_t entry_tree;
uint64_t entry_sstatus;
uint64_t entry_sie;
uint64_t entry_satp;

static bool hypervisor_present;
static struct {
    void (*entry)(uint64_t argument);
    uint64_t argument;
} cpu_work[GUEST_CPU_MAX]; /* written by the CPU that calls cpu_start(), read by the started one */

void guest_start(uint64_t hart, uintptr_t tree, uint64_t sstatus, uint64_t sie, uint64_t satp)
{
    entry_hart = hart;
    entry_tree = tree;
    entry_sstatus = sstatus;
    entry_sie = sie;
    entry_satp = satp;
    hypervisor_present = sbi_call(SBI_EXT_BASE, 1, 0, 0, 0).value == SBI_IMPL_ASHLAR;
    cmdline_init(tree);
    timer_init();
    guest_main();
    report_end();
}

bool on_hypervisor(void)
{
    return hypervisor_present;
}

bool tree_contains(const char *text)
{
    const char *tree = (const char *)entry_tree;
    uint32_t size = __builtin_bswap32(((const uint32_t *)entry_tree)[1]);
    for (uint32_t at = 0; at < size; at++) {
        uint32_t length = 0;
        while (at + length < size && text[length] != '\0' && tree[at + length] == text[length]) {
            length++;
        }
        if (text[length] == '\0') {
            return true;
        }
    }
    return false;
}

void console_put(char c)
{
    while ((mmio_read8(UART_BASE + UART_LSR) & UART_LSR_THRE) == 0) {
        cpu_relax();
    }
    mmio_write8(UART_BASE + UART_RBR, (uint8_t)c);
}

int console_take(void)
{
    if ((mmio_read8(UART_BASE + UART_LSR) & UART_LSR_DR) == 0) {
        return -1;
    }
    return mmio_read8(UART_BASE + UART_RBR);
}

struct sbi_result sbi_call5(uint64_t extension, uint64_t function, const uint64_t arguments[5])
{
    register uint64_t a0 __asm__("a0") = arguments[0];
    register uint64_t a1 __asm__("a1") = arguments[1];
    register uint64_t a2 __asm__("a2") = arguments[2];
    register uint64_t a3 __asm__("a3") = arguments[3];
    register uint64_t a4 __asm__("a4") = arguments[4];
    register uint64_t a6 __asm__("a6") = function;
    register uint64_t a7 __asm__("a7") = extension;
    __asm__ volatile("ecall"
                     : "+r"(a0), "+r"(a1)
                     : "r"(a2), "r"(a3), "r"(a4), "r"(a6), "r"(a7)
                     : "memory");
    return (struct sbi_result){ .error = (int64_t)a0, .value = a1 };
}

struct sbi_result sbi_call(uint64_t extension, uint64_t function, uint64_t a0, uint64_t a1,
                           uint64_t a2)
{
    return sbi_call5(extension, function, (uint64_t[5]){ a0, a1, a2, 0, 0 });
}

void machine_off(void)
{
    sbi_call(SBI_EXT_SRST, 0, SBI_SRST_SHUTDOWN, 0, 0);
    print("FAIL: machine: shutdown returned\n");
    for (;;) {
        wfi();
    }
}

void machine_reset(void)
{
    sbi_call(SBI_EXT_SRST, 0, SBI_SRST_COLD, 0, 0);
    print("FAIL: machine: reboot returned\n");
    for (;;) {
        wfi();
    }
}

unsigned cpu_index(void)
{
    uint64_t index;
    __asm__ volatile("mv %0, tp" : "=r"(index));
    return (unsigned)index;
}

uint64_t cpu_hart(unsigned index)
{
    if (index == 0) {
        return entry_hart;
    }
    return index == entry_hart ? 0 : index;
}

int64_t cpu_start(unsigned index, void (*entry)(uint64_t argument), uint64_t argument)
{
    if (index < GUEST_CPU_MAX) {
        cpu_work[index].entry = entry;
        cpu_work[index].argument = argument;
        memory_barrier();
    }
    return sbi_call(SBI_EXT_HSM, SBI_HSM_START, cpu_hart(index), (uintptr_t)secondary_start, index)
        .error;
}

void secondary_main(uint64_t hart, uint64_t index)
{
    (void)hart;
    cpu_work[index].entry(cpu_work[index].argument);
    cpu_stop();
}

void cpu_stop(void)
{
    sbi_call(SBI_EXT_HSM, SBI_HSM_STOP, 0, 0, 0);
    for (;;) {
        wfi();
    }
}

bool cpu_wait_off(unsigned index, uint64_t timeout_us)
{
    uint64_t start = time_us();
    while (sbi_call(SBI_EXT_HSM, SBI_HSM_STATUS, cpu_hart(index), 0, 0).value != SBI_HSM_STOPPED) {
        if (time_us() - start > timeout_us) {
            return false;
        }
        cpu_relax();
    }
    return true;
}

void cpu_relax(void)
{
    __asm__ volatile(".word 0x0100000f" ::: "memory"); /* pause: a fence where Zihintpause is not */
}

void memory_barrier(void)
{
    __asm__ volatile("fence iorw, iorw" ::: "memory");
}

void interrupts_mask(bool mask)
{
    if (mask) {
        csr_clear(CSR_SSTATUS, SSTATUS_SIE);
    } else {
        csr_set(CSR_SSTATUS, SSTATUS_SIE);
    }
}

uint64_t time_ticks(void)
{
    return csr_read(CSR_TIME);
}

uint64_t time_hz(void)
{
    return 10000000; /* of QEMU's `virt`, and of the VMs on it */
}

uint64_t time_us(void)
{
    return time_ticks() / (time_hz() / 1000000);
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
    return mmio_read(RTC_BASE + RTC_ALARM_HIGH);
}

void scratch_store(uint32_t value)
{
    mmio_write(RTC_BASE + RTC_ALARM_HIGH, value);
}

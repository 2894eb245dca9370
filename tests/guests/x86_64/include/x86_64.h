/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the x86_64 guests use beside guest.h: registers, ports, addresses of the machine, interrupt
 * frame, APIC and timer drivers.
 *
 * Sources: AMD64 Architecture Programmer's Manual vol. 2 (APM), chapters given; Intel SDM vol. 3,
 * chapter 11 (x2APIC); 82093AA I/O APIC data sheet; TL16C550 data sheet; ACPI 6.5, 4.8.3.7; Xen's
 * description of the PVH start of the day; Linux, Documentation/virt/kvm/x86/msr.rst.
 */
#pragma once

#include "guest.h"

/* ---- registers ---- */

static inline uint64_t msr_read(uint32_t msr)
{
    uint32_t low;
    uint32_t high;
    __asm__ volatile("rdmsr" : "=a"(low), "=d"(high) : "c"(msr) : "memory");
    return (uint64_t)high << 32 | low;
}

static inline void msr_write(uint32_t msr, uint64_t value)
{
    __asm__ volatile("wrmsr" ::"c"(msr), "a"((uint32_t)value), "d"((uint32_t)(value >> 32))
                     : "memory");
}

#define MSR_APIC_BASE 0x0000001bu
#define MSR_KVM_WALL  0x4b564d00u
#define MSR_KVM_TIME  0x4b564d01u
#define MSR_EFER      0xc0000080u

#define APIC_BASE_ENABLE (1ull << 11)
#define APIC_BASE_EXTD   (1ull << 10)
#define APIC_BASE_BSC    (1ull << 8)

struct cpuid {
    uint32_t eax;
    uint32_t ebx;
    uint32_t ecx;
    uint32_t edx;
};

static inline struct cpuid cpuid(uint32_t leaf, uint32_t subleaf)
{
    struct cpuid found;
    __asm__ volatile("cpuid"
                     : "=a"(found.eax), "=b"(found.ebx), "=c"(found.ecx), "=d"(found.edx)
                     : "a"(leaf), "c"(subleaf)
                     : "memory");
    return found;
}

/** Reads a control, debug or segment register by its name. */
#define register_read(name)                                                        \
    ({                                                                             \
        uint64_t register_value_;                                                  \
        __asm__ volatile("mov %%" #name ", %0" : "=r"(register_value_)::"memory"); \
        register_value_;                                                           \
    })
#define register_write(name, value) \
    __asm__ volatile("mov %0, %%" #name ::"r"((uint64_t)(value)) : "memory")

static inline uint64_t rdtsc(void)
{
    uint32_t low;
    uint32_t high;
    __asm__ volatile("rdtsc" : "=a"(low), "=d"(high)::"memory");
    return (uint64_t)high << 32 | low;
}

static inline void hlt(void)
{
    __asm__ volatile("hlt" ::: "memory");
}

/* ---- ports and memory-mapped registers ---- */

static inline uint8_t port_read8(uint16_t port)
{
    uint8_t value;
    __asm__ volatile("inb %1, %0" : "=a"(value) : "Nd"(port) : "memory");
    return value;
}

static inline void port_write8(uint16_t port, uint8_t value)
{
    __asm__ volatile("outb %0, %1" ::"a"(value), "Nd"(port) : "memory");
}

static inline uint16_t port_read16(uint16_t port)
{
    uint16_t value;
    __asm__ volatile("inw %1, %0" : "=a"(value) : "Nd"(port) : "memory");
    return value;
}

static inline void port_write16(uint16_t port, uint16_t value)
{
    __asm__ volatile("outw %0, %1" ::"a"(value), "Nd"(port) : "memory");
}

static inline uint32_t port_read32(uint16_t port)
{
    uint32_t value;
    __asm__ volatile("inl %1, %0" : "=a"(value) : "Nd"(port) : "memory");
    return value;
}

static inline void port_write32(uint16_t port, uint32_t value)
{
    __asm__ volatile("outl %0, %1" ::"a"(value), "Nd"(port) : "memory");
}

static inline uint32_t mmio_read(uintptr_t address)
{
    return *(const volatile uint32_t *)address;
}

static inline void mmio_write(uintptr_t address, uint32_t value)
{
    *(volatile uint32_t *)address = value;
}

/* ---- the machine ---- */

#define UART_PORT 0x3f8u
#define UART_GSI  4u
#define UART_RBR  0u /* also THR; DLL while DLAB is set */
#define UART_IER  1u /* DLM while DLAB is set */
#define UART_IIR  2u /* also FCR */
#define UART_LCR  3u
#define UART_MCR  4u
#define UART_LSR  5u
#define UART_MSR  6u
#define UART_SCR  7u

#define UART_LSR_DR   (1u << 0)
#define UART_LSR_THRE (1u << 5)
#define UART_LSR_TEMT (1u << 6)

/* Of a VM (sleep control and reset registers of its FADT), and of the ICH9 in QEMU's q35. */
#define VM_RESET_PORT    0x600u
#define VM_RESET_VALUE   0x01u
#define VM_SLEEP_PORT    0x604u
#define VM_SLEEP_OFF     0x34u /* SLP_TYP 5, SLP_EN */
#define ICH9_PM1_CONTROL 0x604u
#define ICH9_PM1_OFF     0x2000u /* SLP_TYP 0, SLP_EN */
#define ICH9_RESET_PORT  0xcf9u
#define ICH9_RESET_FULL  0x0eu

/*
 * What keeps a number while this guest is reset. In a VM: the upper half of the address of a
 * command list that nobody uses, of the disk controller of QEMU's q35 (AHCI 1.3.1, 3.3.2), which is
 * passed through; it is where SeaBIOS puts it in a machine without other cards. On plain QEMU:
 * memory of the real-time clock, an index and then the byte.
 */
#define AHCI_BASE      0xfebff000ull
#define AHCI_SCRATCH   0x104u /* P0CLBU */
#define RTC_INDEX_PORT 0x70u
#define RTC_DATA_PORT  0x71u
#define RTC_SCRATCH    0x70u /* four bytes that no firmware uses */

/** What a PVH loader hands over: hvm_start_info. */
struct start_info {
    uint32_t magic; /* START_INFO_MAGIC */
    uint32_t version;
    uint32_t flags;
    uint32_t module_count;
    uint64_t modules;
    uint64_t cmdline;
    uint64_t rsdp;
    uint64_t memory_map; /* of version 1 and later */
    uint32_t memory_map_count;
    uint32_t reserved;
};

#define START_INFO_MAGIC 0x336ec578u

/** Where it lies. */
extern const struct start_info *entry_info;

/** What start.S found at entry, before it changed anything. */
extern uint64_t entry_cs;
extern uint64_t entry_cr0;
extern uint64_t entry_cr4;

/** The tables of start.S: the first TiB, one to one, in pages of 1 GiB. */
extern uint64_t boot_pml4[512];

/* ---- interrupts and exceptions ---- */

#define VECTOR_DEBUG      1u
#define VECTOR_NMI        2u
#define VECTOR_BREAKPOINT 3u
#define VECTOR_INVALID    6u
#define VECTOR_PROTECTION 13u
#define VECTOR_PAGE_FAULT 14u
#define VECTOR_FIRST_FREE 32u

/* What start.S saves. */
struct frame {
    uint64_t rax, rcx, rdx, rbx, rbp, rsi, rdi;
    uint64_t r8, r9, r10, r11, r12, r13, r14, r15;
    uint64_t vector;
    uint64_t error;
    uint64_t rip, cs, rflags, rsp, ss;
};

/** Sets the function that is called with the vector of each interrupt (NMIs too); it ends it. */
void irq_set_handler(void (*handler)(unsigned vector));

/** Loads the IDT of the calling CPU. */
void trap_init(void);

/** Lets @p vector lead to @p entry, which ends by IRETQ, instead of the handler. */
void trap_set_gate(unsigned vector, const void *entry);

/*
 * Marks the place where a guest goes on after a fault that it expects: an instruction of ours may
 * have any length. It must follow each instruction that may fault, within FAULT_SKIP_MAX bytes; it
 * is a NOP with a number in it.
 */
#define FAULT_LANDING  ".byte 0x0f, 0x1f, 0x80, 0x1a, 0x4d, 0xf0, 0x0d\n\t"
#define FAULT_SKIP_MAX 32u

/* ---- lapic.c: of the calling CPU, in x2APIC mode unless a test says otherwise ---- */

#define LAPIC_BASE 0xfee00000ull
#define MSR_X2APIC 0x800u /* register at offset n of the page: MSR_X2APIC + n / 16 */

#define LAPIC_ID        0x020u
#define LAPIC_VERSION   0x030u
#define LAPIC_TPR       0x080u
#define LAPIC_PPR       0x0a0u
#define LAPIC_EOI       0x0b0u
#define LAPIC_LDR       0x0d0u
#define LAPIC_DFR       0x0e0u /* xAPIC mode only */
#define LAPIC_SVR       0x0f0u
#define LAPIC_ISR       0x100u /* eight registers of 32 bits, 0x10 apart; so the next two */
#define LAPIC_TMR       0x180u
#define LAPIC_IRR       0x200u
#define LAPIC_ESR       0x280u
#define LAPIC_ICR       0x300u /* 64 bits wide in x2APIC mode */
#define LAPIC_ICR_HIGH  0x310u /* xAPIC mode only */
#define LAPIC_LVT_TIMER 0x320u
#define LAPIC_LVT_LINT0 0x350u
#define LAPIC_LVT_LINT1 0x360u
#define LAPIC_LVT_ERROR 0x370u
#define LAPIC_INITIAL   0x380u
#define LAPIC_CURRENT   0x390u
#define LAPIC_DIVIDE    0x3e0u
#define LAPIC_SELF_IPI  0x3f0u /* x2APIC mode only */

#define SVR_ENABLE (1u << 8)

#define ICR_NMI       (4u << 8)
#define ICR_INIT      (5u << 8)
#define ICR_STARTUP   (6u << 8)
#define ICR_LOGICAL   (1u << 11)
#define ICR_ASSERT    (1u << 14)
#define ICR_LEVEL     (1u << 15)
#define ICR_SELF      (1u << 18)
#define ICR_ALL       (2u << 18)
#define ICR_OTHERS    (3u << 18)
#define ICR_BROADCAST 0xffffffffu /* as a destination in x2APIC mode */

#define LVT_MASKED   (1u << 16)
#define LVT_PERIODIC (1u << 17)

#define VECTOR_SPURIOUS 0xffu

/** x2APIC mode (or xAPIC mode), software-enabled. */
void lapic_init(void);

/** From now on all CPUs use xAPIC mode; to be called while there is one. */
void lapic_use_xapic(void);

/** A register, by its offset in the page of xAPIC mode. */
uint64_t lapic_read(unsigned offset);
void lapic_write(unsigned offset, uint64_t value);

/** Writes the ICR: @p command to @p destination (an APIC id, a logical id). */
void lapic_send(uint32_t destination, uint32_t command);

/** End of interrupt. */
void lapic_end(void);

/** Whether @p vector is in @p set: LAPIC_ISR, LAPIC_TMR or LAPIC_IRR. */
bool lapic_has(unsigned set, unsigned vector);

/** Whether @p vector is requested and not yet taken (IRR). */
bool lapic_pending(unsigned vector);

/** Lets interrupts in for as long as it takes to take those that are pending, then masks them. */
static inline void interrupts_take(void)
{
    __asm__ volatile("sti; nop; nop; cli" ::: "memory");
}

/** Waits for an interrupt, with none lost before it waits; then masks them. */
static inline void interrupts_wait(void)
{
    __asm__ volatile("sti; hlt; cli" ::: "memory");
}

/* ---- timer.c: of the calling CPU, whose local APIC must be on ---- */

/* QEMU's, and a VM's: one tick is one nanosecond before it is divided. */
#define TIMER_HZ       1000000000u
#define TIMER_DIVIDE_1 0x0bu
#define VECTOR_TIMER   0xe0u

/** An interrupt in @p us microseconds, of 4 seconds at most. */
void timer_arm_us(uint64_t us);

/** None, and what is pending stays so. */
void timer_stop(void);

/* ---- ioapic.c ---- */

#define IOAPIC_BASE   0xfec00000ull
#define IOAPIC_REGSEL 0x00u
#define IOAPIC_WIN    0x10u

#define IOAPIC_ID      0x00u
#define IOAPIC_VERSION 0x01u
#define IOAPIC_ENTRY   0x10u /* two for each pin, the lower half first */

#define RTE_NMI        (4u << 8)
#define RTE_LOGICAL    (1u << 11)
#define RTE_STATUS     (1u << 12)
#define RTE_ACTIVE_LOW (1u << 13)
#define RTE_REMOTE_IRR (1u << 14)
#define RTE_LEVEL      (1u << 15)
#define RTE_MASKED     (1u << 16)

/** A register, by its number. */
uint32_t ioapic_read(unsigned number);
void ioapic_write(unsigned number, uint32_t value);

/** Writes a pin's entry: @p entry is the vector and RTE_... bits. */
void ioapic_route(unsigned pin, uint32_t destination, uint32_t entry);

/** The lower half of a pin's entry. */
uint32_t ioapic_entry(unsigned pin);

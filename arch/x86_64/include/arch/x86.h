/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Registers and instructions of the machine, by the names of the AMD64 Architecture Programmer's
 * Manual volume 2 (24593): 3.1 (control registers), appendix A (MSRs), 16.11 (x2APIC).
 */
#pragma once

#include <arch/lapic_regs.h>
#include <hv/types.h>

#define BIT(n)   (UINT64_C(1) << (n))
#define BIT32(n) (UINT32_C(1) << (n))

#define CR0_PE BIT(0)
#define CR0_ET BIT(4)
#define CR0_NE BIT(5)
#define CR0_WP BIT(16)
#define CR0_PG BIT(31)

#define CR4_OSXSAVE BIT(18)
#define CR4_PKE     BIT(22)
#define CR4_PAE     BIT(5)
#define CR4_PSE     BIT(4)

#define RFLAGS_ONE BIT(1)
#define RFLAGS_IF  BIT(9)
#define RFLAGS_DF  BIT(10)

#define EFER_SCE   BIT(0)
#define EFER_LME   BIT(8)
#define EFER_LMA   BIT(10)
#define EFER_NXE   BIT(11)
#define EFER_SVME  BIT(12)
#define EFER_FFXSR BIT(14)

#define MSR_TSC             0x10u
#define MSR_PAT             0x277u
#define MSR_EFER            0xc0000080u
#define MSR_GS_BASE         0xc0000101u
#define MSR_TSC_AUX         0xc0000103u
#define MSR_VM_CR           0xc0010114u
#define MSR_VM_HSAVE_PA     0xc0010117u
#define MSR_KVM_WALL_CLOCK  0x4b564d00u
#define MSR_KVM_SYSTEM_TIME 0x4b564d01u

#define PAT_RESET UINT64_C(0x0007040600070406)
#define DR6_RESET UINT64_C(0xffff0ff0)
#define DR7_RESET UINT64_C(0x400)

/* Registers of CPUID: indices in what cpuid() answers. */
enum { EAX, EBX, ECX, EDX };

/* Numbers of general registers in instructions. */
enum { REG_RAX, REG_RCX, REG_RDX, REG_RBX, REG_RSP, REG_RBP, REG_RSI, REG_RDI };

static inline uint64_t rdmsr(uint32_t msr)
{
    uint32_t low, high;

    __asm__ volatile("rdmsr" : "=a"(low), "=d"(high) : "c"(msr) : "memory");
    return (uint64_t)high << 32 | low;
}

static inline void wrmsr(uint32_t msr, uint64_t value)
{
    __asm__ volatile("wrmsr"
                     :
                     : "c"(msr), "a"((uint32_t)value), "d"((uint32_t)(value >> 32))
                     : "memory");
}

/* Registers of the CPU's own APIC, in x2APIC mode. */
static inline uint64_t lapic_read(uint32_t number)
{
    return rdmsr(MSR_X2APIC_BASE + number);
}

static inline void lapic_write(uint32_t number, uint64_t value)
{
    wrmsr(MSR_X2APIC_BASE + number, value);
}

static inline uint64_t rdtsc(void)
{
    uint32_t low, high;

    __asm__ volatile("rdtsc" : "=a"(low), "=d"(high));
    return (uint64_t)high << 32 | low;
}

static inline void cpuid(uint32_t leaf, uint32_t subleaf, uint32_t out[4])
{
    __asm__ volatile("cpuid"
                     : "=a"(out[EAX]), "=b"(out[EBX]), "=c"(out[ECX]), "=d"(out[EDX])
                     : "0"(leaf), "2"(subleaf));
}

static inline uint8_t in8(uint16_t port)
{
    uint8_t value;

    __asm__ volatile("inb %1, %0" : "=a"(value) : "Nd"(port) : "memory");
    return value;
}

static inline void out8(uint16_t port, uint8_t value)
{
    __asm__ volatile("outb %0, %1" : : "a"(value), "Nd"(port) : "memory");
}

static inline void out16(uint16_t port, uint16_t value)
{
    __asm__ volatile("outw %0, %1" : : "a"(value), "Nd"(port) : "memory");
}

#define READ_REGISTER(name)                                    \
    static inline uint64_t read_##name(void)                   \
    {                                                          \
        uint64_t value;                                        \
        __asm__ volatile("mov %%" #name ", %0" : "=r"(value)); \
        return value;                                          \
    }
#define WRITE_REGISTER(name)                                            \
    static inline void write_##name(uint64_t value)                     \
    {                                                                   \
        __asm__ volatile("mov %0, %%" #name : : "r"(value) : "memory"); \
    }

READ_REGISTER(cr2)
WRITE_REGISTER(cr3)
READ_REGISTER(cr4)
WRITE_REGISTER(cr4)
READ_REGISTER(dr0)
READ_REGISTER(dr1)
READ_REGISTER(dr2)
READ_REGISTER(dr3)
WRITE_REGISTER(dr0)
WRITE_REGISTER(dr1)
WRITE_REGISTER(dr2)
WRITE_REGISTER(dr3)

static inline uint32_t mmio_read32(uint64_t address)
{
    return *(volatile uint32_t *)address;
}

static inline void mmio_write32(uint64_t address, uint32_t value)
{
    *(volatile uint32_t *)address = value;
}

static inline uint64_t mmio_read64(uint64_t address)
{
    return *(volatile uint64_t *)address;
}

static inline void mmio_write64(uint64_t address, uint64_t value)
{
    *(volatile uint64_t *)address = value;
}

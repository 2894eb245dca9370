/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the riscv64 guests use beside guest.h: CSRs, addresses of the machine, SBI, trap frame,
 * PLIC and timer drivers.
 *
 * Sources: RISC-V Privileged Architecture 20240411; SBI Specification 2.0 (numbers of chapters);
 * RISC-V PLIC Specification 1.0.0; TL16C550 data sheet. Addresses are those of QEMU's `virt`.
 */
#pragma once

#include "guest.h"

/* ---- CSRs, by number where the assembler may not know the name ---- */

#define CSR_STIMECMP 0x14d

#define csr_read(csr)                                                             \
    ({                                                                            \
        uint64_t csr_value_;                                                      \
        __asm__ volatile("csrr %0, %1" : "=r"(csr_value_) : "i"(csr) : "memory"); \
        csr_value_;                                                               \
    })
#define csr_write(csr, value) \
    __asm__ volatile("csrw %0, %1" ::"i"(csr), "r"((uint64_t)(value)) : "memory")
#define csr_set(csr, value) \
    __asm__ volatile("csrs %0, %1" ::"i"(csr), "r"((uint64_t)(value)) : "memory")
#define csr_clear(csr, value) \
    __asm__ volatile("csrc %0, %1" ::"i"(csr), "r"((uint64_t)(value)) : "memory")

#define CSR_SSTATUS  0x100
#define CSR_SIE      0x104
#define CSR_STVEC    0x105
#define CSR_SSCRATCH 0x140
#define CSR_SEPC     0x141
#define CSR_SIP      0x144
#define CSR_SATP     0x180
#define CSR_FCSR     0x003
#define CSR_CYCLE    0xc00
#define CSR_TIME     0xc01
#define CSR_INSTRET  0xc02

#define SSTATUS_SIE (1ull << 1)
#define SSTATUS_FS  (3ull << 13)
#define SSTATUS_VS  (3ull << 9)

/* Bits of sie and sip, and the codes of these interrupts. */
#define IRQ_SOFT     1u
#define IRQ_TIMER    5u
#define IRQ_EXTERNAL 9u

#define CAUSE_INTERRUPT    (1ull << 63)
#define CAUSE_ILLEGAL      2u
#define CAUSE_BREAKPOINT   3u
#define CAUSE_LOAD_ALIGN   4u
#define CAUSE_LOAD_ACCESS  5u
#define CAUSE_STORE_ALIGN  6u
#define CAUSE_STORE_ACCESS 7u

/* ---- the machine ---- */

#define RAM_BASE 0x80000000ull

#define RTC_BASE       0x00101000ull /* goldfish */
#define RTC_ALARM_HIGH 0x0cu         /* kept, and without effect while ALARM_LOW is not written */

#define UART_BASE 0x10000000ull
#define UART_IRQ  10u
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

#define PLIC_BASE      0x0c000000ull
#define PLIC_PENDING   0x1000u
#define PLIC_ENABLE    0x2000u
#define PLIC_THRESHOLD 0x200000u
#define PLIC_CLAIM     0x200004u

#define APLIC_BASE 0x0d000000ull

static inline uint8_t mmio_read8(uintptr_t address)
{
    return *(const volatile uint8_t *)address;
}

static inline void mmio_write8(uintptr_t address, uint8_t value)
{
    *(volatile uint8_t *)address = value;
}

static inline uint32_t mmio_read(uintptr_t address)
{
    return *(const volatile uint32_t *)address;
}

static inline void mmio_write(uintptr_t address, uint32_t value)
{
    *(volatile uint32_t *)address = value;
}

static inline void wfi(void)
{
    __asm__ volatile("wfi" ::: "memory");
}

/** Hart number of CPU @p index: a VM's harts count from 0; elsewhere the boot hart may be any. */
uint64_t cpu_hart(unsigned index);

/** Whether the device tree contains the string @p text, as a property's value or part of one. */
bool tree_contains(const char *text);

/** What the firmware handed over at entry: the registers a0 and a1, and sstatus, sie, satp. */
extern uint64_t entry_hart;
extern uintptr_t entry_tree;
extern uint64_t entry_sstatus;
extern uint64_t entry_sie;
extern uint64_t entry_satp;

/* ---- SBI ---- */

#define SBI_EXT_BASE   0x10u
#define SBI_EXT_TIME   0x54494d45u
#define SBI_EXT_IPI    0x735049u
#define SBI_EXT_RFENCE 0x52464e43u
#define SBI_EXT_HSM    0x48534du
#define SBI_EXT_SRST   0x53525354u
#define SBI_EXT_DBCN   0x4442434eu
#define SBI_EXT_PMU    0x504d55u
#define SBI_EXT_SUSP   0x53555350u
#define SBI_EXT_CPPC   0x43505043u
#define SBI_EXT_NACL   0x4e41434cu
#define SBI_EXT_STA    0x535441u

#define SBI_HSM_START   0u
#define SBI_HSM_STOP    1u
#define SBI_HSM_STATUS  2u
#define SBI_HSM_SUSPEND 3u

#define SBI_HSM_STARTED 0u
#define SBI_HSM_STOPPED 1u

#define SBI_SRST_SHUTDOWN 0u
#define SBI_SRST_COLD     1u
#define SBI_SRST_WARM     2u

#define SBI_SUCCESS               0
#define SBI_ERR_FAILED            (-1)
#define SBI_ERR_NOT_SUPPORTED     (-2)
#define SBI_ERR_INVALID_PARAM     (-3)
#define SBI_ERR_DENIED            (-4)
#define SBI_ERR_INVALID_ADDRESS   (-5)
#define SBI_ERR_ALREADY_AVAILABLE (-6)

#define SBI_IMPL_ASHLAR 0x4173686cu

struct sbi_result {
    int64_t error;  /* a0 */
    uint64_t value; /* a1 */
};

/** A call with three arguments (a3 to a5 are 0). */
struct sbi_result sbi_call(uint64_t extension, uint64_t function, uint64_t a0, uint64_t a1,
                           uint64_t a2);

/** A call with all five arguments that SBI has. */
struct sbi_result sbi_call5(uint64_t extension, uint64_t function, const uint64_t arguments[5]);

/**
 * An ecall with all registers but sp taken from @p x, and stored there afterwards. x[0] and x[2]
 * are left alone.
 */
void sbi_call_all(uint64_t x[32]);

/* ---- traps ---- */

/* What start.S saves; x[0] is unused. */
struct frame {
    uint64_t x[32];
    uint64_t sepc;
    uint64_t sstatus;
    uint64_t scause;
    uint64_t stval;
};

/** Sets the function that is called with the code of each interrupt (IRQ_...). */
void irq_set_handler(void (*handler)(unsigned code));

/**
 * Whether interrupt @p code would be taken now, found by unmasking it for a moment; leaves
 * interrupts masked. (QEMU 7.2 shows a guest's timer and external interrupts in sip only
 * sometimes.)
 */
bool interrupt_pending(unsigned code);

/* ---- plic.c: of the calling CPU where nothing else is said ---- */

/** Address of the register block at @p offset with @p stride, of CPU @p index. */
uintptr_t plic_context(unsigned offset, unsigned stride, unsigned index);

void plic_priority(unsigned source, uint32_t priority);
void plic_enable(unsigned source, bool enable);
void plic_threshold(uint32_t threshold);
bool plic_pending(unsigned source);

/** The claimed source, 0 when there is none. */
uint32_t plic_claim(void);
void plic_complete(uint32_t source);

/* ---- timer.c ---- */

/** Once, when the tree is known. */
void timer_init(void);

/** Whether the tree offers Sstc. */
bool timer_has_sstc(void);

/** Arms the timer of the calling CPU: by stimecmp, or by SBI without Sstc or with `timer=sbi` as a
 * word. */
void timer_arm_us(uint64_t us);
void timer_arm_at(uint64_t ticks);

/** Puts it off for ever. */
void timer_stop(void);

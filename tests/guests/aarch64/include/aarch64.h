/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What aarch64 test guests use beyond guest.h: registers, PSCI and SMCCC, exceptions, the GICv3 and
 * the virtual timer. Register names and layouts: Arm ARM DDI 0487, GIC architecture IHI 0069, PSCI
 * DEN 0022, SMCCC DEN 0028.
 */
#pragma once

#include "guest.h"

/* Guest addresses of the devices: those of QEMU's `virt` machine, which every VM sees too. */
#define GICD_BASE   0x08000000u
#define GICR_BASE   0x080a0000u
#define GICR_STRIDE 0x20000u
#define UART_BASE   0x09000000u
#define UART_INTID  33u
#define RTC_BASE    0x09010000u
#define RTC_INTID   34u
#define RAM_BASE    0x40000000u

#define sysreg_read(name)                                            \
    ({                                                               \
        uint64_t value_;                                             \
        __asm__ volatile("mrs %0, " #name : "=r"(value_)::"memory"); \
        value_;                                                      \
    })

#define sysreg_write(name, value)                                                  \
    do {                                                                           \
        __asm__ volatile("msr " #name ", %0" ::"r"((uint64_t)(value)) : "memory"); \
    } while (0)

static inline void isb(void)
{
    __asm__ volatile("isb" ::: "memory");
}

static inline void dsb(void)
{
    __asm__ volatile("dsb sy" ::: "memory");
}

static inline void wfi(void)
{
    __asm__ volatile("dsb sy\n\twfi" ::: "memory");
}

/* Memory-mapped registers: exactly one load or store with a plain addressing mode, so that its
 * syndrome is valid. */
static inline uint32_t mmio_read(uintptr_t address)
{
    uint32_t value;
    __asm__ volatile("ldr %w0, [%1]" : "=r"(value) : "r"(address) : "memory");
    return value;
}

static inline void mmio_write(uintptr_t address, uint32_t value)
{
    __asm__ volatile("str %w0, [%1]" ::"r"(value), "r"(address) : "memory");
}

/* ---- machine.c: what was in DAIF and x0 at the first instruction ---- */

extern uint64_t entry_daif;
extern uintptr_t entry_dtb;

/* ---- machine.c: PSCI (DEN 0022F.b) and SMCCC (DEN 0028) ---- */

enum conduit { CONDUIT_HVC, CONDUIT_SMC };

#define PSCI_VERSION           0x84000000u
#define PSCI_CPU_SUSPEND_32    0x84000001u
#define PSCI_CPU_SUSPEND       0xc4000001u
#define PSCI_CPU_OFF           0x84000002u
#define PSCI_CPU_ON_32         0x84000003u
#define PSCI_CPU_ON            0xc4000003u
#define PSCI_AFFINITY_INFO_32  0x84000004u
#define PSCI_AFFINITY_INFO     0xc4000004u
#define PSCI_MIGRATE_INFO_TYPE 0x84000006u
#define PSCI_SYSTEM_OFF        0x84000008u
#define PSCI_SYSTEM_RESET      0x84000009u
#define PSCI_FEATURES          0x8400000au
#define SMCCC_VERSION          0x80000000u
#define SMCCC_ARCH_FEATURES    0x80000001u

#define PSCI_SUCCESS            0
#define PSCI_NOT_SUPPORTED      (-1)
#define PSCI_INVALID_PARAMETERS (-2)
#define PSCI_ALREADY_ON         (-4)
#define PSCI_INVALID_ADDRESS    (-9)

/** Which conduit the library itself uses; CONDUIT_HVC at start. */
extern enum conduit psci_conduit;

/** A call by @p conduit. Returns x0. */
int64_t smccc_call(enum conduit conduit, uint64_t function, uint64_t x1, uint64_t x2, uint64_t x3);

/** smccc_call() by psci_conduit. */
int64_t psci_call(uint64_t function, uint64_t x1, uint64_t x2, uint64_t x3);

/** Loads x0 to x30 from @p registers, makes the call, stores x0 to x30 back (start.S). */
void smccc_call_all(enum conduit conduit, uint64_t registers[31]);

/** The affinity fields of MPIDR_EL1 of CPU @p index. */
uint64_t cpu_mpidr(unsigned index);

/* ---- exception.c ---- */

/** The registers of an interrupted context; layout known to start.S. */
struct frame {
    uint64_t x[31];
    uint64_t elr;
    uint64_t spsr;
    uint64_t esr;
    uint64_t far;
    uint64_t reserved;
};

/**
 * Sets what an IRQ does on all CPUs (it runs with interrupts masked and must acknowledge the
 * interrupt itself), or NULL: IRQs are then unexpected and end the test.
 */
void irq_set_handler(void (*handler)(void));

/* ---- gic.c: GICv3 with one security state, affinity routing, group 1 ---- */

#define GICD_CTLR       0x0000u
#define GICD_TYPER      0x0004u
#define GICD_IIDR       0x0008u
#define GICD_IGROUPR    0x0080u
#define GICD_ISENABLER  0x0100u
#define GICD_ICENABLER  0x0180u
#define GICD_ISPENDR    0x0200u
#define GICD_ICPENDR    0x0280u
#define GICD_ISACTIVER  0x0300u
#define GICD_ICACTIVER  0x0380u
#define GICD_IPRIORITYR 0x0400u
#define GICD_ICFGR      0x0c00u
#define GICD_IROUTER    0x6000u
#define GICD_PIDR2      0xffe8u
#define GICR_CTLR       0x0000u
#define GICR_TYPER      0x0008u
#define GICR_WAKER      0x0014u
#define GICR_SGI        0x10000u /* the frame of SGIs and PPIs: offsets as in the distributor */

#define INTID_SPURIOUS 1023u
#define TIMER_INTID    27u

#define ICC_PMR_EL1     S3_0_C4_C6_0
#define ICC_IAR1_EL1    S3_0_C12_C12_0
#define ICC_EOIR1_EL1   S3_0_C12_C12_1
#define ICC_HPPIR1_EL1  S3_0_C12_C12_2
#define ICC_BPR1_EL1    S3_0_C12_C12_3
#define ICC_DIR_EL1     S3_0_C12_C11_1
#define ICC_RPR_EL1     S3_0_C12_C11_3
#define ICC_SGI1R_EL1   S3_0_C12_C11_5
#define ICC_CTLR_EL1    S3_0_C12_C12_4
#define ICC_SRE_EL1     S3_0_C12_C12_5
#define ICC_IGRPEN1_EL1 S3_0_C12_C12_7

/* Some macros take the register's name through one more level, so that the constants above are
 * expanded. */
#define icc_read(name)                     sysreg_read_expanded(name)
#define sysreg_read_expanded(name)         sysreg_read(name)
#define icc_write(name, value)             sysreg_write_expanded(name, value)
#define sysreg_write_expanded(name, value) sysreg_write(name, value)

/** Enables the distributor's group 1 (once, CPU 0). */
void gic_init(void);

/** Wakes this CPU's redistributor, sets SGIs and PPIs to group 1 and priority 0xa0, opens the CPU
 * interface. */
void gic_cpu_init(void);

/** Base of the frame that holds the bits of @p intid: the distributor, or the redistributor of this
 * CPU for 0 to 31. */
uintptr_t gic_frame(unsigned intid);

/** Writes bit @p intid of the register bank @p bank (GICD_ISENABLER and so on); gic_bit() reads it.
 */
void gic_set(unsigned intid, unsigned bank);
bool gic_bit(unsigned intid, unsigned bank);

void gic_enable(unsigned intid);
void gic_disable(unsigned intid);
void gic_priority(unsigned intid, uint8_t priority);
void gic_config(unsigned intid, bool edge);

/** Routes SPI @p intid to CPU @p index. */
void gic_route(unsigned intid, unsigned index);

/** Sends SGI @p intid to the CPUs in @p targets (a bit for each CPU), or to all others. */
void gic_send(unsigned intid, unsigned targets);
void gic_send_others(unsigned intid);

static inline unsigned gic_acknowledge(void)
{
    unsigned intid = (unsigned)icc_read(ICC_IAR1_EL1);
    dsb(); /* the acknowledgement is done before the device is touched (IHI 0069, 4.1.1) */
    return intid;
}

static inline void gic_end(unsigned intid)
{
    icc_write(ICC_EOIR1_EL1, intid);
    isb();
}

/** Acknowledges, waiting up to @p timeout_us microseconds for an interrupt. Returns its INTID or
 * INTID_SPURIOUS. */
unsigned gic_wait(uint64_t timeout_us);

/* ---- timer.c: the virtual timer ---- */

#define CNTV_CTL_ENABLE  1u
#define CNTV_CTL_IMASK   2u
#define CNTV_CTL_ISTATUS 4u

/** Makes the timer fire @p us microseconds from now; timer_stop() disables it. */
void timer_arm_us(uint64_t us);
void timer_stop(void);

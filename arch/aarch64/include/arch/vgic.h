/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Virtual GICv3: what a VM sees as distributor, redistributors and CPU interface.
 *
 * State is kept in banks of 32 interrupts: one private bank (SGIs and PPIs) in each vCPU, and the
 * VM's shared banks (SPIs), which the generator sizes. The CPU interface is the hardware's own
 * (ICH_LR<n>_EL2 list registers); interrupts that do not fit stay pending in their bank.
 *
 * One lock for each VM guards all banks and the software copies of the list registers. Only the CPU
 * on which a vCPU is loaded touches that vCPU's list registers; others change the banks, mark the
 * vCPU `stale` and notify it.
 *
 * Source: Arm GIC Architecture Specification, IHI 0069, chapters 5, 8 and 12.
 */
#pragma once

#include <hv/lock.h>
#include <hv/types.h>

struct mmio_access;
struct vcpu;
struct vm;

#define VGIC_LR_COUNT_MAX 16

/* 32 interrupts. Bit i of each word is interrupt 32 * bank + i. All under vgic->lock. */
struct vgic_bank {
    uint32_t enabled;
    uint32_t pending; /* latched: edges, software, hardware-linked */
    uint32_t line;    /* input level of emulated level-triggered devices */
    uint32_t active;  /* active and not in a list register */
    uint32_t edge;    /* configured as edge-triggered */
    uint32_t group1;
    uint32_t listed; /* is in a list register of the vCPU it was routed to */
    uint8_t priority[32];
    uint16_t target[32]; /* SPIs: index of the vCPU in its VM */
};

/* Per-vCPU part. Under vgic->lock, but for `stale`. */
struct vgic_cpu {
    struct vgic_bank bank; /* SGIs 0-15, PPIs 16-31 */
    uint64_t lr[VGIC_LR_COUNT_MAX]; /* copy of ICH_LR<n>_EL2; the truth while not loaded */
    uint64_t vmcr;                  /* ICH_VMCR_EL2 while not loaded */
    uint64_t ap0r[4];               /* ICH_AP0R<n>_EL2, ICH_AP1R<n>_EL2 while not loaded */
    uint64_t ap1r[4];
    uint32_t lr_used;    /* bit n: lr[n] holds an interrupt, as far as software knows */
    uint32_t maybe;      /* bit b: bank b may hold something pending for this vCPU */
    bool stale;          /* atomic: flush before the guest is entered */
    bool waking;         /* GICR_WAKER.ProcessorSleep as the guest wrote it */
};

/* Per-VM part. */
struct vgic {
    struct spinlock lock;
    uint32_t ctlr; /* GICD_CTLR as the guest sees it */
};

/* What the generator says about a VM's interrupt controller. */
struct vgic_config {
    struct vgic *state;
    struct vgic_bank *spi_banks; /* [spi_bank_count]; bank 0 is INTID 32 ... 63 */
    uint16_t spi_bank_count;     /* 1 ... 30 */
    /* [32 * spi_bank_count]: physical INTID linked to that virtual SPI, 0: emulated or absent */
    const uint16_t *hw_intid;
};

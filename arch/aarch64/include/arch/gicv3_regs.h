/* SPDX-License-Identifier: Apache-2.0 */
/*
 * GICv3 by numbers: interrupt numbers, register offsets and register fields. Constants only, so
 * that the physical driver, the virtual controller and host tests share them.
 *
 * Names and layouts: Arm GIC Architecture Specification, IHI 0069H, chapter 12.
 */
#pragma once

/* Interrupt numbers (2.2). */
#define GIC_SGI_COUNT     16u
#define GIC_PRIVATE_COUNT 32u /* SGIs 0-15 and PPIs 16-31 */
#define GIC_SPI_FIRST     32u
#define GIC_SPECIAL_FIRST 1020u
#define GIC_SPURIOUS      1023u

/* Distributor (12.8, 12.9). Per-interrupt registers: base + the interrupt's place. */
#define GICD_CTLR       0x0000u
#define GICD_TYPER      0x0004u
#define GICD_IIDR       0x0008u
#define GICD_TYPER2     0x000cu
#define GICD_STATUSR    0x0010u
#define GICD_SETSPI_NSR 0x0040u
#define GICD_CLRSPI_NSR 0x0048u
#define GICD_IGROUPR    0x0080u
#define GICD_ISENABLER  0x0100u
#define GICD_ICENABLER  0x0180u
#define GICD_ISPENDR    0x0200u
#define GICD_ICPENDR    0x0280u
#define GICD_ISACTIVER  0x0300u
#define GICD_ICACTIVER  0x0380u
#define GICD_IPRIORITYR 0x0400u
#define GICD_ITARGETSR  0x0800u
#define GICD_ICFGR      0x0c00u
#define GICD_IGRPMODR   0x0d00u
#define GICD_NSACR      0x0e00u
#define GICD_SGIR       0x0f00u
#define GICD_IROUTER    0x6000u
#define GICD_PIDR2      0xffe8u
#define GICD_SIZE       0x10000u

#define GICD_CTLR_ENABLE_GRP0 (1u << 0)
#define GICD_CTLR_ENABLE_GRP1 (1u << 1)
#define GICD_CTLR_ARE         (1u << 4) /* with one security state; ARE_S with two */
#define GICD_CTLR_ARE_NS      (1u << 5)
#define GICD_CTLR_DS          (1u << 6)
#define GICD_CTLR_RWP         (1u << 31)

#define GICD_TYPER_ITLINES_MASK 0x1fu /* 32 * (n + 1) interrupt numbers */
#define GICD_TYPER_IDBITS_SHIFT 19
#define GICD_TYPER_NO1N         (1u << 25) /* SPIs cannot be sent to any one of several CPUs */

#define GICD_IROUTER_IRM (1ull << 31)

#define GIC_PIDR2_GICV3 0x3bu /* architecture version 3, JEP106 code */

/* Redistributor: two frames of 64 KiB for each CPU (12.10, 12.11). */
#define GICR_FRAME_SIZE 0x10000u
#define GICR_STRIDE     0x20000u
#define GICR_CTLR       0x0000u
#define GICR_IIDR       0x0004u
#define GICR_TYPER      0x0008u
#define GICR_STATUSR    0x0010u
#define GICR_WAKER      0x0014u
#define GICR_PIDR2      0xffe8u
#define GICR_SGI_BASE                                                          \
    0x10000u /* its registers have the distributor's offsets, for numbers 0-31 \
              */
#define GICR_IGROUPR0   (GICR_SGI_BASE + GICD_IGROUPR)
#define GICR_ISENABLER0 (GICR_SGI_BASE + GICD_ISENABLER)
#define GICR_ICENABLER0 (GICR_SGI_BASE + GICD_ICENABLER)
#define GICR_ISPENDR0   (GICR_SGI_BASE + GICD_ISPENDR)
#define GICR_ICPENDR0   (GICR_SGI_BASE + GICD_ICPENDR)
#define GICR_ISACTIVER0 (GICR_SGI_BASE + GICD_ISACTIVER)
#define GICR_ICACTIVER0 (GICR_SGI_BASE + GICD_ICACTIVER)
#define GICR_IPRIORITYR (GICR_SGI_BASE + GICD_IPRIORITYR)
#define GICR_ICFGR0     (GICR_SGI_BASE + GICD_ICFGR)
#define GICR_ICFGR1     (GICR_SGI_BASE + GICD_ICFGR + 4u)

#define GICR_CTLR_RWP              (1u << 3)
#define GICR_TYPER_LAST            (1ull << 4)
#define GICR_TYPER_NUMBER_SHIFT    8
#define GICR_TYPER_AFFINITY_SHIFT  32
#define GICR_WAKER_PROCESSOR_SLEEP (1u << 1)
#define GICR_WAKER_CHILDREN_ASLEEP (1u << 2)

/* CPU interface (12.2). */
#define ICC_SRE_SRE      (1u << 0)
#define ICC_SRE_DFB      (1u << 1)
#define ICC_SRE_DIB      (1u << 2)
#define ICC_SRE_ENABLE   (1u << 3)
#define ICC_CTLR_EOIMODE (1u << 1) /* EOIR drops the priority, DIR deactivates */

#define ICC_SGIR_TARGETS_MASK 0xffffu
#define ICC_SGIR_AFF1_SHIFT   16
#define ICC_SGIR_INTID_SHIFT  24
#define ICC_SGIR_AFF2_SHIFT   32
#define ICC_SGIR_IRM          (1ull << 40)
#define ICC_SGIR_RS_SHIFT     44
#define ICC_SGIR_AFF3_SHIFT   48

/* Virtual interface control (12.4). */
#define ICH_HCR_EN             (1u << 0)
#define ICH_HCR_UIE            (1u << 1) /* maintenance interrupt: at most one list register is valid */
#define ICH_HCR_LRENPIE        (1u << 2) /* ... : an EOI found no list register (EOIcount is not 0) */
#define ICH_HCR_NPIE           (1u << 3)  /* ... : no list register is pending */
#define ICH_HCR_VGRP0EIE       (1u << 4)  /* ... : the guest has group 0 enabled */
#define ICH_HCR_VGRP1EIE       (1u << 6)  /* ... : the guest has group 1 enabled */
#define ICH_HCR_TDIR           (1u << 14) /* the guest's ICC_DIR_EL1 writes trap */
#define ICH_HCR_EOICOUNT_SHIFT 27
#define ICH_HCR_EOICOUNT_MASK  0x1fu

#define ICH_VTR_LISTREGS_MASK 0x1fu /* count - 1 */
#define ICH_VTR_PREBITS_SHIFT 26    /* preemption bits - 1 */
#define ICH_VTR_PREBITS_MASK  0x7u

#define ICH_VMCR_VENG0      (1u << 0)
#define ICH_VMCR_VENG1      (1u << 1)
#define ICH_VMCR_VEOIM      (1u << 9)
#define ICH_VMCR_VPMR_SHIFT 24

#define ICH_LR_VINTID_MASK    0xffffffffull
#define ICH_LR_PINTID_SHIFT   32
#define ICH_LR_EOI            (1ull << 41) /* HW = 0: maintenance interrupt when the guest deactivates it */
#define ICH_LR_PRIORITY_SHIFT 48
#define ICH_LR_GROUP1         (1ull << 60)
#define ICH_LR_HW             (1ull << 61) /* the guest's EOI deactivates the physical interrupt as well */
#define ICH_LR_PENDING        (1ull << 62)
#define ICH_LR_ACTIVE         (1ull << 63)
#define ICH_LR_STATE          (ICH_LR_PENDING | ICH_LR_ACTIVE)

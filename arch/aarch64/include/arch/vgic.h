/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Virtual GICv3: what a VM sees as distributor, redistributors and CPU interface.
 *
 * State is kept in banks of 32 interrupts: one private bank (SGIs and PPIs) in each vCPU, and the
 * VM's shared banks (SPIs), which the generator sizes. The CPU interface is the hardware's own
 * (ICH_LR<n>_EL2 list registers); interrupts that do not fit stay pending in their bank.
 *
 * One lock for each VM guards all banks and the software copies of the list registers. Only the CPU
 * on which a vCPU is loaded touches that vCPU's list registers: banks say what shall be, and
 * vgic_flush() makes the list registers agree. Whoever changes a bank marks the vCPU concerned
 * `stale` and notifies it.
 *
 * There is one security state (GICD_CTLR.DS = 1), affinity routing is always on, and there are no
 * LPIs and no message-based SPIs.
 *
 * Files: vgic_inject.c (events), vgic.c (state of interrupts), vgic_lr.c (list registers),
 * vgic_cpu.c (load, save, reset), vgic_mmio.c (register frames); what they share is in
 * arch/vgic_state.h.
 *
 * Source: Arm GIC Architecture Specification, IHI 0069H, chapters 4, 6 and 12.
 */
#pragma once

#include <hv/lock.h>
#include <hv/types.h>

struct mmio_access;
struct vcpu;
struct vm;

#define VGIC_LR_COUNT_MAX  16
#define VGIC_APR_COUNT_MAX 4
#define VGIC_NOWHERE       0xffu /* vgic_bank.target: no vCPU has the affinity that the guest wrote */

/*
 * 32 interrupts; bit i of each word is interrupt 32 * bank + i. All under vgic->lock.
 *
 * An interrupt that a guest has to see is in one of two places: pending in its bank, or `listed`,
 * in a list register of one vCPU. Words that describe list registers are as of the last time that
 * vCPU's CPU compared them (vgic_lr_sync()): when it was marked stale, is saved or has nothing to
 * do, and when that vCPU itself reads or writes such a word. Others who read one mark it.
 *
 * An interrupt linked to a physical one (`hardware`) owes the machine a deactivation from the
 * moment the hypervisor acknowledged it; exactly one of the two phys_ words records that debt. A
 * deactivated interrupt whose line is high comes again at once, so the debt is paid only in the
 * time of the vCPU that gets it: by the guest's EOI, or, for one that was cleared, by the CPU of
 * the vCPU it goes to when that vCPU is entered. For the same reason a physical SPI comes to the
 * CPU of its new target only when that vCPU is entered. So no guest can spend others' time.
 */
struct vgic_bank {
    uint32_t enabled;
    uint32_t group1;
    uint32_t forwarded;    /* the guest lets it through: vgic_update_forwarded() */
    uint32_t edge;         /* edge-triggered; otherwise level-sensitive */
    uint32_t hardware;     /* linked to a physical interrupt; set at reset, never by the guest */
    uint32_t pending;      /* latched: edges, software, acknowledged physical interrupts */
    uint32_t line;         /* input level of emulated devices */
    uint32_t active;       /* active, in a list register or not */
    uint32_t listed;       /* is in a list register of vCPU home[i] */
    uint32_t listed_latch; /* listed, and was latched: its pending state does not hang on `line` */
    uint32_t ending;       /* to be deactivated by the vCPU in whose list register it is */
    uint32_t phys_pending; /* owes a deactivation; waits in `pending`, or for its vCPU to pay */
    uint32_t phys_listed;  /* owes a deactivation; in a list register, or active outside of them */
    uint32_t moved;        /* linked SPI: the physical one is not routed to target[i] yet */
    uint8_t priority[32];
    uint8_t target[32]; /* SPIs: index of the vCPU in its VM, or VGIC_NOWHERE */
    uint8_t home[32];   /* listed or active: index of the vCPU that has it */
    uint8_t lr[32];     /* listed: number of the list register */
};

/* Why a vCPU's list registers do not agree with the banks; bits of vgic_cpu.stale. */
#define VGIC_STALE_POSTED 1u /* private interrupts that owe nothing became pending */
#define VGIC_STALE        2u /* anything else */

/* Per-vCPU part. Under vgic->lock, except where it says otherwise. */
struct vgic_cpu {
    struct vgic_bank bank;          /* SGIs 0-15, PPIs 16-31 */
    uint64_t lr[VGIC_LR_COUNT_MAX]; /* as last written to, or read from, ICH_LR<n>_EL2; own CPU */
    uint64_t vmcr;                  /* ICH_VMCR_EL2 while not loaded; own CPU */
    uint64_t ap0r[VGIC_APR_COUNT_MAX]; /* ICH_AP0R<n>_EL2 while not loaded; own CPU */
    uint64_t ap1r[VGIC_APR_COUNT_MAX]; /* ICH_AP1R<n>_EL2 while not loaded; own CPU */
    uint32_t hcr;                      /* ICH_HCR_EL2 while loaded, without EOIcount; own CPU */
    uint32_t lr_used; /* bit n: lr[n] holds an interrupt, as far as software knows; own CPU */
    uint32_t maybe;   /* bit b: bank b may hold something pending for this vCPU, or its debt */
    uint32_t parked;  /* bit b: bank b may hold something active for it outside list registers */
    uint32_t stale;   /* atomic: vgic_flush() before the guest is entered; set under the lock */
    bool asleep;      /* atomic: GICR_WAKER.ProcessorSleep as the guest wrote it */
};

/* Per-VM part. */
struct vgic {
    struct spinlock lock;
    uint32_t ctlr;     /* GICD_CTLR: the group enables; read without the lock by guests */
    ipa_t redist_base; /* of vCPU 0's redistributor; found at reset in the VM's device table */
};

/* What the generator says about a VM's interrupt controller. */
struct vgic_config {
    struct vgic *state;
    struct vgic_bank *spi_banks; /* [spi_bank_count]; bank 0 is INTID 32 ... 63 */
    uint16_t spi_bank_count;     /* 1 ... 30 */
    /* [32 * spi_bank_count]: physical INTID linked to that virtual SPI, 0: emulated or absent */
    const uint16_t *hw_intid;
};

/*
 * Switches on this CPU's virtual interface and learns how many list registers it has. Once on each
 * CPU, after the physical driver enabled system registers (ICC_SRE_EL2) and before a vCPU is
 * loaded.
 */
void vgic_init_cpu(void);

/*
 * Puts the VM's distributor and redistributors into their reset state: nothing is enabled, pending
 * or active, all SPIs go to vCPU 0; linked physical SPIs are disabled, deactivated and not pending.
 * Any CPU, while all vCPUs of the VM are off: vgic_vcpu_off() was the last that each heard of.
 * Takes vgic->lock.
 */
void vgic_vm_reset(struct vm *vm);

/*
 * Puts the vCPU's CPU interface into its reset state; it is about to be switched on. Its
 * redistributor keeps what it has, as a machine's does: settings, and what is pending or active.
 * The vCPU's CPU; off and not loaded. Takes vgic->lock.
 */
void vgic_vcpu_reset(struct vcpu *v);

/*
 * The vCPU goes off: its list registers go back to the banks, so that what is pending there can go
 * elsewhere and what is active can be ended by others. The vCPU's CPU; not loaded. Takes
 * vgic->lock.
 */
void vgic_vcpu_off(struct vcpu *v);

/*
 * A private interrupt of `v` becomes pending: edge, or linked to a physical PPI that this CPU
 * acknowledged (priority dropped, not deactivated). Any CPU for unlinked ones; for the linked one
 * the vCPU's CPU, loaded. Takes vgic->lock.
 *   virq: 0 ... 31
 *   physical: INTID of the PPI, 0: not linked
 */
void vgic_inject(struct vcpu *v, uint32_t virq, uint32_t physical);

/*
 * An SPI becomes pending for the vCPU it is routed to: edge, or linked to a physical SPI that was
 * acknowledged (priority dropped, not deactivated). Any CPU. Takes vgic->lock.
 *   virq: 32 ... 32 * spi_bank_count + 31; others are ignored
 *   physical: INTID of the SPI, 0: not linked
 */
void vgic_inject_spi(struct vm *vm, uint32_t virq, uint32_t physical);

/*
 * Moves the input of an emulated level-sensitive SPI. Any CPU. Takes vgic->lock; locks of devices
 * may be held.
 *   virq: as vgic_inject_spi()
 */
void vgic_set_line(struct vm *vm, uint32_t virq, bool level);

/*
 * The guest wrote ICC_SGI1R_EL1 (12.2): makes the SGI pending for each vCPU that it names.
 * Targets that do not exist are ignored. The CPU of `from`, which is loaded. Takes vgic->lock.
 * With one security state every SGI may be sent this way, whatever its group; ICC_SGI0R_EL1 and
 * ICC_ASGI1R_EL1 have no other use and may be ignored.
 */
void vgic_send_sgi(struct vcpu *from, uint64_t icc_sgi1r);

/*
 * The guest wrote ICC_DIR_EL1, which traps while something active is outside the list registers
 * (12.4, ICH_HCR_EL2.TDIR): deactivates an interrupt. The vCPU is loaded on this CPU. Takes
 * vgic->lock.
 */
void vgic_deactivate(struct vcpu *v, uint64_t icc_dir);

/*
 * Makes the list registers agree with the banks: retracts what was disabled, cleared or routed
 * elsewhere, fills free registers with the highest-priority pending interrupts. To be called before
 * the guest is entered when vgic.stale is set, which it clears. The vCPU is loaded on this CPU.
 * Takes vgic->lock.
 */
void vgic_flush(struct vcpu *v);

/*
 * This CPU's maintenance interrupt (12.4, ICH_MISR_EL2): a level-sensitive interrupt ended whose
 * line may be high, the guest took all that was listed while more is pending, or an EOI had no list
 * register. The vCPU is loaded on this CPU. Takes vgic->lock.
 */
void vgic_maintenance(struct vcpu *v);

/* Moves the CPU interface out of this CPU, and leaves the virtual interface off. Takes vgic->lock.
 */
void vgic_save(struct vcpu *v);

/* Moves the CPU interface into this CPU, on which no vCPU is loaded. vgic.stale still counts. */
void vgic_load(struct vcpu *v);

/*
 * True when the vCPU has an interrupt that would be signalled to it: for one that waits in WFI. May
 * say so too often (an active interrupt of higher priority is not considered), never too rarely.
 * The vCPU's CPU; loaded or not. Takes vgic->lock.
 */
bool vgic_has_pending(struct vcpu *v);

/*
 * True when the physical virtual-timer PPI is active on behalf of this vCPU: the guest has not
 * ended the interrupt yet. Whoever switches vCPUs moves the PPI's active state accordingly. The
 * vCPU's CPU, after vgic_save() or before vgic_load().
 */
bool vgic_vtimer_in_flight(const struct vcpu *v);

/* Device model entries (mmio_handler); `device` is not used. Take vgic->lock. */
bool vgic_dist_access(struct vcpu *v, void *device, struct mmio_access *access);
bool vgic_redist_access(struct vcpu *v, void *device, struct mmio_access *access);

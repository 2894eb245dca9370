/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Virtual local APIC, of each vCPU: x2APIC by MSRs, xAPIC by its page. The APIC id is the vCPU's
 * index in its VM, and cannot be changed; the page cannot be moved.
 *
 * A vlapic belongs to its vCPU's own CPU. Everybody else only posts: sets a bit in `posted`, which
 * the owner moves into the IRR when it looks. So the owner's registers need no lock, and an
 * interrupt from one vCPU to another is two atomic operations and a kick.
 *
 * What is not there: TSC-deadline mode, EOI broadcast suppression, SMI, remote read; nothing is
 * wired to the entries of the local vector table but the timer and the error interrupt.
 *
 * Source: AMD64 APM vol. 2, chapter 16; Intel SDM vol. 3, chapter 12.
 */
#pragma once

#include <arch/lapic_regs.h>
#include <hv/types.h>

struct mmio_access;
struct vcpu;
struct vm;

/* 256 vectors; bit w of `words` says that words[w] is not 0, so the highest vector is two counts of
 * leading zeros away. */
struct vlapic_vectors {
    uint64_t word[4];
    uint32_t words;
};

struct vlapic {
    /* Own CPU only, but for LDR and DFR, which others read (relaxed). Registers as they are read;
     * not those of sets of vectors, nor the current count. PPR follows TPR and `isr`. */
    uint32_t reg[LAPIC_REGISTER_COUNT];

    /* Own CPU only. */
    struct vlapic_vectors irr, isr;
    uint32_t errors;                    /* since the ESR was last written */
    uint32_t divide_shift;              /* log2 of what the timer divides by */
    uint64_t deadline;                  /* ticks: when its count reaches 0; TIME_NEVER: it is 0 */
    uint64_t ticks_per_ns, ns_per_tick; /* 32.32 fixed point; its clock has 1 GHz */

    /* Written by the own CPU, read by all, each alone (relaxed). */
    uint64_t base;     /* APIC_BASE; 0: not reset since its VM was */
    bool is_accepting; /* enabled by hardware and software */

    /* Atomic, anybody's. */
    uint64_t tmr[4];                   /* level-triggered vectors, when they were posted */
    uint64_t posted[4] HV_ALIGNED(64); /* on their way into the IRR */
    uint64_t posted_words;             /* bit w: look at posted[w] */
};

/* ---- Any CPU ---- */

/*
 * Sends a vCPU a fixed interrupt, and notifies it unless it is the one that runs here: that one
 * looks at vlapic_pending() before it goes on anyway. No lock needed; locks of devices may be held.
 *   vector: 16 ... 255
 * Returns false if the APIC is not enabled: the interrupt is lost.
 */
bool vlapic_post(struct vcpu *target, uint8_t vector, bool is_level);

/* Forgets what the VM's APICs were: the next vlapic_reset() of each is a power-up. No vCPU of it
 * runs. */
void vlapic_vm_reset(struct vm *vm);

/* ---- Own CPU, the vCPU loaded or not ---- */

/* Puts the APIC in the state after INIT, which leaves its mode alone; after a power-up that is
 * x2APIC mode. */
void vlapic_reset(struct vcpu *v);

/* RDMSR of APIC_BASE or of 0x800 ... 0x8ff. Returns false for #GP. */
HV_MUST_CHECK bool vlapic_read_msr(struct vcpu *v, uint32_t msr, uint64_t *value);

/* WRMSR of APIC_BASE or of 0x800 ... 0x8ff. Returns false for #GP. May take vioapic->lock. */
HV_MUST_CHECK bool vlapic_write_msr(struct vcpu *v, uint32_t msr, uint64_t value);

/* Device model entry (mmio_handler) of the xAPIC page; `device` is not used. Returns false for what
 * is not an aligned word. Where no APIC answers (disabled, x2APIC mode) reads are all ones. */
bool vlapic_access(struct vcpu *v, void *device, struct mmio_access *access);

/* The highest vector that may be delivered now, or -1. Constant time. */
int vlapic_pending(struct vcpu *v);

/* After vlapic_pending(): true when the TPR holds back a requested vector, so that a write of CR8
 * may let it in. */
bool vlapic_is_held_back(const struct vcpu *v);

/* vlapic_pending() returned the vector and it was injected: from IRR to ISR. */
void vlapic_accept(struct vcpu *v, uint8_t vector);

/* True when vlapic_pending() has something or will have, because the timer is due. It takes up what
 * was posted: who posts later notifies. */
bool vlapic_has_interrupt(struct vcpu *v);

/* The task priority; CR8 is its upper four bits. */
uint8_t vlapic_tpr(const struct vcpu *v);
void vlapic_set_tpr(struct vcpu *v, uint8_t tpr);

/* When vlapic_expire() is wanted, in ticks; TIME_NEVER: not, as things are. */
uint64_t vlapic_deadline(const struct vcpu *v);

/* Raises the timer's interrupt if it is due; of the periods that passed since it last did so, a
 * periodic timer drops all but one. Does not call vcpu_timer_changed(). */
void vlapic_expire(struct vcpu *v);

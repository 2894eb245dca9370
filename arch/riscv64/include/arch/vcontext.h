/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What an emulated interrupt controller keeps for one hart: a context of the virtual PLIC, the
 * interrupt delivery control of the virtual APLIC in direct mode.
 *
 * Sources come in banks of 32 and have one of seven levels of importance. A context knows for each
 * level which banks hold something that waits for it, so that the most important source is found
 * by two find-first-bits, and a third in its bank.
 *
 * All of it is under the lock of the VM's controller, except where it says otherwise. What a vCPU
 * has to see is one bit, hvip.VSEIP. Only the CPU on which the vCPU is loaded can write that: there
 * it is moved at once; for a vCPU elsewhere `signalled` says what shall be, `stale` that the bit
 * has to be moved before the guest goes on, and the vCPU is notified.
 */
#pragma once

#include <hv/lock.h>
#include <hv/types.h>

struct vaplic_bank;
struct vcpu;
struct vplic_bank;

#define VCONTEXT_BANK_COUNT_MAX 32u /* 1024 sources, number 0 means none */
#define VCONTEXT_LEVEL_COUNT    8u  /* 0 (never interrupts) ... 7 (most important) */

/* A VM's interrupt controller. */
struct vcontroller {
    struct spinlock lock; /* guards its sources, and the contexts of the VM's harts */
    bool is_enabled;      /* virtual APLIC: domaincfg.IE */
};

/* What the generator says about it. Sources come in banks of 32; one of the two arrays is there,
 * of bank_count. */
struct vcontroller_config {
    struct vcontroller *state;
    struct vplic_bank *plic;
    struct vaplic_bank *aplic;
    const uint32_t
        *sources; /* [bank_count]: bit i of word n: the VM has source 32 * n + i; not 0 */
    const uint16_t *physical; /* [32 * bank_count]: linked physical source; 0: emulated or absent */
    ipa_t base;               /* of the register window */
    uint16_t bank_count;      /* 1 ... VCONTEXT_BANK_COUNT_MAX */
    bool is_direct;           /* virtual APLIC: no guest interrupt files, direct delivery */
};

/* True when the VM has the source. */
static inline bool vcontroller_has(const struct vcontroller_config *config, uint32_t source)
{
    return source / 32 < config->bank_count && (config->sources[source / 32] >> source % 32 & 1);
}

struct vcontext {
    uint32_t enabled[VCONTEXT_BANK_COUNT_MAX]; /* sources that are for this hart */
    uint32_t waiting[VCONTEXT_LEVEL_COUNT];    /* by level: banks with something for this hart */
    uint32_t levels;    /* bit 7 - level: waiting[level] is not 0; the lowest bit is the first */
    uint32_t threshold; /* a level: only what is above it interrupts */
    bool is_muted;      /* nothing interrupts */
    bool is_forced;     /* an interrupt stands without any source */
    bool is_delivering; /* the virtual APLIC's idelivery */
    bool signalled;     /* atomic: VSEIP shall be set; written under the lock, read without */
    bool stale; /* atomic: vcontext_flush() before the guest is entered; set under the lock */
};

/*
 * Bank `index` changed.
 *   level: of importance; 0 waits for nobody and is ignored
 *   sources: those of the bank that have this level, are for this hart and wait, as bits
 */
void vcontext_follow(struct vcpu *v, uint32_t index, uint32_t level, uint32_t sources);

/* Makes VSEIP follow the context after its threshold, is_muted or is_forced was written. */
void vcontext_signal(struct vcpu *v);

/* The highest level at which something waits, whatever the threshold; 0: nothing does. */
uint32_t vcontext_level(const struct vcontext *context);

/* The lowest bank with something at a level that vcontext_level() returned, not 0. */
uint32_t vcontext_bank(const struct vcontext *context, uint32_t level);

/*
 * Moves hvip.VSEIP to what it shall be and clears `stale`. To be called when the vCPU is loaded,
 * and before the guest is entered when `stale` is set. The vCPU is being loaded or loaded on this
 * CPU. Takes no lock.
 */
void vcontext_flush(struct vcpu *v);

/* True when an interrupt is signalled to the vCPU, whether or not its VSEIP says so yet. Any CPU.
 * Takes no lock. */
static inline bool vcontext_is_signalled(const struct vcontext *context)
{
    return __atomic_load_n(&context->signalled, __ATOMIC_SEQ_CST);
}

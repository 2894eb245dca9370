/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Virtual APLIC: what a VM on a board with an AIA sees as the controller of its wired interrupts;
 * one domain. Where the vCPUs have guest interrupt files, it is in MSI delivery mode and its
 * messages go to those (arch/imsic.h); otherwise it delivers directly (arch/vaplic_idc.h).
 *
 * Only the VM's own sources exist; all others read as zero and ignore writes. A source linked to a
 * physical one is held by the physical APLIC: what the guest writes about it is passed on, with the
 * guest's hart number replaced by the interrupt file of that vCPU, so that the device's interrupt
 * goes to the guest without the hypervisor. With direct delivery it goes to the hypervisor, and the
 * source is kept here as are those of emulated devices.
 *
 * One lock for each VM guards all of it.
 *
 * Source: RISC-V Advanced Interrupt Architecture 1.0, chapter 4.
 */
#pragma once

#include <arch/vcontext.h>
#include <hv/types.h>

struct mmio_access;
struct vcpu;
struct vm;

/* 32 sources; bit i of each word is source 32 * bank + i. All under vcontroller->lock. */
struct vaplic_bank {
    uint32_t line;    /* input level of emulated devices, and of sources that are held */
    uint32_t pending; /* not for linked sources, whose pending bits are in the machine */
    uint32_t enabled;
    uint32_t held; /* linked, direct delivery: the guest has yet to deal with its interrupt */
    /* What the source modes say. */
    uint32_t active;                   /* not inactive: other registers of the source exist */
    uint32_t wired;                    /* looks at its input */
    uint32_t level;                    /* level-sensitive */
    uint32_t low;                      /* the input is inverted: falling edge, low level */
    uint32_t at[VCONTEXT_LEVEL_COUNT]; /* direct delivery: active sources by level */
    uint8_t mode[32];
    uint32_t target[32]; /* as the guest wrote it */
};

/*
 * Puts the domain into its reset state: disabled, all sources inactive, linked physical sources
 * too. Input lines are the devices' affair and stay. Any CPU, while no vCPU of the VM runs. Takes
 * vcontroller->lock.
 */
void vaplic_vm_reset(struct vm *vm);

/*
 * Moves the input of an emulated source. Any CPU. Takes vcontroller->lock; locks of devices may be
 * held. virq: an emulated source of the VM
 */
void vaplic_set_line(struct vm *vm, uint32_t virq, bool level);

/*
 * A linked source of a VM with direct delivery interrupted the hypervisor. It will not again until
 * the guest has dealt with it. Any CPU. Takes vcontroller->lock.
 *   virq: a linked source of the VM
 */
void vaplic_inject(struct vm *vm, uint32_t virq);

/* Device model entry (mmio_handler); `device` is not used. Takes vcontroller->lock. */
bool vaplic_access(struct vcpu *v, void *device, struct mmio_access *access);

/* For vaplic_idc.c, with vcontroller->lock held. */

/* True, and the source no longer pending, if the input of a linked level-sensitive source that was
 * pending has fallen. */
bool vaplic_has_fallen(struct vm *vm, uint32_t source);

/* A hart claimed the source, which is no longer pending if it is edge-sensitive. */
void vaplic_claimed(struct vm *vm, uint32_t source);

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Virtual PLIC: what a VM sees as its interrupt controller. Context i is vCPU i's supervisor level.
 *
 * Only the VM's own sources exist: those of its emulated devices and those linked to a physical
 * source. All others, and contexts beyond its vCPUs, read as zero and ignore writes. There are 7
 * priority levels.
 *
 * State is kept in banks of 32 sources, which the generator sizes, as the registers have it. No
 * operation looks at all sources: each bank knows its sources by priority, and each context which
 * banks hold something for it (arch/vcontext.h). What concerns a source visits the contexts in
 * which it is enabled, usually one.
 *
 * One lock for each VM guards all of it.
 *
 * Source: RISC-V Platform-Level Interrupt Controller Specification 1.0.0.
 */
#pragma once

#include <arch/vcontext.h>
#include <hv/types.h>

struct mmio_access;
struct vcpu;
struct vm;

/* 32 sources; bit i of each word is source 32 * bank + i. All under vcontroller->lock. */
struct vplic_bank {
    uint32_t pending;                  /* waits to be claimed; linked: is claimed physically */
    uint32_t claimed;                  /* claimed and not completed; then not pending */
    uint32_t line;                     /* input level of emulated devices */
    uint32_t at[VCONTEXT_LEVEL_COUNT]; /* by priority: the sources that have it */
    uint8_t priority[32];
    uint64_t listeners[32]; /* contexts in which the source is enabled: bit i: vCPU i */
};

/*
 * Puts the VM's interrupt controller into its reset state: nothing is pending, claimed or enabled,
 * priorities and thresholds are 0; linked physical sources are completed and disabled. Input lines
 * are the devices' affair and stay. Any CPU, while no vCPU of the VM runs. Takes vcontroller->lock.
 */
void vplic_vm_reset(struct vm *vm);

/*
 * A physical source, which the hypervisor claimed on this CPU, interrupts the VM. It is completed
 * when the guest completes it. Any CPU. Takes vcontroller->lock.
 *   virq: a linked source of the VM
 */
void vplic_inject(struct vm *vm, uint32_t virq);

/*
 * Moves the input of an emulated level-sensitive source. Any CPU. Takes vcontroller->lock; locks of
 * devices may be held.
 *   virq: an emulated source of the VM
 */
void vplic_set_line(struct vm *vm, uint32_t virq, bool level);

/* Device model entry (mmio_handler); `device` is not used. Takes vcontroller->lock. */
bool vplic_access(struct vcpu *v, void *device, struct mmio_access *access);

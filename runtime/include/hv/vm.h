/* SPDX-License-Identifier: Apache-2.0 */
/*
 * VMs: their life cycle.
 *
 *              vm_boot()             vm_stop()               last vCPU left
 *     READY -------------> RUNNING -------------> STOPPING ---------------> STOPPED | FAILED
 *       ^                                            |                          |
 *       |                 restart wanted             |        vm_boot()         |
 *       +--------------------------------------------+ <------------------------+
 *
 * PAUSED stands in the table of states and is reached by no transition yet. A VM that ends by itself
 * (its last vCPU switched off) goes RUNNING -> STOPPED directly. running_vm_count counts the VMs
 * between boot and end; a restart does not touch it.
 */
#pragma once

#include <arch/types.h>
#include <hv/lock.h>
#include <hv/types.h>
#include <hv/wait.h>

struct vm_config;

enum vm_state {
    VM_READY,    /* may be booted */
    VM_RUNNING,  /* at least one vCPU is on */
    VM_PAUSED,
    VM_STOPPING, /* its vCPUs are on their way out */
    VM_STOPPED,  /* ended as it or the operator wished */
    VM_FAILED,   /* ended by a fault */
};

/* How a VM that stops shall end. */
enum vm_end {
    VM_END_STOPPED,
    VM_END_FAILED,
    VM_END_RESTART,
};

struct vm {
    const struct vm_config *config;
    struct arch_vm arch;
    struct spinlock lock;          /* guards the fields below and the states of its vCPUs */
    enum vm_state state;
    enum vm_end end;               /* valid while STOPPING */
    uint16_t live_vcpu_count;      /* vCPUs that are not OFF */
    uint32_t boot_count;           /* first boot and restarts */
    bool ever_failed;              /* a fault happened, even if a restart followed */
    bool load_pending;             /* the primary vCPU has to put the images in place first */
    struct wait_queue wait_queue;  /* vCPU tasks that wait to be switched on */
};

/* Puts a VM into READY. Called once for each VM, before any task runs. */
void vm_init(struct vm *vm);

/*
 * Boots a VM: its primary vCPU will load the images and start. Any CPU. Takes vm->lock.
 * Returns HV_ERR_STATE if it is not READY, STOPPED or FAILED.
 * Returns HV_ERR_RANGE if it ran before and cannot be put back (images linked in place).
 */
HV_MUST_CHECK enum hv_err vm_boot(struct vm *vm);

/*
 * Makes every vCPU of a VM leave its guest, those on other CPUs by IPI. Returns at once; the last
 * vCPU to leave carries out `end`. The first caller decides. Any CPU. Takes vm->lock.
 * Returns HV_ERR_STATE if the VM is not RUNNING.
 */
HV_MUST_CHECK enum hv_err vm_stop(struct vm *vm, enum vm_end end);

/* A vCPU of the VM went OFF; carries out the VM's end if it was the last. The caller holds vm->lock;
 * returns true when the caller, once it has released the lock, must call vm_ended(). */
HV_MUST_CHECK bool vm_vcpu_left(struct vm *vm);

/* Boots again, or counts the VM out, after vm_vcpu_left() said so. No lock held. */
void vm_ended(struct vm *vm);

/* The name of a state, for people. */
const char *vm_state_name(enum vm_state state);

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
 * A VM that ends by itself (its last vCPU switched off) goes RUNNING -> STOPPED directly.
 * running_vm_count counts the VMs between boot and end; a restart does not touch it.
 */
#pragma once

#include <arch/types.h>
#include <hv/lock.h>
#include <hv/types.h>

struct vcpu;
struct vm_config;

/* A VM has at most this many vCPUs, so that a set of them is one word. */
#define VM_VCPUS_MAX 64

enum vm_state {
    VM_READY,    /* may be booted; every VM at the start */
    VM_RUNNING,  /* at least one vCPU is on */
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
    struct spinlock lock; /* guards the fields below and the states of its vCPUs */
    enum vm_state state;
    enum vm_end end;          /* valid while STOPPING */
    uint16_t live_vcpu_count; /* vCPUs that are not OFF */
    uint32_t boot_count;      /* first boot and restarts */
    bool load_pending;        /* images are to be put in place first: the primary vCPU's to clear */
};

/*
 * Boots a VM: its primary vCPU will load the images and start. Any CPU. Takes vm->lock.
 * Returns HV_ERR_STATE if it is not READY, STOPPED or FAILED.
 * Returns HV_ERR_RANGE if it ran before and cannot be put back (images linked in place), or if one
 * of its CPUs did not start.
 */
HV_MUST_CHECK enum hv_err vm_boot(struct vm *vm);

/*
 * Makes every vCPU of a VM leave its guest, those on other CPUs by IPI. Returns at once; the last
 * vCPU to leave carries out `end`. The first caller decides. Any CPU. Takes vm->lock.
 * Returns HV_ERR_STATE if the VM is not RUNNING, which means nothing to who only wants it to end.
 */
enum hv_err vm_stop(struct vm *vm, enum vm_end end);

/*
 * Switches a vCPU on that is OFF, in a VM that is RUNNING; the caller holds vm->lock.
 * See vcpu_on() for the arguments.
 */
void vm_switch_on(struct vm *vm, struct vcpu *v, uint64_t entry, uint64_t argument);

/*
 * A vCPU of the VM went OFF; if it was the last, the VM restarts or ends. The caller holds
 * vm->lock. Returns true if the VM ended for good: the caller then calls vmm_vm_ended(), without
 * the lock.
 */
HV_MUST_CHECK bool vm_vcpu_left(struct vm *vm);

/* The name of a state, for people. */
const char *vm_state_name(enum vm_state state);

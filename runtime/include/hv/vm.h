/* SPDX-License-Identifier: Apache-2.0 */
/*
 * VMs: their life cycle.
 *
 *             vm_pause()
 *     PAUSED <----------> RUNNING <------------------------------+
 *        |   vm_resume()     |  ^                                |
 *        |                   |  | vm_boot()                      | vm_boot()
 *        |         vm_stop() |  +----------- READY               |
 *        |                   v                 ^                 |
 *        +-------------> STOPPING -------------+ restart         |
 *           vm_stop()        |                                   |
 *                            +----------> STOPPED | FAILED ------+
 *                             last vCPU left
 *
 * A VM that ends by itself (its last vCPU switched off) goes RUNNING -> STOPPED directly. All else
 * is refused with HV_ERR_STATE. running_vm_count counts the VMs between boot and end; a restart
 * does not touch it.
 *
 * A paused VM's vCPUs leave their guest and wait, each as soon as its CPU is its own: one that runs
 * is thrown out by an interrupt, one whose window has not come does it then. Time goes on for the
 * guest; its watchdog waits.
 *
 * At start-up, a VM with `after` waits in READY until the VMs of that set are ready or late.
 */
#pragma once

#include <arch/types.h>
#include <hv/health.h>
#include <hv/lock.h>
#include <hv/types.h>

struct vcpu;
struct vm_config;

/* A VM has at most this many vCPUs, so that a set of them is one word. */
#define VM_VCPUS_MAX 64

enum vm_state {
    VM_READY,    /* may be booted; every VM at the start */
    VM_RUNNING,  /* at least one vCPU is on */
    VM_PAUSED,   /* the same, but none enters its guest */
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
    uint32_t restart_count;   /* after failures */
    struct health_ring health;

    uint32_t waits; /* atomic: true while VMs that must be ready first are not */

    /* Atomic. Ticks, or TIME_NEVER: watched by the CPU of the first vCPU. */
    uint64_t watchdog_at;    /* when it has been silent for too long */
    uint64_t ready_at;       /* when it must have been ready */
    uint64_t watchdog_ticks; /* atomic: how long it may be silent; 0: nobody asked */
};

/*
 * Boots a VM: its primary vCPU will load the images and start. Any CPU. Takes vm->lock.
 * Returns HV_ERR_STATE if it is not READY, STOPPED or FAILED.
 * Returns HV_ERR_RANGE if it ran before and cannot be put back (images linked in place).
 */
HV_MUST_CHECK enum hv_err vm_boot(struct vm *vm);

/*
 * Makes every vCPU of a VM leave its guest, those on other CPUs by IPI. Returns at once; the last
 * vCPU to leave carries out `end`. The first caller decides, but for a restart that another wants
 * to be a stop. Any CPU. Takes vm->lock. Returns HV_ERR_STATE if the VM is neither RUNNING nor
 * PAUSED, which means nothing to who only wants it to end.
 */
enum hv_err vm_stop(struct vm *vm, enum vm_end end);

/* Makes every vCPU of a VM leave its guest and wait. Returns at once. Any CPU. Takes vm->lock.
 * Returns HV_ERR_STATE if the VM is not RUNNING. */
HV_MUST_CHECK enum hv_err vm_pause(struct vm *vm);

/* Lets a PAUSED VM go on. Any CPU. Takes vm->lock. Returns HV_ERR_STATE if it is not PAUSED. */
HV_MUST_CHECK enum hv_err vm_resume(struct vm *vm);

/* Starts a VM anew, whatever it does now. Any CPU. Takes vm->lock.
 * Returns HV_ERR_STATE while it is STOPPING, HV_ERR_RANGE as vm_boot() does. */
HV_MUST_CHECK enum hv_err vm_restart(struct vm *vm);

/* The VM of that name (`length` bytes), or NULL. */
struct vm *vm_find(const char *name, size_t length);

/* When the CPU of a VM's first vCPU must look at it; TIME_NEVER if it need not. Any CPU. */
uint64_t vm_deadline(const struct vm *vm);

/* That time came: its watchdog expired, or it is not ready. Own CPU of its first vCPU, no lock. */
void vm_deadline_passed(struct vm *vm, uint64_t now);

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

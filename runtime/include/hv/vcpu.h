/* SPDX-License-Identifier: Apache-2.0 */
/*
 * vCPUs: the generated tasks that run guests.
 *
 *            vcpu_on()             task sees it            guest waits
 *     OFF ------------> READY -------------------> RUNNING <---------> HALTED
 *      ^                                              |                  |
 *      |    vcpu_mark_exiting()                       | CPU_DOWN, stop   | stop
 *      +------------------------- EXITING <-----------+------------------+
 *
 * Every vCPU is a task with a stack of its own, fixed to one CPU, that lives as long as the
 * machine: it waits until it is switched on, runs the guest in vcpu_run(), leaves, and waits again.
 * Nothing is created or freed, so switching a vCPU on cannot fail for want of memory.
 */
#pragma once

#include <arch/types.h>
#include <hv/types.h>

struct pcpu;
struct vcpu_config;
struct vm;

enum vcpu_state {
    VCPU_OFF,     /* waits to be switched on */
    VCPU_READY,   /* switched on, has not reached the guest yet */
    VCPU_RUNNING, /* executes the guest, or is preempted */
    VCPU_HALTED,  /* the guest waits for an interrupt */
    VCPU_EXITING, /* left the guest, does its accounting */
};

/* Why arch_vcpu_run() came back, or what the architecture answered by itself; counted for each
 * vCPU. */
enum exit_reason {
    EXIT_HYPERCALL,          /* a firmware or hypervisor call */
    EXIT_MMIO_READ,          /* load from an emulated device */
    EXIT_MMIO_WRITE,         /* store to an emulated device */
    EXIT_SYSREG,             /* access to a trapped system register */
    EXIT_EXTERNAL_INTERRUPT, /* a physical interrupt */
    EXIT_HALT,               /* the guest waits for an interrupt */
    EXIT_CPU_UP,             /* the guest starts another of its vCPUs */
    EXIT_CPU_DOWN,           /* the vCPU switches itself off */
    EXIT_SEND_IPI,           /* the guest interrupts another of its vCPUs */
    EXIT_SYSTEM_DOWN,        /* the guest powers its VM off */
    EXIT_SYSTEM_RESET,       /* the guest reboots its VM */
    EXIT_GUEST_FAULT,        /* the guest did what it may not; v->exit.fault says what */
    EXIT_FAIL_ENTRY,         /* the hardware refused the guest's state */
    EXIT_PREEMPTED,          /* the exit was answered, but the CPU has to look at its other tasks */
    EXIT_COUNT,
};

/* An access to an emulated device, decoded. */
struct mmio_access {
    ipa_t address;
    uint64_t value; /* write: what is stored, zero-extended; read: the handler's answer */
    uint8_t size;   /* 1, 2, 4 or 8 bytes */
    bool is_write;
};

/* What a guest did wrong, for the report. Strings are constants. */
struct guest_fault {
    const char *what;  /* "data abort: no memory here", "access to an undefined register" ... */
    uint64_t pc;       /* guest virtual address of the instruction */
    uint64_t syndrome; /* the architecture's syndrome register */
    ipa_t address;     /* guest physical address, where has_address */
    uint64_t virtual_address; /* where has_virtual_address: only the guest knows where it leads */
    bool has_address;
    bool has_virtual_address;
};

/* Details of the last exit; which member is valid follows from the reason. */
struct vcpu_exit {
    struct guest_fault fault; /* GUEST_FAULT, FAIL_ENTRY */
};

/* Requests to a vCPU from anybody; bits of vcpu.requests. */
#define VCPU_REQUEST_STOP  0x1u /* leave the guest and switch off */
#define VCPU_REQUEST_PAUSE 0x2u /* leave the guest and wait until it is taken back */
#define VCPU_REQUEST_ARM   0x4u /* arm the CPU's timer anew */

struct vcpu {
    struct arch_vcpu arch; /* first: trap entry finds the guest registers at offset 0 */
    const struct vcpu_config *config;
    struct vm *vm;
    struct pcpu *pcpu;
    struct arch_task task; /* hypervisor context; own CPU only */

    enum vcpu_state
        state;      /* written under vm->lock; RUNNING <-> HALTED by the task itself, atomically */
    uint64_t entry; /* set by vcpu_on() under vm->lock, read by the task when READY */
    uint64_t argument;
    uint32_t requests;          /* atomic: VCPU_REQUEST_*, set by anybody, cleared by the task */
    uint64_t cpu_time;          /* ticks of its finished turns; written by own CPU, atomic */
    uint64_t turn_start;        /* ticks; the same */
    uint64_t turn;              /* own CPU only: number of its last turn there */
    uint64_t wake_at;           /* ticks; own CPU only: when the unloaded guest's timer is due */
    struct vcpu_exit exit;      /* own CPU only */
    uint64_t exits[EXIT_COUNT]; /* exits by reason; written by own CPU, read by reports */
};

/* The task body; entered once by the first switch to the task, never returns. */
HV_NORETURN void vcpu_task(struct vcpu *v);

/*
 * Switches a vCPU on: it will start at `entry` with `argument` in its first register.
 * Any CPU. Takes vm->lock.
 * Returns HV_ERR_ALREADY if it is not OFF, HV_ERR_STATE if its VM is not RUNNING.
 */
HV_MUST_CHECK enum hv_err vcpu_on(struct vcpu *v, uint64_t entry, uint64_t argument);

/* Makes a vCPU look at its requests and interrupts soon, wherever it is. Any CPU, no lock needed.
 */
void vcpu_notify(struct vcpu *v);

/* Ticks of CPU time that it has used. Any CPU. */
uint64_t vcpu_cpu_time(const struct vcpu *v);

/* -> EXITING -> OFF, and restarts or ends the VM when this was its last live vCPU; does not return
 * if that was the last VM. Own task. Takes vm->lock. */
void vcpu_mark_exiting(struct vcpu *v);

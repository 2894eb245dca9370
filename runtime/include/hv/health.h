/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Health: what can happen to a VM, and what follows by its table (vm_config.health).
 *
 * Every event has an action in every VM, by construction: the generator prints the whole table.
 * What happened is kept in a ring of the VM, for the VM that manages it and for the operator.
 */
#pragma once

#include <hv/types.h>

struct vcpu;
struct vm;

/* In the order of gen/health.py. */
enum health_event {
    HEALTH_MEMORY_FAULT,      /* an access to what it does not have */
    HEALTH_INSTRUCTION_FAULT, /* an instruction or a register that it may not use */
    HEALTH_HYPERCALL,         /* a call of ours that it may not make */
    HEALTH_WATCHDOG,          /* no sign of life */
    HEALTH_IMAGE,             /* a pristine image is not what was built */
    HEALTH_ENTRY,             /* the hardware refused the guest's state */
    HEALTH_SPENT,             /* a restart beyond what is allowed */
    HEALTH_NOT_READY,         /* no sign of readiness in time */
    HEALTH_SHUTDOWN,          /* the guest powers its VM off */
    HEALTH_RESET,             /* the guest resets its VM */
    HEALTH_COUNT,
};

enum health_action {
    HEALTH_IGNORE,
    HEALTH_INJECT,        /* the guest takes an exception */
    HEALTH_RESTART,       /* pristine; after a failure, as often as vm_config.restart_limit says */
    HEALTH_STOP,          /* FAILED, or STOPPED as the guest wished */
    HEALTH_STOP_ALL,      /* every VM */
    HEALTH_RESET_MACHINE, /* does not return */
};

/* One event. */
struct health_record {
    uint64_t time;    /* ticks */
    uint64_t pc;      /* guest's; 0 where no vCPU did it */
    uint64_t address; /* guest's, physical; 0 where there is none */
    uint16_t vcpu;    /* index in the VM */
    uint8_t event;    /* enum health_event */
    uint8_t action;   /* enum health_action that followed */
};

#define HEALTH_RECORDS 16u

/* The last events of a VM. Under vm->lock. */
struct health_ring {
    uint32_t count; /* since the machine started; record n is at n % HEALTH_RECORDS */
    struct health_record records[HEALTH_RECORDS];
};

/*
 * Something happened to a VM: records it, says so on the console unless it is ignored, and does
 * what the VM's table says.
 *   v: the vCPU that did it, on its own CPU, or NULL
 * Any CPU, no lock held. Takes vm->lock. Does not return if the machine is reset.
 */
HV_COLD void health_raise(struct vm *vm, struct vcpu *v, enum health_event event);

/* The same for a fault of the guest, v->exit.fault. Own CPU, no lock held. */
HV_COLD void health_guest_fault(struct vcpu *v, bool is_refused_entry);

/* Events of a VM since the machine started. Any CPU. */
uint32_t health_count(struct vm *vm);

/* Event `number` of a VM, from 0. Returns false if it is overwritten or has not happened. Any CPU.
 * Takes vm->lock. */
HV_COLD bool health_get(struct vm *vm, uint32_t number, struct health_record *record);

/* The names of the TOML. */
const char *health_event_name(uint32_t event);
const char *health_action_name(uint32_t action);

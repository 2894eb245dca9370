/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The fake architecture: what the common structures hold of it.
 *
 * A guest is a C function that is called for each step of it and returns the exit that the step
 * ends with (arch/fake.h). Its only registers are the ones that the runtime sets: entry and
 * argument.
 */
#pragma once

#include <hv/types.h>

struct fake_context;
struct vcpu;

/* A step of a guest: does what it likes, and returns an enum exit_reason. */
typedef int fake_guest(struct vcpu *v);

struct arch_task {
    struct fake_context *context;
};

struct arch_vcpu {
    fake_guest *guest; /* set by the test; NULL: waits for interrupts for ever */
    uint64_t pc;       /* entry, as reset set it */
    uint64_t argument;
    uint64_t timer;     /* ticks; when the guest's timer is due, TIME_NEVER: it is off */
    bool is_loaded;     /* its registers are in the machine */
    bool has_interrupt; /* atomic: a virtual interrupt is pending */

    /* Counted for tests. */
    uint32_t steps;      /* of the guest, since reset */
    uint32_t resets;     /* arch_vcpu_reset() */
    uint32_t offs;       /* arch_vcpu_off() */
    uint32_t faults;     /* calls of arch_vcpu_inject_fault() */
    uint32_t loads;      /* arch_vcpu_load() */
    uint32_t interrupts; /* that the guest took */
};

struct arch_vm {
    uint32_t resets;         /* arch_vm_reset() */
    uint32_t console_events; /* arch_console_guest_update() */
    uint32_t warnings;       /* set by the test: stages that its watchdog still warns at */
};

struct arch_pcpu {
    uint64_t unused;
};

struct arch_vm_config {
    uint64_t unused;
};

struct arch_vcpu_config {
    uint64_t unused;
};

struct arch_pcpu_config {
    uint64_t unused;
};

struct arch_board_config {
    uint64_t unused;
};

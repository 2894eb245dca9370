/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A small machine for the tests of the virtual PLIC: two CPUs, a VM of three vCPUs and a VM of one,
 * and a physical PLIC that checks what is asked of it.
 */
#pragma once

#include "test.h"
#include <arch/plic.h>
#include <arch/vplic.h>
#include <hv/tables.h>

#define CPU_COUNT  2u
#define VCPU_COUNT 4u /* 0, 1, 2: VM 0, on CPUs 0, 1, 1; 3: VM 1, on CPU 0 */
#define BASE       UINT64_C(0x0c000000)

/* Sources of VM 0 and of VM 1, beside its own UART. */
#define UART_SOURCE    10u
#define DEVICE_SOURCE  40u /* ... 42, emulated */
#define LINKED_SOURCE  33u /* ... 35, of the same physical numbers */
#define LINKED_COUNT   3u
#define FOREIGN_SOURCE 36u /* VM 1's 36 is linked */
#define SOURCE_COUNT   96u

/* A physical source: its input, its gateway, and where it is enabled. */
struct physical {
    bool line, claimed;
    bool enabled[CPU_COUNT];
};

extern struct physical physicals[SOURCE_COUNT];
extern bool vseip[CPU_COUNT];     /* the CPUs' hvip.VSEIP */
extern bool notified[VCPU_COUNT]; /* vcpu_notify() was called */

/* Resets both VMs' controllers; nothing is loaded, CPU 0 executes. */
void machine_boot(void);

/* The vCPU's guest executes on its CPU: loaded, and its pending changes taken up. */
void enter(struct vcpu *v);

/* Takes the vCPU's registers out of its CPU. */
void leave(struct vcpu *v);

/* Takes the interrupt of a physical source if it is let through anywhere; returns whether. */
bool fire(uint32_t source, struct vm *vm);

/* Register accesses of a vCPU's guest. */
void plic_write(struct vcpu *v, uint64_t offset, uint32_t value);
uint32_t plic_read(struct vcpu *v, uint64_t offset);

/* The same for the context of vCPU `context` of the VM. */
void set_threshold(struct vcpu *v, uint32_t context, uint32_t threshold);
void set_enables(struct vcpu *v, uint32_t context, uint32_t bank, uint32_t bits);
void set_priority(struct vcpu *v, uint32_t source, uint32_t level);
uint32_t guest_claim(struct vcpu *v, uint32_t context);
void guest_complete(struct vcpu *v, uint32_t context, uint32_t source);

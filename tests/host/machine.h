/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The generated tables of a small machine, made by the test instead of the generator.
 *
 *     struct vm *alpha = machine_add_vm("alpha", 2, (uint8_t[]){ 0, 1 });
 *     machine_finish();
 *     machine_start();
 *     fake_settle(1000);
 */
#pragma once

#include <arch/fake.h>
#include <hv/tables.h>

#define MACHINE_VMS   64
#define MACHINE_VCPUS 256

/* Adds a VM whose vCPU i runs on CPU cpus[i]: with a console and autostart, restartable, stopped by
 * crash and restarted by reset. */
struct vm *machine_add_vm(const char *name, uint32_t vcpu_count, const uint8_t cpus[]);

/* The VM's configuration, to be changed before machine_start(). */
struct vm_config *machine_config(const struct vm *vm);

/* vCPU `index` of a VM. */
struct vcpu *machine_vcpu(const struct vm *vm, uint32_t index);

/* Links vCPUs to CPUs: slots, ready sets, who is alone. After the last machine_add_vm(). */
void machine_finish(void);

/* Lets CPU 0 enter vmm_main() with its first step. */
void machine_start(void);

/* The system's log level; LOG_DEBUG unless the test changes it. */
extern uint32_t *const machine_log_level;

/* Round robin slice of every CPU, in microseconds, which are ticks. */
#define MACHINE_SLICE 10000u

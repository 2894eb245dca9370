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

/* Restarts after failures that each VM may have in that time, in microseconds. */
#define MACHINE_RESTARTS 5
#define MACHINE_WITHIN   60000000

#define MACHINE_PLANS   4
#define MACHINE_WINDOWS 16

/* Adds a VM whose vCPU i runs on CPU cpus[i]: with a console and autostart, restartable, stopped by
 * crash and restarted by reset. */
struct vm *machine_add_vm(const char *name, uint32_t vcpu_count, const uint8_t cpus[]);

/* The VM's configuration, to be changed before machine_start(). */
struct vm_config *machine_config(const struct vm *vm);

/* vCPU `index` of a VM. */
struct vcpu *machine_vcpu(const struct vm *vm, uint32_t index);

/* Links vCPUs to CPUs: slots, ready sets, who is alone. After the last machine_add_vm(). */
void machine_finish(void);

/* Adds a plan; returns its number. */
uint32_t machine_add_plan(const char *name, uint64_t frame_us);

/* Adds the next window of a CPU to a plan, up to `end_us`: sets of slots, or 0 for nobody's. */
void machine_add_window(uint32_t plan, uint32_t cpu, uint64_t end_us, uint64_t owner,
                        uint64_t rest);

/* Gives a CPU priorities: sets of slots, highest first. Before machine_finish(). */
void machine_set_levels(uint32_t cpu, const uint64_t sets[], uint32_t count);

/* Lets CPU 0 enter vmm_main() with its first step. */
void machine_start(void);

/* The system's log level; LOG_DEBUG unless the test changes it. */
extern uint32_t *const machine_log_level;

/* Round robin slice of every CPU, in microseconds, which are ticks. */
#define MACHINE_SLICE 10000u

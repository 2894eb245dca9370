/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A machine for the tests of the virtual GIC: three CPUs with 4 list registers each, and two VMs.
 *
 *     VM 0   vCPUs 0 (CPU 0), 1 (CPU 1), 2 (CPU 1), 3 (CPU 2); SPIs 32-95;
 *            linked: 40 to physical 140, 41 to 141, 42 to 142
 *     VM 1   vCPU 4 (CPU 2); SPIs 32-63
 *
 * The simulated CPUs have the guest's side of the virtual CPU interface too (guest_*(), IHI 0069H,
 * 6.2): acknowledge, EOI, deactivation, the maintenance interrupt; and the physical side knows
 * which interrupts are active. What the hypervisor may not do to them fails the test: deactivate
 * what is not active, write an interrupt into two list registers, leave a maintenance interrupt
 * asserted.
 */
#pragma once

#include "test.h"
#include <arch/gicv3.h>
#include <arch/vgic.h>
#include <hv/tables.h>

#define CPU_COUNT   3u
#define VCPU_COUNT  5u
#define LR_COUNT    4u
#define VTIMER      27u
#define DIST_BASE   0x08000000u
#define REDIST_BASE 0x080a0000u
#define NONE        1023u

extern struct fake_gic gics[CPU_COUNT];

/* The physical controller. PPI: of the CPU; SPIs: [0] only. */
struct physical {
    bool active, enabled;
    bool pending; /* an edge that no guest has seen */
    const struct pcpu *target;
};
extern struct physical physical_spis[1024];
extern struct physical physical_timers[CPU_COUNT];
extern bool notified[VCPU_COUNT]; /* vcpu_notify() was called and the vCPU was not entered since */

/* Both VMs reset, all vCPUs reset and none loaded. */
void machine_reset(void);

/* As the reset, and then VM 0's guests did what Linux does: groups on, priority mask open, all
 * interrupts group 1, enabled, of priority 0xa0. vCPU 0 entered last. */
void machine_boot(void);

/* The hypervisor on this vCPU's CPU: the vCPU's task runs. Nothing is loaded or flushed. */
void on_cpu_of(struct vcpu *v);

/* Takes the vCPU out of its CPU, if it is loaded there. */
void unload(struct vcpu *v);

/* The vCPU goes off, and on again with what is to be there first: groups on, mask open. */
void switch_off(struct vcpu *v);
void switch_on(struct vcpu *v);

/* The CPU goes idle, its vCPU stays loaded. */
void idle(struct vcpu *v);

/* Runs the guest for a moment: loads it if need be, flushes, takes maintenance interrupts. */
void enter(struct vcpu *v);

/* The guest's CPU interface; enters first. */
uint32_t guest_ack(struct vcpu *v);             /* ICC_IAR1_EL1, or ICC_IAR0_EL1 */
void guest_eoi(struct vcpu *v, uint32_t intid); /* ICC_EOIR1_EL1 */
void guest_dir(struct vcpu *v, uint32_t intid); /* ICC_DIR_EL1 */
uint32_t guest_peek(struct vcpu *v);            /* what guest_ack() would return */

/* The guest's accesses to frames; enter first. */
uint64_t dist_read(struct vcpu *v, uint32_t offset, uint8_t size);
void dist_write(struct vcpu *v, uint32_t offset, uint8_t size, uint64_t value);
uint64_t redist_read(struct vcpu *v, uint32_t frame, uint32_t offset, uint8_t size);
void redist_write(struct vcpu *v, uint32_t frame, uint32_t offset, uint8_t size, uint64_t value);

/* A one-bit register of any interrupt, by its class (GICD_ISENABLER ...): SPIs in the distributor,
 * others in the redistributor of vCPU `frame`. */
bool bit_read(struct vcpu *v, uint32_t frame, uint32_t class, uint32_t intid);
void bit_write(struct vcpu *v, uint32_t frame, uint32_t class, uint32_t intid);
void set_priority(struct vcpu *v, uint32_t frame, uint32_t intid, uint8_t priority);

/* A linked physical interrupt fires, if it is enabled and not active: acknowledged and injected.
 * Returns whether it did. Timer: for the vCPU that is loaded on the CPU of `v`. */
bool fire_spi(uint32_t intid, struct vm *vm, uint32_t virq);
bool fire_timer(struct vcpu *v);

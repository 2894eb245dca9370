/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A machine for the tests of the virtual APICs: a VM of 18 vCPUs, so that two x2APIC clusters have
 * members, and a VM of one, on two CPUs.
 */
#pragma once

#include "test.h"
#include <arch/lapic_regs.h>
#include <arch/vioapic.h>
#include <arch/vlapic.h>
#include <hv/arch/time.h>
#include <hv/tables.h>

#define CPU_COUNT   2u
#define VM_VCPUS    18u /* VM 0's: even ones on CPU 0, odd ones on CPU 1 */
#define VCPU_COUNT  19u /* the last one is VM 1's, on CPU 0 */
#define IOAPIC_BASE UINT64_C(0xfec00000)
#define X2APIC      (APIC_BASE_EN | APIC_BASE_EXTD)
#define MSR(index)  (MSR_X2APIC_BASE + (index))
#define LVT(entry)  (LAPIC_LVT + (entry))
#define TO(id)      ((uint64_t)(id) << ICR_DESTINATION_SHIFT)
#define MODE(mode)  ((uint64_t)(mode) << ICR_MODE_SHIFT)

/* What was asked of a vCPU since machine_boot(). */
struct asked {
    uint32_t notified, inits, nmis, startups, timer_changes;
    uint8_t page;     /* of the last startup */
    uint32_t watches; /* direct_watch_eoi() for its VM */
};

#define PHYSICAL_PIN 9u /* VM 0's */

/* A pin of the machine's IOAPIC: what irq_set_pin() was told last. */
struct machine_pin {
    uint32_t entry, apic_id;
    bool is_in_service;
};

extern struct machine_pin machine_pins[24];
extern struct asked asked[VCPU_COUNT];
extern uint32_t sent_to, sent; /* APIC id and command of the last irq_send() */
extern uint64_t now;           /* arch_time_now() */
extern uint64_t frequency;     /* arch_time_frequency() */

/* Everything as after power-up, the time 0; CPU 0 executes vCPU 0. */
void machine_boot(void);

/* The vCPU's CPU executes it. */
void enter(struct vcpu *v);

/* Registers, as MSRs. The plain ones expect no #GP. */
bool try_write(struct vcpu *v, uint32_t index, uint64_t value);
bool try_read(struct vcpu *v, uint32_t index);
void msr_write(struct vcpu *v, uint32_t index, uint64_t value);
uint64_t msr_read(struct vcpu *v, uint32_t index);
bool set_base(struct vcpu *v, uint64_t mode);

/* Registers, in the page. */
void page_write(struct vcpu *v, uint32_t index, uint32_t value);
uint32_t page_read(struct vcpu *v, uint32_t index);

/* Software enables the APIC. */
void enable(struct vcpu *v);

/* Enables all of VM 0's in xAPIC mode. */
void enable_xapic(void);

/* The vCPU's guest takes its next interrupt; returns the vector or -1. */
int take(struct vcpu *v);

/* Takes and ends all interrupts of a vCPU, whatever its TPR; returns how many there were. */
uint32_t drain(struct vcpu *v);

/* Registers of VM 0's IOAPIC. */
void ioapic_write(uint32_t index, uint32_t value);
uint32_t ioapic_read(uint32_t index);
void set_entry(uint32_t pin, uint64_t entry);
uint64_t get_entry(uint32_t pin);

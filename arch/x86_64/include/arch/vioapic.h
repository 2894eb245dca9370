/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Virtual IOAPIC, one for each VM, of 24 pins: sends interrupts of devices to the VM's local APICs
 * as its redirection table says.
 *
 * A pin's input is its electrical level. Edges of a masked pin are lost. Of the delivery modes
 * there are fixed, lowest priority and NMI. The arbitration id is the id; there is no EOI register.
 *
 * Pins of passed-through devices are physical pins of the same number, which follow their entries;
 * each interrupts one vCPU, the first that its entry means.
 *
 * One lock for each VM guards all of it.
 *
 * Source: Intel 82093AA I/O APIC datasheet (290566), chapter 3.
 */
#pragma once

#include <hv/lock.h>
#include <hv/types.h>

struct mmio_access;
struct vcpu;
struct vm;

#define VIOAPIC_PIN_COUNT 24u

struct vioapic {
    struct spinlock lock;
    uint32_t select;                   /* IOREGSEL */
    uint32_t id;                       /* as its register has it */
    uint32_t line;                     /* bit i: input of pin i */
    uint32_t remote_irr;               /* bit i: a local APIC works on level-triggered pin i */
    uint64_t table[VIOAPIC_PIN_COUNT]; /* as read, but for remote IRR */
};

/* All pins masked, physical ones too. Inputs are the devices' affair and stay. No vCPU of the VM
 * runs. Any CPU. Takes vioapic->lock. */
void vioapic_vm_reset(struct vm *vm);

/*
 * Moves a pin's input. Any CPU. Takes vioapic->lock; locks of devices may be held.
 *   pin: others than 0 ... 23 are ignored
 */
void vioapic_set_line(struct vm *vm, uint32_t pin, bool level);

/*
 * A physical pin of the VM's interrupted. Level-triggered, it is closed until the guest ends the
 * interrupt. Takes vioapic->lock. The CPU that took it, before its end there.
 *   pin: the VM's; 0 ... 23
 */
void vioapic_forward(struct vm *vm, uint32_t pin);

/* A vCPU of the VM begins or ceases to own its CPU's APIC: its physical pins follow. Own CPU. Takes
 * vioapic->lock. */
void vioapic_follow(struct vm *vm);

/* A local APIC of the VM ended a level-triggered interrupt: pins that are still asserted are sent
 * again. Any CPU. Takes vioapic->lock. */
void vioapic_eoi(struct vm *vm, uint8_t vector);

/* Device model entry (mmio_handler); `device` is not used. Returns false for what is not an aligned
 * word. Takes vioapic->lock. */
bool vioapic_access(struct vcpu *v, void *device, struct mmio_access *access);

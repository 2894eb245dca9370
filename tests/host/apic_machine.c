/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The machine of apic_machine.h.
 */
#include "apic_machine.h"
#include <arch/direct.h>
#include <arch/irq.h>
#include <arch/vcpu.h>

struct asked asked[VCPU_COUNT];
uint32_t sent_to, sent;
uint64_t now;
uint64_t frequency = 1000000000;

_Thread_local struct pcpu *fake_this_pcpu;

static struct vioapic ioapics[2];

const struct vm_config vm_configs[] = {
    { .name = "a", .vmid = 1, .vcpu_count = VM_VCPUS, .arch.ioapic = &ioapics[0] },
    { .name = "b", .vmid = 2, .vcpu_first = VM_VCPUS, .vcpu_count = 1, .arch.ioapic = &ioapics[1] },
};
const struct pcpu_config pcpu_configs[] = { { .index = 0, .arch.apic_id = 6 },
                                            { .index = 1, .arch.apic_id = 7 } };

struct vm vms[] = { { .config = &vm_configs[0] }, { .config = &vm_configs[1] } };
struct pcpu pcpus[] = { { .config = &pcpu_configs[0] }, { .config = &pcpu_configs[1] } };
struct vcpu vcpus[VCPU_COUNT];

const struct irq_route irq_routes[] = {
    [PHYSICAL_PIN] = { .owner = IRQ_OWNER_VM, .vm = 0, .virq = PHYSICAL_PIN },
};
const uint32_t irq_route_count = sizeof irq_routes / sizeof irq_routes[0];
struct machine_pin machine_pins[24];

static struct vcpu_config configs[VCPU_COUNT];

/* What the runtime and the rest of the architecture provide. */

void fake_relax(void)
{
    FAIL("the lock is taken by somebody who does not run");
}

void vcpu_notify(struct vcpu *v)
{
    EXPECT(fake_this_pcpu->running != v);
    asked[v - vcpus].notified++;
}

void vcpu_init_received(struct vcpu *v)
{
    asked[v - vcpus].inits++;
}

void vcpu_startup(struct vcpu *v, uint8_t page)
{
    asked[v - vcpus].startups++;
    asked[v - vcpus].page = page;
}

void vcpu_nmi(struct vcpu *v)
{
    asked[v - vcpus].nmis++;
}

void vcpu_timer_changed(struct vcpu *v)
{
    EXPECT(fake_this_pcpu->running == v);
    asked[v - vcpus].timer_changes++;
}

void irq_send(uint32_t apic_id, uint32_t command)
{
    sent_to = apic_id;
    sent = command;
}

void irq_set_pin(uint32_t pin, uint32_t entry, const struct pcpu *pcpu)
{
    machine_pins[pin] = (struct machine_pin){ entry, pcpu->config->arch.apic_id, false };
}

void irq_close_pin(uint32_t pin)
{
    machine_pins[pin].entry |= IOAPIC_MASKED;
}

bool irq_pin_is_in_service(uint32_t pin)
{
    return machine_pins[pin].is_in_service;
}

void direct_watch_eoi(struct vm *vm)
{
    asked[vm->config->vcpu_first].watches++;
}

uint64_t arch_time_now(void)
{
    return now;
}

uint64_t arch_time_frequency(void)
{
    return frequency;
}

/* vCPUs. */

void machine_boot(void)
{
    now = 0;
    for (uint32_t i = 0; i < VCPU_COUNT; i++) {
        configs[i] = (struct vcpu_config){ .index = (uint16_t)(i % VM_VCPUS) };
        vcpus[i].config = &configs[i];
        vcpus[i].vm = &vms[i / VM_VCPUS];
        vcpus[i].pcpu = &pcpus[i % 2];
    }
    for (uint32_t i = 0; i < 2; i++) {
        fake_this_pcpu = &pcpus[i];
        vlapic_vm_reset(&vms[i]);
        vioapic_vm_reset(&vms[i]);
    }
    for (uint32_t i = 0; i < VCPU_COUNT; i++) {
        vlapic_reset(&vcpus[i]);
    }
    memset(asked, 0, sizeof asked);
    enter(&vcpus[0]);
}

void enter(struct vcpu *v)
{
    fake_this_pcpu = v->pcpu;
    v->pcpu->running = v;
}

bool try_write(struct vcpu *v, uint32_t index, uint64_t value)
{
    enter(v);
    return vlapic_write_msr(v, MSR(index), value);
}

bool try_read(struct vcpu *v, uint32_t index)
{
    uint64_t value;

    enter(v);
    return vlapic_read_msr(v, MSR(index), &value);
}

void msr_write(struct vcpu *v, uint32_t index, uint64_t value)
{
    if (!try_write(v, index, value)) {
        FAIL("#GP at a write of 0x%llx to 0x%x", (unsigned long long)value, MSR(index));
    }
}

uint64_t msr_read(struct vcpu *v, uint32_t index)
{
    uint64_t value = 0;

    enter(v);
    if (!vlapic_read_msr(v, MSR(index), &value)) {
        FAIL("#GP at a read of 0x%x", MSR(index));
    }
    return value;
}

bool set_base(struct vcpu *v, uint64_t mode)
{
    enter(v);
    return vlapic_write_msr(v, MSR_APIC_BASE, APIC_BASE_ADDRESS | mode);
}

void page_write(struct vcpu *v, uint32_t index, uint32_t value)
{
    struct mmio_access access = {
        .address = { APIC_BASE_ADDRESS + 16 * index }, .value = value, .size = 4, .is_write = true
    };

    enter(v);
    EXPECT(vlapic_access(v, NULL, &access));
}

uint32_t page_read(struct vcpu *v, uint32_t index)
{
    struct mmio_access access = { .address = { APIC_BASE_ADDRESS + 16 * index }, .size = 4 };

    enter(v);
    EXPECT(vlapic_access(v, NULL, &access));
    EXPECT(access.value <= UINT32_MAX);
    return (uint32_t)access.value;
}

void enable(struct vcpu *v)
{
    msr_write(v, LAPIC_SVR, SVR_ENABLE | 0xff);
}

void enable_xapic(void)
{
    for (uint32_t i = 0; i < VM_VCPUS; i++) {
        EXPECT(set_base(&vcpus[i], 0));
        EXPECT(set_base(&vcpus[i], APIC_BASE_EN));
        page_write(&vcpus[i], LAPIC_SVR, SVR_ENABLE | 0xff);
    }
}

int take(struct vcpu *v)
{
    int vector;

    enter(v);
    vector = vlapic_pending(v);
    if (vector >= 0) {
        vlapic_accept(v, (uint8_t)vector);
    }
    return vector;
}

uint32_t drain(struct vcpu *v)
{
    uint8_t tpr = vlapic_tpr(v);
    uint32_t count = 0;

    vlapic_set_tpr(v, 0);
    while (take(v) >= 0) {
        msr_write(v, LAPIC_EOI, 0);
        count++;
    }
    vlapic_set_tpr(v, tpr);
    return count;
}

/* The IOAPIC. */

static uint64_t ioapic_access(uint64_t offset, bool is_write, uint32_t value)
{
    struct mmio_access access = {
        .address = { IOAPIC_BASE + offset }, .value = value, .size = 4, .is_write = is_write
    };

    EXPECT(vioapic_access(&vcpus[0], NULL, &access));
    return access.value;
}

void ioapic_write(uint32_t index, uint32_t value)
{
    enter(&vcpus[0]);
    ioapic_access(0, true, index);
    ioapic_access(0x10, true, value);
}

uint32_t ioapic_read(uint32_t index)
{
    enter(&vcpus[0]);
    ioapic_access(0, true, index);
    return (uint32_t)ioapic_access(0x10, false, 0);
}

void set_entry(uint32_t pin, uint64_t entry)
{
    ioapic_write(0x11 + 2 * pin, (uint32_t)(entry >> 32));
    ioapic_write(0x10 + 2 * pin, (uint32_t)entry);
}

uint64_t get_entry(uint32_t pin)
{
    return (uint64_t)ioapic_read(0x11 + 2 * pin) << 32 | ioapic_read(0x10 + 2 * pin);
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The machine of vplic_machine.h.
 */
#include "vplic_machine.h"
#include <arch/hvip.h>

struct physical physicals[SOURCE_COUNT];
bool vseip[CPU_COUNT];
bool notified[VCPU_COUNT];

_Thread_local struct pcpu *fake_this_pcpu;

static struct vcontroller vplics[2];
static struct vplic_bank banks_0[3], banks_1[2];

static const uint32_t sources_0[] = { 1u << UART_SOURCE, 7u << (LINKED_SOURCE - 32) | 7u << 8, 0 };
static const uint32_t sources_1[] = { 1u << UART_SOURCE, 1u << (FOREIGN_SOURCE - 32) };
static const uint16_t physical_0[SOURCE_COUNT] = {
    [LINKED_SOURCE] = LINKED_SOURCE,
    [LINKED_SOURCE + 1] = LINKED_SOURCE + 1,
    [LINKED_SOURCE + 2] = LINKED_SOURCE + 2,
};
static const uint16_t physical_1[64] = { [FOREIGN_SOURCE] = FOREIGN_SOURCE };

const struct vm_config vm_configs[] = {
    { .name = "a",
      .vmid = 1,
      .vcpu_count = 3,
      .arch.controller = { &vplics[0], banks_0, NULL, sources_0, physical_0, { BASE }, 3 } },
    { .name = "b",
      .vmid = 2,
      .vcpu_first = 3,
      .vcpu_count = 1,
      .arch.controller = { &vplics[1], banks_1, NULL, sources_1, physical_1, { BASE }, 2 } },
};

const struct vcpu_config vcpu_configs[] = {
    { .index = 0 }, { .index = 1 }, { .index = 2 }, { .index = 0 }
};
const struct pcpu_config pcpu_configs[] = { { .index = 0 }, { .index = 1 } };

struct vm vms[] = { { .config = &vm_configs[0] }, { .config = &vm_configs[1] } };
struct pcpu pcpus[] = { { .config = &pcpu_configs[0] }, { .config = &pcpu_configs[1] } };
struct vcpu vcpus[] = {
    { .config = &vcpu_configs[0], .vm = &vms[0], .pcpu = &pcpus[0] },
    { .config = &vcpu_configs[1], .vm = &vms[0], .pcpu = &pcpus[1] },
    { .config = &vcpu_configs[2], .vm = &vms[0], .pcpu = &pcpus[1] },
    { .config = &vcpu_configs[3], .vm = &vms[1], .pcpu = &pcpus[0] },
};

/* What the runtime provides. */

void fake_relax(void)
{
    FAIL("the lock is taken by somebody who does not run");
}

void vcpu_notify(struct vcpu *v)
{
    notified[v - vcpus] = true;
}

/* The hardware. */

void hvip_set_vsei(bool level)
{
    EXPECT(fake_this_pcpu->loaded != NULL);
    vseip[fake_this_pcpu->config->index] = level;
}

void plic_set_enabled(uint32_t source, const struct pcpu *pcpu, bool enabled)
{
    EXPECT(source >= LINKED_SOURCE && source <= FOREIGN_SOURCE);
    EXPECT(physicals[source].enabled[pcpu->config->index] != enabled);
    physicals[source].enabled[pcpu->config->index] = enabled;
}

void plic_complete(uint32_t source, const struct pcpu *pcpu)
{
    EXPECT(source >= LINKED_SOURCE && source <= FOREIGN_SOURCE);
    EXPECT(physicals[source].enabled[pcpu->config->index]); /* or else it is ignored */
    EXPECT(physicals[source].claimed);
    physicals[source].claimed = false;
}

bool fire(uint32_t source, struct vm *vm)
{
    struct physical *physical = &physicals[source];

    for (uint32_t i = 0; i < CPU_COUNT; i++) {
        if (physical->line && !physical->claimed && physical->enabled[i]) {
            fake_this_pcpu = &pcpus[i];
            physical->claimed = true;
            vplic_inject(vm, source);
            return true;
        }
    }
    return false;
}

/* vCPUs on their CPUs. */

void machine_boot(void)
{
    for (uint32_t i = 0; i < CPU_COUNT; i++) {
        pcpus[i].loaded = NULL;
        pcpus[i].running = NULL;
    }
    fake_this_pcpu = &pcpus[0];
    vplic_vm_reset(&vms[0]);
    vplic_vm_reset(&vms[1]);
    memset(notified, 0, sizeof notified);
}

void leave(struct vcpu *v)
{
    if (v->pcpu->loaded == v) {
        v->pcpu->loaded = NULL;
        vseip[v->pcpu->config->index] = false;
    }
    if (v->pcpu->running == v) {
        v->pcpu->running = NULL;
    }
}

void enter(struct vcpu *v)
{
    bool is_new = v->pcpu->loaded != v;

    fake_this_pcpu = v->pcpu;
    v->pcpu->loaded = v;
    v->pcpu->running = v;
    if (is_new || v->arch.context.stale) {
        vcontext_flush(v);
    }
    notified[v - vcpus] = false;
}

/* Guests. */

void plic_write(struct vcpu *v, uint64_t offset, uint32_t value)
{
    struct mmio_access access = {
        .address = { BASE + offset }, .value = value, .size = 4, .is_write = true
    };

    enter(v);
    EXPECT(vplic_access(v, NULL, &access));
}

uint32_t plic_read(struct vcpu *v, uint64_t offset)
{
    struct mmio_access access = { .address = { BASE + offset }, .value = 0xbad, .size = 4 };

    enter(v);
    EXPECT(vplic_access(v, NULL, &access));
    return (uint32_t)access.value;
}

void set_threshold(struct vcpu *v, uint32_t context, uint32_t threshold)
{
    plic_write(v, PLIC_CONTEXT + PLIC_CONTEXT_STRIDE * context, threshold);
}

void set_enables(struct vcpu *v, uint32_t context, uint32_t bank, uint32_t bits)
{
    plic_write(v, PLIC_ENABLE + PLIC_ENABLE_STRIDE * context + 4 * bank, bits);
}

void set_priority(struct vcpu *v, uint32_t source, uint32_t level)
{
    plic_write(v, 4 * source, level);
}

uint32_t guest_claim(struct vcpu *v, uint32_t context)
{
    return plic_read(v, PLIC_CONTEXT + PLIC_CONTEXT_STRIDE * context + PLIC_CLAIM);
}

void guest_complete(struct vcpu *v, uint32_t context, uint32_t source)
{
    plic_write(v, PLIC_CONTEXT + PLIC_CONTEXT_STRIDE * context + PLIC_CLAIM, source);
}

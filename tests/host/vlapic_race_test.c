/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Posts to a virtual local APIC under all interleavings with its owner, who takes what it finds and
 * waits for a kick when it finds nothing: no post and no kick may be lost.
 */
/* ARCH: x86_64 */
/* SOURCES: arch/x86_64/vlapic.c arch/x86_64/vlapic_registers.c arch/x86_64/vlapic_timer.c */
/* SOURCES: arch/x86_64/vlapic_icr.c arch/x86_64/vioapic.c */
/* SOURCES: arch/fake/context.c arch/fake/cpu.c tests/host/explore.c */
/* INTERLEAVE: arch/x86_64/vlapic.c */
#include "explore.h"
#include "test.h"
#include <arch/direct.h>
#include <arch/fake.h>
#include <arch/irq.h>
#include <arch/vcpu.h>
#include <arch/vlapic.h>
#include <hv/arch/cpu.h>
#include <hv/tables.h>

#define POSTERS   2u
#define POSTS_MAX 3u

const struct vm_config vm_configs[] = { { .name = "a", .vcpu_count = 1 } };
const struct vcpu_config vcpu_configs[] = { { .index = 0 } };
const struct pcpu_config pcpu_configs[] = { { .index = 0 }, { .index = 1 }, { .index = 2 } };

struct vm vms[] = { { .config = &vm_configs[0] } };
struct pcpu pcpus[] = { { .config = &pcpu_configs[0] },
                        { .config = &pcpu_configs[1] },
                        { .config = &pcpu_configs[2] } };
struct vcpu vcpus[] = { { .config = &vcpu_configs[0], .vm = &vms[0], .pcpu = &pcpus[0] } };

/* What the posters on CPUs 1 and 2 send; 0 ends it. */
static uint8_t posts[POSTERS][POSTS_MAX + 1];
static uint32_t taken[256];

void vcpu_notify(struct vcpu *v)
{
    arch_cpu_kick(v->pcpu);
}

void vcpu_init_received(struct vcpu *v)
{
    (void)v;
}

void vcpu_startup(struct vcpu *v, uint8_t page)
{
    (void)v, (void)page;
}

void vcpu_nmi(struct vcpu *v)
{
    (void)v;
}

void irq_send(uint32_t apic_id, uint32_t command)
{
    FAIL("command 0x%x to %u", command, apic_id);
}

const struct irq_route irq_routes[1];
const uint32_t irq_route_count;

void irq_set_pin(uint32_t pin, uint32_t entry, const struct pcpu *pcpu)
{
    FAIL("pin %u: 0x%x at CPU %u", pin, entry, pcpu->config->index);
}

void irq_close_pin(uint32_t pin)
{
    FAIL("pin %u", pin);
}

bool irq_pin_is_in_service(uint32_t pin)
{
    return pin > 23;
}

void direct_watch_eoi(struct vm *vm)
{
    (void)vm;
}

void vcpu_timer_changed(struct vcpu *v)
{
    (void)v;
}

bool fake_port_has_interrupt(void)
{
    return false;
}

void pcpu_main(void)
{
    FAIL("nobody starts CPUs here");
}

static void owner(void)
{
    for (;;) {
        int vector;

        fake_cpus[0].is_kicked = false; /* before it looks */
        vector = vlapic_pending(&vcpus[0]);
        if (vector < 0) {
            arch_cpu_idle();
            continue;
        }
        vlapic_accept(&vcpus[0], (uint8_t)vector);
        taken[vector]++;
        EXPECT(vlapic_write_msr(&vcpus[0], MSR_X2APIC_BASE + LAPIC_EOI, 0));
    }
}

static void poster(void)
{
    const uint8_t *vector = posts[fake_this_pcpu->config->index - 1];

    for (; *vector != 0; vector++) {
        EXPECT(vlapic_post(&vcpus[0], *vector, false));
    }
    fake_yield(FAKE_HALTED);
}

/* Every vector was taken, at most as often as it was posted, and nothing is left. */
static void run(void)
{
    uint32_t posted[256] = { 0 };

    vlapic_reset(&vcpus[0]);
    EXPECT(vlapic_write_msr(&vcpus[0], MSR_X2APIC_BASE + LAPIC_SVR, SVR_ENABLE));
    pcpus[0].running = &vcpus[0];
    fake_start(&pcpus[0], owner);
    fake_start(&pcpus[1], poster);
    fake_start(&pcpus[2], poster);
    explore_run();
    for (uint32_t i = 0; i < POSTERS; i++) {
        for (const uint8_t *vector = posts[i]; *vector != 0; vector++) {
            posted[*vector]++;
        }
    }
    for (uint32_t vector = 0; vector < 256; vector++) {
        EXPECT((taken[vector] != 0) == (posted[vector] != 0));
        EXPECT(taken[vector] <= posted[vector]);
    }
    fake_this_pcpu = &pcpus[0];
    EXPECT_EQ(vlapic_pending(&vcpus[0]), -1);
    EXPECT_EQ(vcpus[0].arch.lapic.irr.words, 0);
}

static void different_words(void)
{
    memcpy(posts, (uint8_t[POSTERS][POSTS_MAX + 1]){ { 0x31, 0x91 }, { 0x71, 0xf1 } },
           sizeof posts);
    run();
}

TEST(in_different_words)
{
    printf("%u schedules\n", explore(different_words, 2, 1500));
}

static void same_word(void)
{
    memcpy(posts, (uint8_t[POSTERS][POSTS_MAX + 1]){ { 0x41, 0x61 }, { 0x51, 0x71 } },
           sizeof posts);
    run();
}

TEST(in_the_same_word)
{
    printf("%u schedules\n", explore(same_word, 2, 1500));
}

static void same_vector(void)
{
    memcpy(posts, (uint8_t[POSTERS][POSTS_MAX + 1]){ { 0x41, 0x41, 0x91 }, { 0x41, 0x91 } },
           sizeof posts);
    run();
}

TEST(of_the_same_vector)
{
    printf("%u schedules\n", explore(same_vector, 2, 1500));
}

TEST_MAIN()

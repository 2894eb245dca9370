/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The virtual PLIC against a model that keeps one record for each source and scans them all: random
 * register accesses, input lines, interrupts of the machine, vCPU switches and resets. Each claim
 * has to return what the model says, each vCPU's VSEIP has to say what it says, registers have to
 * read back, and a vCPU whose signal rises while it does not look has to be notified. No physical
 * source is let through while its virtual one is pending or claimed, and none stays behind.
 */
/* ARCH: riscv64 */
/* SOURCES: arch/riscv64/vplic.c arch/riscv64/vcontext.c tests/host/vplic_machine.c */
#include "vplic_machine.h"

#define VCPUS 3u
#define STEPS 4000u
#define SEEDS 100u

/* A source as the specification sees it. */
struct source {
    bool exists, is_linked;
    bool pending, claimed, line;
    bool enabled[VCPUS];
    uint32_t priority;
};

static struct source sources[SOURCE_COUNT];
static uint32_t thresholds[VCPUS];
static bool was_signalled[VCPUS];
static uint64_t random_state;

static uint32_t pick(uint32_t count)
{
    return (uint32_t)(test_random(&random_state) >> 33) % count;
}

/* Mostly one of the VM's. */
static uint32_t some_source(void)
{
    static const uint8_t own[] = { UART_SOURCE,       LINKED_SOURCE, LINKED_SOURCE + 1,
                                   LINKED_SOURCE + 2, DEVICE_SOURCE, DEVICE_SOURCE + 1,
                                   DEVICE_SOURCE + 2 };

    return pick(10) == 0 ? pick(SOURCE_COUNT) : own[pick(sizeof own)];
}

static bool waits(uint32_t context, const struct source *source)
{
    return source->pending && source->enabled[context] && source->priority > 0;
}

static bool is_signalled(uint32_t context)
{
    for (uint32_t i = 0; i < SOURCE_COUNT; i++) {
        if (waits(context, &sources[i]) && sources[i].priority > thresholds[context]) {
            return true;
        }
    }
    return false;
}

static uint32_t best(uint32_t context)
{
    uint32_t found = 0;

    for (uint32_t i = 0; i < SOURCE_COUNT; i++) {
        if (waits(context, &sources[i]) &&
            (found == 0 || sources[i].priority > sources[found].priority)) {
            found = i;
        }
    }
    return found;
}

static void step_claim(uint32_t v, uint32_t context)
{
    uint32_t expected = best(context);

    EXPECT_EQ(guest_claim(&vcpus[v], context), expected);
    sources[expected].pending = false;
    sources[expected].claimed = expected != 0;
}

static void step_complete(uint32_t v, uint32_t context)
{
    uint32_t i = some_source();
    struct source *source = &sources[i];

    guest_complete(&vcpus[v], context, i);
    if (source->claimed && source->enabled[context]) {
        source->claimed = false;
        source->pending = source->line;
    }
}

static void step_enable(uint32_t v, uint32_t context)
{
    uint32_t bank = pick(4);
    uint32_t bits = (uint32_t)test_random(&random_state) | (uint32_t)test_random(&random_state);

    set_enables(&vcpus[v], context, bank, bits);
    for (uint32_t b = 0; bank < 3 && b < 32; b++) {
        struct source *source = &sources[32 * bank + b];

        source->enabled[context] = source->exists && (bits >> b & 1);
    }
}

static void step_priority(uint32_t v)
{
    uint32_t i = some_source();
    uint32_t level = pick(16);

    set_priority(&vcpus[v], i, level);
    sources[i].priority = sources[i].exists ? level % 8 : 0;
}

static void step_line(uint32_t v)
{
    uint32_t i = some_source();
    struct source *source = &sources[i];

    if (source->is_linked) {
        physicals[i].line = !physicals[i].line;
        return;
    }
    enter(&vcpus[v]);
    source->line = source->exists && !source->line;
    vplic_set_line(&vms[0], i, source->line);
    if (source->line && !source->claimed) {
        source->pending = true;
    }
}

static void step_read(uint32_t v)
{
    uint32_t i = pick(SOURCE_COUNT), context = pick(VCPUS);
    uint32_t pending = plic_read(&vcpus[v], PLIC_PENDING + 4 * (i / 32));
    uint32_t enables =
        plic_read(&vcpus[v], PLIC_ENABLE + PLIC_ENABLE_STRIDE * context + 4 * (i / 32));

    EXPECT_EQ(pending >> i % 32 & 1, sources[i].pending);
    EXPECT_EQ(enables >> i % 32 & 1, sources[i].enabled[context]);
    EXPECT_EQ(plic_read(&vcpus[v], 4 * i), sources[i].priority);
    EXPECT_EQ(plic_read(&vcpus[v], PLIC_CONTEXT + PLIC_CONTEXT_STRIDE * context),
              thresholds[context]);
}

static void reset_model(void)
{
    for (uint32_t i = 0; i < SOURCE_COUNT; i++) {
        bool is_linked = i >= LINKED_SOURCE && i < LINKED_SOURCE + LINKED_COUNT;
        bool is_emulated = i == UART_SOURCE || (i >= DEVICE_SOURCE && i < DEVICE_SOURCE + 3);
        bool line = sources[i].line;

        sources[i] = (struct source){ .exists = is_linked || is_emulated,
                                      .is_linked = is_linked,
                                      .line = line,
                                      .pending = line };
    }
    memset(thresholds, 0, sizeof thresholds);
    memset(was_signalled, 0, sizeof was_signalled);
}

static void step_reset(void)
{
    for (uint32_t v = 0; v < VCPUS; v++) {
        leave(&vcpus[v]);
    }
    vplic_vm_reset(&vms[0]);
    reset_model();
}

/* The machine's interrupts come whenever they may. */
static void fire_all(void)
{
    for (uint32_t i = LINKED_SOURCE; i < LINKED_SOURCE + LINKED_COUNT; i++) {
        if (fire(i, &vms[0])) {
            EXPECT(!sources[i].pending && !sources[i].claimed);
            sources[i].pending = true;
        }
        EXPECT_EQ(physicals[i].claimed, sources[i].pending || sources[i].claimed);
    }
}

static void check(void)
{
    for (uint32_t v = 0; v < VCPUS; v++) {
        const struct vcontext *cpu = &vcpus[v].arch.context;
        const struct pcpu *pcpu = vcpus[v].pcpu;
        bool signalled = is_signalled(v);

        EXPECT_EQ(vcontext_is_signalled(cpu), signalled);
        if (pcpu->loaded == &vcpus[v] && !cpu->stale) {
            EXPECT_EQ(vseip[pcpu->config->index], signalled);
        }
        /* Somebody who is about to enter its guest looks anyway. */
        if (signalled && !was_signalled[v] && fake_this_pcpu->running != &vcpus[v]) {
            EXPECT(notified[v]);
        }
        was_signalled[v] = signalled;
    }
}

static void step(void)
{
    uint32_t v = pick(VCPUS);
    uint32_t context = pick(4) == 0 ? pick(VCPUS) : v;

    switch (pick(12)) {
    case 0:
    case 1:
    case 2:
        step_claim(v, context);
        break;
    case 3:
    case 4:
    case 5:
        step_complete(v, context);
        break;
    case 6:
        step_enable(v, context);
        break;
    case 7:
        step_priority(v);
        break;
    case 8:
        thresholds[context] = pick(3);
        set_threshold(&vcpus[v], context, thresholds[context]);
        break;
    case 9:
        step_line(v);
        break;
    case 10:
        step_read(v);
        break;
    default:
        if (pick(30) == 0) {
            step_reset();
        } else if (pick(3) == 0) {
            leave(&vcpus[v]);
        } else {
            enter(&vcpus[v]);
        }
        break;
    }
    check();
    fire_all();
    check();
}

TEST(agrees_with_the_model)
{
    for (uint32_t seed = 0; seed < SEEDS; seed++) {
        random_state = 0x9e3779b97f4a7c15ull * (seed + 1);
        fprintf(stderr, "seed %u\n", seed);
        machine_boot();
        reset_model();
        for (uint32_t i = 0; i < STEPS; i++) {
            step();
        }
        step_reset();
        for (uint32_t i = 0; i < SOURCE_COUNT; i++) {
            EXPECT(!physicals[i].claimed && !physicals[i].enabled[0] && !physicals[i].enabled[1]);
            sources[i].line = false;
            vplic_set_line(&vms[0], i, false);
        }
    }
}

TEST_MAIN()

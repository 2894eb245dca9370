/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The virtual local APICs and the IOAPIC against a model that keeps one flag for each vector and
 * scans them all: random writes of all registers in both modes, posts, input lines, resets, time.
 * Each interrupt that is taken has to be the model's, registers have to read back, and a vCPU that
 * is not looking has to be notified of what comes.
 */
/* ARCH: x86_64 */
/* SOURCES: arch/x86_64/vlapic.c arch/x86_64/vlapic_registers.c arch/x86_64/vlapic_timer.c */
/* SOURCES: arch/x86_64/vlapic_icr.c arch/x86_64/vioapic.c tests/host/apic_machine.c */
#include "apic_machine.h"

#define STEPS 3000u
#define SEEDS 150u
#define PINS  24u

#define RTE_LOGICAL 0x800u
#define RTE_LOW     0x2000u
#define RTE_LEVEL   0x8000u
#define RTE_MASKED  0x10000u

/* A local APIC as the manual sees it. */
struct model {
    uint64_t mode; /* 0, APIC_BASE_EN or X2APIC */
    bool irr[256], isr[256], tmr[256];
    uint32_t tpr, svr, ldr, dfr, esr, errors, timer, error, initial, divide, icr_high;
    bool is_running; /* the timer */
    uint64_t due;
    uint32_t nmis, inits, startups;
    bool has_news; /* since it last looked, while it did not run */
};

struct pin {
    uint64_t entry;
    bool line, waits;
};

static struct model models[VM_VCPUS];
static struct pin pins[PINS];
static uint64_t random_state;

static uint32_t pick(uint32_t count)
{
    return (uint32_t)(test_random(&random_state) >> 33) % count;
}

/* A pin of emulated devices: the other one has no input. */
static uint32_t pick_pin(void)
{
    uint32_t p = pick(PINS - 1);

    return p < PHYSICAL_PIN ? p : p + 1;
}

/* Few different ones, so that they meet. */
static uint32_t some_vector(void)
{
    static const uint8_t some[] = { 0x10, 0x1f, 0x20, 0x3f, 0x40, 0x41, 0x4f, 0x7f,
                                    0x80, 0xbf, 0xc0, 0xc7, 0xef, 0xf0, 0xff };

    return pick(30) == 0 ? pick(256) : some[pick(sizeof some)];
}

static uint32_t some_vcpu(void)
{
    return pick(10) == 0 ? pick(VM_VCPUS) : pick(4);
}

/* ---- The model ---- */

static int highest(const bool *set)
{
    for (int vector = 255; vector >= 0; vector--) {
        if (set[vector]) {
            return vector;
        }
    }
    return -1;
}

static uint32_t ppr_of(const struct model *m)
{
    uint32_t class = highest(m->isr) < 0 ? 0 : (uint32_t)highest(m->isr) & 0xf0;

    return (m->tpr & 0xf0) >= class ? m->tpr : class;
}

static int next_of(const struct model *m)
{
    int vector = highest(m->irr);

    return vector >= 0 && (uint32_t)vector >> 4 > ppr_of(m) >> 4 ? vector : -1;
}

static bool request(struct model *m, uint32_t vector, bool is_level)
{
    if (m->mode == 0 || (m->svr & SVR_ENABLE) == 0) {
        return false;
    }
    m->irr[vector] = true;
    m->tmr[vector] = is_level;
    return true;
}

static bool request_from_outside(uint32_t i, uint32_t vector, bool is_level)
{
    bool is_taken = request(&models[i], vector, is_level);

    if (is_taken && fake_this_pcpu->running != &vcpus[i]) {
        models[i].has_news = true;
    }
    return is_taken;
}

static void raise_entry(struct model *m, uint32_t entry)
{
    if ((entry & LVT_MASKED) != 0) {
        return;
    }
    if ((entry & 0xff) < 16) {
        m->errors |= 0x40;
    } else {
        request(m, entry & 0xff, false);
    }
}

static void error(struct model *m, uint32_t bit)
{
    bool is_first = m->errors == 0;

    m->errors |= bit;
    if (is_first) {
        raise_entry(m, m->error);
    }
}

static bool matches(uint32_t i, uint32_t destination, bool is_logical)
{
    const struct model *m = &models[i];
    uint32_t own = m->ldr >> 24;

    if (destination == UINT32_MAX) {
        return true;
    }
    if (!is_logical) {
        return destination == i;
    }
    if (m->mode == X2APIC) {
        uint32_t ldr = i < 16 ? 1u << i : 0x10000u | 1u << (i - 16);

        return ldr >> 16 == destination >> 16 && (ldr & destination & 0xffff) != 0;
    }
    if (m->dfr == UINT32_MAX) {
        return (own & destination) != 0;
    }
    return (own & 0xf0) == (destination & ~0xfu) && (own & destination & 0xf) != 0;
}

/* Returns whether anybody took it. */
static bool deliver(uint32_t set, uint32_t mode, uint32_t vector, bool is_level)
{
    bool is_taken = false;

    for (uint32_t i = 0; i < VM_VCPUS; i++) {
        if ((set >> i & 1) == 0 || (mode == APIC_MODE_LOWEST && is_taken)) {
            continue;
        }
        if (mode <= APIC_MODE_LOWEST) {
            is_taken = (vector >= 16 && request_from_outside(i, vector, is_level)) || is_taken;
        }
        models[i].nmis += mode == APIC_MODE_NMI;
        models[i].inits += mode == APIC_MODE_INIT;
        models[i].startups += mode == APIC_MODE_STARTUP;
    }
    return is_taken;
}

static void send_icr(uint32_t self, uint32_t destination, uint32_t icr)
{
    uint32_t mode = icr >> 8 & 7, set = 0;

    if (mode <= APIC_MODE_LOWEST && (icr & 0xff) < 16) {
        error(&models[self], 0x20);
        return;
    }
    if (mode == APIC_MODE_INIT && (icr & 0xc000) == 0x8000) {
        return;
    }
    for (uint32_t i = 0; i < VM_VCPUS; i++) {
        static const uint32_t none = 0, only_self = 1, all = 2;
        uint32_t shorthand = icr >> 18 & 3;
        bool is_in = shorthand == none        ? matches(i, destination, (icr & ICR_LOGICAL) != 0)
                     : shorthand == only_self ? i == self && mode == APIC_MODE_FIXED
                     : shorthand == all       ? mode == APIC_MODE_FIXED
                                              : i != self;

        set |= (uint32_t)is_in << i;
    }
    deliver(set, mode, icr & 0xff, false);
}

static void send_pin(struct pin *pin, bool is_new)
{
    bool is_asserted = pin->line != ((pin->entry & RTE_LOW) != 0);
    bool is_level = (pin->entry & RTE_LEVEL) != 0;
    uint32_t mode = pin->entry >> 8 & 7, destination = (uint32_t)(pin->entry >> 56), set = 0;

    if (!is_asserted || (pin->entry & RTE_MASKED) || (is_level && pin->waits) ||
        (!is_level && !is_new) || (is_level ? mode > 1 : mode > 1 && mode != APIC_MODE_NMI)) {
        return;
    }
    for (uint32_t i = 0; i < VM_VCPUS; i++) {
        bool is_in = matches(i, destination == 0xff ? UINT32_MAX : destination,
                             (pin->entry & RTE_LOGICAL) != 0);

        set |= (uint32_t)is_in << i;
    }
    pin->waits = deliver(set, mode, pin->entry & 0xff, is_level) && is_level;
}

static uint64_t period_of(const struct model *m)
{
    static const uint32_t dividers[] = { 2, 4, 8, 16, 32, 64, 128, 1 };

    return (uint64_t)m->initial * dividers[(m->divide & 3) | (m->divide >> 1 & 4)];
}

static void expire(struct model *m)
{
    if (!m->is_running || now < m->due) {
        return;
    }
    raise_entry(m, m->timer);
    m->is_running = (m->timer & LVT_TIMER_PERIODIC) != 0;
    while (m->is_running && m->due <= now) {
        m->due += period_of(m) < 10000 ? 10000 : period_of(m);
    }
}

static void reset_model(struct model *m)
{
    uint64_t mode = m->mode;

    *m = (struct model){ .mode = mode,
                         .svr = 0xff,
                         .dfr = UINT32_MAX,
                         .timer = LVT_MASKED,
                         .error = LVT_MASKED,
                         .nmis = m->nmis,
                         .inits = m->inits,
                         .startups = m->startups };
}

/* ---- What vCPUs do ---- */

/* What a vCPU sees before it goes on. */
static void look(uint32_t i)
{
    EXPECT(!models[i].has_news || asked[i].notified > 0);
    enter(&vcpus[i]);
    EXPECT_EQ(vlapic_pending(&vcpus[i]), next_of(&models[i]));
    models[i].has_news = false;
    asked[i].notified = 0;
}

/* A vCPU takes over its CPU; the one that has the CPU that executes goes on, or leaves. */
static void turn(uint32_t i)
{
    look((uint32_t)(fake_this_pcpu->running - vcpus));
    enter(&vcpus[i]);
}

/* Writes a register in the vCPU's mode. Returns false if it has none. */
static bool set(uint32_t i, uint32_t index, uint32_t value)
{
    if (models[i].mode == X2APIC) {
        msr_write(&vcpus[i], index, value);
    } else if (models[i].mode == APIC_BASE_EN) {
        page_write(&vcpus[i], index, value);
    } else {
        EXPECT(!try_write(&vcpus[i], index, value));
        page_write(&vcpus[i], index, value);
    }
    return models[i].mode != 0;
}

static uint32_t get(uint32_t i, uint32_t index)
{
    return models[i].mode == X2APIC ? (uint32_t)msr_read(&vcpus[i], index)
                                    : page_read(&vcpus[i], index);
}

static void check_registers(uint32_t i)
{
    const struct model *m = &models[i];

    if (m->mode == 0) {
        return;
    }
    for (uint32_t w = 0; w < 8; w++) {
        uint32_t irr = 0, isr = 0, tmr = 0;

        for (uint32_t b = 0; b < 32; b++) {
            irr |= (uint32_t)m->irr[32 * w + b] << b;
            isr |= (uint32_t)m->isr[32 * w + b] << b;
            tmr |= (uint32_t)m->tmr[32 * w + b] << b;
        }
        EXPECT_EQ(get(i, LAPIC_IRR + w), irr);
        EXPECT_EQ(get(i, LAPIC_ISR + w), isr);
        EXPECT_EQ(get(i, LAPIC_TMR + w), tmr);
    }
    EXPECT_EQ(get(i, LAPIC_TPR), m->tpr);
    EXPECT_EQ(get(i, LAPIC_PPR), ppr_of(m));
    EXPECT_EQ(get(i, LAPIC_SVR), m->svr);
    EXPECT_EQ(get(i, LAPIC_ESR), m->esr);
    EXPECT_EQ(get(i, LAPIC_LVT + LVT_TIMER), m->timer);
    EXPECT_EQ(get(i, LAPIC_LVT + LVT_ERROR), m->error);
    EXPECT_EQ(get(i, LAPIC_CURRENT_COUNT) != 0, m->is_running);
    EXPECT_EQ(vlapic_deadline(&vcpus[i]),
              m->is_running && !(m->timer & LVT_MASKED) ? m->due : TIME_NEVER);
    if (m->mode == APIC_BASE_EN) {
        EXPECT_EQ(get(i, LAPIC_LDR), m->ldr);
        EXPECT_EQ(get(i, LAPIC_DFR), m->dfr);
    }
}

static void step_take(uint32_t i)
{
    int vector = take(&vcpus[i]);

    EXPECT_EQ(vector, next_of(&models[i]));
    if (vector >= 0) {
        models[i].irr[vector] = false;
        models[i].isr[vector] = true;
    }
}

static void step_eoi(uint32_t i)
{
    int vector = highest(models[i].isr);

    if (!set(i, LAPIC_EOI, 0) || vector < 0) {
        return;
    }
    models[i].isr[vector] = false;
    for (uint32_t p = 0; models[i].tmr[vector] && p < PINS; p++) {
        if (pins[p].waits && (pins[p].entry & 0xff) == (uint32_t)vector) {
            pins[p].waits = false;
            send_pin(&pins[p], false);
        }
    }
}

static void step_icr(uint32_t i)
{
    static const uint32_t modes[] = { 0, 0, 0, 0, 1, 1, 2, 3, 4, 5, 6, 7 };
    struct model *m = &models[i];
    uint32_t icr = some_vector() | modes[pick(12)] << 8 | pick(2) << 11 | pick(4) << 14 |
                   (pick(3) == 0 ? pick(4) << 18 : 0);
    uint32_t destination = pick(4) == 0 ? pick(256) : pick(20);

    if (m->mode == X2APIC) {
        destination = pick(8) == 0 ? UINT32_MAX : destination | (pick(4) == 0 ? 0x10000 : 0);
        msr_write(&vcpus[i], LAPIC_ICR, TO(destination) | icr);
        send_icr(i, destination, icr);
    } else if (m->mode == APIC_BASE_EN) {
        destination = pick(8) == 0 ? 0xff : destination;
        page_write(&vcpus[i], LAPIC_ICR_HIGH, destination << 24);
        page_write(&vcpus[i], LAPIC_ICR, icr);
        send_icr(i, destination == 0xff ? UINT32_MAX : destination, icr);
    }
}

static void step_mode(uint32_t i)
{
    static const uint64_t modes[] = { 0, APIC_BASE_EN, X2APIC, APIC_BASE_EXTD };
    struct model *m = &models[i];
    uint64_t mode = modes[pick(4)];
    bool is_legal = mode != APIC_BASE_EXTD && !(m->mode == 0 && mode == X2APIC) &&
                    !(m->mode == X2APIC && mode == APIC_BASE_EN);

    EXPECT_EQ(set_base(&vcpus[i], mode), is_legal);
    if (is_legal) {
        m->mode = mode;
        if (mode == 0) {
            reset_model(m);
        }
    }
}

static void step_lvt(uint32_t i)
{
    struct model *m = &models[i];
    uint32_t value = some_vector() | (pick(4) == 0 ? LVT_MASKED : 0);
    uint32_t masked = (m->svr & SVR_ENABLE) == 0 ? LVT_MASKED : 0;
    bool is_timer = pick(3) != 0;

    value |= is_timer ? pick(2) * LVT_TIMER_PERIODIC : 0;
    if (set(i, LAPIC_LVT + (is_timer ? LVT_TIMER : LVT_ERROR), value)) {
        *(is_timer ? &m->timer : &m->error) = value | masked;
    }
}

static void step_timer(uint32_t i)
{
    struct model *m = &models[i];

    if (pick(4) == 0 && !m->is_running) {
        uint32_t divide = pick(16) & 0xb;

        if (set(i, LAPIC_DIVIDE, divide)) {
            m->divide = divide;
        }
        return;
    }
    if (set(i, LAPIC_INITIAL_COUNT, m->initial = pick(5) == 0 ? 0 : pick(60000))) {
        m->is_running = m->initial != 0;
        m->due = now + period_of(m);
    } else {
        m->initial = 0;
    }
}

static void step_enable(uint32_t i)
{
    struct model *m = &models[i];
    uint32_t value = 0xf0 | (pick(5) == 0 ? 0 : SVR_ENABLE);

    if (set(i, LAPIC_SVR, value)) {
        m->svr = value;
        if ((value & SVR_ENABLE) == 0) {
            m->timer |= LVT_MASKED;
            m->error |= LVT_MASKED;
        }
    }
}

static void step_others(uint32_t i)
{
    struct model *m = &models[i];
    uint32_t value = some_vector();

    switch (pick(4)) {
    case 0:
        if (set(i, LAPIC_ESR, 0)) {
            m->esr = m->errors;
            m->errors = 0;
        }
        break;
    case 1:
        if (m->mode == X2APIC) {
            msr_write(&vcpus[i], LAPIC_SELF_IPI, value);
            if (value < 16) {
                error(m, 0x20);
            } else {
                request(m, value, false);
            }
        }
        break;
    case 2:
        if (m->mode == APIC_BASE_EN) {
            m->dfr = pick(2) == 0 ? UINT32_MAX : 0x0fffffff;
            page_write(&vcpus[i], LAPIC_DFR, m->dfr);
            m->ldr = pick(256) << 24;
            page_write(&vcpus[i], LAPIC_LDR, m->ldr);
        }
        break;
    default:
        if (m->mode == APIC_BASE_EN) {
            EXPECT_EQ(page_read(&vcpus[i], 0x2f), 0);
            error(m, 0x80);
        }
        break;
    }
}

static void step_line(void)
{
    uint32_t p = pick_pin();
    bool was_asserted = pins[p].line != ((pins[p].entry & RTE_LOW) != 0);

    pins[p].line = pick(2) != 0;
    vioapic_set_line(&vms[0], p, pins[p].line);
    if (!was_asserted) {
        send_pin(&pins[p], true);
    }
}

/* The upper half first, as set_entry() does: each half may send the pin. */
static void step_entry(void)
{
    static const uint32_t modes[] = { 0, 0, 0, 1, 4, 5 };
    uint32_t p = pick_pin();
    uint64_t entry = some_vector() | modes[pick(6)] << 8 | pick(2) * RTE_LOGICAL |
                     pick(2) * RTE_LOW | pick(3) * RTE_LEVEL | (pick(4) == 0 ? RTE_MASKED : 0) |
                     (uint64_t)(pick(6) == 0 ? 0xff : pick(20)) << 56;

    set_entry(p, entry);
    for (uint32_t half = 0; half < 2; half++) {
        uint64_t old = pins[p].entry;

        pins[p].entry = half == 0 ? (entry >> 32 << 32) | (uint32_t)old : entry;
        pins[p].waits = pins[p].waits && (pins[p].entry & RTE_LEVEL);
        send_pin(&pins[p], false);
    }
    EXPECT_EQ(get_entry(p), pins[p].entry | (pins[p].waits ? 0x4000 : 0));
}

static void step_time(void)
{
    now += pick(2) == 0 ? pick(1000) : pick(100000);
    for (uint32_t i = 0; i < VM_VCPUS; i++) {
        turn(i);
        vlapic_expire(&vcpus[i]);
        expire(&models[i]);
    }
}

static void step_reset(uint32_t i)
{
    if (pick(10) != 0) {
        vlapic_reset(&vcpus[i]);
        reset_model(&models[i]);
        return;
    }
    vlapic_vm_reset(&vms[0]);
    vioapic_vm_reset(&vms[0]);
    for (i = 0; i < VM_VCPUS; i++) {
        vlapic_reset(&vcpus[i]);
        models[i].mode = X2APIC;
        reset_model(&models[i]);
    }
    for (uint32_t p = 0; p < PINS; p++) {
        pins[p] = (struct pin){ .entry = RTE_MASKED, .line = pins[p].line };
    }
}

static void step(void)
{
    uint32_t i = some_vcpu();
    uint32_t what = pick(24);

    turn(i);
    if (what < 5) {
        step_take(i);
    } else if (what < 9) {
        step_eoi(i);
    } else if (what < 12) {
        step_icr(i);
    } else if (what < 14) {
        uint32_t target = some_vcpu(), vector = 16 + some_vector() % 240;
        bool is_level = pick(2) != 0;

        EXPECT_EQ(vlapic_post(&vcpus[target], (uint8_t)vector, is_level),
                  request_from_outside(target, vector, is_level));
    } else if (what < 15) {
        uint32_t tpr = pick(256);

        models[i].tpr = set(i, LAPIC_TPR, tpr) ? tpr : models[i].tpr;
    } else if (what < 16) {
        step_lvt(i);
    } else if (what < 17) {
        step_timer(i);
    } else if (what < 18) {
        step_others(i);
    } else if (what < 20) {
        step_line();
    } else if (what < 22) {
        turn(0); /* it programs the IOAPIC */
        step_entry();
    } else if (what < 23) {
        step_time();
    } else if (pick(3) != 0) {
        step_enable(i);
    } else if (pick(2) == 0) {
        step_mode(i);
    } else if (pick(4) == 0) {
        step_reset(i);
    }
}

static void check(void)
{
    uint32_t i = some_vcpu();

    for (uint32_t k = 0; k < VM_VCPUS; k++) {
        EXPECT_EQ(asked[k].nmis, models[k].nmis);
        EXPECT_EQ(asked[k].inits, models[k].inits);
        EXPECT_EQ(asked[k].startups, models[k].startups);
        EXPECT(!models[k].has_news || asked[k].notified > 0);
    }
    turn(i);
    if (pick(4) == 0) {
        look(i);
        check_registers(i);
    }
}

TEST(agrees_with_the_model)
{
    for (uint32_t seed = 0; seed < SEEDS; seed++) {
        random_state = 0x9e3779b97f4a7c15ull * (seed + 1);
        fprintf(stderr, "seed %u\n", seed);
        machine_boot();
        memset(models, 0, sizeof models);
        for (uint32_t i = 0; i < VM_VCPUS; i++) {
            enable(&vcpus[i]);
            models[i].mode = X2APIC;
            reset_model(&models[i]);
            models[i].svr = SVR_ENABLE | 0xff;
        }
        for (uint32_t p = 0; p < PINS; p++) {
            vioapic_set_line(&vms[0], p, false);
            pins[p] = (struct pin){ .entry = RTE_MASKED };
        }
        memset(asked, 0, sizeof asked);
        for (uint32_t i = 0; i < STEPS; i++) {
            step();
            check();
        }
    }
}

TEST_MAIN()

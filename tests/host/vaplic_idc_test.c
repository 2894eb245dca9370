/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The virtual APLIC's direct delivery, case by case, and at random against a model that looks at
 * every source for every question.
 */
/* ARCH: riscv64 */
/* SOURCES: arch/riscv64/vaplic.c arch/riscv64/vaplic_idc.c arch/riscv64/vcontext.c */
#include "test.h"
#include <arch/aplic.h>
#include <arch/hvip.h>
#include <arch/imsic.h>
#include <arch/vaplic.h>
#include <hv/tables.h>

#define BASE  UINT64_C(0x0d000000)
#define UART  10u
#define FIRST 40u /* ... 43 */
#define WIRED 45u /* linked to the machine's source */
#define WIRE  7u
#define ALL   UINT32_MAX
#define HARTS 2u

static struct vcontroller state;
static struct vaplic_bank banks[2];
static const uint32_t sources[] = { 1u << UART, 15u << (FIRST - 32) | 1u << (WIRED - 32) };
static const uint16_t physical[64] = { [WIRED] = WIRE };
#define OWN_COUNT 5u
static const uint32_t own[OWN_COUNT] = { UART, FIRST, FIRST + 1, FIRST + 2, FIRST + 3 };

const struct vm_config vm_configs[] = {
    { .name = "a",
      .vcpu_count = HARTS,
      .arch
          .controller = { &state, NULL, banks, sources, physical, { BASE }, 2, .is_direct = true } }
};
const struct vcpu_config vcpu_configs[] = { { .index = 0 }, { .index = 1 } };
struct vm vms[] = { { .config = &vm_configs[0] } };
struct pcpu pcpus[HARTS];
struct vcpu vcpus[] = { { .config = &vcpu_configs[0], .vm = &vms[0], .pcpu = &pcpus[0] },
                        { .config = &vcpu_configs[1], .vm = &vms[0], .pcpu = &pcpus[1] } };

/* ---- What it calls ---- */

_Thread_local struct pcpu *fake_this_pcpu;

static bool vseip; /* of vCPU 0, which is loaded and executes */
static bool notified[HARTS];

void fake_relax(void)
{
    FAIL("the lock is taken by somebody who does not run");
}

void hvip_set_vsei(bool level)
{
    vseip = level;
}

void vcpu_notify(struct vcpu *v)
{
    notified[v - vcpus] = true;
}

/* Sends nothing, and asks the machine for one source only. */

static struct {
    uint32_t mode, target, identity;
    bool enabled, input;
    uint32_t ends;
} wire;

void imsic_send(const struct pcpu *pcpu, uint32_t file, uint32_t identity)
{
    FAIL("a message to file %u of CPU %td: %u", file, pcpu - pcpus, identity);
}

void aplic_set_mode(uint32_t source, uint32_t mode)
{
    EXPECT_EQ(source, WIRE);
    wire.mode = mode;
    wire.enabled = wire.enabled && mode != APLIC_SM_INACTIVE;
}

void aplic_set_target(uint32_t source, const struct pcpu *pcpu, uint32_t file, uint32_t identity)
{
    EXPECT_EQ(source, WIRE);
    EXPECT_EQ(file, IMSIC_FILE_HV);
    wire.target = (uint32_t)(pcpu - pcpus);
    wire.identity = identity;
}

void aplic_set_enabled(uint32_t source, bool enabled)
{
    EXPECT_EQ(source, WIRE);
    wire.enabled = enabled && wire.mode != APLIC_SM_INACTIVE;
}

void aplic_set_pending(uint32_t source, bool pending)
{
    FAIL("source %u, pending %d", source, pending);
}

void aplic_end(uint32_t source)
{
    EXPECT_EQ(source, WIRE);
    EXPECT(wire.enabled); /* what becomes pending may be sent */
    wire.ends++;
}

bool aplic_is_pending(uint32_t source)
{
    FAIL("source %u", source);
    return false;
}

bool aplic_input(uint32_t source)
{
    EXPECT_EQ(source, WIRE);
    return wire.input;
}

/* ---- Help ---- */

static void write_reg(uint32_t offset, uint32_t value)
{
    struct mmio_access access = {
        .address = { BASE + offset }, .value = value, .size = 4, .is_write = true
    };

    EXPECT(vaplic_access(&vcpus[0], NULL, &access));
}

static uint32_t read_reg(uint32_t offset)
{
    struct mmio_access access = { .address = { BASE + offset }, .value = 0xbad, .size = 4 };

    EXPECT(vaplic_access(&vcpus[0], NULL, &access));
    return (uint32_t)access.value;
}

static uint32_t idc(uint32_t hart, uint32_t reg)
{
    return APLIC_IDC + hart * APLIC_IDC_SIZE + reg;
}

static uint32_t topi(uint32_t source, uint32_t priority)
{
    return source << APLIC_TOPI_SHIFT | priority;
}

static void set_target(uint32_t source, uint32_t hart, uint32_t priority)
{
    write_reg(APLIC_TARGET + 4 * source, hart << APLIC_TARGET_HART_SHIFT | priority);
}

static void set_line(uint32_t source, bool level)
{
    vaplic_set_line(&vms[0], source, level);
}

static bool is_signalled(uint32_t hart)
{
    return vcontext_is_signalled(&vcpus[hart].arch.context);
}

static void reset(void)
{
    fake_this_pcpu = &pcpus[0];
    pcpus[0].loaded = &vcpus[0];
    pcpus[0].running = &vcpus[0];
    for (uint32_t i = 0; i < OWN_COUNT; i++) {
        set_line(own[i], false);
    }
    vaplic_vm_reset(&vms[0]);
    vcontext_flush(&vcpus[0]);
    memset(notified, 0, sizeof notified);
    memset(&wire, 0, sizeof wire);
}

/* As a driver sets up the domain, its harts, and a source of mode `mode` for hart 0. */
static void start(uint32_t source, uint32_t mode)
{
    reset();
    write_reg(APLIC_DOMAINCFG, APLIC_DOMAINCFG_IE);
    write_reg(idc(0, APLIC_IDC_IDELIVERY), 1);
    write_reg(idc(1, APLIC_IDC_IDELIVERY), 1);
    write_reg(APLIC_SOURCECFG + 4 * source, mode);
    set_target(source, 0, 3);
    write_reg(APLIC_SETIENUM, source);
}

/* ---- Cases ---- */

TEST(reset_values)
{
    reset();
    EXPECT_EQ(read_reg(APLIC_DOMAINCFG), 0x80000000);
    write_reg(APLIC_DOMAINCFG, ALL); /* no messages */
    EXPECT_EQ(read_reg(APLIC_DOMAINCFG), 0x80000100);
    for (uint32_t reg = 0; reg < APLIC_IDC_SIZE; reg += 4) {
        EXPECT_EQ(read_reg(idc(0, reg)), 0);
    }
    write_reg(APLIC_GENMSI, 5); /* not there */
    EXPECT_EQ(read_reg(APLIC_GENMSI), 0);
}

/* Bits that exist: three of priority, none of 0 (4.5.16). */
TEST(target_is_legalized)
{
    start(UART, APLIC_SM_LEVEL1);
    write_reg(APLIC_TARGET + 4 * UART, ALL);
    EXPECT_EQ(read_reg(APLIC_TARGET + 4 * UART), 0x3fffu << 18 | 7);
    set_target(UART, 1, 0);
    EXPECT_EQ(read_reg(APLIC_TARGET + 4 * UART), 1u << 18 | 1);
    set_target(UART + 1, 1, 4);
    EXPECT_EQ(read_reg(APLIC_TARGET + 4 * (UART + 1)), 0);
    set_line(UART, true);
    set_target(UART, HARTS, 1); /* a hart that is not there */
    EXPECT(!is_signalled(0) && !is_signalled(1));
}

/* Level-sensitive: pending as long as the input is high, whatever is claimed or written (4.7). */
TEST(level)
{
    start(UART, APLIC_SM_LEVEL1);
    set_line(UART, true);
    EXPECT(vseip);
    EXPECT_EQ(read_reg(idc(0, APLIC_IDC_TOPI)), topi(UART, 3));
    EXPECT_EQ(read_reg(idc(0, APLIC_IDC_CLAIMI)), topi(UART, 3));
    EXPECT(vseip);
    write_reg(APLIC_CLRIPNUM, UART);
    EXPECT_EQ(read_reg(APLIC_SETIP), 1u << UART);
    set_line(UART, false);
    EXPECT(!vseip);
    EXPECT_EQ(read_reg(idc(0, APLIC_IDC_CLAIMI)), 0);
    write_reg(APLIC_SETIPNUM, UART);
    EXPECT_EQ(read_reg(APLIC_SETIP), 0);
}

TEST(edge_is_pending_until_claimed)
{
    start(UART, APLIC_SM_EDGE1);
    set_line(UART, true);
    set_line(UART, false);
    EXPECT(vseip);
    EXPECT_EQ(read_reg(idc(0, APLIC_IDC_CLAIMI)), topi(UART, 3));
    EXPECT(!vseip);
    EXPECT_EQ(read_reg(APLIC_SETIP), 0);
    write_reg(APLIC_SETIPNUM, UART);
    EXPECT(vseip);
    write_reg(APLIC_SOURCECFG + 4 * UART, APLIC_SM_LEVEL1); /* low: no longer */
    EXPECT(!vseip);
}

/* A claimed edge whose input is still high becomes a level. */
TEST(edge_becomes_level)
{
    start(UART, APLIC_SM_EDGE1);
    set_line(UART, true);
    EXPECT_EQ(read_reg(idc(0, APLIC_IDC_CLAIMI)), topi(UART, 3));
    EXPECT(!vseip);
    write_reg(APLIC_SOURCECFG + 4 * UART, APLIC_SM_LEVEL1);
    EXPECT(vseip);
}

/* The machine's source interrupts, as the guest has set it up. */
static void wire_raise(bool input)
{
    EXPECT(wire.enabled);
    wire.input = input;
    vaplic_inject(&vms[0], WIRED);
    EXPECT(!wire.enabled); /* once, until the guest has dealt with it */
}

/* The machine's source sends to the hypervisor of the target's CPU, whatever the priority. */
TEST(linked_source_is_directed)
{
    start(WIRED, APLIC_SM_LEVEL0);
    EXPECT_EQ(wire.mode, APLIC_SM_LEVEL0);
    EXPECT_EQ(wire.target, 0);
    EXPECT_EQ(wire.identity, IMSIC_ID_SOURCE(WIRE));
    EXPECT(wire.enabled);
    EXPECT_EQ(wire.ends, 1); /* its input may be high already */
    EXPECT(!vseip);
    set_target(WIRED, 1, 2);
    EXPECT_EQ(wire.target, 1);
    EXPECT_EQ(wire.identity, IMSIC_ID_SOURCE(WIRE));
    set_target(WIRED, HARTS, 2);
    EXPECT_EQ(wire.identity, 0);
    write_reg(APLIC_DOMAINCFG, 0);
    EXPECT(!wire.enabled);
    write_reg(APLIC_DOMAINCFG, APLIC_DOMAINCFG_IE);
    EXPECT(wire.enabled);
    write_reg(APLIC_CLRIENUM, WIRED);
    EXPECT(!wire.enabled);
    write_reg(APLIC_SOURCECFG + 4 * WIRED, APLIC_SM_INACTIVE);
    EXPECT_EQ(wire.mode, APLIC_SM_INACTIVE);
}

/* A linked level stands until the guest, having lowered it, asks what is next. */
TEST(linked_level)
{
    start(WIRED, APLIC_SM_LEVEL1);
    wire_raise(true);
    EXPECT(vseip);
    EXPECT_EQ(read_reg(APLIC_IN_CLRIP + 4), 1u << (WIRED - 32));
    for (uint32_t i = 0; i < 3; i++) {
        EXPECT_EQ(read_reg(idc(0, APLIC_IDC_CLAIMI)), topi(WIRED, 3));
        EXPECT(vseip && !wire.enabled);
    }
    write_reg(APLIC_CLRIENUM, WIRED); /* masked and unmasked, it is the same one still */
    EXPECT(!vseip);
    write_reg(APLIC_SETIENUM, WIRED);
    EXPECT(vseip && !wire.enabled);
    wire.input = false;
    EXPECT_EQ(read_reg(idc(0, APLIC_IDC_CLAIMI)), 0);
    EXPECT(!vseip && wire.enabled);
    wire_raise(true);
    wire.input = false;
    EXPECT_EQ(read_reg(idc(0, APLIC_IDC_TOPI)), 0);
    EXPECT(!vseip && wire.enabled);
}

/* ... and lets others through. */
TEST(linked_level_that_fell_is_passed_over)
{
    start(UART, APLIC_SM_LEVEL1);
    write_reg(APLIC_SOURCECFG + 4 * WIRED, APLIC_SM_LEVEL1);
    set_target(WIRED, 0, 1);
    write_reg(APLIC_SETIENUM, WIRED);
    set_line(UART, true);
    wire_raise(true);
    EXPECT_EQ(read_reg(idc(0, APLIC_IDC_TOPI)), topi(WIRED, 1));
    wire.input = false;
    EXPECT_EQ(read_reg(idc(0, APLIC_IDC_CLAIMI)), topi(UART, 3));
    EXPECT(wire.enabled);
    set_line(UART, false);
}

/* A linked edge is dealt with when it is claimed, or taken back. */
TEST(linked_edge)
{
    start(WIRED, APLIC_SM_EDGE0);
    EXPECT_EQ(wire.ends, 0);
    wire_raise(false);
    EXPECT_EQ(read_reg(idc(0, APLIC_IDC_CLAIMI)), topi(WIRED, 3));
    EXPECT(!vseip && wire.enabled);
    EXPECT_EQ(read_reg(idc(0, APLIC_IDC_CLAIMI)), 0);
    wire_raise(false);
    EXPECT(vseip);
    write_reg(APLIC_CLRIPNUM, WIRED);
    EXPECT(!vseip && wire.enabled);
}

/* What an old life has left does not reach the next, nor a message that was on its way then. */
TEST(linked_source_and_reset)
{
    start(WIRED, APLIC_SM_LEVEL1);
    wire_raise(true);
    vaplic_vm_reset(&vms[0]);
    EXPECT_EQ(wire.mode, APLIC_SM_INACTIVE);
    vaplic_inject(&vms[0], WIRED);
    vcontext_flush(&vcpus[0]);
    EXPECT(!vseip);
    wire.input = false;
    write_reg(APLIC_DOMAINCFG, APLIC_DOMAINCFG_IE);
    write_reg(idc(0, APLIC_IDC_IDELIVERY), 1);
    write_reg(APLIC_SOURCECFG + 4 * WIRED, APLIC_SM_LEVEL1);
    write_reg(APLIC_SETIENUM, WIRED);
    EXPECT(!vseip && wire.enabled);
}

TEST(threshold)
{
    start(UART, APLIC_SM_LEVEL1);
    set_line(UART, true);
    for (uint32_t threshold = 0; threshold < 8; threshold++) {
        bool passes = threshold == 0 || 3 < threshold;

        write_reg(idc(0, APLIC_IDC_ITHRESHOLD), threshold);
        EXPECT_EQ(read_reg(idc(0, APLIC_IDC_ITHRESHOLD)), threshold);
        EXPECT_EQ(vseip, passes);
        EXPECT_EQ(read_reg(idc(0, APLIC_IDC_TOPI)), passes ? topi(UART, 3) : 0);
    }
}

TEST(forced)
{
    start(UART, APLIC_SM_LEVEL1);
    write_reg(idc(0, APLIC_IDC_IFORCE), 1);
    EXPECT(vseip);
    set_line(UART, true);
    EXPECT_EQ(read_reg(idc(0, APLIC_IDC_CLAIMI)), topi(UART, 3));
    set_line(UART, false);
    EXPECT(vseip);
    EXPECT_EQ(read_reg(idc(0, APLIC_IDC_IFORCE)), 1);
    EXPECT_EQ(read_reg(idc(0, APLIC_IDC_CLAIMI)), 0);
    EXPECT(!vseip);
    EXPECT_EQ(read_reg(idc(0, APLIC_IDC_IFORCE)), 0);
}

TEST(switches)
{
    start(UART, APLIC_SM_LEVEL1);
    set_line(UART, true);
    write_reg(idc(0, APLIC_IDC_IDELIVERY), 0);
    EXPECT(!vseip);
    EXPECT_EQ(read_reg(idc(0, APLIC_IDC_TOPI)), topi(UART, 3));
    write_reg(idc(0, APLIC_IDC_IDELIVERY), 1);
    EXPECT(vseip);
    write_reg(APLIC_DOMAINCFG, 0);
    EXPECT(!vseip);
    write_reg(APLIC_DOMAINCFG, APLIC_DOMAINCFG_IE);
    EXPECT(vseip);
    write_reg(APLIC_CLRIENUM, UART);
    EXPECT(!vseip);
    write_reg(APLIC_SETIENUM, UART);
    EXPECT(vseip);
    write_reg(APLIC_SOURCECFG + 4 * UART, APLIC_SM_INACTIVE);
    EXPECT(!vseip);
    EXPECT_EQ(read_reg(APLIC_TARGET + 4 * UART), 0);
}

TEST(moves_to_another_hart)
{
    start(UART, APLIC_SM_LEVEL1);
    set_line(UART, true);
    set_target(UART, 1, 2);
    EXPECT(!vseip);
    EXPECT(is_signalled(1) && notified[1] && vcpus[1].arch.context.stale);
    EXPECT_EQ(read_reg(idc(1, APLIC_IDC_CLAIMI)), topi(UART, 2));
    EXPECT_EQ(read_reg(idc(0, APLIC_IDC_CLAIMI)), 0);
}

/* No register of the window does harm, in whatever state. */
TEST(every_offset)
{
    start(UART, APLIC_SM_LEVEL1);
    for (uint32_t round = 0; round < 2; round++) {
        for (uint32_t offset = 0; offset < 0x8000; offset += 4) {
            write_reg(offset, round == 0 ? 0xa5a5a5a5 : ALL);
            read_reg(offset);
        }
    }
}

/* ---- At random ---- */

/* One record for each source, and for each hart. */
static struct {
    uint32_t mode, target;
    bool line, pending, enabled;
} model[64];
static struct {
    bool delivers, forced;
    uint32_t threshold;
} hart_model[HARTS];
static bool domain_on;

static bool model_input(uint32_t s)
{
    bool inverted = model[s].mode == APLIC_SM_EDGE0 || model[s].mode == APLIC_SM_LEVEL0;

    return model[s].mode >= APLIC_SM_EDGE1 && model[s].line != inverted;
}

/* What the model's input does to its source after something changed. */
static void model_follow(uint32_t s, bool old)
{
    if (model[s].mode >= APLIC_SM_LEVEL1) {
        model[s].pending = model_input(s);
    } else if (!old && model_input(s)) {
        model[s].pending = true;
    }
}

static uint32_t model_top(uint32_t hart)
{
    uint32_t best = 0;

    for (uint32_t i = 0; i < OWN_COUNT; i++) {
        uint32_t s = own[i], priority = model[s].target & 7;

        if (model[s].pending && model[s].enabled && model[s].target >> 18 == hart &&
            (hart_model[hart].threshold == 0 || priority < hart_model[hart].threshold) &&
            (best == 0 || priority < (best & 7))) {
            best = topi(s, priority);
        }
    }
    return best;
}

static uint64_t seed = 1;

static uint32_t dice(uint32_t sides)
{
    seed = seed * UINT64_C(6364136223846793005) + 1442695040888963407;
    return (uint32_t)(seed >> 33) % sides;
}

static void random_mode(uint32_t s)
{
    static const uint32_t modes[] = { APLIC_SM_INACTIVE, APLIC_SM_DETACHED, APLIC_SM_EDGE1,
                                      APLIC_SM_EDGE0,    APLIC_SM_LEVEL1,   APLIC_SM_LEVEL0 };
    uint32_t mode = modes[dice(6)];
    bool old = model_input(s), was_active = model[s].mode != APLIC_SM_INACTIVE;

    write_reg(APLIC_SOURCECFG + 4 * s, mode);
    model[s].mode = mode;
    if (mode == APLIC_SM_INACTIVE) {
        model[s].pending = false;
        model[s].enabled = false;
        model[s].target = 0;
        return;
    }
    model[s].target = was_active ? model[s].target : 1;
    model_follow(s, old);
}

static void random_source(void)
{
    uint32_t s = own[dice(OWN_COUNT)], hart = dice(HARTS + 1), priority = dice(8);
    bool active = model[s].mode != APLIC_SM_INACTIVE, on = dice(2) != 0, old = model_input(s);

    switch (dice(5)) {
    case 0:
        random_mode(s);
        break;
    case 1:
        set_target(s, hart, priority);
        model[s].target = active ? hart << 18 | (priority == 0 ? 1 : priority) : 0;
        break;
    case 2:
        write_reg(on ? APLIC_SETIENUM : APLIC_CLRIENUM, s);
        model[s].enabled = active && on;
        break;
    case 3:
        write_reg(on ? APLIC_SETIP + s / 32 * 4 : APLIC_IN_CLRIP + s / 32 * 4, 1u << s % 32);
        if (active && model[s].mode < APLIC_SM_LEVEL1) {
            model[s].pending = on;
        }
        break;
    default:
        set_line(s, on);
        model[s].line = on;
        model_follow(s, old);
        break;
    }
}

static void random_hart(void)
{
    uint32_t hart = dice(HARTS), value = dice(8), expected;

    switch (dice(5)) {
    case 0:
        write_reg(idc(hart, APLIC_IDC_IDELIVERY), value);
        hart_model[hart].delivers = (value & 1) != 0;
        break;
    case 1:
        write_reg(idc(hart, APLIC_IDC_IFORCE), value);
        hart_model[hart].forced = (value & 1) != 0;
        break;
    case 2:
        write_reg(idc(hart, APLIC_IDC_ITHRESHOLD), value);
        hart_model[hart].threshold = value;
        break;
    case 3:
        domain_on = (value & 3) != 0;
        write_reg(APLIC_DOMAINCFG, domain_on ? APLIC_DOMAINCFG_IE : 0);
        break;
    default:
        expected = model_top(hart);
        EXPECT_EQ(read_reg(idc(hart, APLIC_IDC_CLAIMI)), expected);
        if (expected == 0) {
            hart_model[hart].forced = false;
        } else if (model[expected >> 16].mode < APLIC_SM_LEVEL1) {
            model[expected >> 16].pending = false;
        }
        break;
    }
}

static void compare(void)
{
    for (uint32_t hart = 0; hart < HARTS; hart++) {
        bool signalled = domain_on && hart_model[hart].delivers &&
                         (hart_model[hart].forced || model_top(hart) != 0);

        EXPECT_EQ(read_reg(idc(hart, APLIC_IDC_TOPI)), model_top(hart));
        EXPECT_EQ(is_signalled(hart), signalled);
    }
    EXPECT_EQ(vseip, is_signalled(0));
    for (uint32_t i = 0; i < OWN_COUNT; i++) {
        uint32_t s = own[i];

        EXPECT_EQ(read_reg(APLIC_SETIP + s / 32 * 4) >> s % 32 & 1, model[s].pending);
        EXPECT_EQ(read_reg(APLIC_SETIE + s / 32 * 4) >> s % 32 & 1, model[s].enabled);
        EXPECT_EQ(read_reg(APLIC_TARGET + 4 * s), model[s].target);
    }
}

TEST(against_the_model)
{
    reset();
    for (uint32_t step = 0; step < 300000; step++) {
        if (dice(3) != 0) {
            random_source();
        } else {
            random_hart();
        }
        compare();
    }
}

TEST_MAIN()

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The virtual APLIC, case by case, and at random against a model that keeps one record for each
 * source. Messages and the physical APLIC are the test's.
 */
/* ARCH: riscv64 */
/* SOURCES: arch/riscv64/vaplic.c arch/riscv64/vaplic_idc.c arch/riscv64/vcontext.c */
#include "test.h"
#include <arch/aplic.h>
#include <arch/hvip.h>
#include <arch/imsic.h>
#include <arch/vaplic.h>
#include <hv/tables.h>

#define BASE   UINT64_C(0x0d000000)
#define UART   10u
#define DEVICE 40u
#define LINKED 33u /* of the same physical number */
#define ALL    UINT32_MAX

static struct vcontroller state;
static struct vaplic_bank banks[2];
static const uint32_t sources[] = { 1u << UART, 1u << (DEVICE - 32) | 1u << (LINKED - 32) };
static const uint16_t physical[64] = { [LINKED] = LINKED };

const struct vm_config vm_configs[] = {
    { .name = "a",
      .vcpu_count = 2,
      .arch.controller = { &state, NULL, banks, sources, physical, { BASE }, 2 } }
};
const struct vcpu_config vcpu_configs[] = { { .index = 0, .arch.vgein = 1 },
                                            { .index = 1, .arch.vgein = 2 } };
struct vm vms[] = { { .config = &vm_configs[0] } };
struct pcpu pcpus[2];
struct vcpu vcpus[] = { { .config = &vcpu_configs[0], .vm = &vms[0], .pcpu = &pcpus[0] },
                        { .config = &vcpu_configs[1], .vm = &vms[0], .pcpu = &pcpus[1] } };

/* ---- What it calls ---- */

/* Messages since the last look: how many, and the last one. */
static struct {
    uint32_t count, vcpu, identity;
} sent;

/* The physical source. */
static struct {
    uint32_t mode, file, identity;
    const struct pcpu *pcpu;
    bool enabled, pending, input;
} machine;

_Thread_local struct pcpu *fake_this_pcpu;

void fake_relax(void)
{
    FAIL("the lock is taken by somebody who does not run");
}

void hvip_set_vsei(bool level)
{
    (void)level;
    FAIL("interrupts are the files' affair");
}

void vcpu_notify(struct vcpu *v)
{
    (void)v;
    FAIL("interrupts are the files' affair");
}

void imsic_send(const struct pcpu *pcpu, uint32_t file, uint32_t identity)
{
    uint32_t index = (uint32_t)(pcpu - pcpus);

    EXPECT(index < 2 && file == index + 1);
    sent.count++;
    sent.vcpu = index;
    sent.identity = identity;
}

void aplic_set_mode(uint32_t source, uint32_t mode)
{
    EXPECT_EQ(source, LINKED);
    machine.mode = mode;
    if (mode == APLIC_SM_INACTIVE) {
        machine.enabled = false;
        machine.pending = false;
    }
}

void aplic_set_target(uint32_t source, const struct pcpu *pcpu, uint32_t file, uint32_t identity)
{
    EXPECT_EQ(source, LINKED);
    EXPECT(file != IMSIC_FILE_HV);
    machine.pcpu = pcpu;
    machine.file = file;
    machine.identity = identity;
}

void aplic_set_enabled(uint32_t source, bool enabled)
{
    EXPECT_EQ(source, LINKED);
    machine.enabled = enabled;
}

void aplic_set_pending(uint32_t source, bool pending)
{
    EXPECT_EQ(source, LINKED);
    machine.pending = pending;
}

void aplic_end(uint32_t source)
{
    EXPECT_EQ(source, LINKED);
    machine.pending = machine.pending || machine.input;
}

bool aplic_is_pending(uint32_t source)
{
    EXPECT_EQ(source, LINKED);
    return machine.pending;
}

bool aplic_input(uint32_t source)
{
    EXPECT_EQ(source, LINKED);
    return machine.input;
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

/* How many messages were sent since the last time. */
static uint32_t messages(void)
{
    uint32_t count = sent.count;

    sent.count = 0;
    return count;
}

static uint32_t target(uint32_t vcpu, uint32_t identity)
{
    return vcpu << APLIC_TARGET_HART_SHIFT | identity;
}

/* The domain on and `source` as a driver sets it up: identity = source, to vCPU 0. */
static void start(uint32_t source, uint32_t mode)
{
    vaplic_vm_reset(&vms[0]);
    write_reg(APLIC_DOMAINCFG, APLIC_DOMAINCFG_IE | APLIC_DOMAINCFG_DM);
    write_reg(APLIC_SOURCECFG + 4 * source, mode);
    write_reg(APLIC_TARGET + 4 * source, target(0, source));
    write_reg(APLIC_SETIENUM, source);
    (void)messages();
}

static void set_line(bool level)
{
    vaplic_set_line(&vms[0], UART, level);
}

/* ---- Registers ---- */

TEST(reset_values)
{
    vaplic_vm_reset(&vms[0]);
    EXPECT_EQ(read_reg(APLIC_DOMAINCFG), 0x80000004);
    write_reg(APLIC_DOMAINCFG, ALL); /* big endian is not offered */
    EXPECT_EQ(read_reg(APLIC_DOMAINCFG), 0x80000104);
    write_reg(APLIC_DOMAINCFG, 0);
    EXPECT_EQ(read_reg(APLIC_DOMAINCFG), 0x80000004); /* messages are all there is */
}

TEST(only_own_sources_exist)
{
    vaplic_vm_reset(&vms[0]);
    for (uint32_t source = 1; source <= 1023; source++) {
        bool is_own = source == UART || source == DEVICE || source == LINKED;

        write_reg(APLIC_SOURCECFG + 4 * source, APLIC_SM_LEVEL1);
        write_reg(APLIC_TARGET + 4 * source, target(1, 7));
        write_reg(APLIC_SETIENUM, source);
        EXPECT_EQ(read_reg(APLIC_SOURCECFG + 4 * source), is_own ? APLIC_SM_LEVEL1 : 0);
        EXPECT_EQ(read_reg(APLIC_TARGET + 4 * source), is_own ? target(1, 7) : 0);
    }
    EXPECT_EQ(read_reg(APLIC_SETIE), sources[0]);
    EXPECT_EQ(read_reg(APLIC_SETIE + 4), sources[1]);
    EXPECT_EQ(read_reg(APLIC_SETIE + 8), 0);
}

/* An inactive source has no other registers (4.5.2). */
TEST(inactive_sources)
{
    vaplic_vm_reset(&vms[0]);
    write_reg(APLIC_TARGET + 4 * UART, target(0, 5));
    write_reg(APLIC_SETIENUM, UART);
    write_reg(APLIC_SETIPNUM, UART);
    EXPECT_EQ(read_reg(APLIC_TARGET + 4 * UART), 0);
    EXPECT_EQ(read_reg(APLIC_SETIE), 0);
    EXPECT_EQ(read_reg(APLIC_SETIP), 0);
    start(UART, APLIC_SM_EDGE1);
    write_reg(APLIC_DOMAINCFG, 0);
    write_reg(APLIC_SETIPNUM, UART);
    EXPECT_EQ(read_reg(APLIC_SETIP), 1u << UART);
    write_reg(APLIC_SOURCECFG + 4 * UART, 3); /* reserved */
    EXPECT_EQ(read_reg(APLIC_SOURCECFG + 4 * UART), APLIC_SM_INACTIVE);
    EXPECT_EQ(read_reg(APLIC_SETIE) | read_reg(APLIC_SETIP) | read_reg(APLIC_TARGET + 4 * UART), 0);
    write_reg(APLIC_SOURCECFG + 4 * UART, 0x400); /* to a child domain that does not exist */
    EXPECT_EQ(read_reg(APLIC_SOURCECFG + 4 * UART), APLIC_SM_INACTIVE);
}

/* No register of the window does harm, and only whole words are served. */
TEST(every_offset)
{
    start(UART, APLIC_SM_LEVEL1);
    for (uint32_t offset = 0; offset < 0x8000; offset += 4) {
        write_reg(offset, 0xa5a5a5a5);
        read_reg(offset);
    }
    for (uint8_t size = 1; size <= 8; size = (uint8_t)(size * 2)) {
        struct mmio_access access = { .address = { BASE + 4 }, .size = size };

        EXPECT_EQ(vaplic_access(&vcpus[0], NULL, &access), size == 4);
    }
}

/* ---- Emulated sources ---- */

TEST(level_sends_once_and_again_when_asked)
{
    start(UART, APLIC_SM_LEVEL1);
    set_line(true);
    EXPECT_EQ(messages(), 1);
    EXPECT_EQ(sent.vcpu, 0);
    EXPECT_EQ(sent.identity, UART);
    set_line(true);
    EXPECT_EQ(messages(), 0);
    EXPECT_EQ(read_reg(APLIC_IN_CLRIP), 1u << UART);
    EXPECT_EQ(read_reg(APLIC_SETIP), 0);
    write_reg(APLIC_SETIPNUM_LE, UART); /* Linux at the end of its handler (4.9.2) */
    EXPECT_EQ(messages(), 1);
    set_line(false);
    write_reg(APLIC_SETIPNUM_LE, UART);
    EXPECT_EQ(messages(), 0);
    set_line(true);
    EXPECT_EQ(messages(), 1);
}

TEST(level_that_falls_before_it_was_sent)
{
    start(UART, APLIC_SM_LEVEL1);
    write_reg(APLIC_CLRIENUM, UART);
    set_line(true);
    EXPECT_EQ(read_reg(APLIC_SETIP), 1u << UART);
    set_line(false);
    EXPECT_EQ(read_reg(APLIC_SETIP), 0);
    write_reg(APLIC_SETIENUM, UART);
    EXPECT_EQ(messages(), 0);
}

TEST(edge_is_remembered)
{
    start(UART, APLIC_SM_EDGE1);
    write_reg(APLIC_CLRIE, 1u << UART);
    set_line(true);
    set_line(false);
    EXPECT_EQ(messages(), 0);
    write_reg(APLIC_SETIE, 1u << UART);
    EXPECT_EQ(messages(), 1);
    write_reg(APLIC_SETIPNUM, UART);
    EXPECT_EQ(messages(), 1);
}

TEST(inverted_inputs)
{
    start(UART, APLIC_SM_LEVEL0);
    EXPECT_EQ(read_reg(APLIC_IN_CLRIP), 1u << UART);
    set_line(true);
    set_line(false);
    EXPECT_EQ(messages(), 1);
    start(UART, APLIC_SM_EDGE0);
    set_line(true);
    EXPECT_EQ(messages(), 0);
    set_line(false);
    EXPECT_EQ(messages(), 1);
}

/* A level that is high already interrupts when a driver comes (4.7). */
TEST(line_before_the_driver)
{
    vaplic_vm_reset(&vms[0]);
    set_line(true);
    start(UART, APLIC_SM_INACTIVE);
    write_reg(APLIC_SOURCECFG + 4 * UART, APLIC_SM_LEVEL1);
    EXPECT_EQ(read_reg(APLIC_SETIP), 1u << UART);
    write_reg(APLIC_TARGET + 4 * UART, target(1, 9));
    write_reg(APLIC_SETIENUM, UART);
    EXPECT_EQ(messages(), 1);
    EXPECT_EQ(sent.vcpu, 1);
    EXPECT_EQ(sent.identity, 9);
}

TEST(detached_is_for_software)
{
    start(UART, APLIC_SM_DETACHED);
    set_line(true);
    EXPECT_EQ(messages(), 0);
    write_reg(APLIC_SETIP, 1u << UART);
    EXPECT_EQ(messages(), 1);
}

TEST(domain_off)
{
    start(UART, APLIC_SM_LEVEL1);
    write_reg(APLIC_DOMAINCFG, 0);
    set_line(true);
    EXPECT_EQ(messages(), 0);
    write_reg(APLIC_DOMAINCFG, APLIC_DOMAINCFG_IE);
    EXPECT_EQ(messages(), 1);
}

TEST(big_endian_port)
{
    start(UART, APLIC_SM_EDGE1);
    write_reg(APLIC_SETIPNUM_BE, UART << 24);
    EXPECT_EQ(messages(), 1);
    write_reg(APLIC_SETIPNUM_BE, UART);
    EXPECT_EQ(messages(), 0);
}

TEST(message_of_the_guests_making)
{
    start(UART, APLIC_SM_EDGE1);
    write_reg(APLIC_GENMSI, target(1, 77));
    EXPECT_EQ(messages(), 1);
    EXPECT(sent.vcpu == 1 && sent.identity == 77);
    write_reg(APLIC_GENMSI, target(2, 77)); /* no such hart */
    EXPECT_EQ(messages(), 0);
    EXPECT_EQ(read_reg(APLIC_GENMSI), 0);
}

TEST(target_that_does_not_exist)
{
    start(UART, APLIC_SM_EDGE1);
    write_reg(APLIC_TARGET + 4 * UART, target(2, 5));
    write_reg(APLIC_SETIPNUM, UART);
    EXPECT_EQ(messages(), 0);
    EXPECT_EQ(read_reg(APLIC_SETIP), 0);
    write_reg(APLIC_TARGET + 4 * UART, target(1, 5) | 3u << APLIC_TARGET_FILE_SHIFT);
    EXPECT_EQ(read_reg(APLIC_TARGET + 4 * UART), target(1, 5)); /* a guest has no guests */
}

/* ---- Linked to the machine's ---- */

TEST(linked_source_is_passed_on)
{
    start(LINKED, APLIC_SM_LEVEL1);
    EXPECT_EQ(machine.mode, APLIC_SM_LEVEL1);
    EXPECT(machine.enabled);
    EXPECT(machine.pcpu == &pcpus[0] && machine.file == 1 && machine.identity == LINKED);
    write_reg(APLIC_TARGET + 4 * LINKED, target(1, 6));
    EXPECT(machine.pcpu == &pcpus[1] && machine.file == 2 && machine.identity == 6);
    write_reg(APLIC_TARGET + 4 * LINKED, target(7, 6));
    EXPECT_EQ(machine.identity, 0);
    write_reg(APLIC_SETIPNUM, LINKED);
    EXPECT(!machine.pending); /* a level is pending while the input is high, no longer (4.7) */
    machine.input = true;
    write_reg(APLIC_SETIPNUM, LINKED);
    EXPECT(machine.pending);
    EXPECT_EQ(read_reg(APLIC_SETIP + 4), 1u << (LINKED - 32));
    write_reg(APLIC_CLRIPNUM, LINKED);
    EXPECT(!machine.pending);
    EXPECT_EQ(read_reg(APLIC_IN_CLRIP + 4), 1u << (LINKED - 32));
    EXPECT_EQ(messages(), 0); /* none of them is ours to send */
}

TEST(linked_source_is_gated_by_the_domain)
{
    start(LINKED, APLIC_SM_EDGE1);
    write_reg(APLIC_DOMAINCFG, 0);
    EXPECT(!machine.enabled);
    write_reg(APLIC_CLRIENUM, LINKED);
    write_reg(APLIC_DOMAINCFG, APLIC_DOMAINCFG_IE);
    EXPECT(!machine.enabled);
    write_reg(APLIC_SETIENUM, LINKED);
    EXPECT(machine.enabled);
    vaplic_vm_reset(&vms[0]);
    EXPECT(!machine.enabled);
    EXPECT_EQ(machine.mode, APLIC_SM_INACTIVE);
}

/* ---- At random ---- */

static struct {
    uint32_t mode, target;
    bool line, pending, enabled;
} models[2];

static bool model_input(uint32_t i)
{
    bool is_wired = models[i].mode >= APLIC_SM_EDGE1;

    return is_wired && models[i].line == (models[i].mode % 2 == 0);
}

/* What a change of the input does (4.7). */
static void model_follow(uint32_t i, bool old)
{
    bool new = model_input(i);

    if (new && !old) {
        models[i].pending = true;
    } else if (!new &&models[i].mode >= APLIC_SM_LEVEL1) {
        models[i].pending = false;
    }
}

TEST(agrees_with_the_model)
{
    static const uint8_t modes[] = { 0, 1, 4, 5, 6, 7 };
    static const uint32_t numbers[] = { UART, DEVICE };
    uint64_t random = 42;
    bool is_on = false;

    vaplic_vm_reset(&vms[0]);
    for (uint32_t step = 0; step < 200000; step++) {
        uint32_t dice = (uint32_t)(test_random(&random) >> 32);
        uint32_t i = dice >> 4 & 1, number = numbers[i], expected = 0, last = 0;
        uint32_t word = 4 * (number / 32), bit = 1u << number % 32;
        bool old = model_input(i), flag = (dice >> 5 & 1) != 0;

        switch (dice % 16 % 9) {
        case 0:
            models[i].mode = modes[(dice >> 8) % 6];
            write_reg(APLIC_SOURCECFG + 4 * number, models[i].mode);
            model_follow(i, old);
            if (models[i].mode == 0) {
                models[i].pending = models[i].enabled = false;
                models[i].target = 0;
            }
            break;
        case 1:
        case 2:
            models[i].line = flag;
            vaplic_set_line(&vms[0], number, flag);
            model_follow(i, old);
            break;
        case 3:
            write_reg(flag ? APLIC_SETIENUM : APLIC_CLRIENUM, number);
            models[i].enabled = flag && models[i].mode != 0;
            break;
        case 4:
            write_reg((flag ? APLIC_SETIE : APLIC_CLRIE) + word, bit);
            models[i].enabled = flag && models[i].mode != 0;
            break;
        case 5:
            write_reg(dice >> 6 & 1 ? APLIC_SETIPNUM : APLIC_SETIPNUM_LE, number);
            if (models[i].mode != 0 && (models[i].mode < APLIC_SM_LEVEL1 || old)) {
                models[i].pending = true;
            }
            break;
        case 6:
            write_reg(APLIC_IN_CLRIP + word, bit);
            models[i].pending = false;
            break;
        case 7:
            if (models[i].mode != 0) {
                models[i].target = target(dice >> 8 & 1, dice >> 16 & 0x7ff);
            }
            write_reg(APLIC_TARGET + 4 * number, target(dice >> 8 & 1, dice >> 16 & 0x7ff));
            break;
        default:
            is_on = flag;
            write_reg(APLIC_DOMAINCFG, flag ? APLIC_DOMAINCFG_IE : 0);
            break;
        }
        for (uint32_t k = 0; k < 2; k++) {
            if (is_on && models[k].pending && models[k].enabled) {
                models[k].pending = false;
                expected++;
                last = models[k].target;
            }
        }
        EXPECT_EQ(messages(), expected);
        EXPECT(expected == 0 || target(sent.vcpu, sent.identity) == last);
        EXPECT_EQ(read_reg(APLIC_SETIP + word) >> number % 32 & 1, models[i].pending);
        EXPECT_EQ(read_reg(APLIC_SETIE + word) >> number % 32 & 1, models[i].enabled);
        EXPECT_EQ(read_reg(APLIC_IN_CLRIP + word) >> number % 32 & 1, model_input(i));
        EXPECT_EQ(read_reg(APLIC_TARGET + 4 * number), models[i].target);
        EXPECT_EQ(read_reg(APLIC_SOURCECFG + 4 * number), models[i].mode);
    }
}

TEST_MAIN()

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Nothing of this CPU's state may change while another VM has the CPU: SIMD registers, FPCR, FPSR,
 * general registers and the system registers of EL1 and EL0. Every VM that shares the CPU runs this
 * guest with its own seed. Words of the command line:
 *
 *     seed=N      makes the values of this VM (default 1)
 *     rounds=N    rounds (default 50)
 *     round-ms=N  milliseconds of a round (default 20: longer than a time slice)
 */
#include "aarch64.h"

#define VECTOR_WORDS  64u /* v0 to v31, two 64-bit words each */
#define GENERAL_WORDS 16u

/* fp_asm.S: loads v0-v31, FPCR, FPSR and x8-x23, spins until the counter is @p until, and stores
 * them again. */
struct state {
    uint64_t vectors[VECTOR_WORDS];
    uint64_t general[GENERAL_WORDS];
    uint64_t fpcr;
    uint64_t fpsr;
};
void fp_hold(const struct state *load, struct state *store, uint64_t until);

static uint64_t random_state;

static uint64_t random_word(void)
{
    random_state ^= random_state << 13; /* xorshift64 */
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    return random_state;
}

/* One round of a system register: written with a random value, read back (not all bits exist),
 * compared later. */
#define SYSTEM_REGISTERS(X)          \
    X(tpidr_el0, ~0ull)              \
    X(tpidrro_el0, ~0ull)            \
    X(tpidr_el1, ~0ull)              \
    X(sp_el0, ~0ull)                 \
    X(elr_el1, ~0ull)                \
    X(spsr_el1, 0xf00003c5)          \
    X(esr_el1, 0xffffffff)           \
    X(far_el1, ~0ull)                \
    X(afsr0_el1, 0xffffffff)         \
    X(afsr1_el1, 0xffffffff)         \
    X(par_el1, 0xfffffff000)         \
    X(mair_el1, ~0ull)               \
    X(amair_el1, ~0ull)              \
    X(ttbr0_el1, 0xffff00fffffff000) \
    X(ttbr1_el1, 0xffff00fffffff000) \
    X(tcr_el1, 0x3f003f)             \
    X(contextidr_el1, 0xffffffff)    \
    X(csselr_el1, 0x2)               \
    X(cntkctl_el1, 0x3)              \
    X(cntv_cval_el0, ~0ull)          \
    X(ICC_PMR_EL1, 0xf8)             \
    X(ICC_BPR1_EL1, 0x7)

#define COUNT_ONE(name, mask) +1
enum { SYSTEM_COUNT = 0 SYSTEM_REGISTERS(COUNT_ONE) };

#define NAME_OF(name, mask) #name,
static const char *const system_names[] = { SYSTEM_REGISTERS(NAME_OF) };
static uint64_t system_expected[SYSTEM_COUNT];
static uint64_t system_bad[SYSTEM_COUNT];

#define WRITE_ONE(name, mask) sysreg_write_expanded(name, random_word() & (mask));
#define READ_ONE(name, mask)  to[i++] = sysreg_read_expanded(name);

static void system_write(void)
{
    SYSTEM_REGISTERS(WRITE_ONE)
    isb();
}

static void system_read(uint64_t *to)
{
    unsigned i = 0;
    SYSTEM_REGISTERS(READ_ONE)
}

void guest_main(void)
{
    static struct state load;
    static struct state store;
    uint64_t seed = cmdline_number("seed", 1);
    uint64_t rounds = cmdline_number("rounds", 50);
    uint64_t ticks = cmdline_number("round-ms", 20) * (time_hz() / 1000);
    random_state = 0x9e3779b97f4a7c15 * (seed + 1);
    report_begin("fp");

    uint64_t bad_vectors = 0;
    uint64_t bad_general = 0;
    uint64_t bad_control = 0;
    for (uint64_t round = 0; round < rounds; round++) {
        for (unsigned i = 0; i < VECTOR_WORDS; i++) {
            load.vectors[i] = random_word();
        }
        for (unsigned i = 0; i < GENERAL_WORDS; i++) {
            load.general[i] = random_word();
        }
        load.fpcr = random_word() & (3u << 22 | 1u << 24 | 1u << 25); /* RMode, FZ, DN */
        load.fpsr = random_word() & 0x0800009f; /* QC and the exception flags */
        system_write();
        system_read(system_expected);
        fp_hold(&load, &store, time_ticks() + ticks);
        uint64_t system_now[SYSTEM_COUNT];
        system_read(system_now);
        for (unsigned i = 0; i < VECTOR_WORDS; i++) {
            bad_vectors += load.vectors[i] != store.vectors[i];
        }
        for (unsigned i = 0; i < GENERAL_WORDS; i++) {
            bad_general += load.general[i] != store.general[i];
        }
        bad_control += load.fpcr != store.fpcr || load.fpsr != store.fpsr;
        for (unsigned i = 0; i < SYSTEM_COUNT; i++) {
            system_bad[i] += system_now[i] != system_expected[i];
        }
    }
    report_equal(bad_vectors, 0, "v0 to v31 keep their values over %lu rounds", rounds);
    report_equal(bad_control, 0, "FPCR and FPSR keep their values");
    report_equal(bad_general, 0, "general registers keep their values");
    for (unsigned i = 0; i < SYSTEM_COUNT; i++) {
        report_equal(system_bad[i], 0, "%s keeps its value", system_names[i]);
    }
}

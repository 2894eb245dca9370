/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Nothing of this CPU's state may change while another VM has the CPU: x87 and SSE registers,
 * general registers, MSRs, control and debug registers. Every VM that shares the CPU runs this
 * guest with its own seed. Words of the command line:
 *     seed=N       makes the values of this VM (default 1)
 *     rounds=N     rounds (default 50)
 *     round-ms=N   length of one round (default 20: longer than a time slice)
 */
#include "x86_64.h"

#define GENERALS 13u

#define CR0_MP         (1u << 1)
#define CR0_EM         (1u << 2)
#define CR0_TS         (1u << 3)
#define CR4_OSFXSR     (1u << 9)
#define CR4_OSXMMEXCPT (1u << 10)

#define CANONICAL ((1ull << 47) - 1)

/* The image of FXSAVE64 (APM vol. 2, 11.4.4.3). */
struct fx {
    uint16_t control;
    uint16_t status;
    uint8_t tags;
    uint8_t unused_1[19]; /* opcode and pointers of the last instruction: not always kept */
    uint32_t mxcsr;
    uint32_t mxcsr_mask;
    uint8_t st[8][16]; /* ten bytes each */
    uint64_t xmm[16][2];
    uint8_t unused_2[96];
} __attribute__((aligned(16)));

/* fp_asm.S: loads all of it, spins until the counter is @p until, and stores it. */
struct state {
    struct fx fx;
    uint64_t general[GENERALS];
};
void fp_round(const struct state *in, struct state *out, uint64_t until);

/* MSRs, and which bits of them keep what is written. */
static const struct {
    uint32_t msr;
    uint64_t bits;
} msrs[] = {
    { 0x00000174, 0xffff },                                      /* SYSENTER_CS */
    { 0x00000175, CANONICAL },                                   /* SYSENTER_ESP */
    { 0x00000176, CANONICAL },                                   /* SYSENTER_EIP */
    { 0x00000277, 0x0707070707070707 & ~0x0202020202020202ull }, /* PAT: types 0, 1, 4 and 5 */
    { 0xc0000081, ~0ull },                                       /* STAR */
    { 0xc0000082, CANONICAL },                                   /* LSTAR */
    { 0xc0000083, CANONICAL },                                   /* CSTAR */
    { 0xc0000084, 0xffffffff },                                  /* SFMASK */
    { 0xc0000100, CANONICAL },                                   /* FS.base */
    { 0xc0000101, CANONICAL },                                   /* GS.base */
    { 0xc0000102, CANONICAL },                                   /* KernelGSbase */
    { 0xc0000103, 0xffffffff },                                  /* TSC_AUX */
};

static uint64_t seed;

static unsigned fp_wrong;
static unsigned general_wrong;
static unsigned msr_wrong;
static unsigned register_wrong;

static uint64_t next_value(void)
{
    seed = seed * 6364136223846793005 + 1442695040888963407;
    return seed ^ seed >> 29;
}

static void make_state(struct state *state)
{
    struct fx *fx = &state->fx;
    memset(fx, 0, sizeof(*fx));
    fx->control = (uint16_t)((next_value() & 0xf00) | 0x7f); /* all exceptions masked */
    fx->status = (uint16_t)(next_value() & 0x7f7f);
    fx->tags = (uint8_t)next_value();
    fx->mxcsr = (uint32_t)next_value() & 0xffbf;
    for (unsigned i = 0; i < 80; i++) {
        fx->st[i / 10][i % 10] = (uint8_t)(next_value() >> 8);
    }
    for (unsigned i = 0; i < 32; i++) {
        fx->xmm[i / 2][i % 2] = next_value();
    }
    for (unsigned i = 0; i < GENERALS; i++) {
        state->general[i] = next_value();
    }
}

static void compare_state(const struct state *in, const struct state *out)
{
    fp_wrong += out->fx.control != in->fx.control;
    fp_wrong += out->fx.status != in->fx.status;
    fp_wrong += out->fx.tags != in->fx.tags;
    fp_wrong += out->fx.mxcsr != in->fx.mxcsr;
    for (unsigned i = 0; i < 80; i++) {
        fp_wrong += out->fx.st[i / 10][i % 10] != in->fx.st[i / 10][i % 10];
    }
    for (unsigned i = 0; i < 32; i++) {
        fp_wrong += out->fx.xmm[i / 2][i % 2] != in->fx.xmm[i / 2][i % 2];
    }
    for (unsigned i = 0; i < GENERALS; i++) {
        general_wrong += out->general[i] != in->general[i];
    }
}

/* CR2, CR8, DR0 to DR3: written from @p values, or compared with them. */
static void write_registers(const uint64_t values[6])
{
    register_write(cr2, values[0]);
    register_write(cr8, values[1] & 0xf);
    register_write(db0, values[2] & CANONICAL);
    register_write(db1, values[3] & CANONICAL);
    register_write(db2, values[4] & CANONICAL);
    register_write(db3, values[5] & CANONICAL);
}

static void compare_registers(const uint64_t values[6])
{
    register_wrong += register_read(cr2) != values[0];
    register_wrong += register_read(cr8) != (values[1] & 0xf);
    register_wrong += register_read(db0) != (values[2] & CANONICAL);
    register_wrong += register_read(db1) != (values[3] & CANONICAL);
    register_wrong += register_read(db2) != (values[4] & CANONICAL);
    register_wrong += register_read(db3) != (values[5] & CANONICAL);
}

static void run_round(uint64_t ticks)
{
    static struct state in;
    static struct state out;
    uint64_t msr_values[ARRAY_SIZE(msrs)];
    uint64_t values[6];
    uint32_t aux;
    make_state(&in);
    for (unsigned i = 0; i < ARRAY_SIZE(msrs); i++) {
        msr_values[i] = next_value() & msrs[i].bits;
        msr_write(msrs[i].msr, msr_values[i]);
    }
    for (unsigned i = 0; i < ARRAY_SIZE(values); i++) {
        values[i] = next_value();
    }
    write_registers(values);
    fp_round(&in, &out, time_ticks() + ticks);
    compare_registers(values);
    for (unsigned i = 0; i < ARRAY_SIZE(msrs); i++) {
        msr_wrong += msr_read(msrs[i].msr) != msr_values[i];
    }
    __asm__ volatile("rdtscp" : "=c"(aux)::"eax", "edx");
    msr_wrong += aux != msr_values[ARRAY_SIZE(msrs) - 1];
    compare_state(&in, &out);
}

void guest_main(void)
{
    report_begin("fp");
    seed = cmdline_number("seed", 1);
    uint64_t rounds = cmdline_number("rounds", 50);
    uint64_t ticks = cmdline_number("round-ms", 20) * (time_hz() / 1000);
    register_write(cr0, (register_read(cr0) | CR0_MP) & ~(uint64_t)(CR0_EM | CR0_TS));
    register_write(cr4, register_read(cr4) | CR4_OSFXSR | CR4_OSXMMEXCPT);
    for (uint64_t round = 0; round < rounds; round++) {
        run_round(ticks);
    }
    report_equal(fp_wrong, 0, "x87 and SSE registers kept over %lu rounds", rounds);
    report_equal(general_wrong, 0, "general registers kept");
    report_equal(msr_wrong, 0, "MSRs kept");
    report_equal(register_wrong, 0, "CR2, CR8 and debug registers kept");
    register_write(cr8, 0);
}

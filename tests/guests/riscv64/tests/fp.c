/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Nothing of this hart's state may change while another VM has the hart: f0 to f31, fcsr, general
 * registers and the CSRs of S-mode. Every VM that shares the hart runs this guest with its own
 * seed. Words of the command line: seed=N       makes the values of this VM (default 1) rounds=N
 * rounds (default 50) round-ms=N   length of one round (default 20: longer than a time slice)
 */
#include "riscv64.h"

#define FLOATS   32u
#define GENERALS 12u

/* fp_asm.S: loads f0-f31, fcsr and s0-s11, spins until the counter is @p until, and stores them. */
struct state {
    uint64_t f[FLOATS];
    uint64_t fcsr;
    uint64_t s[GENERALS];
};
void fp_round(const struct state *in, struct state *out, uint64_t until);

static uint64_t seed;

static uint64_t next_value(void)
{
    seed = seed * 6364136223846793005 + 1442695040888963407;
    return seed ^ seed >> 29;
}

static unsigned fp_wrong;
static unsigned general_wrong;
static unsigned csr_wrong;

static void run_round(uint64_t ticks)
{
    struct state in;
    struct state out;
    for (unsigned i = 0; i < FLOATS; i++) {
        in.f[i] = next_value();
    }
    in.fcsr = (next_value() & 0x1f) | (next_value() % 5) << 5;
    for (unsigned i = 0; i < GENERALS; i++) {
        in.s[i] = next_value();
    }
    uint64_t scratch = next_value();
    uint64_t sepc = next_value() & ~3ull & ((1ull << 38) - 1);
    uint64_t cause = next_value() & 15;
    csr_write(CSR_SSCRATCH, scratch);
    csr_write(CSR_SEPC, sepc);
    csr_write(0x142, cause);
    csr_write(0x143, scratch & ((1ull << 38) - 1));
    fp_round(&in, &out, time_ticks() + ticks);
    csr_wrong += csr_read(CSR_SSCRATCH) != scratch;
    csr_wrong += csr_read(CSR_SEPC) != sepc;
    csr_wrong += csr_read(0x142) != cause;
    csr_wrong += csr_read(0x143) != (scratch & ((1ull << 38) - 1));
    for (unsigned i = 0; i < FLOATS; i++) {
        fp_wrong += out.f[i] != in.f[i];
    }
    fp_wrong += out.fcsr != in.fcsr;
    for (unsigned i = 0; i < GENERALS; i++) {
        general_wrong += out.s[i] != in.s[i];
    }
}

void guest_main(void)
{
    report_begin("fp");
    seed = cmdline_number("seed", 1);
    uint64_t rounds = cmdline_number("rounds", 50);
    uint64_t ticks = cmdline_number("round-ms", 20) * (time_hz() / 1000);
    csr_set(CSR_SSTATUS, SSTATUS_FS);
    for (uint64_t round = 0; round < rounds; round++) {
        run_round(ticks);
    }
    report_equal(fp_wrong, 0, "f0 to f31 and fcsr kept over %lu rounds", rounds);
    report_equal(general_wrong, 0, "general registers kept");
    report_equal(csr_wrong, 0, "CSRs kept");
    csr_clear(CSR_SSTATUS, SSTATUS_FS);
    csr_write(CSR_SSCRATCH, 0);
}

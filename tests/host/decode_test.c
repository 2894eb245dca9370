/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Decoding of loads and stores: words that an assembler made, and every encoding against a table of
 * the formats.
 */
/* ARCH: riscv64 */
/* SOURCES: arch/riscv64/decode.c */
#include "test.h"
#include <arch/decode.h>

struct expected {
    uint32_t word;
    struct decoded_access access;
};

/* From riscv64-linux-gnu-as. */
static const struct expected assembled[] = {
    { 0x0005a503, { 4, 10, 4, false, true } },  /* lw a0, 0(a1) */
    { 0x0005e503, { 4, 10, 4, false, false } }, /* lwu a0, 0(a1) */
    { 0xffc5a503, { 4, 10, 4, false, true } },  /* lw a0, -4(a1) */
    { 0x00058f83, { 1, 31, 4, false, true } },  /* lb t6, 0(a1) */
    { 0x0005cf83, { 1, 31, 4, false, false } }, /* lbu t6, 0(a1) */
    { 0x00059083, { 2, 1, 4, false, true } },   /* lh ra, 0(a1) */
    { 0x0005d083, { 2, 1, 4, false, false } },  /* lhu ra, 0(a1) */
    { 0x7ff5b003, { 8, 0, 4, false, true } },   /* ld zero, 2047(a1) */
    { 0x00a58023, { 1, 10, 4, true, false } },  /* sb a0, 0(a1) */
    { 0x00a59023, { 2, 10, 4, true, false } },  /* sh a0, 0(a1) */
    { 0x0005a023, { 4, 0, 4, true, false } },   /* sw zero, 0(a1) */
    { 0xfff5bfa3, { 8, 31, 4, true, false } },  /* sd t6, -1(a1) */
    { 0x4188, { 4, 10, 2, false, true } },      /* c.lw a0, 0(a1) */
    { 0x6188, { 8, 10, 2, false, true } },      /* c.ld a0, 0(a1) */
    { 0xc188, { 4, 10, 2, true, false } },      /* c.sw a0, 0(a1) */
    { 0xe19c, { 8, 15, 2, true, false } },      /* c.sd a5, 0(a1) */
    { 0x4502, { 4, 10, 2, false, true } },      /* c.lwsp a0, 0(sp) */
    { 0x6f82, { 8, 31, 2, false, true } },      /* c.ldsp t6, 0(sp) */
    { 0xc02a, { 4, 10, 2, true, false } },      /* c.swsp a0, 0(sp) */
    { 0xe002, { 8, 0, 2, true, false } },       /* c.sdsp zero, 0(sp) */
};

static void expect_same(uint32_t word, const struct decoded_access *is,
                        const struct decoded_access *expected)
{
    if (is->size != expected->size || is->reg != expected->reg || is->length != expected->length ||
        is->is_write != expected->is_write || is->is_signed != expected->is_signed) {
        FAIL("0x%08x: size %u, register %u, length %u, write %d, signed %d", word, is->size,
             is->reg, is->length, is->is_write, is->is_signed);
    }
}

TEST(what_an_assembler_makes)
{
    for (unsigned i = 0; i < sizeof assembled / sizeof assembled[0]; i++) {
        struct decoded_access access;

        EXPECT(decode_access(assembled[i].word, &access));
        expect_same(assembled[i].word, &access, &assembled[i].access);
    }
}

/* Atomics, floating point, everything that is no load or store of an integer register. */
TEST(what_is_refused)
{
    static const uint32_t words[] = {
        0x00052007,             /* flw ft0, 0(a0) */
        0x00053027,             /* fsd ft0, 0(a0) */
        0x1005252f,             /* lr.w a0, (a0) */
        0x00a5352f,             /* amoadd.d a0, a0, (a0) */
        0x0005f503,             /* LOAD with funct3 7 */
        0x0005c023,             /* STORE with funct3 4 */
        0x00000013,             /* nop */
        0x00000000, 0x10500073, /* wfi */
        0x2188,                 /* c.fld */
        0xa188,                 /* c.fsd */
        0x2502,                 /* c.fldsp */
        0x4002,                 /* c.lwsp to x0: reserved */
        0x6002,                 /* c.ldsp to x0: reserved */
        0x0001,                 /* c.nop */
        0x8082,                 /* ret */
    };

    for (unsigned i = 0; i < sizeof words / sizeof words[0]; i++) {
        struct decoded_access access;

        if (decode_access(words[i], &access)) {
            FAIL("0x%08x is decoded", words[i]);
        }
    }
}

/* Every LOAD and STORE, whatever its offset and base. */
TEST(every_long_form)
{
    uint64_t random = 1;

    for (uint32_t funct3 = 0; funct3 < 8; funct3++) {
        for (uint32_t reg = 0; reg < 32; reg++) {
            uint32_t noise = (uint32_t)test_random(&random);
            uint32_t load = (noise & 0xffff8000) | funct3 << 12 | reg << 7 | 0x03;
            uint32_t store = (noise & 0xfe0f8f80) | funct3 << 12 | reg << 20 | 0x23;
            struct decoded_access expected = { .size = (uint8_t)(1u << funct3 % 4),
                                               .reg = (uint8_t)reg,
                                               .length = 4,
                                               .is_signed = funct3 < 4 };
            struct decoded_access access;

            EXPECT_EQ(decode_access(load, &access), funct3 != 7);
            if (funct3 != 7) {
                expect_same(load, &access, &expected);
            }
            expected.is_write = true;
            expected.is_signed = false;
            EXPECT_EQ(decode_access(store, &access), funct3 < 4);
            if (funct3 < 4) {
                expect_same(store, &access, &expected);
            }
        }
    }
}

/* Every half word that is not the start of a longer instruction (27.8). */
TEST(every_compressed_form)
{
    for (uint32_t half = 0; half < 0x10000; half++) {
        uint32_t quadrant = half & 3, funct3 = half >> 13;
        struct decoded_access access, expected = { .length = 2 };
        bool is_wide = funct3 == 3 || funct3 == 7;
        bool is_access = (quadrant == 0 || quadrant == 2) &&
                         (funct3 == 2 || funct3 == 3 || funct3 == 6 || funct3 == 7);

        if (quadrant == 3) {
            continue;
        }
        expected.size = is_wide ? 8 : 4;
        expected.is_write = funct3 >= 6;
        expected.is_signed = !expected.is_write;
        if (quadrant == 0) {
            expected.reg = (uint8_t)(half >> 2 & 7) + 8;
        } else if (expected.is_write) {
            expected.reg = half >> 2 & 31;
        } else {
            expected.reg = half >> 7 & 31;
            is_access = is_access && expected.reg != 0;
        }
        EXPECT_EQ(decode_access(half | 0xdead0000, &access), is_access);
        if (is_access) {
            expect_same(half, &access, &expected);
        }
    }
}

/* htinst: bit 1 says whether the instruction was compressed; offsets are gone (18.6.3). */
TEST(transformed)
{
    static const struct expected words[] = {
        { 0x00002503, { 4, 10, 4, false, true } }, /* lw a0 */
        { 0x00006503, { 4, 10, 4, false, false } },
        { 0x00a02023, { 4, 10, 4, true, false } }, /* sw a0 */
        { 0x00002501, { 4, 10, 2, false, true } }, /* c.lw a0 */
        { 0x00a03021, { 8, 10, 2, true, false } }, /* c.sd a0 */
        { 0x000fa503, { 4, 10, 4, false, true } }, /* with the address offset of a misaligned one */
    };
    static const uint64_t refused[] = {
        0,
        0x3000, /* a walk's implicit read, and write, of 64-bit entries */
        0x3020,
        0x2000,                             /* of 32-bit ones */
        0x1005252f & ~UINT64_C(0x000f8000), /* lr.w */
        0x00002007,                         /* flw */
    };
    struct decoded_access access;

    for (unsigned i = 0; i < sizeof words / sizeof words[0]; i++) {
        EXPECT(decode_transformed(words[i].word, &access));
        expect_same(words[i].word, &access, &words[i].access);
    }
    for (unsigned i = 0; i < sizeof refused / sizeof refused[0]; i++) {
        EXPECT(!decode_transformed(refused[i], &access));
    }
}

TEST_MAIN()

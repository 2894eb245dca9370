/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Instructions that access a device: what they move, combine and where to, from their bytes; and
 * what they compute. Pure functions, no state, no guest. Addresses are not computed: the nested
 * page fault tells them.
 *
 * Decoded are MOV (also moffs), MOVZX, MOVSX, MOVSXD, XCHG, TEST and the eight operations of
 * opcodes 00h-3Bh and 80h-83h, with one memory operand and a general register or an immediate.
 * Everything else (strings, stacks, bits, media registers, INC, CMPXCHG) is refused.
 *
 * Source: AMD64 APM vol. 3 (24594), chapter 1 (encoding) and appendix A (opcode maps).
 */
#pragma once

#include <hv/types.h>

/* The first eight as the opcode's bits 5:3 number them. */
enum decoded_op {
    DECODED_ADD,
    DECODED_OR,
    DECODED_ADC,
    DECODED_SBB,
    DECODED_AND,
    DECODED_SUB,
    DECODED_XOR,
    DECODED_CMP,
    DECODED_TEST,
    DECODED_XCHG,
    DECODED_MOV,
};

/*
 * "The operand" is the one that is not memory. A pure store is MOV with is_write; all others read
 * memory. XCHG has both is_write and to_register, CMP with memory on the left and TEST have
 * neither.
 */
struct decoded_access {
    uint8_t op;        /* enum decoded_op */
    uint8_t size;      /* of the access to memory: 1, 2, 4 or 8 bytes */
    uint8_t length;    /* of the instruction: 2 ... 15 bytes */
    uint8_t reg;       /* the operand, unless it is immediate: 0 (RAX) ... 15 (R15) */
    uint8_t extend_to; /* bytes of `reg` that are read or written: `size`, or more (MOVZX...) */
    bool is_high_byte; /* bits 15:8 of `reg` (AH, CH, DH, BH) */
    bool is_immediate; /* the operand is `immediate`, already extended and cut to `size` */
    bool is_signed;    /* a load that extends the sign up to `extend_to` */
    bool is_write;     /* memory is written (after it was read, unless op is MOV) */
    bool to_register;  /* `reg` is written, or, with CMP, on the left */
    uint64_t immediate;
};

/*
 * Decodes the instruction at @p bytes, of which @p count (0 ... 15) are there, for the mode of its
 * code segment: CS.L while EFER.LMA is set, else CS.D. Returns false if it is none of those above,
 * would not be executed (LOCK where it is not allowed), or does not end within @p count bytes.
 */
HV_MUST_CHECK bool decode(const uint8_t *bytes, uint32_t count, bool is_long, bool is_default32,
                          struct decoded_access *out);

/* The operand's value, `size` bytes, when its register (if it is one) holds @p reg. */
HV_MUST_CHECK uint64_t decode_operand(const struct decoded_access *access, uint64_t reg);

/*
 * What the instruction makes of @p memory and @p operand, each of `size` bytes, to be written to
 * memory if is_write, else to the register if to_register. (XCHG also writes @p memory to the
 * register.) Sets CF, PF, AF, ZF, SF and OF of *@p rflags as the instruction does; AF is 0 where
 * the manual leaves it open.
 */
HV_MUST_CHECK uint64_t decode_compute(const struct decoded_access *access, uint64_t memory,
                                      uint64_t operand, uint64_t *rflags);

/* What the register that held @p reg holds after @p value, `size` bytes, was written to it. */
HV_MUST_CHECK uint64_t decode_loaded(const struct decoded_access *access, uint64_t reg,
                                     uint64_t value);

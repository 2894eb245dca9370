/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Instructions that access a device: what they move, and where to, from their bytes. Pure
 * functions, no state, no guest. Addresses are not computed: the nested page fault tells them.
 *
 * Decoded are MOV (also moffs), MOVZX, MOVSX, MOVSXD and XCHG, with a memory operand and a general
 * register or an immediate: what compilers make of volatile accesses, and kernels write. Everything
 * else (arithmetic, strings, stacks, media registers, CMPXCHG) is refused.
 *
 * Source: AMD64 APM vol. 3 (24594), chapter 1 (encoding) and appendix A (opcode maps).
 */
#pragma once

#include <hv/types.h>

/* "The operand" is the one that is not memory. XCHG reads and writes; all others do one of both. */
struct decoded_access {
    uint8_t size;      /* of the access to memory: 1, 2, 4 or 8 bytes */
    uint8_t length;    /* of the instruction: 2 ... 15 bytes */
    uint8_t reg;       /* the operand, unless it is immediate: 0 (RAX) ... 15 (R15) */
    uint8_t extend_to; /* bytes of `reg` that are read or written: `size`, or more (MOVZX...) */
    bool is_high_byte; /* bits 15:8 of `reg` (AH, CH, DH, BH) */
    bool is_immediate; /* the operand is `immediate`, already extended and cut to `size` */
    bool is_signed;    /* a load that extends the sign up to `extend_to` */
    bool is_write;     /* memory is written, for XCHG after it was read */
    bool to_register;  /* memory is read, and `reg` is written */
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

/* What the register that held @p reg holds after @p value, `size` bytes, was written to it. */
HV_MUST_CHECK uint64_t decode_loaded(const struct decoded_access *access, uint64_t reg,
                                     uint64_t value);

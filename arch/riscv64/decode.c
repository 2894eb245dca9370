/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Loads and stores, from the instruction word. See arch/decode.h.
 */
#include <arch/decode.h>

#define OPCODE_LOAD  0x03u
#define OPCODE_STORE 0x23u

/* Width of LOAD's funct3 that means unsigned; the lower two bits are log2 of the size (2.6). */
#define FUNCT3_UNSIGNED 0x4u

/* Of a compressed instruction (27.8, tables 36 and 38): loads and stores of integers in quadrants 0
 * and 2 have the second bit of funct3, which tells that they are none of FP; the others say more.
 */
#define C_QUADRANT 0x0003u
#define C_SP       0x0002u /* relative to sp, quadrant 2: the register has all its bits */
#define C_DOUBLE   0x2000u
#define C_INTEGER  0x4000u
#define C_STORE    0x8000u

/* A transformed instruction: bit 0 is set, bit 1 is clear if it was compressed (18.6.3). */
#define TRANSFORMED_VALID 0x1u
#define TRANSFORMED_LONG  0x2u

static bool decode_long(uint32_t instruction, struct decoded_access *access)
{
    uint32_t funct3 = (instruction >> 12) & 7;

    access->size = (uint8_t)(1u << (funct3 & 3));
    access->length = 4;
    switch (instruction & 0x7f) {
    case OPCODE_LOAD:
        access->reg = (instruction >> 7) & 31;
        access->is_write = false;
        access->is_signed = (funct3 & FUNCT3_UNSIGNED) == 0;
        return funct3 != 7;
    case OPCODE_STORE:
        access->reg = (instruction >> 20) & 31;
        access->is_write = true;
        access->is_signed = false;
        return funct3 < 4;
    default:
        return false;
    }
}

static bool decode_compressed(uint32_t instruction, struct decoded_access *access)
{
    bool is_sp = (instruction & C_QUADRANT) == C_SP;
    uint32_t low = (instruction >> 2) & 31, high = (instruction >> 7) & 31;

    access->length = 2;
    access->size = (instruction & C_DOUBLE) != 0 ? 8 : 4;
    access->is_write = (instruction & C_STORE) != 0;
    access->is_signed = !access->is_write;
    access->reg = (uint8_t)(!is_sp ? 8 + (low & 7) : access->is_write ? low : high);
    return (is_sp || (instruction & C_QUADRANT) == 0) && (instruction & C_INTEGER) != 0 &&
           (access->is_write || access->reg != 0); /* reserved otherwise */
}

bool decode_access(uint32_t instruction, struct decoded_access *access)
{
    return (instruction & 3) == 3 ? decode_long(instruction, access)
                                  : decode_compressed(instruction, access);
}

bool decode_transformed(uint64_t htinst, struct decoded_access *access)
{
    if ((htinst & TRANSFORMED_VALID) == 0 ||
        !decode_long((uint32_t)htinst | TRANSFORMED_LONG, access)) {
        return false;
    }
    access->length = (htinst & TRANSFORMED_LONG) != 0 ? 4 : 2;
    return true;
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Loads and stores, from the instruction word. See arch/decode.h.
 */
#include <arch/decode.h>

#define OPCODE_LOAD  0x03u
#define OPCODE_STORE 0x23u

/* Width of LOAD's funct3 that means unsigned; the lower two bits are log2 of the size (2.6). */
#define FUNCT3_UNSIGNED 0x4u

/* Of a compressed instruction, funct3 and quadrant (27.8, tables 36 and 38). */
#define COMPRESSED(funct3, quadrant) (((funct3) << 13) | (quadrant))
#define C_LW                         COMPRESSED(2u, 0u)
#define C_LD                         COMPRESSED(3u, 0u)
#define C_SW                         COMPRESSED(6u, 0u)
#define C_SD                         COMPRESSED(7u, 0u)
#define C_LWSP                       COMPRESSED(2u, 2u)
#define C_LDSP                       COMPRESSED(3u, 2u)
#define C_SWSP                       COMPRESSED(6u, 2u)
#define C_SDSP                       COMPRESSED(7u, 2u)

/* A transformed instruction: bit 0 is set, bit 1 is clear if it was compressed (18.6.3). */
#define TRANSFORMED_VALID 0x1u
#define TRANSFORMED_LONG  0x2u

uint32_t decode_length(uint32_t instruction)
{
    return (instruction & 3) == 3 ? 4 : 2;
}

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
    uint32_t form = instruction & COMPRESSED(7u, 3u);

    access->length = 2;
    access->size = (form & 0x2000) != 0 ? 8 : 4;
    access->is_write = (form & 0x8000) != 0;
    access->is_signed = !access->is_write;
    switch (form) {
    case C_LW:
    case C_LD:
    case C_SW:
    case C_SD:
        access->reg = (uint8_t)(8 + ((instruction >> 2) & 7));
        return true;
    case C_LWSP:
    case C_LDSP:
        access->reg = (instruction >> 7) & 31;
        return access->reg != 0; /* reserved otherwise */
    case C_SWSP:
    case C_SDSP:
        access->reg = (instruction >> 2) & 31;
        return true;
    default:
        return false;
    }
}

bool decode_access(uint32_t instruction, struct decoded_access *access)
{
    return decode_length(instruction) == 4 ? decode_long(instruction, access)
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

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Instructions that access a device, from their bytes. See arch/decode.h.
 */
#include <arch/decode.h>

#define PREFIX_OPERAND_SIZE 0x66u
#define PREFIX_ADDRESS_SIZE 0x67u
#define PREFIX_LOCK         0xf0u
#define PREFIX_REPNE        0xf2u
#define PREFIX_REP          0xf3u

#define REX   0x40u /* and the four bits */
#define REX_W 0x08u
#define REX_R 0x04u

#define ESCAPE   0x0fu
#define ESCAPED  0x100u /* stands before an opcode of the second map */
#define OPCODE_W 0x01u  /* set: operands of the operand size, clear: bytes */

/* The instruction while it is read, and what its prefixes say. */
struct code {
    const uint8_t *bytes;
    uint32_t count, at;
    bool is_short; /* it goes on where there are no bytes */
    bool is_long;
    bool has_operand_size, has_address_size, has_lock; /* prefixes */
    uint8_t rex;                                       /* 0: none */
    uint8_t operand_size, address_size;
};

static uint64_t mask(uint32_t size)
{
    return ~UINT64_C(0) >> (64 - 8 * size);
}

static uint64_t sign_extend(uint64_t value, uint32_t size)
{
    return size == 1   ? (uint64_t)(int8_t)value
           : size == 2 ? (uint64_t)(int16_t)value
           : size == 4 ? (uint64_t)(int32_t)value
                       : value;
}

/* The next @p size bytes; 0, noted in is_short, when there are not so many. */
static uint64_t take(struct code *code, uint32_t size)
{
    uint64_t value = 0;

    if (code->count - code->at < size) {
        code->is_short = true;
        return 0;
    }
    for (uint32_t i = 0; i < size; i++) {
        value |= (uint64_t)code->bytes[code->at + i] << (8 * i);
    }
    code->at += size;
    return value;
}

/* Whether @p byte is a prefix (APM vol. 3, 1.2), which is then noted. */
static bool is_prefix(struct code *code, uint8_t byte)
{
    bool is_rex = code->is_long && (byte & 0xf0) == REX;

    switch (byte) {
    case PREFIX_OPERAND_SIZE:
        code->has_operand_size = true;
        break;
    case PREFIX_ADDRESS_SIZE:
        code->has_address_size = true;
        break;
    case PREFIX_LOCK:
        code->has_lock = true;
        break;
    case PREFIX_REPNE: /* without meaning here */
    case PREFIX_REP:
    case 0x26: /* segments: ES, CS, SS, DS, FS, GS */
    case 0x2e:
    case 0x36:
    case 0x3e:
    case 0x64:
    case 0x65:
        break;
    default:
        code->rex = is_rex ? byte : code->rex;
        return is_rex;
    }
    code->rex = 0; /* counts only right before the opcode (1.2.7) */
    return true;
}

/* Reads the prefixes and the opcode; finds the sizes that they make (1.2.2, 1.2.3). */
static uint32_t take_opcode(struct code *code, bool is_default32)
{
    uint8_t byte;

    do {
        byte = (uint8_t)take(code, 1);
    } while (is_prefix(code, byte));
    code->operand_size = is_default32 != code->has_operand_size ? 4 : 2;
    code->address_size = is_default32 != code->has_address_size ? 4 : 2;
    if (code->is_long) {
        code->operand_size = (code->rex & REX_W) != 0 ? 8 : code->has_operand_size ? 2 : 4;
        code->address_size = code->has_address_size ? 4 : 8;
    }
    return byte == ESCAPE ? ESCAPED | (uint32_t)take(code, 1) : byte;
}

/* The bytes behind ModRM that are part of the address: SIB and displacement (1.4). */
static void skip_address(struct code *code, uint8_t modrm)
{
    uint32_t mod = modrm >> 6, rm = modrm & 7;

    if (code->address_size == 2) {
        (void)take(code, mod == 0 ? (rm == 6 ? 2 : 0) : mod);
        return;
    }
    if (rm == 4) {
        rm = take(code, 1) & 7; /* the base */
    }
    (void)take(code, mod == 0 ? (rm == 5 ? 4 : 0) : mod == 1 ? 1 : 4);
}

static void set_register(const struct code *code, uint32_t number, struct decoded_access *out)
{
    out->is_high_byte = out->extend_to == 1 && code->rex == 0 && number >= 4;
    out->reg = (uint8_t)(out->is_high_byte ? number - 4 : number);
    if ((code->rex & REX_R) != 0) {
        out->reg |= 8;
    }
}

/* Reads ModRM and the address. Returns false if there is no memory operand; else *@p extension is
 * bits 5:3, where they are part of the opcode. */
static bool take_modrm(struct code *code, struct decoded_access *out, uint32_t *extension)
{
    uint8_t modrm = (uint8_t)take(code, 1);

    *extension = modrm >> 3 & 7;
    set_register(code, *extension, out);
    skip_address(code, modrm);
    return modrm >> 6 != 3;
}

/* MOV of an immediate of `size` bytes, of which no more than four are encoded. */
static bool decode_immediate(struct code *code, uint32_t size, struct decoded_access *out)
{
    uint32_t extension;
    bool has_memory = take_modrm(code, out, &extension);

    size = size > 4 ? 4 : size;
    out->is_high_byte = false;
    out->reg = 0;
    out->is_immediate = true;
    out->immediate = sign_extend(take(code, size), size) & mask(out->size);
    return has_memory && extension == 0;
}

/* Loads that fill more of the register than they read. */
static bool decode_extending(struct code *code, uint32_t size, bool is_signed,
                             struct decoded_access *out)
{
    uint32_t extension;

    out->size = (uint8_t)size;
    out->extend_to = code->operand_size;
    out->is_signed = is_signed;
    return take_modrm(code, out, &extension);
}

static bool decode_form(struct code *code, uint32_t opcode, struct decoded_access *out)
{
    uint32_t extension;

    out->is_write = true; /* the stores; loads return from the first switch */
    switch (opcode & ~OPCODE_W) {
    case 0x86: /* XCHG */
        out->to_register = true;
        return take_modrm(code, out, &extension);
    case 0x88:
        return take_modrm(code, out, &extension);
    case 0xa2: /* to an absolute address */
        (void)take(code, code->address_size);
        return true;
    case 0xc6:
        return decode_immediate(code, out->size, out);
    default:
        break;
    }
    out->is_write = false;
    out->to_register = true;
    switch (opcode & ~OPCODE_W) {
    case 0x62: /* 63h is MOVSXD; without REX.W a MOV by an unusual name */
        return opcode == 0x63 && code->is_long && code->operand_size == 8 &&
               decode_extending(code, 4, true, out);
    case 0x8a:
        return take_modrm(code, out, &extension);
    case 0xa0: /* from an absolute address */
        (void)take(code, code->address_size);
        return true;
    case ESCAPED | 0xb6: /* MOVZX, MOVSX */
    case ESCAPED | 0xbe:
        return decode_extending(code, 1 + (opcode & OPCODE_W), (opcode & 8) != 0, out);
    default:
        return false;
    }
}

bool decode(const uint8_t *bytes, uint32_t count, bool is_long, bool is_default32,
            struct decoded_access *out)
{
    struct code code = { .bytes = bytes, .count = count, .is_long = is_long };
    uint32_t opcode = take_opcode(&code, is_default32);

    *out = (struct decoded_access){ .size = (opcode & OPCODE_W) != 0 ? code.operand_size : 1 };
    out->extend_to = out->size;
    if (!decode_form(&code, opcode, out) || code.is_short) {
        return false;
    }
    out->length = (uint8_t)code.at;
    /* LOCK is for what reads and writes memory (1.2.5). */
    return !code.has_lock || (out->is_write && out->to_register);
}

uint64_t decode_operand(const struct decoded_access *access, uint64_t reg)
{
    if (access->is_immediate) {
        return access->immediate;
    }
    return (access->is_high_byte ? reg >> 8 : reg) & mask(access->size);
}

uint64_t decode_loaded(const struct decoded_access *access, uint64_t reg, uint64_t value)
{
    uint64_t written = mask(access->extend_to);

    if (access->is_signed) {
        value = sign_extend(value, access->size);
    }
    value &= written;
    if (access->is_high_byte) {
        return (reg & ~UINT64_C(0xff00)) | value << 8;
    }
    return access->extend_to >= 4 ? value : (reg & ~written) | value; /* 32 bits clear the rest */
}

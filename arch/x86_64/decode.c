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
#define OPCODE_D 0x02u  /* set: from memory to the register */

#define RFLAGS_CF    (1u << 0)
#define RFLAGS_PF    (1u << 2)
#define RFLAGS_AF    (1u << 4)
#define RFLAGS_ZF    (1u << 6)
#define RFLAGS_SF    (1u << 7)
#define RFLAGS_OF    (1u << 11)
#define RFLAGS_ARITH (RFLAGS_CF | RFLAGS_PF | RFLAGS_AF | RFLAGS_ZF | RFLAGS_SF | RFLAGS_OF)

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
    uint64_t sign = UINT64_C(1) << (8 * size - 1);

    return ((value & mask(size)) ^ sign) - sign;
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

/* Of @p size bytes, of which no more than four are encoded. */
static void take_immediate(struct code *code, uint32_t size, struct decoded_access *out)
{
    size = size > 4 ? 4 : size;
    out->is_immediate = true;
    out->immediate = sign_extend(take(code, size), size) & mask(out->size);
}

/* Opcodes with a register (or the accumulator) and memory. */
static bool decode_register_form(struct code *code, uint32_t opcode, struct decoded_access *out)
{
    uint32_t extension;

    out->to_register = (opcode & OPCODE_D) != 0;
    if (opcode < 0x40 && (opcode & 4) == 0) {
        out->op = (uint8_t)(opcode >> 3);
        return take_modrm(code, out, &extension);
    }
    switch (opcode & ~OPCODE_W) {
    case 0x84:
        out->op = DECODED_TEST;
        break;
    case 0x86:
        out->op = DECODED_XCHG;
        out->to_register = true;
        break;
    case 0x88:
    case 0x8a:
        out->op = DECODED_MOV;
        break;
    case 0xa0:
    case 0xa2:
        out->op = DECODED_MOV;
        out->to_register = !out->to_register;
        (void)take(code, code->address_size);
        return true;
    default:
        return false;
    }
    return take_modrm(code, out, &extension);
}

/* Opcodes with an immediate and memory. */
static bool decode_immediate_form(struct code *code, uint32_t opcode, struct decoded_access *out)
{
    uint32_t extension;

    if (!take_modrm(code, out, &extension)) {
        return false;
    }
    out->is_high_byte = false;
    out->reg = 0;
    take_immediate(code, opcode == 0x83 ? 1 : out->size, out);
    switch (opcode) {
    case 0x80:
    case 0x81:
    case 0x82: /* 80h again, and invalid in 64-bit mode (appendix A.2) */
    case 0x83:
        out->op = (uint8_t)extension;
        return opcode != 0x82 || !code->is_long;
    case 0xc6:
    case 0xc7:
        out->op = DECODED_MOV;
        return extension == 0;
    case 0xf6:
    case 0xf7:
        out->op = DECODED_TEST;
        return extension <= 1; /* both, appendix A.2 */
    default:
        return false;
    }
}

/* MOVZX, MOVSX and MOVSXD. */
static bool decode_extension(struct code *code, uint32_t opcode, struct decoded_access *out)
{
    uint32_t extension;

    out->op = DECODED_MOV;
    out->to_register = true;
    out->extend_to = code->operand_size;
    switch (opcode) {
    case 0x63: /* without REX.W a MOV by an unusual name */
        out->size = 4;
        out->is_signed = true;
        if (!code->is_long || code->operand_size != 8) {
            return false;
        }
        break;
    case ESCAPED | 0xb6:
    case ESCAPED | 0xb7:
    case ESCAPED | 0xbe:
    case ESCAPED | 0xbf:
        out->size = (opcode & OPCODE_W) != 0 ? 2 : 1;
        out->is_signed = (opcode & 8) != 0;
        break;
    default:
        return false;
    }
    return take_modrm(code, out, &extension);
}

static bool decode_form(struct code *code, uint32_t opcode, struct decoded_access *out)
{
    switch (opcode) {
    case 0x80:
    case 0x81:
    case 0x82:
    case 0x83:
    case 0xc6:
    case 0xc7:
    case 0xf6:
    case 0xf7:
        return decode_immediate_form(code, opcode, out);
    default:
        return opcode < ESCAPED && opcode != 0x63 ? decode_register_form(code, opcode, out)
                                                  : decode_extension(code, opcode, out);
    }
}

bool decode(const uint8_t *bytes, uint32_t count, bool is_long, bool is_default32,
            struct decoded_access *out)
{
    struct code code = { .bytes = bytes, .count = count, .is_long = is_long };
    uint32_t opcode;

    opcode = take_opcode(&code, is_default32);
    *out = (struct decoded_access){ .size = (opcode & OPCODE_W) != 0 ? code.operand_size : 1 };
    out->extend_to = out->size;
    if (!decode_form(&code, opcode, out) || code.is_short) {
        return false;
    }
    out->is_write = out->op == DECODED_XCHG ||
                    (!out->to_register && out->op != DECODED_CMP && out->op != DECODED_TEST);
    out->length = (uint8_t)code.at;
    /* LOCK is for what reads and writes memory (1.2.5). */
    return !code.has_lock || (out->is_write && out->op != DECODED_MOV);
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

/* Flags that depend on the result alone. */
static uint64_t flags_of(uint64_t result, uint32_t size)
{
    uint64_t flags = 0;

    flags |= __builtin_parity(result & 0xff) == 0 ? RFLAGS_PF : 0;
    flags |= result == 0 ? RFLAGS_ZF : 0;
    flags |= result >> (8 * size - 1) != 0 ? RFLAGS_SF : 0;
    return flags;
}

/* CF, AF and OF of a sum, from the carries out of each bit; a difference is the sum with the
 * inverse of @p right, with its carries inverted too. */
static uint64_t flags_of_carries(uint64_t left, uint64_t right, uint64_t result, uint32_t size,
                                 bool is_difference)
{
    uint64_t carries = (left & right) | ((left | right) & ~result);
    uint64_t last = carries >> (8 * size - 1) & 1;
    uint64_t before = carries >> (8 * size - 2) & 1;
    uint64_t flags = last != before ? RFLAGS_OF : 0;

    if (is_difference) {
        carries = ~carries;
        last ^= 1;
    }
    flags |= last != 0 ? RFLAGS_CF : 0;
    flags |= (carries & 8) != 0 ? RFLAGS_AF : 0;
    return flags;
}

uint64_t decode_compute(const struct decoded_access *access, uint64_t memory, uint64_t operand,
                        uint64_t *rflags)
{
    uint64_t left = access->to_register ? operand : memory;
    uint64_t right = access->to_register ? memory : operand;
    uint64_t carry = *rflags & RFLAGS_CF;
    bool is_difference =
        access->op == DECODED_SUB || access->op == DECODED_SBB || access->op == DECODED_CMP;
    uint64_t flags, result;

    switch (access->op) {
    case DECODED_MOV:
        return access->is_write ? operand : memory;
    case DECODED_XCHG:
        return operand;
    case DECODED_OR:
        result = left | right;
        break;
    case DECODED_AND:
    case DECODED_TEST:
        result = left & right;
        break;
    case DECODED_XOR:
        result = left ^ right;
        break;
    default: /* sums and differences */
        if (access->op == DECODED_ADD || access->op == DECODED_SUB || access->op == DECODED_CMP) {
            carry = 0;
        }
        right = is_difference ? ~right : right;
        result = left + right + (is_difference ? 1 - carry : carry);
        break;
    }
    result &= mask(access->size);
    flags = flags_of(result, access->size);
    if (access->op == DECODED_ADD || access->op == DECODED_ADC || is_difference) {
        flags |= flags_of_carries(left, right, result, access->size, is_difference);
    }
    *rflags = (*rflags & ~(uint64_t)RFLAGS_ARITH) | flags;
    return result;
}

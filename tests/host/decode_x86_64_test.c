/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The x86_64 decoder: bytes that an assembler made, what is refused, and parts of registers.
 * (test_decode_x86_64.py compares random instructions with a disassembler.)
 */
/* ARCH: x86_64 */
/* SOURCES: arch/x86_64/decode.c */
#include "test.h"
#include <arch/decode.h>

struct expected {
    const char *bytes;
    uint32_t count;
    struct decoded_access access;
};

#define CODE(text) .bytes = (text), .count = sizeof(text) - 1

/* From GNU as, in 64-bit mode. */
static const struct expected assembled[] = {
    /* movl %eax, (%rdi): Linux's writel */
    { CODE("\x89\x07"), { .size = 4, .extend_to = 4, .is_write = true } },
    /* movl (%rdi), %eax: Linux's readl */
    { CODE("\x8b\x07"), { .size = 4, .extend_to = 4, .to_register = true } },
    /* movl 0xfee00020, %r9d (absolute, by SIB) */
    { CODE("\x44\x8b\x0c\x25\x20\x00\xe0\xfe"),
      { .size = 4, .reg = 9, .extend_to = 4, .to_register = true } },
    /* movb %ah, 5(%rdx) */
    { CODE("\x88\x62\x05"), { .size = 1, .extend_to = 1, .is_high_byte = true, .is_write = true } },
    /* movb %spl, 5(%rdx): the same bits with REX */
    { CODE("\x40\x88\x62\x05"), { .size = 1, .reg = 4, .extend_to = 1, .is_write = true } },
    /* movzbl 3(%r8), %esi */
    { CODE("\x41\x0f\xb6\x70\x03"), { .size = 1, .reg = 6, .extend_to = 4, .to_register = true } },
    /* movsbq (%rax), %rcx */
    { CODE("\x48\x0f\xbe\x08"),
      { .size = 1, .reg = 1, .extend_to = 8, .is_signed = true, .to_register = true } },
    /* movslq (%rax), %r15 */
    { CODE("\x4c\x63\x38"),
      { .size = 4, .reg = 15, .extend_to = 8, .is_signed = true, .to_register = true } },
    /* movq $-2, 0x1000(%rbx) */
    { CODE("\x48\xc7\x83\x00\x10\x00\x00\xfe\xff\xff\xff"),
      { .size = 8,
        .extend_to = 8,
        .is_immediate = true,
        .is_write = true,
        .immediate = ~UINT64_C(1) } },
    /* movw $0x8001, (%rbx) */
    { CODE("\x66\xc7\x03\x01\x80"),
      { .size = 2, .extend_to = 2, .is_immediate = true, .is_write = true, .immediate = 0x8001 } },
    /* movabsl 0x1122334455667788, %eax */
    { CODE("\xa1\x88\x77\x66\x55\x44\x33\x22\x11"),
      { .size = 4, .extend_to = 4, .to_register = true } },
    /* lock xchgl %ebx, (%rcx) */
    { CODE("\xf0\x87\x19"),
      { .size = 4, .reg = 3, .extend_to = 4, .is_write = true, .to_register = true } },
    /* xchgl %ebx, (%rcx): Linux's apic_xchg */
    { CODE("\x87\x19"),
      { .size = 4, .reg = 3, .extend_to = 4, .is_write = true, .to_register = true } },
};

static void expect_same(const struct expected *expected, const struct decoded_access *is)
{
    struct decoded_access should_be = expected->access;

    should_be.length = (uint8_t)expected->count;
    EXPECT_EQ(is->size, should_be.size);
    EXPECT_EQ(is->length, should_be.length);
    EXPECT_EQ(is->reg, should_be.reg);
    EXPECT_EQ(is->extend_to, should_be.extend_to);
    EXPECT_EQ(is->is_high_byte, should_be.is_high_byte);
    EXPECT_EQ(is->is_immediate, should_be.is_immediate);
    EXPECT_EQ(is->is_signed, should_be.is_signed);
    EXPECT_EQ(is->is_write, should_be.is_write);
    EXPECT_EQ(is->to_register, should_be.to_register);
    EXPECT_EQ(is->immediate, should_be.immediate);
}

TEST(what_an_assembler_makes)
{
    for (unsigned i = 0; i < sizeof assembled / sizeof assembled[0]; i++) {
        struct decoded_access access;
        uint8_t bytes[15] = { 0 };

        memcpy(bytes, assembled[i].bytes, assembled[i].count);
        EXPECT(decode(bytes, sizeof bytes, true, false, &access));
        expect_same(&assembled[i], &access);
        EXPECT(!decode(bytes, assembled[i].count - 1, true, false, &access));
    }
}

TEST(the_mode_decides_sizes)
{
    static const uint8_t store[] = { 0x89, 0x04, 0x25, 0, 0, 0, 0 };
    struct decoded_access access;

    EXPECT(decode(store, sizeof store, true, false, &access)); /* (0) by SIB */
    EXPECT(access.size == 4 && access.length == 7);
    EXPECT(decode(store, sizeof store, false, true, &access));
    EXPECT(access.size == 4 && access.length == 7);
    EXPECT(decode(store, sizeof store, false, false, &access)); /* (%si) */
    EXPECT(access.size == 2 && access.length == 2);
}

#define REFUSED(text) \
    {                 \
        CODE(text),   \
        {             \
            .size = 0 \
        }             \
    }

TEST(what_is_refused)
{
    static const struct expected codes[] = {
        REFUSED("\x89\xc0"),                     /* mov %eax, %eax: no memory */
        REFUSED("\xf0\x89\x07"),                 /* lock mov */
        REFUSED("\x83\x0a\x80"),                 /* orl $-128, (%rdx) */
        REFUSED("\x03\x07"),                     /* addl (%rdi), %eax */
        REFUSED("\x85\x07"),                     /* testl %eax, (%rdi) */
        REFUSED("\xf7\x07\x00\x10\x00\x00"),     /* testl $0x1000, (%rdi) */
        REFUSED("\xff\x07"),                     /* incl (%rdi) */
        REFUSED("\xff\x37"),                     /* push (%rdi) */
        REFUSED("\xc7\x4f\x00\x00\x00\x00\x00"), /* C7 /1 */
        REFUSED("\xa5"),                         /* movsl */
        REFUSED("\xf3\xab"),                     /* rep stosl */
        REFUSED("\x8c\x07"),                     /* mov %es, (%rdi) */
        REFUSED("\x63\x07"),                     /* movslq without REX.W */
        REFUSED("\x0f\xb1\x0f"),                 /* cmpxchg */
        REFUSED("\x0f\xba\x2f\x03"),             /* bts $3, (%rdi) */
        REFUSED("\x0f\x10\x07"),                 /* movups (%rdi), %xmm0 */
        REFUSED("\xc5\xf8\x10\x07"),             /* vmovups */
        REFUSED("\x66\x66\x66\x66\x66\x66\x66\x66\x66\x66\x66\x66\x66\x66\x66"), /* no end */
        REFUSED(""),
    };

    for (unsigned i = 0; i < sizeof codes / sizeof codes[0]; i++) {
        struct decoded_access access;

        if (decode((const uint8_t *)codes[i].bytes, codes[i].count, true, false, &access)) {
            FAIL("case %u is decoded", i);
        }
    }
}

/* Never beyond the bytes that are there: each buffer is exactly as long as it says. */
TEST(any_bytes)
{
    uint64_t random = 7;

    for (unsigned i = 0; i < 300000; i++) {
        uint32_t count = (uint32_t)(test_random(&random) % 16);
        uint8_t *bytes = malloc(count);
        struct decoded_access access;

        for (uint32_t at = 0; at < count; at++) {
            bytes[at] = (uint8_t)(test_random(&random) >> 32);
        }
        if (decode(bytes, count, i % 3 == 0, i % 3 == 1, &access)) {
            EXPECT(access.length <= count && access.reg < 16);
            EXPECT(access.size != 0 && access.size <= 8 && access.extend_to >= access.size);
        }
        free(bytes);
    }
}

TEST(parts_of_registers)
{
    const uint64_t reg = 0x1122334455667788, value = 0xf1f2f3f4f5f6f7f8;
    struct decoded_access access = { .size = 1, .extend_to = 1 };

    EXPECT_EQ(decode_operand(&access, reg), 0x88);
    EXPECT_EQ(decode_loaded(&access, reg, value & 0xff), 0x11223344556677f8);
    access.is_high_byte = true;
    EXPECT_EQ(decode_operand(&access, reg), 0x77);
    EXPECT_EQ(decode_loaded(&access, reg, value & 0xff), 0x112233445566f888);
    access = (struct decoded_access){ .size = 2, .extend_to = 2 };
    EXPECT_EQ(decode_operand(&access, reg), 0x7788);
    EXPECT_EQ(decode_loaded(&access, reg, value & 0xffff), 0x112233445566f7f8);
    access = (struct decoded_access){ .size = 4, .extend_to = 4 };
    EXPECT_EQ(decode_operand(&access, reg), 0x55667788);
    EXPECT_EQ(decode_loaded(&access, reg, value & 0xffffffff), 0xf5f6f7f8);
    access = (struct decoded_access){ .size = 8, .extend_to = 8 };
    EXPECT_EQ(decode_operand(&access, reg), reg);
    EXPECT_EQ(decode_loaded(&access, reg, value), value);
    access = (struct decoded_access){ .size = 1, .extend_to = 2 }; /* movzbw */
    EXPECT_EQ(decode_loaded(&access, reg, 0xf8), 0x11223344556600f8);
    access.is_signed = true;
    EXPECT_EQ(decode_loaded(&access, reg, 0xf8), 0x112233445566fff8);
    access.extend_to = 4;
    EXPECT_EQ(decode_loaded(&access, reg, 0xf8), 0xfffffff8);
    access.extend_to = 8;
    EXPECT_EQ(decode_loaded(&access, reg, 0xf8), 0xfffffffffffffff8);
    EXPECT_EQ(decode_loaded(&access, reg, 0x78), 0x78);
    access = (struct decoded_access){ .size = 2, .is_immediate = true, .immediate = 0xfffe };
    EXPECT_EQ(decode_operand(&access, reg), 0xfffe);
}

TEST_MAIN()

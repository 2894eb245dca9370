/* SPDX-License-Identifier: Apache-2.0 */
/*
 * SHA-256: the examples of FIPS 180-4's companion "SHA256" (NIST), every short length, pieces of
 * every size, and chains in the manner of NIST's Monte Carlo test (SHAVS, 6.4). The digests that no
 * publication has are Python's: hashlib.sha256(), written beside them.
 */
/* SOURCES: runtime/lib/sha256.c */
#include "test.h"
#include <hv/sha256.h>

static uint8_t message[1000];

static const char *hex(const uint8_t digest[SHA256_SIZE])
{
    static char text[2 * SHA256_SIZE + 1];

    for (unsigned i = 0; i < SHA256_SIZE; i++) {
        sprintf(&text[2 * i], "%02x", digest[i]);
    }
    return text;
}

/* The digest of a message that comes in pieces of `piece` bytes. */
static void hash(const void *bytes, size_t size, size_t piece, uint8_t digest[SHA256_SIZE])
{
    struct sha256 sha;

    sha256_init(&sha);
    for (size_t done = 0; done < size; done += piece) {
        sha256_update(&sha, (const uint8_t *)bytes + done,
                      size - done < piece ? size - done : piece);
    }
    sha256_final(&sha, digest);
}

static void expect_text(const char *text, const char *expected)
{
    uint8_t digest[SHA256_SIZE];

    hash(text, strlen(text), 1000, digest);
    EXPECT_STR(hex(digest), expected);
}

TEST(examples)
{
    expect_text("", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    expect_text("\xd3", "28969cdfa74a12c82f3bad960b0b000aca2ac329deea5c2328ebc6f2ba9802c1");
    expect_text("abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    expect_text("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
                "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
    expect_text("abcdefghbcdefghicdefghijdefghijkefghijklfghijklmghijklmnhijklmnoijklmnop"
                "jklmnopqklmnopqrlmnopqrsmnopqrstnopqrstu",
                "cf5b16a778af8380036ce59e7b0492370b249b11e8f07a51afac45037afee9d1");
}

TEST(a_million_times_a)
{
    struct sha256 sha;
    uint8_t digest[SHA256_SIZE];

    memset(message, 'a', 1000);
    sha256_init(&sha);
    for (unsigned i = 0; i < 1000; i++) {
        sha256_update(&sha, message, 1000);
    }
    sha256_final(&sha, digest);
    EXPECT_STR(hex(digest), "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
}

/* The digest of the digests of all lengths from 0 to 299, byte i of length n being 7 i + n. */
TEST(every_length)
{
    struct sha256 all;
    uint8_t digest[SHA256_SIZE];

    sha256_init(&all);
    for (size_t n = 0; n < 300; n++) {
        for (size_t i = 0; i < n; i++) {
            message[i] = (uint8_t)(7 * i + n);
        }
        hash(message, n, 300, digest);
        sha256_update(&all, digest, sizeof digest);
    }
    sha256_final(&all, digest);
    EXPECT_STR(hex(digest), "d5238871a46ac4a1a75ac3fb19d645b0b3b9e5f35f5f720e2b240d605c6b694e");
}

TEST(pieces_of_every_size)
{
    uint64_t random = 1;
    uint8_t whole[SHA256_SIZE], digest[SHA256_SIZE];

    for (size_t i = 0; i < sizeof message; i++) {
        message[i] = (uint8_t)test_random(&random);
    }
    for (size_t size = 250; size < 260; size++) {
        hash(message, size, size, whole);
        for (size_t piece = 1; piece < size; piece++) {
            hash(message, size, piece, digest);
            EXPECT(memcmp(digest, whole, sizeof digest) == 0);
        }
    }
}

/* Each digest is of the three before it; the last of 1,000 begins the next of 100 chains. The first
 * seed is the digest of "ashlar". */
TEST(chains)
{
    uint8_t last[4][SHA256_SIZE];

    hash("ashlar", 6, 6, last[0]);
    for (unsigned chain = 0; chain < 100; chain++) {
        memcpy(last[1], last[0], SHA256_SIZE);
        memcpy(last[2], last[0], SHA256_SIZE);
        for (unsigned i = 0; i < 1000; i++) {
            hash(last, 3 * SHA256_SIZE, 64, last[3]);
            memmove(last, last[1], 3 * SHA256_SIZE);
        }
        memcpy(last[0], last[2], SHA256_SIZE);
        if (chain == 0) {
            EXPECT_STR(hex(last[0]),
                       "6a6c57a9ab074eb9430f4db9a2a873f3f9909d4dcd597550b747cf7c4af482cc");
        }
    }
    EXPECT_STR(hex(last[0]), "352dac708e9f33dfb8772316ac981276f55f1d388c5492383f2bcfb7ae2731bb");
}

TEST_MAIN()

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * SHA-256, plain. See hv/sha256.h.
 *
 * Names are the standard's.
 *
 * Source: FIPS 180-4, 4.1.2 (functions), 4.2.2 (constants), 5.1.1 (padding), 5.3.3 (first hash
 * value), 6.2.2 (a block).
 */
#include <hv/sha256.h>
#include <hv/string.h>

static const uint32_t K[64] = {
    0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
    0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
    0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
    0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
    0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
    0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
    0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
    0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2,
};

static uint32_t rotr(uint32_t x, uint32_t n)
{
    return x >> n | x << (32 - n);
}

static uint32_t load_be32(const uint8_t *bytes)
{
    return (uint32_t)bytes[0] << 24 | (uint32_t)bytes[1] << 16 | (uint32_t)bytes[2] << 8 | bytes[3];
}

static void store_be32(uint8_t *bytes, uint32_t word)
{
    for (uint32_t i = 0; i < 4; i++) {
        bytes[i] = (uint8_t)(word >> (24 - 8 * i));
    }
}

/* A round, but that no variable moves: the caller names them one further each time. Ch and Maj are
 * written with an operation less. */
static inline void round_of(uint32_t a, uint32_t b, uint32_t c, uint32_t *d, uint32_t e, uint32_t f,
                            uint32_t g, uint32_t *h, uint32_t k_plus_w)
{
    uint32_t t1 = *h + (rotr(e, 6) ^ rotr(e, 11) ^ rotr(e, 25)) + (((f ^ g) & e) ^ g) + k_plus_w;

    *d += t1;
    *h = t1 + (rotr(a, 2) ^ rotr(a, 13) ^ rotr(a, 22)) + (((b ^ c) & a) ^ (b & c));
}

/* Takes one block into the hash value. */
static void take_block(uint32_t hash[8], const uint8_t *block)
{
    uint32_t a = hash[0], b = hash[1], c = hash[2], d = hash[3];
    uint32_t e = hash[4], f = hash[5], g = hash[6], h = hash[7];
    uint32_t w[64];

    for (uint32_t t = 0; t < 16; t++) {
        w[t] = load_be32(block + 4 * t);
    }
    for (uint32_t t = 16; t < 64; t++) {
        uint32_t w2 = w[t - 2], w15 = w[t - 15];

        w[t] = (rotr(w2, 17) ^ rotr(w2, 19) ^ w2 >> 10) + w[t - 7] +
               (rotr(w15, 7) ^ rotr(w15, 18) ^ w15 >> 3) + w[t - 16];
    }
    for (uint32_t t = 0; t < 64; t += 8) {
        round_of(a, b, c, &d, e, f, g, &h, K[t] + w[t]);
        round_of(h, a, b, &c, d, e, f, &g, K[t + 1] + w[t + 1]);
        round_of(g, h, a, &b, c, d, e, &f, K[t + 2] + w[t + 2]);
        round_of(f, g, h, &a, b, c, d, &e, K[t + 3] + w[t + 3]);
        round_of(e, f, g, &h, a, b, c, &d, K[t + 4] + w[t + 4]);
        round_of(d, e, f, &g, h, a, b, &c, K[t + 5] + w[t + 5]);
        round_of(c, d, e, &f, g, h, a, &b, K[t + 6] + w[t + 6]);
        round_of(b, c, d, &e, f, g, h, &a, K[t + 7] + w[t + 7]);
    }
    hash[0] += a;
    hash[1] += b;
    hash[2] += c;
    hash[3] += d;
    hash[4] += e;
    hash[5] += f;
    hash[6] += g;
    hash[7] += h;
}

void sha256_init(struct sha256 *sha)
{
    *sha = (struct sha256){
        .hash = { 0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f, 0x9b05688c,
                  0x1f83d9ab, 0x5be0cd19 },
    };
}

void sha256_update(struct sha256 *sha, const void *bytes, size_t size)
{
    const uint8_t *in = bytes;
    size_t filled = sha->size % SHA256_BLOCK_SIZE;

    sha->size += size;
    while (filled + size >= SHA256_BLOCK_SIZE) {
        size_t taken = SHA256_BLOCK_SIZE - filled;

        if (filled > 0) {
            memcpy(sha->block + filled, in, taken);
        }
        take_block(sha->hash, filled > 0 ? sha->block : in);
        in += taken;
        size -= taken;
        filled = 0;
    }
    memcpy(sha->block + filled, in, size);
}

void sha256_final(struct sha256 *sha, uint8_t digest[SHA256_SIZE])
{
    static const uint8_t padding[SHA256_BLOCK_SIZE] = { 0x80 };
    uint64_t bits = 8 * sha->size;
    uint8_t length[8];

    store_be32(length, (uint32_t)(bits >> 32));
    store_be32(length + 4, (uint32_t)bits);
    /* up to 8 bytes before the end of a block */
    sha256_update(sha, padding, 1 + (SHA256_BLOCK_SIZE - 9 - sha->size) % SHA256_BLOCK_SIZE);
    sha256_update(sha, length, sizeof length);
    for (uint32_t i = 0; i < 8; i++) {
        store_be32(digest + 4 * i, sha->hash[i]);
    }
}

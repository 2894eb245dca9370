/* SPDX-License-Identifier: Apache-2.0 */
/*
 * SHA-256 (FIPS 180-4, 6.2) of a message that comes in pieces.
 */
#pragma once

#include <hv/types.h>

#define SHA256_SIZE       32u /* of a digest, bytes */
#define SHA256_BLOCK_SIZE 64u

/* A message under way; the caller's own. */
struct sha256 {
    uint32_t hash[8];
    uint64_t size;                    /* bytes taken so far, below 2^61 */
    uint8_t block[SHA256_BLOCK_SIZE]; /* the last size % 64 of them, which fill no block yet */
};

/* Begins a message. */
void sha256_init(struct sha256 *sha);

/* Takes the next `size` bytes, any number. Whole blocks at a multiple of 64 bytes in the message
 * are read where they are. */
void sha256_update(struct sha256 *sha, const void *bytes, size_t size);

/* Ends the message and writes its digest. */
void sha256_final(struct sha256 *sha, uint8_t digest[SHA256_SIZE]);

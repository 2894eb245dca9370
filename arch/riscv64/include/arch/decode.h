/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Loads and stores, from the instruction word: pure functions, no state, no guest.
 *
 * Source: RISC-V unprivileged architecture 20240411, chapters 2 and 27 (C); privileged architecture
 * 20240411, 18.6.3 (transformed instructions in htinst).
 */
#pragma once

#include <hv/types.h>

struct decoded_access {
    uint8_t size;   /* 1, 2, 4 or 8 bytes */
    uint8_t reg;    /* 0 ... 31: destination of a load, source of a store */
    uint8_t length; /* of the instruction: 2 or 4 bytes */
    bool is_write;
    bool is_signed; /* a load that extends the sign */
};

/* Decodes an instruction as it stands in memory; of one of 2 bytes the upper half is ignored.
 * Returns false if it is no load or store of an integer register. */
HV_MUST_CHECK bool decode_access(uint32_t instruction, struct decoded_access *access);

/* Decodes what htinst says of a trapped load or store. Returns false if it says nothing (0), is the
 * pseudoinstruction of a page table walk, or is no load or store of an integer register. */
HV_MUST_CHECK bool decode_transformed(uint64_t htinst, struct decoded_access *access);

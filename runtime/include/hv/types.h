/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The words of the whole hypervisor: integer types, addresses that cannot be mixed, error codes.
 *
 * Three address spaces meet in a hypervisor. Each has a type of its own, so that the compiler
 * refuses to hand a guest's address to code that expects a machine address.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A physical address of the machine. */
typedef struct {
    uint64_t pa;
} paddr_t;

/* An intermediate physical address: what a guest believes to be physical. */
typedef struct {
    uint64_t ipa;
} ipa_t;

/* Result of a fallible function; each function lists the ones it returns. */
enum hv_err {
    HV_OK = 0,
    HV_ERR_STATE,   /* the object's state does not allow the operation */
    HV_ERR_RANGE,   /* an address or number is outside what the VM owns */
    HV_ERR_ALREADY, /* the object already is where the caller wants it */
};

#define HV_MUST_CHECK __attribute__((warn_unused_result))
#define HV_PRINTF(format_index, first_argument) \
    __attribute__((format(printf, format_index, first_argument)))
#define HV_NORETURN       __attribute__((noreturn))
#define HV_COLD           __attribute__((cold)) /* rare: compiled to be small */
#define HV_ALIGNED(bytes) __attribute__((aligned(bytes)))

#define HV_PAGE_SIZE 4096u

/* True when [base, base + size) lies inside [outer, outer + outer_size); no sum can wrap. */
static inline bool range_contains(uint64_t outer, uint64_t outer_size, uint64_t base, uint64_t size)
{
    return base >= outer && size <= outer_size && base - outer <= outer_size - size;
}

/* Takes the lowest set bit out of a word that is not 0; returns its number. */
static inline uint32_t take_bit(uint64_t *bits)
{
    uint32_t number = (uint32_t)__builtin_ctzll(*bits);

    *bits &= *bits - 1;
    return number;
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Firmware calls of guests: PSCI 1.1 and SMCCC 1.1, answered here, never forwarded.
 *
 * Source: Arm Power State Coordination Interface, DEN 0022D; SMC Calling Convention, DEN 0028.
 */
#pragma once

#include <hv/types.h>
#include <hv/vcpu.h>

#define SMCCC_VERSION       0x80000000u
#define SMCCC_ARCH_FEATURES 0x80000001u
#define SMCCC_64            0x40000000u /* the bit that tells an SMC64 function from its SMC32 twin */
#define SMCCC_FUNCTION_MAX  0xffffu     /* number of a function within its service (2.5) */

#define PSCI_VERSION           0x84000000u
#define PSCI_CPU_SUSPEND       0x84000001u
#define PSCI_CPU_OFF           0x84000002u
#define PSCI_CPU_ON            0x84000003u
#define PSCI_AFFINITY_INFO     0x84000004u
#define PSCI_MIGRATE_INFO_TYPE 0x84000006u
#define PSCI_SYSTEM_OFF        0x84000008u
#define PSCI_SYSTEM_RESET      0x84000009u
#define PSCI_FEATURES          0x8400000au

/* Return codes, DEN 0022D, 5.2.2. */
#define PSCI_SUCCESS            INT64_C(0)
#define PSCI_NOT_SUPPORTED      INT64_C(-1)
#define PSCI_INVALID_PARAMETERS INT64_C(-2)
#define PSCI_ALREADY_ON         INT64_C(-4)
#define PSCI_ON_PENDING         INT64_C(-5)
#define PSCI_INTERNAL_FAILURE   INT64_C(-6)
#define PSCI_INVALID_ADDRESS    INT64_C(-9)

/* AFFINITY_INFO answers, DEN 0022D, 5.7. */
#define PSCI_AFFINITY_ON         INT64_C(0)
#define PSCI_AFFINITY_OFF        INT64_C(1)
#define PSCI_AFFINITY_ON_PENDING INT64_C(2)

/*
 * Decides one call of vCPU `v`.
 *   x: the guest's x0 (function identifier) to x4; x[0] becomes the result, where the call returns,
 *      and x[1] to x[4] the values of a call of Ashlar's
 * Returns EXIT_HYPERCALL or EXIT_CPU_UP when the guest goes on with the result, or the reason to
 * act upon: EXIT_HALT (the result is for when it wakes), EXIT_CPU_DOWN, EXIT_SYSTEM_DOWN,
 * EXIT_SYSTEM_RESET. Takes vm->lock for CPU_ON.
 */
enum exit_reason psci_call(struct vcpu *v, uint64_t x[5]);

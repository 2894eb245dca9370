/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Firmware calls of guests: the RISC-V Supervisor Binary Interface 2.0, answered here, never
 * forwarded.
 *
 * Source: RISC-V SBI Specification 2.0; chapter numbers stand beside the names.
 */
#pragma once

#include <arch/asm.h>
#include <hv/types.h>
#include <hv/vcpu.h>

/* Extensions. */
#define SBI_EXT_BASE   0x10u       /* 4 */
#define SBI_EXT_TIME   0x54494d45u /* 6 */
#define SBI_EXT_IPI    0x735049u   /* 7 */
#define SBI_EXT_RFENCE 0x52464e43u /* 8; HSM, 9, is in arch/asm.h */
#define SBI_EXT_SRST   0x53525354u /* 10 */
#define SBI_EXT_PMU    0x504d55u   /* 11 */
#define SBI_EXT_DBCN   0x4442434eu /* 12 */

/* Legacy extensions (5): the extension is the function. */
#define SBI_LEGACY_SET_TIMER              0u
#define SBI_LEGACY_CONSOLE_PUTCHAR        1u
#define SBI_LEGACY_CONSOLE_GETCHAR        2u
#define SBI_LEGACY_CLEAR_IPI              3u
#define SBI_LEGACY_SEND_IPI               4u
#define SBI_LEGACY_REMOTE_FENCE_I         5u
#define SBI_LEGACY_REMOTE_SFENCE_VMA      6u
#define SBI_LEGACY_REMOTE_SFENCE_VMA_ASID 7u
#define SBI_LEGACY_SHUTDOWN               8u

#define SBI_BASE_GET_SPEC_VERSION 0u
#define SBI_BASE_GET_IMPL_ID      1u
#define SBI_BASE_GET_IMPL_VERSION 2u
#define SBI_BASE_PROBE_EXTENSION  3u
#define SBI_BASE_GET_MVENDORID    4u
#define SBI_BASE_GET_MARCHID      5u
#define SBI_BASE_GET_MIMPID       6u

#define SBI_TIME_SET_TIMER 0u

#define SBI_IPI_SEND_IPI 0u

#define SBI_RFENCE_FENCE_I         0u
#define SBI_RFENCE_SFENCE_VMA_ASID 2u
#define SBI_RFENCE_HFENCE_VVMA     6u

/* HART_START and HART_STOP are in arch/asm.h. */
#define SBI_HSM_HART_GET_STATUS 2u
#define SBI_HSM_HART_SUSPEND    3u

#define SBI_HSM_STARTED       0u
#define SBI_HSM_STOPPED       1u
#define SBI_HSM_START_PENDING 2u
#define SBI_HSM_STOP_PENDING  3u

#define SBI_HSM_SUSPEND_RETENTIVE     0x00000000u /* default, table 12 */
#define SBI_HSM_SUSPEND_NON_RETENTIVE 0x80000000u

#define SBI_SRST_RESET       0u
#define SBI_SRST_SHUTDOWN    0u
#define SBI_SRST_COLD_REBOOT 1u
#define SBI_SRST_WARM_REBOOT 2u
#define SBI_SRST_REASON_MAX  1u /* system failure */

#define SBI_PMU_NUM_COUNTERS         0u
#define SBI_PMU_COUNTER_GET_INFO     1u
#define SBI_PMU_COUNTER_CFG_MATCHING 2u
#define SBI_PMU_COUNTER_START        3u
#define SBI_PMU_COUNTER_STOP         4u
#define SBI_PMU_COUNTER_FW_READ      5u
#define SBI_PMU_COUNTER_FW_READ_HI   6u

/* Events: hardware, general (11.2.1). */
#define SBI_PMU_CPU_CYCLES   1u
#define SBI_PMU_INSTRUCTIONS 2u

/* Flags of these functions. */
#define SBI_PMU_CFG_FLAGS       UINT64_C(0xff)
#define SBI_PMU_CFG_SKIP_MATCH  0x01u
#define SBI_PMU_CFG_CLEAR_VALUE 0x02u
#define SBI_PMU_CFG_AUTO_START  0x04u
#define SBI_PMU_OTHER_FLAGS     UINT64_C(0x03) /* of START and STOP */
#define SBI_PMU_STOP_RESET      0x01u
#define SBI_PMU_SNAPSHOT        0x02u /* at the start or at the end */

#define SBI_DBCN_WRITE      0u
#define SBI_DBCN_READ       1u
#define SBI_DBCN_WRITE_BYTE 2u

/* Error codes (3, table 1). */
#define SBI_SUCCESS               INT64_C(0)
#define SBI_ERR_FAILED            INT64_C(-1)
#define SBI_ERR_NOT_SUPPORTED     INT64_C(-2)
#define SBI_ERR_INVALID_PARAM     INT64_C(-3)
#define SBI_ERR_INVALID_ADDRESS   INT64_C(-5)
#define SBI_ERR_ALREADY_AVAILABLE INT64_C(-6)
#define SBI_ERR_ALREADY_STARTED   INT64_C(-7)
#define SBI_ERR_ALREADY_STOPPED   INT64_C(-8)
#define SBI_ERR_NO_SHMEM          INT64_C(-9)

/* A hart mask base that means all harts (3.1). */
#define SBI_ALL_HARTS UINT64_MAX

/* Places of the arguments in a vCPU's registers. */
#define SBI_A0        10 /* a1 ... a5 follow */
#define SBI_FUNCTION  16
#define SBI_EXTENSION 17

/* A call that returns: its error code and value. */
static inline enum exit_reason sbi_answer(uint64_t x[32], int64_t error, uint64_t value)
{
    x[SBI_A0] = (uint64_t)error;
    x[SBI_A0 + 1] = value;
    return EXIT_HYPERCALL;
}

/* A legacy call that returns; a1 stays as it is (5). */
static inline enum exit_reason sbi_answer_legacy(uint64_t x[32], int64_t result)
{
    return sbi_answer(x, result, x[SBI_A0 + 1]);
}

/*
 * Decides one call of vCPU `v`, which is loaded on this CPU.
 *   x: the guest's registers; x[17] is the extension, x[16] the function, x[10] ... the arguments;
 *      x[10] and x[11] become the result, where the call returns
 * Returns EXIT_HYPERCALL or EXIT_SEND_IPI when the guest goes on behind the call;
 * EXIT_PREEMPTED when nothing could be done yet and the guest has to call again; or the
 * exit reason to act upon: EXIT_HALT (the result is for when it wakes), EXIT_CPU_DOWN,
 * EXIT_SYSTEM_DOWN, EXIT_SYSTEM_RESET. Takes vm->lock for HART_START, the lock of the emulated UART
 * for the console.
 */
enum exit_reason sbi_call(struct vcpu *v, uint64_t x[32]);

/* sbi_harts.c */

/* IPI: interrupts the harts `base` + i for every bit i of `mask` (7.1). */
int64_t sbi_send_ipi(const struct vcpu *v, uint64_t mask, uint64_t base);

/* RFENCE, by its function: on the machine's harts of those vCPUs, no others (8). */
int64_t sbi_remote_fence(const struct vcpu *v, uint64_t function, const uint64_t arguments[4]);

/* The functions of HSM (9), as sbi_call(). */
enum exit_reason sbi_hsm_call(struct vcpu *v, uint64_t x[32]);

/* The set that `mask` and `base` name (3.1): bit i for number i. Returns false if it is not within
 * `all`. */
HV_MUST_CHECK bool sbi_named(uint64_t mask, uint64_t base, uint64_t all, uint64_t *set);

/* sbi_pmu.c */

/* The functions of PMU (11), as sbi_call(). */
enum exit_reason sbi_pmu_call(struct vcpu *v, uint64_t x[32]);

/* Puts the counters of this hart into their state at the start of vCPU `v`, if they are granted to
 * it, and out of its reach if not. */
void sbi_pmu_reset(struct vcpu *v);

/* sbi_console.c: the functions of DBCN (12) and the legacy console (5.2, 5.3), as sbi_call(). */
enum exit_reason sbi_console_call(const struct vcpu *v, uint64_t x[32]);
enum exit_reason sbi_legacy_console(const struct vcpu *v, uint64_t x[32]);

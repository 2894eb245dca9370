/* SPDX-License-Identifier: Apache-2.0 */
/*
 * SBI as a guest sees it: which calls there are. See arch/sbi.h; what concerns other harts is in
 * sbi_harts.c, the console in sbi_console.c.
 *
 * The lists below are all there is: everything else is answered SBI_ERR_NOT_SUPPORTED.
 */
#include <arch/sbi.h>
#include <arch/time.h>
#include <arch/trap.h>
#include <arch/vcpu.h>
#include <hv/tables.h>

#define SPEC_VERSION_2_0 UINT64_C(0x02000000)

/* Not one of the numbers that the specification gives away (4.9): "Ashl". */
#define IMPL_ID      UINT64_C(0x4173686c)
#define IMPL_VERSION 1

/* A call that returns. */
static enum exit_reason answer(uint64_t x[32], int64_t error, uint64_t value)
{
    x[SBI_A0] = (uint64_t)error;
    x[SBI_A0 + 1] = value;
    return EXIT_HYPERCALL;
}

/* A legacy call that returns; a1 stays as it is (5). */
static enum exit_reason answer_legacy(uint64_t x[32], int64_t result)
{
    x[SBI_A0] = (uint64_t)result;
    return EXIT_HYPERCALL;
}

static bool has_console(const struct vcpu *v)
{
    return v->vm->config->arch.uart != NULL;
}

/* PROBE_EXTENSION: 1 for every extension that sbi_call() knows. */
static uint64_t probe(const struct vcpu *v, uint64_t extension)
{
    switch (extension) {
    case SBI_LEGACY_SET_TIMER:
    case SBI_LEGACY_CLEAR_IPI:
    case SBI_LEGACY_SEND_IPI:
    case SBI_LEGACY_REMOTE_FENCE_I:
    case SBI_LEGACY_REMOTE_SFENCE_VMA:
    case SBI_LEGACY_REMOTE_SFENCE_VMA_ASID:
    case SBI_LEGACY_SHUTDOWN:
    case SBI_EXT_BASE:
    case SBI_EXT_TIME:
    case SBI_EXT_IPI:
    case SBI_EXT_RFENCE:
    case SBI_EXT_HSM:
    case SBI_EXT_SRST:
        return 1;
    case SBI_LEGACY_CONSOLE_PUTCHAR:
    case SBI_LEGACY_CONSOLE_GETCHAR:
    case SBI_EXT_DBCN:
        return has_console(v);
    default:
        return 0;
    }
}

/* A VM is told nothing of the machine: the vendor's numbers are 0, which is legal (4.5 to 4.7). */
static enum exit_reason base_call(const struct vcpu *v, uint64_t x[32])
{
    switch (x[SBI_FUNCTION]) {
    case SBI_BASE_GET_SPEC_VERSION:
        return answer(x, SBI_SUCCESS, SPEC_VERSION_2_0);
    case SBI_BASE_GET_IMPL_ID:
        return answer(x, SBI_SUCCESS, IMPL_ID);
    case SBI_BASE_GET_IMPL_VERSION:
        return answer(x, SBI_SUCCESS, IMPL_VERSION);
    case SBI_BASE_PROBE_EXTENSION:
        return answer(x, SBI_SUCCESS, probe(v, x[SBI_A0]));
    case SBI_BASE_GET_MVENDORID:
    case SBI_BASE_GET_MARCHID:
    case SBI_BASE_GET_MIMPID:
        return answer(x, SBI_SUCCESS, 0);
    default:
        return answer(x, SBI_ERR_NOT_SUPPORTED, 0);
    }
}

static enum exit_reason time_call(struct vcpu *v, uint64_t x[32])
{
    if (x[SBI_FUNCTION] != SBI_TIME_SET_TIMER) {
        return answer(x, SBI_ERR_NOT_SUPPORTED, 0);
    }
    time_guest_set(v, x[SBI_A0]);
    return answer(x, SBI_SUCCESS, 0);
}

static enum exit_reason ipi_call(struct vcpu *v, uint64_t x[32])
{
    if (x[SBI_FUNCTION] != SBI_IPI_SEND_IPI) {
        return answer(x, SBI_ERR_NOT_SUPPORTED, 0);
    }
    answer(x, sbi_send_ipi(v, x[SBI_A0], x[SBI_A0 + 1]), 0);
    return EXIT_SEND_IPI;
}

static enum exit_reason hsm_call(struct vcpu *v, uint64_t x[32])
{
    struct sbi_result result;

    switch (x[SBI_FUNCTION]) {
    case SBI_HSM_HART_START:
        return answer(x, sbi_hart_start(v, x[SBI_A0], x[SBI_A0 + 1], x[SBI_A0 + 2]), 0);
    case SBI_HSM_HART_STOP:
        return EXIT_CPU_DOWN;
    case SBI_HSM_HART_GET_STATUS:
        result = sbi_hart_status(v, x[SBI_A0]);
        return answer(x, result.error, result.value);
    case SBI_HSM_HART_SUSPEND:
        return sbi_hart_suspend(v, x);
    default:
        return answer(x, SBI_ERR_NOT_SUPPORTED, 0);
    }
}

/* SYSTEM_RESET (10.1): type and reason are 32 bits wide. */
static enum exit_reason reset_call(uint64_t x[32])
{
    if (x[SBI_FUNCTION] != SBI_SRST_RESET) {
        return answer(x, SBI_ERR_NOT_SUPPORTED, 0);
    }
    if ((uint32_t)x[SBI_A0 + 1] > SBI_SRST_REASON_MAX) {
        return answer(x, SBI_ERR_INVALID_PARAM, 0);
    }
    switch ((uint32_t)x[SBI_A0]) {
    case SBI_SRST_SHUTDOWN:
        return EXIT_SYSTEM_DOWN;
    case SBI_SRST_COLD_REBOOT:
    case SBI_SRST_WARM_REBOOT:
        return EXIT_SYSTEM_RESET;
    default:
        return answer(x, SBI_ERR_INVALID_PARAM, 0);
    }
}

static enum exit_reason console_call(struct vcpu *v, uint64_t x[32])
{
    bool is_read = x[SBI_FUNCTION] == SBI_DBCN_READ;
    struct sbi_result result;

    if (!has_console(v) || x[SBI_FUNCTION] > SBI_DBCN_WRITE_BYTE) {
        return answer(x, SBI_ERR_NOT_SUPPORTED, 0);
    }
    if (x[SBI_FUNCTION] == SBI_DBCN_WRITE_BYTE) {
        if (!sbi_console_put(v, (uint8_t)x[SBI_A0])) {
            return EXIT_PREEMPTED;
        }
        return answer(x, SBI_SUCCESS, 0);
    }
    if (x[SBI_A0 + 2] != 0) { /* upper half of the address */
        return answer(x, SBI_ERR_INVALID_PARAM, 0);
    }
    result = is_read ? sbi_console_read(v, (ipa_t){ x[SBI_A0 + 1] }, x[SBI_A0])
                     : sbi_console_write(v, (ipa_t){ x[SBI_A0 + 1] }, x[SBI_A0]);
    return answer(x, result.error, result.value);
}

/* Legacy calls name harts by the guest virtual address of a mask; 0 means all of them. */
static bool legacy_harts(uint64_t address, uint64_t *mask, uint64_t *base)
{
    *mask = 0;
    *base = address == 0 ? SBI_ALL_HARTS : 0;
    return address == 0 || access_guest_word(address, mask);
}

static enum exit_reason legacy_fence(const struct vcpu *v, uint64_t x[32])
{
    uint64_t function = x[SBI_EXTENSION] - SBI_LEGACY_REMOTE_FENCE_I;
    uint64_t arguments[4] = { 0, 0, x[SBI_A0 + 1], x[SBI_A0 + 2] };

    if (!legacy_harts(x[SBI_A0], &arguments[0], &arguments[1])) {
        return answer_legacy(x, SBI_ERR_FAILED);
    }
    return answer_legacy(x, sbi_remote_fence(v, function, arguments));
}

static enum exit_reason legacy_send_ipi(const struct vcpu *v, uint64_t x[32])
{
    uint64_t mask;
    uint64_t base;

    if (!legacy_harts(x[SBI_A0], &mask, &base)) {
        return answer_legacy(x, SBI_ERR_FAILED);
    }
    answer_legacy(x, sbi_send_ipi(v, mask, base));
    return EXIT_SEND_IPI;
}

static enum exit_reason legacy_console(const struct vcpu *v, uint64_t x[32])
{
    if (!has_console(v)) {
        return answer_legacy(x, SBI_ERR_NOT_SUPPORTED);
    }
    if (x[SBI_EXTENSION] == SBI_LEGACY_CONSOLE_GETCHAR) {
        return answer_legacy(x, sbi_console_get(v));
    }
    if (!sbi_console_put(v, (uint8_t)x[SBI_A0])) {
        return EXIT_PREEMPTED;
    }
    return answer_legacy(x, SBI_SUCCESS);
}

enum exit_reason sbi_call(struct vcpu *v, uint64_t x[32])
{
    switch (x[SBI_EXTENSION]) {
    case SBI_EXT_TIME:
        return time_call(v, x);
    case SBI_EXT_IPI:
        return ipi_call(v, x);
    case SBI_EXT_RFENCE:
        return answer(x, sbi_remote_fence(v, x[SBI_FUNCTION], &x[SBI_A0]), 0);
    case SBI_EXT_BASE:
        return base_call(v, x);
    case SBI_EXT_HSM:
        return hsm_call(v, x);
    case SBI_EXT_SRST:
        return reset_call(x);
    case SBI_EXT_DBCN:
        return console_call(v, x);
    case SBI_LEGACY_SET_TIMER:
        time_guest_set(v, x[SBI_A0]);
        return answer_legacy(x, SBI_SUCCESS);
    case SBI_LEGACY_CONSOLE_PUTCHAR:
    case SBI_LEGACY_CONSOLE_GETCHAR:
        return legacy_console(v, x);
    case SBI_LEGACY_CLEAR_IPI:
        vcpu_clear_ipi(v);
        return answer_legacy(x, SBI_SUCCESS);
    case SBI_LEGACY_SEND_IPI:
        return legacy_send_ipi(v, x);
    case SBI_LEGACY_REMOTE_FENCE_I:
    case SBI_LEGACY_REMOTE_SFENCE_VMA:
    case SBI_LEGACY_REMOTE_SFENCE_VMA_ASID:
        return legacy_fence(v, x);
    case SBI_LEGACY_SHUTDOWN:
        return EXIT_SYSTEM_DOWN;
    default:
        return answer(x, SBI_ERR_NOT_SUPPORTED, 0);
    }
}

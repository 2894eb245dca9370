/* SPDX-License-Identifier: Apache-2.0 */
/*
 * SBI as a guest sees it: which calls there are. See arch/sbi.h; what concerns other harts is in
 * sbi_harts.c, the console in sbi_console.c, counters in sbi_pmu.c.
 *
 * The lists below are all there is: everything else is answered SBI_ERR_NOT_SUPPORTED.
 */
#include <arch/sbi.h>
#include <arch/time.h>
#include <arch/trap.h>
#include <arch/vcpu.h>
#include <ashlar.h>
#include <hv/call.h>
#include <hv/string.h>
#include <hv/tables.h>

#define SPEC_VERSION_2_0 UINT64_C(0x02000000)

/* Not one of the numbers that the specification gives away (4.9): "Ashl". */
#define IMPL_ID      UINT64_C(0x4173686c)
#define IMPL_VERSION 1

/* PROBE_EXTENSION: whether sbi_call() knows it for this VM. */
static bool has_extension(const struct vcpu *v, uint64_t extension)
{
    switch (extension) {
    case SBI_LEGACY_CONSOLE_PUTCHAR:
    case SBI_LEGACY_CONSOLE_GETCHAR:
    case SBI_EXT_DBCN:
        return v->vm->config->arch.uart != NULL;
    case SBI_EXT_PMU:
        return v->arch.pmu.is_granted;
    case SBI_EXT_BASE:
    case SBI_EXT_TIME:
    case SBI_EXT_IPI:
    case SBI_EXT_RFENCE:
    case SBI_EXT_HSM:
    case SBI_EXT_SRST:
    case ASHLAR_ECALL:
        return true;
    default:
        return extension <= SBI_LEGACY_SHUTDOWN;
    }
}

/* A VM is told nothing of the machine: the vendor's numbers are 0, which is legal (4.5 to 4.7). */
static enum exit_reason base_call(const struct vcpu *v, uint64_t x[32])
{
    static const uint64_t values[] = {
        [SBI_BASE_GET_SPEC_VERSION] = SPEC_VERSION_2_0,
        [SBI_BASE_GET_IMPL_ID] = IMPL_ID,
        [SBI_BASE_GET_IMPL_VERSION] = IMPL_VERSION,
        [SBI_BASE_GET_MIMPID] = 0, /* the last one */
    };
    uint64_t function = x[SBI_FUNCTION];

    if (function > SBI_BASE_GET_MIMPID) {
        return sbi_answer(x, SBI_ERR_NOT_SUPPORTED, 0);
    }
    return sbi_answer(x, SBI_SUCCESS,
                      function == SBI_BASE_PROBE_EXTENSION ? has_extension(v, x[SBI_A0])
                                                           : values[function]);
}

/* SYSTEM_RESET (10.1): type and reason are 32 bits wide. */
static enum exit_reason reset_call(uint64_t x[32])
{
    if ((uint32_t)x[SBI_A0 + 1] > SBI_SRST_REASON_MAX) {
        return sbi_answer(x, SBI_ERR_INVALID_PARAM, 0);
    }
    switch ((uint32_t)x[SBI_A0]) {
    case SBI_SRST_SHUTDOWN:
        return EXIT_SYSTEM_DOWN;
    case SBI_SRST_COLD_REBOOT:
    case SBI_SRST_WARM_REBOOT:
        return EXIT_SYSTEM_RESET;
    default:
        return sbi_answer(x, SBI_ERR_INVALID_PARAM, 0);
    }
}

/* Legacy calls name harts by the guest virtual address of a mask; 0 means all of them (5). */
static enum exit_reason legacy_harts(const struct vcpu *v, uint64_t x[32])
{
    uint64_t arguments[4] = { 0, x[SBI_A0] == 0 ? SBI_ALL_HARTS : 0, x[SBI_A0 + 1], x[SBI_A0 + 2] };

    if (x[SBI_A0] != 0 && !access_guest_word(x[SBI_A0], &arguments[0])) {
        return sbi_answer_legacy(x, SBI_ERR_FAILED);
    }
    if (x[SBI_EXTENSION] == SBI_LEGACY_SEND_IPI) {
        sbi_answer_legacy(x, sbi_send_ipi(v, arguments[0], arguments[1]));
        return EXIT_SEND_IPI;
    }
    return sbi_answer_legacy(
        x, sbi_remote_fence(v, x[SBI_EXTENSION] - SBI_LEGACY_REMOTE_FENCE_I, arguments));
}

static enum exit_reason own_call(struct vcpu *v, uint64_t x[32])
{
    uint64_t y[CALL_VALUES] = { x[SBI_A0], x[SBI_A0 + 1], x[SBI_A0 + 2] };

    x[SBI_A0] = (uint64_t)call_make(v, x[SBI_FUNCTION], y);
    memcpy(&x[SBI_A0 + 1], y, sizeof y);
    return EXIT_HYPERCALL;
}

enum exit_reason sbi_call(struct vcpu *v, uint64_t x[32])
{
    switch (x[SBI_EXTENSION]) {
    case SBI_EXT_TIME:
        if (x[SBI_FUNCTION] != SBI_TIME_SET_TIMER) {
            break;
        }
        time_guest_set(v, x[SBI_A0]);
        return sbi_answer(x, SBI_SUCCESS, 0);
    case SBI_EXT_IPI:
        if (x[SBI_FUNCTION] != SBI_IPI_SEND_IPI) {
            break;
        }
        sbi_answer(x, sbi_send_ipi(v, x[SBI_A0], x[SBI_A0 + 1]), 0);
        return EXIT_SEND_IPI;
    case SBI_EXT_RFENCE:
        return sbi_answer(x, sbi_remote_fence(v, x[SBI_FUNCTION], &x[SBI_A0]), 0);
    case SBI_EXT_BASE:
        return base_call(v, x);
    case SBI_EXT_HSM:
        return sbi_hsm_call(v, x);
    case SBI_EXT_SRST:
        if (x[SBI_FUNCTION] != SBI_SRST_RESET) {
            break;
        }
        return reset_call(x);
    case SBI_EXT_DBCN:
        return sbi_console_call(v, x);
    case SBI_EXT_PMU:
        return sbi_pmu_call(v, x);
    case ASHLAR_ECALL:
        return own_call(v, x);
    case SBI_LEGACY_SET_TIMER:
        time_guest_set(v, x[SBI_A0]);
        return sbi_answer_legacy(x, SBI_SUCCESS);
    case SBI_LEGACY_CONSOLE_PUTCHAR:
    case SBI_LEGACY_CONSOLE_GETCHAR:
        return sbi_legacy_console(v, x);
    case SBI_LEGACY_CLEAR_IPI:
        vcpu_clear_ipi(v);
        return sbi_answer_legacy(x, SBI_SUCCESS);
    case SBI_LEGACY_SEND_IPI:
    case SBI_LEGACY_REMOTE_FENCE_I:
    case SBI_LEGACY_REMOTE_SFENCE_VMA:
    case SBI_LEGACY_REMOTE_SFENCE_VMA_ASID:
        return legacy_harts(v, x);
    case SBI_LEGACY_SHUTDOWN:
        return EXIT_SYSTEM_DOWN;
    default:
        break;
    }
    return sbi_answer(x, SBI_ERR_NOT_SUPPORTED, 0);
}

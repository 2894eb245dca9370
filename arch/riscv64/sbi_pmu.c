/* SPDX-License-Identifier: Apache-2.0 */
/*
 * SBI's performance monitoring unit, for VMs to which it is granted. See arch/sbi.h.
 *
 * Such a VM's vCPUs are alone on their harts, so the harts' own cycle and instret count for them,
 * the hypervisor's work on their behalf included, and are read without an exit. They are numbered
 * as the CSRs from cycle on: 0 and 2. When a vCPU is switched on they begin at 0 and run, as on a
 * machine. There are no programmable counters, no firmware counters and no snapshots.
 *
 * Only the firmware can stop and set a counter. It is asked on the hypervisor's behalf, for these
 * two counters of this hart; what it answered to a guest is decided here.
 *
 * Source: RISC-V SBI 2.0, chapter 11.
 */
#include <arch/csr.h>
#include <arch/firmware.h>
#include <arch/sbi.h>
#include <hv/log.h>
#include <hv/tables.h>

#define CYCLE   0u
#define INSTRET 2u

#define COUNTER_COUNT 3u /* in the numbering; number 1 does not exist */
#define COUNTERS      (BIT(CYCLE) | BIT(INSTRET))

/* counter_info (11.5): the CSR in bits 11:0, its width less one in bits 17:12. */
#define COUNTER_INFO(counter) ((CSR_CYCLE + (counter)) | UINT64_C(63) << 12)

void sbi_pmu_reset(struct vcpu *v)
{
    bool wanted = v->vm->config->arch.has_pmu;
    bool granted = wanted;

    for (uint64_t set = COUNTERS; granted && set != 0;) {
        uint32_t counter = take_bit(&set);

        granted = firmware_pmu(SBI_PMU_COUNTER_CFG_MATCHING, BIT(counter),
                               SBI_PMU_CFG_CLEAR_VALUE | SBI_PMU_CFG_AUTO_START,
                               counter == CYCLE ? SBI_PMU_CPU_CYCLES : SBI_PMU_INSTRUCTIONS);
    }
    if (wanted && !granted) {
        log_error("vm \"%s\" gets no counters: the firmware has none", v->vm->config->name);
    }
    v->arch.pmu = (struct arch_pmu){ .is_granted = granted, .started = granted ? COUNTERS : 0 };
    csr_write(CSR_HCOUNTEREN, granted ? HCOUNTEREN_TM | COUNTERS : HCOUNTEREN_TM);
}

/* Chooses the counter for an event; what modes shall not be counted are hints, which these counters
 * cannot take (11.6). */
static int64_t configure(struct arch_pmu *pmu, uint64_t set, uint64_t flags, uint64_t event)
{
    uint64_t bit = event == SBI_PMU_CPU_CYCLES     ? BIT(CYCLE)
                   : event == SBI_PMU_INSTRUCTIONS ? BIT(INSTRET)
                                                   : 0;
    bool is_taken = (pmu->configured & bit) != 0 && (flags & SBI_PMU_CFG_SKIP_MATCH) == 0;

    if ((set & bit) == 0 || is_taken) {
        return SBI_ERR_NOT_SUPPORTED;
    }
    flags &= SBI_PMU_CFG_CLEAR_VALUE | SBI_PMU_CFG_AUTO_START;
    if (flags != 0 && !firmware_pmu(SBI_PMU_COUNTER_CFG_MATCHING, bit, flags, event)) {
        return SBI_ERR_FAILED;
    }
    pmu->configured |= bit;
    pmu->started |= (flags & SBI_PMU_CFG_AUTO_START) != 0 ? bit : 0;
    return bit == BIT(CYCLE) ? CYCLE : INSTRET;
}

static int64_t start(struct arch_pmu *pmu, uint64_t set, uint64_t flags, uint64_t value)
{
    if ((set & ~pmu->configured) != 0) {
        return SBI_ERR_INVALID_PARAM;
    }
    if ((set & pmu->started) != 0) {
        return SBI_ERR_ALREADY_STARTED;
    }
    if (set != 0 && !firmware_pmu(SBI_PMU_COUNTER_START, set, flags, value)) {
        return SBI_ERR_FAILED;
    }
    pmu->started |= set;
    return SBI_SUCCESS;
}

/* Stops those that run, and says so if not all did. */
static int64_t stop(struct arch_pmu *pmu, uint64_t set, uint64_t flags)
{
    uint64_t running = set & pmu->started;

    if (running != 0 && !firmware_pmu(SBI_PMU_COUNTER_STOP, running, 0, 0)) {
        return SBI_ERR_FAILED;
    }
    pmu->started &= ~running;
    pmu->configured &= (flags & SBI_PMU_STOP_RESET) != 0 ? ~set : UINT64_MAX;
    return running == set ? SBI_SUCCESS : SBI_ERR_ALREADY_STOPPED;
}

/* The functions that take a set of counters and flags. */
static int64_t change(struct arch_pmu *pmu, uint64_t function, const uint64_t arguments[4])
{
    bool is_configure = function == SBI_PMU_COUNTER_CFG_MATCHING;
    uint64_t flags = arguments[2], set;

    if (!sbi_named(arguments[1], arguments[0], COUNTERS, &set) ||
        (flags & ~(is_configure ? SBI_PMU_CFG_FLAGS : SBI_PMU_OTHER_FLAGS)) != 0) {
        return SBI_ERR_INVALID_PARAM;
    }
    if (is_configure) {
        return configure(pmu, set, flags, arguments[3]);
    }
    if ((flags & SBI_PMU_SNAPSHOT) != 0) {
        return SBI_ERR_NO_SHMEM;
    }
    return function == SBI_PMU_COUNTER_START ? start(pmu, set, flags, arguments[3])
                                             : stop(pmu, set, flags);
}

/* Returns the call's value, or its error, which is negative. */
static int64_t decide(struct arch_pmu *pmu, uint64_t function, const uint64_t arguments[4])
{
    switch (function) {
    case SBI_PMU_NUM_COUNTERS:
        return COUNTER_COUNT;
    case SBI_PMU_COUNTER_GET_INFO:
        return arguments[0] == CYCLE || arguments[0] == INSTRET
                   ? (int64_t)COUNTER_INFO(arguments[0])
                   : SBI_ERR_INVALID_PARAM;
    case SBI_PMU_COUNTER_CFG_MATCHING:
    case SBI_PMU_COUNTER_START:
    case SBI_PMU_COUNTER_STOP:
        return change(pmu, function, arguments);
    case SBI_PMU_COUNTER_FW_READ: /* there are no counters of firmware */
    case SBI_PMU_COUNTER_FW_READ_HI:
        return SBI_ERR_INVALID_PARAM;
    default:
        return SBI_ERR_NOT_SUPPORTED;
    }
}

enum exit_reason sbi_pmu_call(struct vcpu *v, uint64_t x[32])
{
    int64_t result = v->arch.pmu.is_granted ? decide(&v->arch.pmu, x[SBI_FUNCTION], &x[SBI_A0])
                                            : SBI_ERR_NOT_SUPPORTED;

    return result < 0 ? sbi_answer(x, result, 0) : sbi_answer(x, SBI_SUCCESS, (uint64_t)result);
}

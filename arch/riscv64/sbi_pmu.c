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

/* Chooses the counter for an event, which is 0 or an error. What modes shall not be counted are
 * hints, which these counters cannot take (11.6). */
static int64_t configure(struct arch_pmu *pmu, uint64_t set, uint64_t flags, uint64_t event)
{
    uint32_t counter = event == SBI_PMU_CPU_CYCLES ? CYCLE : INSTRET;

    if ((flags & ~SBI_PMU_CFG_FLAGS) != 0) {
        return SBI_ERR_INVALID_PARAM;
    }
    if ((event != SBI_PMU_CPU_CYCLES && event != SBI_PMU_INSTRUCTIONS) ||
        (set & BIT(counter)) == 0 ||
        ((pmu->configured & BIT(counter)) != 0 && (flags & SBI_PMU_CFG_SKIP_MATCH) == 0)) {
        return SBI_ERR_NOT_SUPPORTED;
    }
    flags &= SBI_PMU_CFG_CLEAR_VALUE | SBI_PMU_CFG_AUTO_START;
    if (flags != 0 && !firmware_pmu(SBI_PMU_COUNTER_CFG_MATCHING, BIT(counter), flags, event)) {
        return SBI_ERR_FAILED;
    }
    pmu->configured |= BIT(counter);
    pmu->started |= (flags & SBI_PMU_CFG_AUTO_START) != 0 ? BIT(counter) : 0;
    return counter;
}

static int64_t start(struct arch_pmu *pmu, uint64_t set, uint64_t flags, uint64_t value)
{
    if ((flags & ~SBI_PMU_START_FLAGS) != 0 || (set & ~pmu->configured) != 0) {
        return SBI_ERR_INVALID_PARAM;
    }
    if ((flags & SBI_PMU_START_INIT_SNAPSHOT) != 0) {
        return SBI_ERR_NO_SHMEM;
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

    if ((flags & ~SBI_PMU_STOP_FLAGS) != 0) {
        return SBI_ERR_INVALID_PARAM;
    }
    if ((flags & SBI_PMU_STOP_TAKE_SNAPSHOT) != 0) {
        return SBI_ERR_NO_SHMEM;
    }
    if (running != 0 && !firmware_pmu(SBI_PMU_COUNTER_STOP, running, 0, 0)) {
        return SBI_ERR_FAILED;
    }
    pmu->started &= ~running;
    pmu->configured &= (flags & SBI_PMU_STOP_RESET) != 0 ? ~set : UINT64_MAX;
    return running == set ? SBI_SUCCESS : SBI_ERR_ALREADY_STOPPED;
}

/* The calls that name a set of counters, by its base and mask. */
static enum exit_reason counters_call(struct arch_pmu *pmu, uint64_t x[32])
{
    uint64_t flags = x[SBI_A0 + 2];
    uint64_t set;
    int64_t result;

    if (!sbi_named(x[SBI_A0 + 1], x[SBI_A0], COUNTERS, &set)) {
        return sbi_answer(x, SBI_ERR_INVALID_PARAM, 0);
    }
    if (x[SBI_FUNCTION] == SBI_PMU_COUNTER_START) {
        return sbi_answer(x, start(pmu, set, flags, x[SBI_A0 + 3]), 0);
    }
    if (x[SBI_FUNCTION] == SBI_PMU_COUNTER_STOP) {
        return sbi_answer(x, stop(pmu, set, flags), 0);
    }
    result = configure(pmu, set, flags, x[SBI_A0 + 3]);
    return result < 0 ? sbi_answer(x, result, 0) : sbi_answer(x, SBI_SUCCESS, (uint64_t)result);
}

enum exit_reason sbi_pmu_call(struct vcpu *v, uint64_t x[32])
{
    uint64_t counter = x[SBI_A0];

    switch (v->arch.pmu.is_granted ? x[SBI_FUNCTION] : UINT64_MAX) {
    case SBI_PMU_NUM_COUNTERS:
        return sbi_answer(x, SBI_SUCCESS, COUNTER_COUNT);
    case SBI_PMU_COUNTER_GET_INFO:
        return counter < COUNTER_COUNT && (COUNTERS >> counter & 1) != 0
                   ? sbi_answer(x, SBI_SUCCESS, COUNTER_INFO(counter))
                   : sbi_answer(x, SBI_ERR_INVALID_PARAM, 0);
    case SBI_PMU_COUNTER_CFG_MATCHING:
    case SBI_PMU_COUNTER_START:
    case SBI_PMU_COUNTER_STOP:
        return counters_call(&v->arch.pmu, x);
    case SBI_PMU_COUNTER_FW_READ: /* there are no counters of firmware */
    case SBI_PMU_COUNTER_FW_READ_HI:
        return sbi_answer(x, SBI_ERR_INVALID_PARAM, 0);
    default:
        return sbi_answer(x, SBI_ERR_NOT_SUPPORTED, 0);
    }
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Calls to the board's own firmware (SBI), made on the hypervisor's behalf only. What a guest asks
 * for is checked and cut down to its own harts before it leads to one of these.
 *
 * Source: RISC-V Supervisor Binary Interface 2.0.
 */
#pragma once

#include <hv/types.h>

struct pcpu;

/* Makes the supervisor software interrupt of another CPU pending. */
void firmware_send_ipi(const struct pcpu *pcpu);

/* Makes STIP pending once the counter reaches `deadline`; until then it is not pending. Where there
 * is no stimecmp. */
void firmware_set_timer(uint64_t deadline);

/* A set of harts as the firmware takes it: bit i of `mask` is hart `base` + i. */
struct hart_set {
    uint64_t mask;
    uint64_t base;
};

/* fence.i on other harts. Waits for them. */
void firmware_remote_fence_i(struct hart_set harts);

/* Drops guest translations of the VM whose VMID is in this hart's hgatp, on other harts, for guest
 * virtual addresses [start, start + size); all of them if size is 0. Waits for them. */
void firmware_remote_hfence_vvma(struct hart_set harts, uint64_t start, uint64_t size);

/*
 * Configures, starts or stops counters of this hart.
 *   function: SBI_PMU_COUNTER_*
 *   counters: bit i for counter i
 *   flags:    of that function
 *   argument: the event, or the first value
 * Returns false if the firmware does not do so for all of them.
 */
HV_MUST_CHECK bool firmware_pmu(uint64_t function, uint64_t counters, uint64_t flags,
                                uint64_t argument);

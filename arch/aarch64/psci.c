/* SPDX-License-Identifier: Apache-2.0 */
/*
 * PSCI and SMCCC as a guest sees them. See arch/psci.h.
 *
 * The list of functions below is all there is: everything else is answered NOT_SUPPORTED.
 */
#include <arch/psci.h>
#include <ashlar.h>
#include <hv/call.h>
#include <hv/memory.h>
#include <hv/tables.h>

#define VERSION_1_1 INT64_C(0x00010001)

/* MIGRATE_INFO_TYPE: no Trusted OS that would have to migrate (DEN 0022D, 5.9). */
#define MIGRATE_NOT_REQUIRED INT64_C(2)

/* CPU_SUSPEND, power_state: StateID [15:0], StateType [16], PowerLevel [25:24] (5.4.2). */
#define POWER_STATE_MASK 0x0301ffffu

/* The vCPU of the caller's VM with the affinity `mpidr`, or NULL. Affinities are assigned by the
 * generator: Aff0 = index % 16, Aff1 = index / 16. */
static struct vcpu *vcpu_by_affinity(const struct vm *vm, uint64_t mpidr)
{
    uint64_t index = ((mpidr >> 8) & 0xff) * 16 + (mpidr & 0xff);

    struct vcpu *v = vm_find_vcpu(vm, index);

    return v != NULL && v->config->arch.mpidr == mpidr ? v : NULL;
}

static int64_t cpu_on(const struct vcpu *v, uint64_t mpidr, uint64_t entry, uint64_t argument)
{
    struct vcpu *target = vcpu_by_affinity(v->vm, mpidr);
    enum vcpu_state state;

    if (target == NULL) {
        return PSCI_INVALID_PARAMETERS;
    }
    if (!memory_permits(v->vm, (ipa_t){ entry }, 4, MEM_EXECUTE)) {
        return PSCI_INVALID_ADDRESS;
    }
    state = __atomic_load_n(&target->state, __ATOMIC_SEQ_CST);
    switch (vcpu_on(target, entry, argument)) {
    case HV_OK:
        return PSCI_SUCCESS;
    case HV_ERR_ALREADY:
        return state == VCPU_READY ? PSCI_ON_PENDING : PSCI_ALREADY_ON;
    default: /* the VM is on its way out, and so is the caller */
        return PSCI_INTERNAL_FAILURE;
    }
}

static int64_t affinity_info(const struct vcpu *v, uint64_t mpidr, uint64_t level)
{
    const struct vcpu *target = vcpu_by_affinity(v->vm, mpidr);

    if (target == NULL || level != 0) {
        return PSCI_INVALID_PARAMETERS;
    }
    switch (__atomic_load_n(&target->state, __ATOMIC_SEQ_CST)) {
    case VCPU_OFF:
        return PSCI_AFFINITY_OFF;
    case VCPU_READY:
        return PSCI_AFFINITY_ON_PENDING;
    default:
        return PSCI_AFFINITY_ON;
    }
}

/* PSCI_FEATURES: 0 for every function that psci_call() knows. */
static int64_t features(uint64_t function)
{
    switch ((uint32_t)function) {
    case SMCCC_VERSION:
    case PSCI_VERSION:
    case PSCI_CPU_SUSPEND:
    case PSCI_CPU_SUSPEND | SMCCC_64:
    case PSCI_CPU_OFF:
    case PSCI_CPU_ON:
    case PSCI_CPU_ON | SMCCC_64:
    case PSCI_AFFINITY_INFO:
    case PSCI_AFFINITY_INFO | SMCCC_64:
    case PSCI_MIGRATE_INFO_TYPE:
    case PSCI_SYSTEM_OFF:
    case PSCI_SYSTEM_RESET:
    case PSCI_FEATURES:
        return PSCI_SUCCESS;
    default:
        return PSCI_NOT_SUPPORTED;
    }
}

/* SMCCC_ARCH_FEATURES: no workaround is offered, also where the CPU would need one (DEN 0028, 7.3).
 */
static int64_t arch_features(uint64_t function)
{
    bool known = (uint32_t)function == SMCCC_VERSION || (uint32_t)function == SMCCC_ARCH_FEATURES;

    return known ? PSCI_SUCCESS : PSCI_NOT_SUPPORTED;
}

/* Argument n of a call. An SMC32 call passes 32 bits, whatever lies above them (DEN 0028, 3.1). */
static uint64_t argument(const uint64_t x[4], uint32_t n)
{
    return (x[0] & SMCCC_64) != 0 ? x[n] : (uint32_t)x[n];
}

static enum exit_reason answer(uint64_t x[4], int64_t result)
{
    x[0] = (uint64_t)result;
    return EXIT_HYPERCALL;
}

enum exit_reason psci_call(struct vcpu *v, uint64_t x[5])
{
    switch ((uint32_t)x[0]) {
    case PSCI_VERSION:
    case SMCCC_VERSION:
        return answer(x, VERSION_1_1);
    case SMCCC_ARCH_FEATURES:
        return answer(x, arch_features(x[1]));
    case PSCI_FEATURES:
        return answer(x, features(x[1]));
    case PSCI_MIGRATE_INFO_TYPE:
        return answer(x, MIGRATE_NOT_REQUIRED);
    case PSCI_CPU_ON:
    case PSCI_CPU_ON | SMCCC_64:
        answer(x, cpu_on(v, argument(x, 1), argument(x, 2), argument(x, 3)));
        return EXIT_CPU_UP;
    case PSCI_AFFINITY_INFO:
    case PSCI_AFFINITY_INFO | SMCCC_64:
        return answer(x, affinity_info(v, argument(x, 1), argument(x, 2)));
    case PSCI_CPU_SUSPEND:
    case PSCI_CPU_SUSPEND | SMCCC_64:
        if ((argument(x, 1) & ~(uint64_t)POWER_STATE_MASK) != 0) {
            return answer(x, PSCI_INVALID_PARAMETERS);
        }
        answer(x, PSCI_SUCCESS); /* any state is entered as standby, which 5.4.5 allows */
        return EXIT_HALT;
    case PSCI_CPU_OFF:
        return EXIT_CPU_DOWN;
    case PSCI_SYSTEM_OFF:
        return EXIT_SYSTEM_DOWN;
    case PSCI_SYSTEM_RESET:
        return EXIT_SYSTEM_RESET;
    default:
        if ((uint32_t)x[0] - (uint32_t)ASHLAR_HVC <= SMCCC_FUNCTION_MAX) {
            return answer(x, call_make(v, (uint32_t)x[0] - (uint32_t)ASHLAR_HVC, &x[1]));
        }
        return answer(x, PSCI_NOT_SUPPORTED);
    }
}

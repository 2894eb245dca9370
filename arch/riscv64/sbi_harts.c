/* SPDX-License-Identifier: Apache-2.0 */
/*
 * SBI calls that concern a VM's other harts: IPI, RFENCE, HSM. See arch/sbi.h.
 *
 * A guest names harts by its own numbers, which are the indices of its vCPUs. What it asks for
 * reaches the machine's harts on which those vCPUs run, and no others.
 */
#include <arch/csr.h>
#include <arch/firmware.h>
#include <arch/sbi.h>
#include <arch/vcpu.h>
#include <hv/memory.h>
#include <hv/tables.h>

/* Ranges longer than this are fenced whole: page by page would take longer. */
#define FENCE_RANGE_MAX (UINT64_C(64) * HV_PAGE_SIZE)

bool sbi_named(uint64_t mask, uint64_t base, uint64_t all, uint64_t *set)
{
    *set = mask << base % 64;
    return mask == 0 || (base < 64 && *set >> base == mask && (*set & ~all) == 0);
}

/* Bit i: vCPU i of the VM, for the harts that are named. Returns false if one does not exist. */
static bool named_vcpus(const struct vm *vm, uint64_t mask, uint64_t base, uint64_t *set)
{
    uint64_t all = UINT64_MAX >> (64 - vm->config->vcpu_count);

    return base == SBI_ALL_HARTS ? sbi_named(all, 0, all, set) : sbi_named(mask, base, all, set);
}

int64_t sbi_send_ipi(const struct vcpu *v, uint64_t mask, uint64_t base)
{
    uint64_t set;

    if (!named_vcpus(v->vm, mask, base, &set)) {
        return SBI_ERR_INVALID_PARAM;
    }
    while (set != 0) {
        vcpu_send_ipi(vm_vcpu(v->vm, take_bit(&set)));
    }
    return SBI_SUCCESS;
}

/* Fences on other harts, if there are any; `size` 0: all addresses. */
static void fence_harts(uint64_t function, struct hart_set harts, uint64_t start, uint64_t size)
{
    if (harts.mask == 0) {
        return;
    }
    if (function == SBI_RFENCE_FENCE_I) {
        firmware_remote_fence_i(harts);
    } else {
        firmware_remote_hfence_vvma(harts, start, size);
    }
}

static void fence_here(uint64_t function)
{
    if (function == SBI_RFENCE_FENCE_I) {
        fence_i();
    } else {
        hfence_vvma();
    }
}

/* Fences on the harts of the vCPUs in `set`, gathered into as few firmware calls as their numbers
 * allow. */
static void fence_vcpus(const struct vcpu *v, uint64_t function, uint64_t set, uint64_t start,
                        uint64_t size)
{
    struct hart_set harts = { 0, 0 };

    while (set != 0) {
        const struct pcpu *pcpu = vm_vcpu(v->vm, take_bit(&set))->pcpu;
        uint64_t hart = pcpu->config->arch.hart_id;

        if (pcpu == v->pcpu) {
            fence_here(function);
            continue;
        }
        if (harts.mask == 0 || hart - harts.base >= 64) {
            fence_harts(function, harts, start, size);
            harts = (struct hart_set){ .base = hart };
        }
        harts.mask |= BIT(hart - harts.base);
    }
    fence_harts(function, harts, start, size);
}

/* Fences by ASID are carried out for all of the VM's: more than was asked for, never less. */
int64_t sbi_remote_fence(const struct vcpu *v, uint64_t function, const uint64_t arguments[4])
{
    uint64_t start = arguments[2];
    uint64_t size = arguments[3];
    uint64_t set;

    if (function > SBI_RFENCE_SFENCE_VMA_ASID) {
        return SBI_ERR_NOT_SUPPORTED; /* a guest is no hypervisor */
    }
    if (!named_vcpus(v->vm, arguments[0], arguments[1], &set)) {
        return SBI_ERR_INVALID_PARAM;
    }
    if (size > FENCE_RANGE_MAX) {
        start = 0;
        size = 0;
    }
    fence_vcpus(v, function, set, size == 0 ? 0 : start, size);
    return SBI_SUCCESS;
}

static int64_t hart_start(const struct vm *vm, const uint64_t arguments[3])
{
    struct vcpu *target = vm_find_vcpu(vm, arguments[0]);

    if (target == NULL) {
        return SBI_ERR_INVALID_PARAM;
    }
    if (!memory_permits(vm, (ipa_t){ arguments[1] }, 2, MEM_EXECUTE)) {
        return SBI_ERR_INVALID_ADDRESS;
    }
    switch (vcpu_on(target, arguments[1], arguments[2])) {
    case HV_OK:
        return SBI_SUCCESS;
    case HV_ERR_ALREADY:
        return SBI_ERR_ALREADY_AVAILABLE;
    default: /* the VM is on its way out, and so is the caller */
        return SBI_ERR_FAILED;
    }
}

static enum exit_reason hart_status(const struct vm *vm, uint64_t x[32])
{
    static const uint8_t status[] = {
        [VCPU_OFF] = SBI_HSM_STOPPED,          [VCPU_READY] = SBI_HSM_START_PENDING,
        [VCPU_RUNNING] = SBI_HSM_STARTED,      [VCPU_HALTED] = SBI_HSM_STARTED,
        [VCPU_EXITING] = SBI_HSM_STOP_PENDING,
    };
    const struct vcpu *target = vm_find_vcpu(vm, x[SBI_A0]);

    if (target == NULL) {
        return sbi_answer(x, SBI_ERR_INVALID_PARAM, 0);
    }
    return sbi_answer(x, SBI_SUCCESS, status[__atomic_load_n(&target->state, __ATOMIC_SEQ_CST)]);
}

/* The two suspensions that every SBI has; registers of a retentive one are the guest's all along.
 */
static enum exit_reason hart_suspend(struct vcpu *v, uint64_t x[32])
{
    uint64_t entry = x[SBI_A0 + 1];

    switch ((uint32_t)x[SBI_A0]) {
    case SBI_HSM_SUSPEND_RETENTIVE:
        sbi_answer(x, SBI_SUCCESS, 0);
        return EXIT_HALT;
    case SBI_HSM_SUSPEND_NON_RETENTIVE:
        if (!memory_permits(v->vm, (ipa_t){ entry }, 2, MEM_EXECUTE)) {
            return sbi_answer(x, SBI_ERR_INVALID_ADDRESS, 0);
        }
        vcpu_resume_at(v, entry, x[SBI_A0 + 2]);
        return EXIT_HALT;
    default:
        return sbi_answer(x, SBI_ERR_INVALID_PARAM, 0);
    }
}

enum exit_reason sbi_hsm_call(struct vcpu *v, uint64_t x[32])
{
    switch (x[SBI_FUNCTION]) {
    case SBI_HSM_HART_START:
        return sbi_answer(x, hart_start(v->vm, &x[SBI_A0]), 0);
    case SBI_HSM_HART_STOP:
        return EXIT_CPU_DOWN;
    case SBI_HSM_HART_GET_STATUS:
        return hart_status(v->vm, x);
    case SBI_HSM_HART_SUSPEND:
        return hart_suspend(v, x);
    default:
        return sbi_answer(x, SBI_ERR_NOT_SUPPORTED, 0);
    }
}

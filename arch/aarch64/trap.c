/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Traps of guests: what the syndrome says, and who answers.
 *
 * Everything that needs no scheduling is answered here, on the trap's own stack frame, and the
 * guest goes on; the exit loop in runtime/vcpu.c hears only of the rest. Nothing here trusts the
 * guest: a syndrome that is not understood is that guest's fault.
 */
#include <arch/gicv3.h>
#include <arch/irq.h>
#include <arch/psci.h>
#include <arch/sysreg.h>
#include <arch/trap.h>
#include <hv/arch/vcpu.h>
#include <hv/format.h>
#include <hv/mmio.h>
#include <hv/panic.h>
#include <hv/tables.h>

/* The end of every trap: whether the guest may go on at once. */
static uint32_t resume(struct vcpu *v)
{
    if (arch_this_pcpu()->resched) {
        return EXIT_PREEMPTED;
    }
    /* In no order with other CPUs: one that sets it kicks afterwards, and then it is looked at
     * again. */
    if (__atomic_load_n(&v->arch.vgic.stale, __ATOMIC_RELAXED) != 0) {
        vgic_flush(v);
    }
    return TRAP_RESUME;
}

/* Counts an exit that was answered here and goes on. */
static uint32_t answered(struct vcpu *v, enum exit_reason reason)
{
    v->exits[reason]++;
    return resume(v);
}

/* PSTATE.IT of a T32 program moves on by one instruction (ITAdvance(), F2.3). */
static void advance_it(void)
{
    uint64_t pstate = read_sysreg(spsr_el2);
    uint64_t it = PSTATE_IT(pstate);

    it = (it & 7) == 0 ? 0 : (it & 0xe0) | (it << 1 & 0x1f);
    write_sysreg(spsr_el2, (pstate & ~PSTATE_IT_MASK) | PSTATE_IT_BITS(it));
}

void trap_skip_instruction(uint64_t esr)
{
    /* Two bytes, or four where ESR_IL (bit 25) is set; on every device access, so without a branch.
     */
    write_sysreg(elr_el2, read_sysreg(elr_el2) + 2 + (esr >> 24 & 2));
    if (__builtin_expect((read_sysreg(spsr_el2) & PSTATE_AARCH32) != 0, false)) {
        advance_it();
    }
}

uint64_t trap_get_register(const struct vcpu *v, uint32_t number)
{
    return number == 31 ? 0 : v->arch.x[number];
}

void trap_set_register(struct vcpu *v, uint32_t number, uint64_t value)
{
    if (number != 31) {
        v->arch.x[number] = value;
    }
}

uint32_t trap_fault(struct vcpu *v, const char *what)
{
    v->exit.fault = (struct guest_fault){
        .what = what,
        .pc = read_sysreg(elr_el2),
        .syndrome = read_sysreg(esr_el2),
    };
    return EXIT_GUEST_FAULT;
}

static uint32_t fault_at(struct vcpu *v, const char *what, ipa_t address)
{
    trap_fault(v, what);
    v->exit.fault.address = address;
    v->exit.fault.has_address = true;
    return EXIT_GUEST_FAULT;
}

/* Takes the guest to its own handler of synchronous exceptions, as its CPU would (D1.3.5). */
static void inject(uint64_t esr)
{
    uint64_t pstate = read_sysreg(spsr_el2);
    uint64_t vector = (pstate & PSTATE_AARCH32) != 0 ? VECTOR_LOWER_AARCH32 : VECTOR_LOWER_AARCH64;
    uint64_t pan =
        (read_sysreg(sctlr_el1) & SCTLR_EL1_SPAN) != 0 ? pstate & PSTATE_PAN : PSTATE_PAN;

    if ((pstate & PSTATE_EL) != 0) {
        vector = (pstate & PSTATE_SP) != 0 ? VECTOR_SAME_SPX : VECTOR_SAME_SP0;
    }
    write_sysreg(elr_el1, read_sysreg(elr_el2));
    write_sysreg(spsr_el1, pstate);
    write_sysreg(esr_el1, esr);
    write_sysreg(elr_el2, read_sysreg(vbar_el1) + vector);
    write_sysreg(spsr_el2, PSTATE_EL1H_MASKED | pan);
}

/* An undefined instruction: exception class 0, unknown reason. */
static void inject_undefined(uint64_t esr)
{
    inject(esr & ESR_IL);
}

/* An abort becomes a synchronous external abort of the same access (D1.3.5, D19.2.40). */
void arch_vcpu_inject_fault(struct vcpu *v)
{
    uint64_t esr = v->exit.fault.syndrome;
    uint64_t class = ESR_EC(esr);

    if (class != ESR_EC_IABT_LOWER && class != ESR_EC_DABT_LOWER) {
        inject_undefined(esr);
        return;
    }
    if ((read_sysreg(spsr_el2) & PSTATE_EL) != 0) {
        class ++; /* of the same level */
    }
    write_sysreg(far_el1, read_sysreg(far_el2));
    inject(ESR_EC_BITS(class) | (esr & (ESR_IL | ISS_DABT_WNR)) | FSC_EXTERNAL);
}

uint32_t trap_denied(struct vcpu *v, uint64_t esr, const char *what)
{
    if ((read_sysreg(spsr_el2) & PSTATE_EL) != 0) {
        return trap_fault(v, what);
    }
    inject_undefined(esr);
    return EXIT_SYSREG;
}

/* trap_denied(), and the guest goes on if it was its user program. */
static uint32_t denied(struct vcpu *v, uint64_t esr, const char *what)
{
    uint32_t reason = trap_denied(v, esr, what);

    return reason == EXIT_GUEST_FAULT ? reason : answered(v, (enum exit_reason)reason);
}

uint32_t trap_hypercall(struct vcpu *v)
{
    enum exit_reason reason = psci_call(v, v->arch.x);

    if (reason == EXIT_HYPERCALL || reason == EXIT_CPU_UP) {
        return answered(v, reason);
    }
    return reason;
}

/*
 * An abort that is nothing but the guest's fault. HPFAR_EL2 is UNKNOWN for a fault of permission on
 * the access itself (D19.2.57); then only the guest knows where its virtual address leads.
 */
static uint32_t abort_fault(struct vcpu *v, uint64_t esr, const char *what)
{
    uint64_t far = read_sysreg(far_el2);
    uint64_t page = HPFAR_FIPA(read_sysreg(hpfar_el2));

    if ((esr & ISS_ABORT_S1PTW) !=
        0) { /* FAR_EL2 is what was translated, not where the walk went */
        return fault_at(v, "page table walk where it may not", (ipa_t){ page });
    }
    if ((esr & ISS_ABORT_FSC_TYPE) != FSC_PERMISSION) {
        return fault_at(v, what, (ipa_t){ page | (far & (HV_PAGE_SIZE - 1)) });
    }
    if ((read_sysreg(sctlr_el1) & SCTLR_EL1_M) == 0) { /* with its MMU off the two are the same */
        return fault_at(v, what, (ipa_t){ far });
    }
    trap_fault(v, what);
    v->exit.fault.virtual_address = far;
    v->exit.fault.has_virtual_address = true;
    return EXIT_GUEST_FAULT;
}

/* Why a data abort that is no device access is a fault, for the report. */
static const char *data_abort_cause(uint64_t esr)
{
    bool is_write = (esr & ISS_DABT_WNR) != 0;

    switch (esr & ISS_ABORT_FSC_TYPE) {
    case FSC_TRANSLATION:
        return "data abort of an instruction that is not emulated";
    case FSC_PERMISSION:
        return is_write ? "write that its permissions forbid" : "read that its permissions forbid";
    default:
        return "data abort";
    }
}

/* Extends what a device answered as a sign-extending load asks (ISS.SSE, ISS.SF). */
static uint64_t sign_extend(uint64_t value, uint64_t esr)
{
    uint64_t sign = UINT64_C(1) << ((8u << ISS_DABT_SAS(esr)) - 1);

    value = (value ^ sign) - sign;
    return (esr & ISS_DABT_SF) != 0 ? value : (uint32_t)value;
}

/* A data abort with a valid description of its instruction, where nothing is mapped: a device. */
#define DEVICE_ACCESS_MASK (ISS_DABT_ISV | ISS_ABORT_S1PTW | ISS_ABORT_FSC_TYPE)
#define DEVICE_ACCESS      (ISS_DABT_ISV | FSC_TRANSLATION)

/* Not inlined, so that trap_sync() needs no stack frame of its own. */
static __attribute__((noinline)) uint32_t data_abort(struct vcpu *v, uint64_t esr)
{
    uint32_t rt = ISS_DABT_SRT(esr);
    struct mmio_access access;

    if ((esr & DEVICE_ACCESS_MASK) != DEVICE_ACCESS) {
        return abort_fault(v, esr, data_abort_cause(esr));
    }
    access.address.ipa = HPFAR_FIPA(read_sysreg(hpfar_el2)) | (read_sysreg(far_el2) & 0xfff);
    access.size = (uint8_t)(1u << ISS_DABT_SAS(esr));
    access.is_write = (esr & ISS_DABT_WNR) != 0;
    access.value = 0;
    if (access.is_write) {
        access.value = trap_get_register(v, rt) & (UINT64_MAX >> (64 - 8 * access.size));
    }
    if (!mmio_dispatch(v, &access)) {
        return fault_at(v, access.is_write ? "write" : "read", access.address);
    }
    trap_skip_instruction(esr);
    if (access.is_write) {
        return answered(v, EXIT_MMIO_WRITE);
    }
    if ((esr & ISS_DABT_SSE) != 0) {
        access.value = sign_extend(access.value, esr);
    }
    trap_set_register(v, rt, access.value);
    return answered(v, EXIT_MMIO_READ);
}

static __attribute__((noinline)) uint32_t system_register(struct vcpu *v, uint64_t esr)
{
    uint32_t reason = sysreg_access(v, esr);

    return reason == EXIT_GUEST_FAULT ? reason : answered(v, (enum exit_reason)reason);
}

uint32_t trap_sync(struct vcpu *v, uint64_t esr)
{
    if (ESR_EC(esr) == ESR_EC_DABT_LOWER) { /* by far the most frequent */
        return data_abort(v, esr);
    }
    switch (ESR_EC(esr)) {
    case ESR_EC_SYSREG:
        return system_register(v, esr);
    case ESR_EC_SMC64: /* a trapped SMC returns to itself, an HVC behind itself */
        trap_skip_instruction(esr);
        return trap_hypercall(v);
    case ESR_EC_WFX:
        trap_skip_instruction(esr);
        return EXIT_HALT;
    case ESR_EC_IABT_LOWER:
        return abort_fault(v, esr, "instruction fetch");
    case ESR_EC_SVE:
        return denied(v, esr, "SVE instruction, which it was not granted");
    default:
        return denied(v, esr, "instruction that it may not execute");
    }
}

uint32_t trap_irq(void)
{
    struct pcpu *pcpu = arch_this_pcpu();
    struct vcpu *v = pcpu->loaded;

    irq_take(pcpu);
    return answered(v, EXIT_EXTERNAL_INTERRUPT);
}

uint32_t trap_serror(void)
{
    return trap_fault(arch_this_pcpu()->loaded, "system error");
}

void trap_hypervisor_fault(uint64_t vector, uint64_t esr, uint64_t elr, uint64_t far)
{
    char text[100];

    format(text, sizeof text, "exception at EL2: vector %lu, ESR 0x%lx, ELR 0x%lx, FAR 0x%lx",
           vector, esr, elr, far);
    panic(__FILE__, __LINE__, text);
}

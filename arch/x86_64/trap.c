/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Exits of guests: what the exit code says, and who answers. See arch/trap.h.
 *
 * Everything that needs no scheduling is answered here, on the vCPU task's own stack, and the guest
 * goes on; the exit loop in runtime/vcpu.c hears only of the rest. Nothing here trusts the guest:
 * what is not understood is that guest's fault.
 *
 * An exit that interrupted the delivery of an event (EXITINTINFO) has the event injected again.
 *
 * Source: AMD64 Architecture Programmer's Manual volume 2 (24593), 15.6 (#VMEXIT), 15.7.2
 * (EXITINTINFO), appendix C.
 */
#include <arch/irq.h>
#include <arch/svm.h>
#include <arch/trap.h>
#include <arch/vcpu.h>
#include <arch/x86.h>
#include <ashlar.h>
#include <hv/arch/vcpu.h>
#include <hv/call.h>
#include <hv/panic.h>

#define LENGTH_HLT     1u
#define LENGTH_VMMCALL 3u
#define FUNCTION_MAX   0xffu
#define LENGTH_CACHE   2u /* INVD, WBINVD */

/* What a hypercall answers that is not known, in RAX: KVM's -ENOSYS. */
#define HYPERCALL_UNKNOWN (-UINT64_C(1000))

uint32_t trap_deliver(struct vcpu *v)
{
    if (v->pcpu->resched || __atomic_load_n(&v->arch.init, __ATOMIC_RELAXED) != 0) {
        return EXIT_PREEMPTED;
    }
    vcpu_deliver(v);
    return TRAP_RESUME;
}

uint32_t trap_fault(struct vcpu *v, const char *what)
{
    v->exit.fault = (struct guest_fault){
        .what = what,
        .pc = v->arch.vmcb->rip,
        .syndrome = v->arch.vmcb->exit_code,
    };
    return EXIT_GUEST_FAULT;
}

uint32_t trap_fault_at(struct vcpu *v, const char *what, ipa_t address)
{
    trap_fault(v, what);
    v->exit.fault.syndrome = v->arch.vmcb->exit_info_1;
    v->exit.fault.address = address;
    v->exit.fault.has_address = true;
    return EXIT_GUEST_FAULT;
}

/* An event that is on its way already loses to the exception: it is delivered again by the guest's
 * handler's return, if it was an instruction's, or is lost as it would be by a processor shut
 * down. */
void trap_inject(struct vcpu *v, uint32_t vector)
{
    bool has_error = vector == VECTOR_GP || vector == VECTOR_AC;

    v->arch.event =
        EVENT_VALID | EVENT_TYPE_EXCEPTION | vector | (has_error ? EVENT_ERROR_VALID : 0);
}

void arch_vcpu_inject_fault(struct vcpu *v)
{
    trap_inject(v, VECTOR_GP);
}

void trap_inject_page_fault(struct vcpu *v, uint64_t linear, bool is_write)
{
    struct vmcb *vmcb = v->arch.vmcb;
    uint64_t error = (is_write ? PF_WRITE : 0) | (vmcb->cpl == 3 ? PF_USER : 0);

    vmcb->cr2 = linear;
    vmcb->clean &= ~CLEAN_CR2;
    v->arch.event = EVENT_VALID | EVENT_TYPE_EXCEPTION | EVENT_ERROR_VALID | VECTOR_PF |
                    error << EVENT_ERROR_SHIFT;
}

/* #UD; or an exception that is intercepted because its delivery could go on for ever, so that no
 * interrupt would get through (#AC and #DB with an IDT that faults). */
static uint32_t reflect(struct vcpu *v, uint32_t vector)
{
    trap_inject(v, vector);
    return trap_answered(v, EXIT_SYSREG);
}

static uint32_t interrupt_exit(struct vcpu *v)
{
    irq_open(v->pcpu, !v->arch.owns_apic);
    v->exits[EXIT_EXTERNAL_INTERRUPT]++;
    return trap_deliver(v);
}

static void own_call(struct vcpu *v, uint32_t function)
{
    static const uint8_t registers[CALL_VALUES] = { REG_RDI, REG_RSI, REG_RDX, REG_RCX };
    uint64_t x[CALL_VALUES];

    for (uint32_t i = 0; i < CALL_VALUES; i++) {
        x[i] = v->arch.regs[registers[i]];
    }
    v->arch.vmcb->rax = (uint64_t)call_make(v, function, x);
    for (uint32_t i = 0; i < CALL_VALUES; i++) {
        v->arch.regs[registers[i]] = x[i];
    }
}

static uint32_t hypercall(struct vcpu *v)
{
    uint32_t function = (uint32_t)v->arch.vmcb->rax - (uint32_t)ASHLAR_VMMCALL;

    trap_skip(v, LENGTH_VMMCALL);
    if (function > FUNCTION_MAX || v->arch.vmcb->cpl != 0) {
        v->arch.vmcb->rax = HYPERCALL_UNKNOWN;
    } else {
        own_call(v, function);
    }
    return trap_answered(v, EXIT_HYPERCALL);
}

static uint32_t other_exit(struct vcpu *v, uint32_t code)
{
    switch (code) {
    case EXIT_CODE_EXCEPTION + VECTOR_DB:
    case EXIT_CODE_EXCEPTION + VECTOR_AC:
        return reflect(v, code - EXIT_CODE_EXCEPTION);
    case EXIT_CODE_EXCEPTION + VECTOR_MC:
        panic(__FILE__, __LINE__, "machine check while a guest ran");
    case EXIT_CODE_CR8_WRITE:
        return cr8_exit(v);
    case EXIT_CODE_VINTR: /* it can take interrupts now */
        return trap_deliver(v);
    case EXIT_CODE_IRET:
        v->arch.is_nmi_masked = false;
        return trap_deliver(v);
    case EXIT_CODE_INVALID: /* QEMU says so of reserved bits in CR3 and CR4, too, for #GP */
        trap_fault(v, "state that the processor refuses");
        return EXIT_FAIL_ENTRY;
    case EXIT_CODE_SHUTDOWN: /* a triple fault: how PCs are reset */
        return EXIT_SYSTEM_RESET;
    case EXIT_CODE_INVD: /* caches are coherent, and no device of a guest's looks past them */
    case EXIT_CODE_WBINVD:
        return trap_finish(v, true, LENGTH_CACHE, EXIT_SYSREG);
    case EXIT_CODE_RDPMC:
    case EXIT_CODE_XSETBV:
        return trap_finish(v, false, 0, EXIT_SYSREG);
    default: /* SVM's own instructions, MONITOR, MWAIT, RDPRU: this processor has none of them */
        return reflect(v, VECTOR_UD);
    }
}

/* What the exit interrupted. QEMU says of an interrupt that went straight to the guest that it is
 * an exception. */
static uint64_t repaired(uint64_t event)
{
    bool is_wrong =
        (event & EVENT_TYPE_MASK) == EVENT_TYPE_EXCEPTION && (event & EVENT_VECTOR_MASK) >= 32;

    return is_wrong ? event & ~(EVENT_TYPE_MASK | EVENT_ERROR_VALID) : event;
}

/* Who answers. Each ends by a call of trap_answered() or its kin, so that none of this has a frame
 * on the stack, and registers to save there, on the short ways. */
static uint32_t dispatch(struct vcpu *v)
{
    uint32_t code = (uint32_t)v->arch.vmcb->exit_code;

    if (code == EXIT_CODE_NPF) {
        return npf_exit(v);
    }
    switch (code) {
    case EXIT_CODE_INTR:
    case EXIT_CODE_NMI:
        return interrupt_exit(v);
    case EXIT_CODE_MSR:
        return msr_exit(v);
    case EXIT_CODE_IOIO:
        return pio_exit(v);
    case EXIT_CODE_HLT:
        trap_skip(v, LENGTH_HLT);
        return EXIT_HALT;
    case EXIT_CODE_CPUID:
        return cpuid_exit(v);
    case EXIT_CODE_VMMCALL:
        return hypercall(v);
    default:
        return other_exit(v, code);
    }
}

uint32_t trap_exit(struct vcpu *v)
{
    struct vmcb *vmcb = v->arch.vmcb;
    uint64_t interrupted = vmcb->exit_int_info;

    vmcb->clean = CLEAN_ALL;
    vmcb->tlb_control = 0;
    vmcb->event_inj = 0;
    if ((interrupted & EVENT_VALID) != 0) {
        v->arch.event = v->arch.owns_apic ? repaired(interrupted) : interrupted;
    }
    if (!v->arch.owns_apic) {
        vcpu_follow_tpr(v);
    }
    return dispatch(v);
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Exits of guests: what the exit code says, and who answers. See arch/trap.h.
 *
 * Everything that needs no scheduling is answered here, on the vCPU task's own stack, and the guest
 * goes on; the exit loop in runtime/vcpu.c hears only of the rest. Nothing here trusts the guest:
 * what is not understood is that guest's fault.
 *
 * An exit that interrupted the delivery of an event (EXITINTINFO) has the event injected again. A
 * physical interrupt never is such an event, as all of them are intercepted.
 *
 * Source: AMD64 Architecture Programmer's Manual volume 2 (24593), 15.6 (#VMEXIT), 15.7.2
 * (EXITINTINFO), 15.25.6 (nested page faults), appendix C.
 */
#include <arch/decode.h>
#include <arch/direct.h>
#include <arch/irq.h>
#include <arch/svm.h>
#include <arch/trap.h>
#include <arch/vcpu.h>
#include <arch/vlapic.h>
#include <arch/x86.h>
#include <hv/mmio.h>
#include <hv/panic.h>
#include <hv/tables.h>

#define LENGTH_CPUID   2u
#define LENGTH_HLT     1u
#define LENGTH_MSR     2u
#define LENGTH_VMMCALL 3u
#define LENGTH_CACHE   2u /* INVD, WBINVD */

/* MOV to CR8: 0f 22 /r with a prefix that means register 8. */
#define OPCODE_MOV_TO_CR 0x220fu

/* What a hypercall answers that is not known, in RAX: KVM's -ENOSYS. */
#define HYPERCALL_UNKNOWN (-UINT64_C(1000))

/* The end of every exit: whether the guest may go on at once. */
static uint32_t resume(struct vcpu *v)
{
    if (v->pcpu->resched || __atomic_load_n(&v->arch.is_init, __ATOMIC_RELAXED)) {
        return EXIT_PREEMPTED; /* arch_vcpu_run() hears of INIT */
    }
    vcpu_deliver(v);
    return TRAP_RESUME;
}

/* Counts an exit that was answered here and goes on. */
static uint32_t answered(struct vcpu *v, enum exit_reason reason)
{
    v->exits[reason]++;
    return resume(v);
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

void trap_inject_page_fault(struct vcpu *v, uint64_t linear, bool is_write)
{
    struct vmcb *vmcb = v->arch.vmcb;
    uint64_t error = (is_write ? PF_WRITE : 0) | (vmcb->cpl == 3 ? PF_USER : 0);

    vmcb->cr2 = linear;
    vmcb->clean &= ~CLEAN_CR2;
    v->arch.event = EVENT_VALID | EVENT_TYPE_EXCEPTION | EVENT_ERROR_VALID | VECTOR_PF |
                    error << EVENT_ERROR_SHIFT;
}

void trap_skip(struct vcpu *v, uint64_t length)
{
    v->arch.vmcb->rip += length;
    v->arch.vmcb->interrupt_shadow = 0;
}

/* Goes on behind the instruction, or raises #GP. */
static uint32_t finish(struct vcpu *v, bool ok, uint64_t length, enum exit_reason reason)
{
    if (ok) {
        trap_skip(v, length);
    } else {
        trap_inject(v, VECTOR_GP);
    }
    return answered(v, reason);
}

/* RDMSR or WRMSR (EXITINFO1 is 1). */
static uint32_t msr_exit(struct vcpu *v)
{
    struct vmcb *vmcb = v->arch.vmcb;
    uint32_t msr = (uint32_t)v->arch.regs[REG_RCX];
    uint64_t value;
    bool ok;

    if (vmcb->exit_info_1 != 0) {
        value = (v->arch.regs[REG_RDX] << 32) | (uint32_t)vmcb->rax;
        ok = msr_write(v, msr, value);
        return finish(v, ok, LENGTH_MSR,
                      msr == MSR_X2APIC_BASE + LAPIC_ICR ? EXIT_SEND_IPI : EXIT_SYSREG);
    }
    ok = msr_read(v, msr, &value);
    if (ok) {
        vmcb->rax = (uint32_t)value;
        v->arch.regs[REG_RDX] = value >> 32;
    }
    return finish(v, ok, LENGTH_MSR, EXIT_SYSREG);
}

static uint32_t port_exit(struct vcpu *v)
{
    uint32_t reason = pio_exit(v);

    return reason == EXIT_COUNT ? answered(v, EXIT_SYSREG) : reason;
}

/* ---- Nested page faults ---- */

static const char *npf_cause(uint64_t info)
{
    if ((info & NPF_TABLE) != 0) {
        return "page table walk where it may not";
    }
    if ((info & NPF_FETCH) != 0) {
        return "instruction fetch";
    }
    if ((info & NPF_PRESENT) != 0) {
        return (info & NPF_WRITE) != 0 ? "write that its permissions forbid"
                                       : "read that its permissions forbid";
    }
    return (info & NPF_WRITE) != 0 ? "write" : "read";
}

/* A device? One look at the table, before the instruction is fetched and decoded. */
static bool is_emulated(const struct vcpu *v, ipa_t address)
{
    const struct vm_config *vm = v->vm->config;

    for (uint32_t i = 0; i < vm->mmio_count; i++) {
        if (range_contains(vm->mmio[i].base.ipa, vm->mmio[i].size, address.ipa, 1)) {
            return true;
        }
    }
    return false;
}

/* Carries the instruction out. Returns false if the device refuses. */
static bool execute(struct vcpu *v, const struct decoded_access *decoded,
                    struct mmio_access *access)
{
    uint64_t *reg = vcpu_register(v, decoded->reg);
    uint64_t operand = decode_operand(decoded, *reg);

    access->size = decoded->size;
    if (decoded->to_register) {
        if (!mmio_dispatch(v, access)) {
            return false;
        }
        *reg = decode_loaded(decoded, *reg, access->value);
    }
    access->is_write = decoded->is_write;
    access->value = operand;
    return !access->is_write || mmio_dispatch(v, access);
}

static uint32_t npf_exit(struct vcpu *v)
{
    struct vmcb *vmcb = v->arch.vmcb;
    uint64_t info = vmcb->exit_info_1;
    struct decoded_access decoded;
    struct mmio_access access = { .address = { vmcb->exit_info_2 } };
    uint8_t bytes[INSTRUCTION_MAX];
    uint32_t count;

    if ((info & (NPF_TABLE | NPF_FETCH | NPF_PRESENT)) != 0 || !is_emulated(v, access.address)) {
        return trap_fault_at(v, npf_cause(info), access.address);
    }
    count = guest_fetch(v, bytes);
    if (count == 0) {
        return resume(v); /* its other vCPUs took it away: its next attempt tells the guest */
    }
    if (!decode(bytes, count, (vmcb->cs.attributes & SEGMENT_L) != 0,
                (vmcb->cs.attributes & SEGMENT_D) != 0, &decoded)) {
        return trap_fault_at(v, "device access of an instruction that is not emulated",
                             access.address);
    }
    if (!execute(v, &decoded, &access)) {
        return trap_fault_at(v, npf_cause(info), access.address);
    }
    trap_skip(v, decoded.length);
    return answered(v, access.is_write ? EXIT_MMIO_WRITE : EXIT_MMIO_READ);
}

/* ---- The rest ---- */

/* MOV to CR8 while an interrupt waits for its turn. Which register is in the instruction. */
static uint32_t cr8_exit(struct vcpu *v)
{
    uint8_t bytes[INSTRUCTION_MAX];
    uint32_t count = guest_fetch(v, bytes);
    uint32_t at = 0;
    uint32_t rex = 0;

    while (at < count && (bytes[at] == 0xf0 || (bytes[at] & 0xf0) == 0x40)) {
        rex = (bytes[at] & 0xf0) == 0x40 ? bytes[at] : rex;
        at++;
    }
    if (count == 0) {
        return resume(v);
    }
    if (at + 3 > count || (bytes[at] | bytes[at + 1] << 8) != OPCODE_MOV_TO_CR) {
        return trap_fault(v, "write of CR8 that is not emulated");
    }
    if (*vcpu_register(v, (bytes[at + 2] & 7) | (rex & 1) << 3) > 0xf) {
        return finish(v, false, 0, EXIT_SYSREG);
    }
    vlapic_set_tpr(v, (uint8_t)(*vcpu_register(v, (bytes[at + 2] & 7) | (rex & 1) << 3) << 4));
    return finish(v, true, at + 3, EXIT_SYSREG);
}

/* An exception that is intercepted because its delivery could go on for ever, so that no interrupt
 * would get through (#AC and #DB with an IDT that faults). */
static uint32_t reflect(struct vcpu *v, uint32_t vector)
{
    trap_inject(v, vector);
    return answered(v, EXIT_SYSREG);
}

static uint32_t interrupt_exit(struct vcpu *v)
{
    irq_open(v->pcpu, !v->arch.owns_apic);
    return answered(v, EXIT_EXTERNAL_INTERRUPT);
}

static uint32_t hypercall(struct vcpu *v)
{
    v->arch.vmcb->rax = HYPERCALL_UNKNOWN;
    trap_skip(v, LENGTH_VMMCALL);
    return answered(v, EXIT_HYPERCALL);
}

static uint32_t undefined(struct vcpu *v)
{
    trap_inject(v, VECTOR_UD);
    return answered(v, EXIT_SYSREG);
}

static uint32_t other_exit(struct vcpu *v, uint32_t code)
{
    switch (code) {
    case EXIT_CODE_EXCEPTION + VECTOR_DB:
    case EXIT_CODE_EXCEPTION + VECTOR_AC:
        return reflect(v, code - EXIT_CODE_EXCEPTION);
    case EXIT_CODE_CR8_WRITE:
        return cr8_exit(v);
    case EXIT_CODE_VINTR: /* it can take interrupts now */
        return resume(v);
    case EXIT_CODE_IRET:
        v->arch.is_nmi_masked = false;
        return resume(v);
    case EXIT_CODE_INVALID: /* QEMU says so of reserved bits in CR3 and CR4, too, for #GP */
        trap_fault(v, "state that the processor refuses");
        return EXIT_FAIL_ENTRY;
    case EXIT_CODE_SHUTDOWN: /* a triple fault: how PCs are reset */
        return EXIT_SYSTEM_RESET;
    case EXIT_CODE_INVD: /* caches are coherent, and no device of a guest's looks past them */
    case EXIT_CODE_WBINVD:
        return finish(v, true, LENGTH_CACHE, EXIT_SYSREG);
    case EXIT_CODE_RDPMC:
    case EXIT_CODE_XSETBV:
        return finish(v, false, 0, EXIT_SYSREG);
    default: /* SVM's own instructions, MONITOR, MWAIT, RDPRU: this processor has none of them */
        return undefined(v);
    }
}

/* QEMU says of an interrupt that went straight to the guest that it is an exception. */
static void repair_event(struct vcpu *v)
{
    if ((v->arch.event & EVENT_TYPE_MASK) == EVENT_TYPE_EXCEPTION &&
        (v->arch.event & EVENT_VECTOR_MASK) >= 32) {
        v->arch.event &= ~(EVENT_TYPE_MASK | EVENT_ERROR_VALID);
    }
}

uint32_t trap_exit(struct vcpu *v)
{
    struct vmcb *vmcb = v->arch.vmcb;
    uint64_t interrupted = vmcb->exit_int_info;

    vmcb->clean = CLEAN_ALL;
    vmcb->tlb_control = 0;
    vmcb->event_inj = 0;
    v->arch.event = (interrupted & EVENT_VALID) != 0 ? interrupted : 0;
    if (v->arch.owns_apic) {
        repair_event(v);
    } else {
        vcpu_follow_tpr(v);
    }
    switch ((uint32_t)vmcb->exit_code) {
    case EXIT_CODE_INTR:
    case EXIT_CODE_NMI:
        return interrupt_exit(v);
    case EXIT_CODE_MSR:
        return msr_exit(v);
    case EXIT_CODE_IOIO:
        return port_exit(v);
    case EXIT_CODE_NPF:
        return npf_exit(v);
    case EXIT_CODE_HLT:
        trap_skip(v, LENGTH_HLT);
        return EXIT_HALT;
    case EXIT_CODE_CPUID:
        cpuid_emulate(v);
        return finish(v, true, LENGTH_CPUID, EXIT_SYSREG);
    case EXIT_CODE_VMMCALL:
        return hypercall(v);
    default:
        return other_exit(v, (uint32_t)vmcb->exit_code);
    }
}

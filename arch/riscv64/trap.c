/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Traps of guests: what scause says, and who answers.
 *
 * Everything that needs no scheduling is answered here, on the trap's own stack frame, and the
 * guest goes on; the exit loop in runtime/vcpu.c hears only of the rest. Nothing here trusts the
 * guest: what is not understood is that guest's fault.
 *
 * Source: RISC-V Privileged Architecture 20240411, 18.6.
 */
#include <arch/csr.h>
#include <arch/decode.h>
#include <arch/irq.h>
#include <arch/sbi.h>
#include <arch/trap.h>
#include <arch/vcpu.h>
#include <hv/arch/vcpu.h>
#include <hv/format.h>
#include <hv/memory.h>
#include <hv/mmio.h>
#include <hv/panic.h>
#include <hv/tables.h>

#define INSTRUCTION_WFI 0x10500073u

/* htinst of a page table walk's own access, read or write (table 61); 64-bit entries. */
#define HTINST_WALK_MASK  (~UINT64_C(0x20))
#define HTINST_WALK_ENTRY UINT64_C(0x3000)

/* gp and s0-s11, which C keeps: vectors.S reloads them only if it is told to. */
#define CALLEE_SAVED_MASK UINT32_C(0x0ffc0308)

/* The end of every trap: whether the guest may go on at once. */
static inline uint32_t resume(struct vcpu *v)
{
    if (v->pcpu->resched) {
        return EXIT_PREEMPTED;
    }
    if (vcpu_is_stale(v)) {
        vcpu_flush(v);
    }
    return TRAP_RESUME;
}

/* Counts an exit that was answered here and goes on. */
static uint32_t answered(struct vcpu *v, enum exit_reason reason)
{
    v->exits[reason]++;
    return resume(v);
}

/* The guest goes on `length` bytes further. */
static void skip(uint64_t length)
{
    csr_write(CSR_SEPC, csr_read(CSR_SEPC) + length);
}

static uint32_t fault(struct vcpu *v, uint64_t cause, const char *what)
{
    v->exit.fault = (struct guest_fault){
        .what = what,
        .pc = csr_read(CSR_SEPC),
        .syndrome = cause,
    };
    return EXIT_GUEST_FAULT;
}

static uint32_t fault_at(struct vcpu *v, uint64_t cause, const char *what, ipa_t address)
{
    fault(v, cause, what);
    v->exit.fault.address = address;
    v->exit.fault.has_address = true;
    return EXIT_GUEST_FAULT;
}

/* Takes the guest to its own handler of exceptions, as its hart would (10.1.1, 18.6.2). */
static void inject(uint64_t cause, uint64_t value)
{
    uint64_t status = csr_read(CSR_VSSTATUS);
    uint64_t previous = csr_read(CSR_SSTATUS) & SSTATUS_SPP;
    uint64_t interrupts = (status & SSTATUS_SIE) != 0 ? SSTATUS_SPIE : 0;

    csr_write(CSR_VSSTATUS,
              (status & ~(SSTATUS_SPP | SSTATUS_SPIE | SSTATUS_SIE)) | previous | interrupts);
    csr_write(CSR_VSCAUSE, cause);
    csr_write(CSR_VSEPC, csr_read(CSR_SEPC));
    csr_write(CSR_VSTVAL, value);
    csr_write(CSR_SEPC, csr_read(CSR_VSTVEC) & ~UINT64_C(3));
    csr_set(CSR_SSTATUS, SSTATUS_SPP);
}

/* A guest page fault becomes an access fault at the same address, all else an illegal instruction.
 */
void arch_vcpu_inject_fault(struct vcpu *v)
{
    switch (v->exit.fault.syndrome) {
    case CAUSE_LOAD_GUEST_PAGE:
        inject(CAUSE_LOAD_ACCESS, csr_read(CSR_STVAL));
        break;
    case CAUSE_STORE_GUEST_PAGE:
        inject(CAUSE_STORE_ACCESS, csr_read(CSR_STVAL));
        break;
    case CAUSE_FETCH_GUEST_PAGE:
        inject(CAUSE_INSTRUCTION_ACCESS, csr_read(CSR_STVAL));
        break;
    default: /* 0: the instruction is not told */
        inject(CAUSE_ILLEGAL_INSTRUCTION, 0);
    }
}

/*
 * An instruction that the VM was not granted. The guest's kernel should not have tried: that is its
 * fault. Its user programs may try anything: they get an illegal instruction exception, which their
 * kernel handles.
 */
static uint32_t denied(struct vcpu *v, uint64_t cause, uint64_t instruction)
{
    if ((csr_read(CSR_SSTATUS) & SSTATUS_SPP) != 0) {
        return fault(v, cause, "instruction that it may not execute");
    }
    inject(CAUSE_ILLEGAL_INSTRUCTION, instruction);
    return answered(v, EXIT_SYSREG);
}

/* stval holds the instruction, or 0 if the hart does not tell (10.1.9). */
static uint32_t virtual_instruction(struct vcpu *v, uint64_t cause)
{
    uint64_t instruction = csr_read(CSR_STVAL);

    if (instruction == 0) {
        instruction = access_guest_code(csr_read(CSR_SEPC));
    }
    if (instruction == ACCESS_REFUSED) {
        return resume(v); /* its next attempt tells the guest itself */
    }
    if (instruction == INSTRUCTION_WFI && (csr_read(CSR_SSTATUS) & SSTATUS_SPP) != 0) {
        skip(4);
        return EXIT_HALT;
    }
    return denied(v, cause, instruction);
}

/* Where a guest page fault happened: htval has all but the lowest two bits (18.2.9). */
static ipa_t fault_address(void)
{
    return (ipa_t){ csr_read(CSR_HTVAL) << 2 | (csr_read(CSR_STVAL) & 3) };
}

/* Why an access that no device answers is a fault, for the report. */
static const char *access_cause(const struct vcpu *v, ipa_t address, bool is_write, bool is_decoded)
{
    if (memory_permits(v->vm, address, 1, 0)) {
        return is_write ? "write that its permissions forbid" : "read that its permissions forbid";
    }
    if (!is_decoded) {
        return "data abort of an instruction that is not emulated";
    }
    return is_write ? "write" : "read";
}

/* A load or store that could not be decoded. */
static uint32_t undecoded_access(struct vcpu *v, uint64_t cause, uint64_t htinst, ipa_t address)
{
    if ((htinst & HTINST_WALK_MASK) == HTINST_WALK_ENTRY) {
        return fault_at(v, cause, "page table walk where it may not", address);
    }
    if (htinst == 0 && access_guest_code(csr_read(CSR_SEPC)) == ACCESS_REFUSED) {
        return resume(v); /* the guest's other harts took it away: see virtual_instruction() */
    }
    return fault_at(v, cause, access_cause(v, address, cause == CAUSE_STORE_GUEST_PAGE, false),
                    address);
}

/* Extends what a device answered as the load asks. */
static uint64_t extend(uint64_t value, const struct decoded_access *decoded)
{
    uint64_t sign = UINT64_C(1) << ((8u * decoded->size) - 1);

    return decoded->is_signed ? (value ^ sign) - sign : value;
}

/* trap_exception()'s way to go on after a load: registers that C keeps are still in the machine. */
static uint32_t resume_with(struct vcpu *v, uint32_t number, uint64_t value)
{
    uint32_t reason;

    if (number != 0) {
        v->arch.x[number] = value;
    }
    reason = answered(v, EXIT_MMIO_READ);
    return reason == TRAP_RESUME && (CALLEE_SAVED_MASK >> number & 1) != 0 ? TRAP_RESUME_ALL
                                                                           : reason;
}

/* A load or store where nothing is mapped: a device. Not inlined, so that trap_exception() needs no
 * stack frame of its own. */
static __attribute__((noinline)) uint32_t data_fault(struct vcpu *v, uint64_t cause)
{
    uint64_t htinst = csr_read(CSR_HTINST);
    struct decoded_access decoded;
    struct mmio_access access;

    access.address = fault_address();
    if (htinst != 0 ? !decode_transformed(htinst, &decoded)
                    : !decode_access((uint32_t)access_guest_code(csr_read(CSR_SEPC)), &decoded)) {
        return undecoded_access(v, cause, htinst, access.address);
    }
    access.size = decoded.size;
    access.is_write = decoded.is_write;
    access.value = 0;
    if (access.is_write) {
        access.value = v->arch.x[decoded.reg] & (UINT64_MAX >> (64 - 8 * decoded.size));
    }
    if (!mmio_dispatch(v, &access)) {
        return fault_at(v, cause, access_cause(v, access.address, decoded.is_write, true),
                        access.address);
    }
    skip(decoded.length);
    return decoded.is_write ? answered(v, EXIT_MMIO_WRITE)
                            : resume_with(v, decoded.reg, extend(access.value, &decoded));
}

uint32_t trap_exception(struct vcpu *v, uint64_t cause)
{
    if (cause == CAUSE_LOAD_GUEST_PAGE || cause == CAUSE_STORE_GUEST_PAGE) {
        return data_fault(v, cause); /* by far the most frequent */
    }
    switch (cause) {
    case CAUSE_VIRTUAL_INSTRUCTION:
        return virtual_instruction(v, cause);
    case CAUSE_FETCH_GUEST_PAGE:
        return fault_at(v, cause, "instruction fetch", fault_address());
    default: /* delegated to the guest, or nothing that a guest can cause */
        return fault(v, cause, "exception that is not its own");
    }
}

uint32_t trap_hypercall(struct vcpu *v)
{
    enum exit_reason reason;

    skip(4);
    reason = sbi_call(v, v->arch.x);
    if (reason == EXIT_HYPERCALL || reason == EXIT_SEND_IPI) {
        return answered(v, reason);
    }
    if (reason == EXIT_PREEMPTED) {
        skip(-UINT64_C(4)); /* it has to call again */
    }
    return (uint32_t)reason;
}

uint32_t trap_interrupt(struct vcpu *v, uint64_t cause)
{
    irq_take(v->pcpu, (uint32_t)(cause & ~SCAUSE_INTERRUPT));
    v->exits[EXIT_EXTERNAL_INTERRUPT]++;
    return resume(v);
}

void trap_hypervisor_fault(uint64_t cause, uint64_t pc, uint64_t value)
{
    char text[100];

    format(text, sizeof text, "trap out of HS-mode: scause 0x%lx, sepc 0x%lx, stval 0x%lx", cause,
           pc, value);
    panic(__FILE__, __LINE__, text);
}

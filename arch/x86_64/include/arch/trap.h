/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the handlers of exits share. All on the vCPU's own CPU, with the vCPU loaded.
 */
#pragma once

#include <arch/asm.h>
#include <arch/svm.h>
#include <hv/sched.h>
#include <hv/types.h>
#include <hv/vcpu.h>

/* Runs the guest until an exit that the common code has to know about; defined in svm.S. */
enum exit_reason svm_run(struct vcpu *v);

/* Called by svm.S after each exit. Returns TRAP_RESUME or an enum exit_reason. */
uint32_t trap_exit(struct vcpu *v);

/* An exception in the hypervisor: our bug. Called by vectors.S. */
HV_NORETURN void trap_hypervisor_fault(uint64_t vector, uint64_t error, uint64_t rip);

/* Notes a guest fault in v->exit; returns EXIT_GUEST_FAULT. */
uint32_t trap_fault(struct vcpu *v, const char *what);
uint32_t trap_fault_at(struct vcpu *v, const char *what, ipa_t address);

/* The guest gets an exception when it is entered again; RIP stays. #GP's and #AC's error is 0. */
void trap_inject(struct vcpu *v, uint32_t vector);

/* The same of #PF, for an access of the guest's that the hypervisor made for it. */
void trap_inject_page_fault(struct vcpu *v, uint64_t linear, bool is_write);

/* The guest goes on behind an instruction that is `length` bytes long if it has no prefixes. */
static inline void trap_skip(struct vcpu *v, uint64_t length)
{
    v->arch.vmcb->rip += length;
    v->arch.vmcb->interrupt_shadow = 0;
}

/* ---- The end of every exit: TRAP_RESUME, or the reason to go to the exit loop ---- */

/* After what may have changed for the guest from outside: looks at all that vcpu_deliver() does. */
uint32_t trap_deliver(struct vcpu *v);

/*
 * After what the guest did itself. Where it owns its APIC, nothing but an event of its own making
 * can wait for it: what others want of it, NMI, INIT, exits of its EOIs, they tell it by
 * vcpu_notify(), which either sets `resched` or ends its stay in the guest by a kick, and
 * trap_deliver() follows.
 */
static inline uint32_t trap_resume(struct vcpu *v)
{
    if (!v->arch.owns_apic || v->arch.event != 0 || v->pcpu->resched) {
        return trap_deliver(v);
    }
    return TRAP_RESUME;
}

/* Counts an exit that was answered, and goes on. */
static inline uint32_t trap_answered(struct vcpu *v, enum exit_reason reason)
{
    v->exits[reason]++;
    return trap_resume(v);
}

/* Goes on behind the instruction, or raises #GP. */
static inline uint32_t trap_finish(struct vcpu *v, bool ok, uint64_t length,
                                   enum exit_reason reason)
{
    if (ok) {
        trap_skip(v, length);
    } else {
        trap_inject(v, VECTOR_GP);
    }
    return trap_answered(v, reason);
}

/* ---- Who answers which exit; all return as trap_exit() does ---- */

uint32_t cpuid_exit(struct vcpu *v);
uint32_t msr_exit(struct vcpu *v);
uint32_t pio_exit(struct vcpu *v); /* IN, OUT and their string forms */
uint32_t npf_exit(struct vcpu *v);
uint32_t cr8_exit(struct vcpu *v); /* MOV to CR8 while an interrupt waits for its turn */

/* kvmclock: writes of its two MSRs. Returns false where the guest gets #GP. */
HV_MUST_CHECK bool pvclock_write(struct vcpu *v, uint32_t msr, uint64_t value);

/* ---- Guest memory, through a window that is open only meanwhile (guest.c) ---- */

/* Writes [ipa, ipa + size) if it lies in one writable memory region. Returns false, having done
 * nothing, if not. */
HV_MUST_CHECK bool guest_write(struct vcpu *v, ipa_t ipa, const void *from, uint32_t size);

/* Reads up to `size` bytes at a linear address through the guest's own page tables. Returns how
 * many it got before they ended at something that is not there. */
uint32_t guest_read_linear(struct vcpu *v, uint64_t linear, uint8_t *to, uint32_t size);

/* The same to write: all bytes or none of a page. */
uint32_t guest_write_linear(struct vcpu *v, uint64_t linear, const uint8_t *from, uint32_t size);

/* Fetches the instruction at RIP. Returns how many bytes it got: fewer before a page that is not
 * there. */
uint32_t guest_fetch(struct vcpu *v, uint8_t bytes[INSTRUCTION_MAX]);

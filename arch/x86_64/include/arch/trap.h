/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the handlers of exits share. All on the vCPU's own CPU, with the vCPU loaded.
 */
#pragma once

#include <arch/asm.h>
#include <arch/svm.h>
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
void trap_skip(struct vcpu *v, uint64_t length);

/* ---- What answers exits: each returns false where the guest gets #GP ---- */

/* CPUID: leaf in EAX, subleaf in ECX. */
void cpuid_emulate(struct vcpu *v);

/* RDMSR and WRMSR of MSR ECX. */
HV_MUST_CHECK bool msr_read(struct vcpu *v, uint32_t msr, uint64_t *value);
HV_MUST_CHECK bool msr_write(struct vcpu *v, uint32_t msr, uint64_t value);

/* IN, OUT and their string forms. Returns EXIT_COUNT, or the reason to leave the guest. */
uint32_t pio_exit(struct vcpu *v);

/* kvmclock: writes of its two MSRs. */
HV_MUST_CHECK bool pvclock_write(struct vcpu *v, uint32_t msr, uint64_t value);

/* ---- Guest memory, through a window that is open only meanwhile (guest.c) ---- */

/* Reads or writes [ipa, ipa + size) if it lies in one memory region (writes: a writable one).
 * Returns false, having done nothing, if not. */
HV_MUST_CHECK bool guest_read(struct vcpu *v, ipa_t ipa, void *to, uint32_t size);
HV_MUST_CHECK bool guest_write(struct vcpu *v, ipa_t ipa, const void *from, uint32_t size);

/* Reads up to `size` bytes at a linear address through the guest's own page tables. Returns how
 * many it got before they ended at something that is not there. */
uint32_t guest_read_linear(struct vcpu *v, uint64_t linear, uint8_t *to, uint32_t size);

/* The same to write: all bytes or none of a page. */
uint32_t guest_write_linear(struct vcpu *v, uint64_t linear, const uint8_t *from, uint32_t size);

/* Fetches the instruction at RIP. Returns how many bytes it got: fewer before a page that is not
 * there. */
#define INSTRUCTION_MAX 15u
uint32_t guest_fetch(struct vcpu *v, uint8_t bytes[INSTRUCTION_MAX]);

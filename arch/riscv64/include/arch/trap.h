/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What trap handling in this folder shares. All on the vCPU's own CPU, with the vCPU loaded.
 */
#pragma once

#include <arch/asm.h>
#include <hv/types.h>
#include <hv/vcpu.h>

/*
 * Handlers called by vectors.S. Return TRAP_RESUME or an enum exit_reason.
 * trap_exception() alone sees the guest's gp and s0-s11; if it has changed one, it returns
 * TRAP_RESUME_ALL instead.
 */
uint32_t trap_exception(struct vcpu *v, uint64_t cause);
uint32_t trap_hypercall(struct vcpu *v);
uint32_t trap_interrupt(struct vcpu *v, uint64_t cause);
HV_NORETURN void trap_hypervisor_fault(uint64_t cause, uint64_t pc, uint64_t value);

/* Runs the guest; defined in vectors.S. */
enum exit_reason vcpu_enter(struct vcpu *v);

/* What a recoverable access answers that was refused. */
#define ACCESS_REFUSED UINT64_MAX

/*
 * Recoverable accesses (access.S): a trap on the way is no bug but an answer. They overwrite
 * scause, stval, htval and htinst when they are refused.
 */

/* The instruction at a guest virtual address, as the guest would fetch it, or ACCESS_REFUSED. Of
 * one of 2 bytes the upper half is anything. */
uint64_t access_guest_code(uint64_t address);

/* 64 bits of guest data at a guest virtual address, as the guest would read them. Returns false if
 * the guest may not. */
HV_MUST_CHECK bool access_guest_word(uint64_t address, uint64_t *value);

/* Copies between the hypervisor and guest physical addresses, through the VM's stage 2 tables
 * alone. Returns how many bytes it copied before it was refused. */
uint64_t access_copy_from_guest(uint8_t *to, ipa_t from, uint64_t size);
uint64_t access_copy_to_guest(ipa_t to, const uint8_t *from, uint64_t size);

/* True when the hart has the register and lets the hypervisor read it. */
bool access_has_stimecmp(void);
bool access_has_hstateen0(void);
bool access_has_siselect(void);
bool access_has_hgatp(void);

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
 * trap_sync() alone sees and may change x19-x29 of the guest; the last two see none of its
 * registers.
 */
uint32_t trap_sync(struct vcpu *v, uint64_t esr);
uint32_t trap_hypercall(struct vcpu *v);
uint32_t trap_irq(void);
uint32_t trap_serror(void);
HV_NORETURN void trap_hypervisor_fault(uint64_t vector, uint64_t esr, uint64_t elr, uint64_t far);

/* Runs the guest; defined in vectors.S. */
enum exit_reason vcpu_enter(struct vcpu *v);

/* Fills in v->exit.fault without an address. Returns EXIT_GUEST_FAULT. */
uint32_t trap_fault(struct vcpu *v, const char *what);

/*
 * An instruction that the VM was not granted. The guest's kernel should not have tried: that is its
 * fault, EXIT_GUEST_FAULT. Its user programs may try anything: they get an undefined instruction
 * exception, which their kernel handles, and EXIT_SYSREG is returned.
 */
uint32_t trap_denied(struct vcpu *v, uint64_t esr, const char *what);

/* The guest goes on behind the trapped instruction, whose syndrome is `esr`. */
void trap_skip_instruction(uint64_t esr);

/* Guest register `number` as an instruction names it: 31 is the zero register. */
uint64_t trap_get_register(const struct vcpu *v, uint32_t number);
void trap_set_register(struct vcpu *v, uint32_t number, uint64_t value);

/* Answers a trapped system register access (sysreg.c). Returns as trap_sync(). */
uint32_t sysreg_access(struct vcpu *v, uint64_t esr);

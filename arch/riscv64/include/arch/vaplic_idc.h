/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Direct delivery of a virtual APLIC, for a VM without guest interrupt files: one interrupt
 * delivery control (IDC) for each vCPU, which the vCPU asks what to do. IPRIOLEN is 3: priorities
 * 1, the first, to 7 are levels 7 to 1 of arch/vcontext.h.
 *
 * All functions: vcontroller->lock is held.
 *
 * Source: RISC-V Advanced Interrupt Architecture 1.0, 4.8 (direct delivery), 4.5.16 (target).
 */
#pragma once

#include <hv/types.h>

struct vcpu;
struct vm;

/* Whether these sources of a bank are pending or enabled may have changed. */
void vaplic_idc_follow(struct vm *vm, uint32_t index, uint32_t sources);

/* Takes a source from where it is directed to, its target register, to where a new value says. An
 * inactive source is directed nowhere. The source is in the VM. */
void vaplic_idc_direct(struct vm *vm, uint32_t source, uint32_t target);

/* domaincfg.IE changed. */
void vaplic_idc_enable(struct vm *vm);

/* An access to a register of an IDC, of 4 bytes and aligned.
 *   offset: from the first IDC; what is not a register reads as zero and ignores writes
 *   value: what is written
 * Returns what is read. */
uint32_t vaplic_idc_access(struct vm *vm, uint32_t offset, bool is_write, uint32_t value);

/* The reset state: nothing delivered. No vCPU of the VM runs. */
void vaplic_idc_reset(struct vm *vm);

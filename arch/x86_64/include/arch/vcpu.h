/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the handlers of exits and the local APIC do to a vCPU.
 */
#pragma once

#include <arch/svm.h>
#include <hv/types.h>
#include <hv/vcpu.h>

/* A general register by its number. RAX and RSP are in the VMCB. The vCPU is loaded. */
static inline uint64_t *vcpu_register(struct vcpu *v, uint32_t number)
{
    struct vmcb *vmcb = v->arch.vmcb;

    return number == 0 ? &vmcb->rax : number == 4 ? &vmcb->rsp : &v->arch.regs[number];
}

/* INIT, SIPI (`page` is where it starts, in 4 KiB) and NMI from the VM's APICs. Any CPU, no lock.
 */
void vcpu_init_received(struct vcpu *v);
void vcpu_startup(struct vcpu *v, uint8_t page);
void vcpu_nmi(struct vcpu *v);

/* Its local APIC's timer has a new deadline. Own CPU, loaded. */
void vcpu_timer_changed(struct vcpu *v);

/* The task priority that the guest wrote into CR8 goes to its local APIC. After each exit. */
static inline void vcpu_follow_tpr(struct vcpu *v)
{
    uint8_t tpr = (uint8_t)((v->arch.vmcb->v_intr & V_TPR_MASK) << 4);

    if (tpr != (v->arch.lapic.reg[LAPIC_TPR] & 0xf0)) {
        vlapic_set_tpr(v, tpr);
    }
}

/* Gives the guest what waits for it: an event again, an NMI, an interrupt; or asks to be told when
 * it can take one. Before each entry. */
void vcpu_deliver(struct vcpu *v);

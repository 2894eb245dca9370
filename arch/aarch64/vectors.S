/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Exception vectors of EL2, and the way into and out of a guest.
 *
 * While a guest runs, SP_EL2 is the stack of its vCPU's task, right below the registers that
 * vcpu_enter() saved. A trap saves the guest's registers into struct vcpu, which begins with them, and
 * calls C on that stack. The handler says TRAP_RESUME, and the guest goes on from here, or an exit
 * reason, with which vcpu_enter() returns to its caller. ELR_EL2 and SPSR_EL2 stay in the machine
 * all the while.
 *
 * C code keeps x19-x29 by itself (AAPCS64, 6.1.1). Hypercalls name no others than x0-x3, so their
 * short way leaves x19-x29 where they are, unless the guest does not go on. Interrupts name none at
 * all: theirs leaves the other registers on the stack.
 *
 * EL2 runs with all exceptions masked. One that comes from EL2 itself is our bug.
 *
 * For build/stack.py; traps push 16 bytes more, for a moment, above what they call:
 * stack: vcpu_enter 112 -> trap_sync trap_hypercall interrupt
 * stack: interrupt 160 -> trap_irq trap_serror
 * stack: arch_task_switch 96
 * stack: arch_probe 0
 */
#include <arch/asm.h>

    .section .text, "ax"

/* Register \register becomes the vCPU whose guest runs. */
.macro THIS_VCPU register
    mrs     \register, tpidr_el2
    ldr     \register, [\register, #PCPU_LOADED]
.endm

/* Saves what C may change; leaves the vCPU in x0. */
.macro SAVE_CALLER_SAVED
    stp     x0, x1, [sp, #-16]!
    THIS_VCPU x0
    stp     x2, x3, [x0, #16]
    stp     x4, x5, [x0, #32]
    stp     x6, x7, [x0, #48]
    stp     x8, x9, [x0, #64]
    stp     x10, x11, [x0, #80]
    stp     x12, x13, [x0, #96]
    stp     x14, x15, [x0, #112]
    stp     x16, x17, [x0, #128]
    str     x18, [x0, #144]
    str     x30, [x0, #240]
    ldp     x2, x3, [sp], #16
    stp     x2, x3, [x0]
.endm

/* Restores it; the vCPU is in x0. */
.macro LOAD_CALLER_SAVED
    ldp     x2, x3, [x0, #16]
    ldp     x4, x5, [x0, #32]
    ldp     x6, x7, [x0, #48]
    ldp     x8, x9, [x0, #64]
    ldp     x10, x11, [x0, #80]
    ldp     x12, x13, [x0, #96]
    ldp     x14, x15, [x0, #112]
    ldp     x16, x17, [x0, #128]
    ldr     x18, [x0, #144]
    ldr     x30, [x0, #240]
    ldp     x0, x1, [x0]
.endm

/* x19-x29 of the vCPU in x0: \op is stp or ldp, \op1 its twin for one register. */
.macro CALLEE_SAVED op, op1
    \op     x19, x20, [x0, #152]
    \op     x21, x22, [x0, #168]
    \op     x23, x24, [x0, #184]
    \op     x25, x26, [x0, #200]
    \op     x27, x28, [x0, #216]
    \op1     x29, [x0, #232]
.endm

/* A trap whose handler sees all registers; handlers get the vCPU in x0 and ESR_EL2 in x1. */
.macro SYNC_VECTOR
    .balign 0x80
    SAVE_CALLER_SAVED
    mrs     x1, esr_el2
    lsr     w2, w1, #26
    cmp     w2, #ESR_EC_HVC64
    b.eq    hypercall
    CALLEE_SAVED stp, str
    bl      trap_sync
    b       return
.endm

/* A trap whose handler sees no registers. It fits into the 32 instructions of a vector. */
.macro INTERRUPT_VECTOR handler
    .balign 0x80
    stp     x0, x1, [sp, #-160]!
    stp     x2, x3, [sp, #16]
    stp     x4, x5, [sp, #32]
    stp     x6, x7, [sp, #48]
    stp     x8, x9, [sp, #64]
    stp     x10, x11, [sp, #80]
    stp     x12, x13, [sp, #96]
    stp     x14, x15, [sp, #112]
    stp     x16, x17, [sp, #128]
    stp     x18, x30, [sp, #144]
    bl      \handler
    cmp     w0, #TRAP_RESUME
    b.ne    leave_interrupt
    ldp     x18, x30, [sp, #144]
    ldp     x16, x17, [sp, #128]
    ldp     x14, x15, [sp, #112]
    ldp     x12, x13, [sp, #96]
    ldp     x10, x11, [sp, #80]
    ldp     x8, x9, [sp, #64]
    ldp     x6, x7, [sp, #48]
    ldp     x4, x5, [sp, #32]
    ldp     x2, x3, [sp, #16]
    ldp     x0, x1, [sp], #160
    eret
.endm

.macro HYPERVISOR_VECTOR kind
    .balign 0x80
    mov     x0, #\kind
    b       hypervisor_fault
.endm

    .balign 0x800
    .global vectors
vectors:
    HYPERVISOR_VECTOR 0 /* current level with SP_EL0: never used */
    HYPERVISOR_VECTOR 1
    HYPERVISOR_VECTOR 2
    HYPERVISOR_VECTOR 3
    HYPERVISOR_VECTOR 4 /* current level: synchronous, IRQ, FIQ, SError */
    HYPERVISOR_VECTOR 5
    HYPERVISOR_VECTOR 6
    HYPERVISOR_VECTOR 7
    SYNC_VECTOR /* guest, EL1 is AArch64 */
    INTERRUPT_VECTOR trap_irq
    INTERRUPT_VECTOR trap_irq
    INTERRUPT_VECTOR trap_serror
    HYPERVISOR_VECTOR 12 /* EL1 is AArch32: HCR_EL2.RW forbids it */
    HYPERVISOR_VECTOR 13
    HYPERVISOR_VECTOR 14
    HYPERVISOR_VECTOR 15

/*
 * enum exit_reason vcpu_enter(struct vcpu *v)
 * Saves what C expects to be kept (AAPCS64, 6.1.1) and falls into the guest.
 */
    .global vcpu_enter
vcpu_enter:
    stp     x19, x20, [sp, #-96]!
    stp     x21, x22, [sp, #16]
    stp     x23, x24, [sp, #32]
    stp     x25, x26, [sp, #48]
    stp     x27, x28, [sp, #64]
    stp     x29, x30, [sp, #80]
    b       resume

/* The registers that an interrupt left on the stack go to the vCPU after all. */
leave_interrupt:
    mov     w1, w0
    THIS_VCPU x0
    .irp    offset, 0, 16, 32, 48, 64, 80, 96, 112, 128
    ldp     x2, x3, [sp], #16
    stp     x2, x3, [x0, #\offset]
    .endr
    ldp     x2, x3, [sp], #16
    str     x2, [x0, #144]
    str     x3, [x0, #240]
    b       leave

hypercall:
    bl      trap_hypercall
    cmp     w0, #TRAP_RESUME
    b.ne    leave_short
    THIS_VCPU x0
    LOAD_CALLER_SAVED
    eret

leave_short:
    mov     w1, w0
    THIS_VCPU x0
leave: /* x0: the vCPU, w1: exit reason */
    CALLEE_SAVED stp, str
    mov     w0, w1
    b       restore_callee_saved

return:
    cmp     w0, #TRAP_RESUME
    b.ne    restore_callee_saved
    THIS_VCPU x0
resume: /* x0: the vCPU */
    CALLEE_SAVED ldp, ldr
    LOAD_CALLER_SAVED
    eret

/* The other half of vcpu_enter() and arch_task_switch(). */
restore_callee_saved:
    ldp     x21, x22, [sp, #16]
    ldp     x23, x24, [sp, #32]
    ldp     x25, x26, [sp, #48]
    ldp     x27, x28, [sp, #64]
    ldp     x29, x30, [sp, #80]
    ldp     x19, x20, [sp], #96
    ret

/*
 * void arch_task_switch(struct arch_task *from, struct arch_task *to)
 * A task is its stack pointer; what C expects to be kept lies on the stack.
 */
    .global arch_task_switch
arch_task_switch:
    stp     x19, x20, [sp, #-96]!
    stp     x21, x22, [sp, #16]
    stp     x23, x24, [sp, #32]
    stp     x25, x26, [sp, #48]
    stp     x27, x28, [sp, #64]
    stp     x29, x30, [sp, #80]
    mov     x2, sp
    str     x2, [x0]
    ldr     x2, [x1]
    mov     sp, x2
    b       restore_callee_saved

/* The first code of a task, reached by arch_task_switch(): x19 is its vCPU. */
    .global task_entry
task_entry:
    mov     x0, x19
    b       vcpu_task

/*
 * bool arch_probe(paddr_t address, uint32_t *value): hv/arch/check.h
 * Its first instruction is the only one of EL2 that may lead to an exception.
 */
    .global arch_probe
arch_probe:
    ldr     w2, [x0]
    str     w2, [x1]
    mov     w0, #1
    ret
probe_refused:
    adr     x2, probe_answer
    msr     elr_el2, x2
    eret
probe_answer:
    mov     w0, #0
    ret

/* An exception out of EL2, x0: vector number. It may be the stack that is at fault, so the report uses
 * this CPU's other one; nothing there will be needed again. */
hypervisor_fault:
    mrs     x1, elr_el2
    adr     x2, arch_probe
    cmp     x1, x2
    b.eq    probe_refused
    mrs     x1, tpidr_el2
    ldr     x1, [x1, #PCPU_CONFIG]
    ldr     x1, [x1, #PCPU_CONFIG_STACK]
    mov     sp, x1
    mrs     x1, esr_el2
    mrs     x2, elr_el2
    mrs     x3, far_el2
    b       trap_hypervisor_fault

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Exception vectors of EL2, and the way into and out of a guest.
 *
 * While a guest runs, SP_EL2 is the stack of its vCPU's task, right below the registers that
 * vcpu_enter() saved. A trap saves the guest's x0-x30 into struct vcpu, which begins with them, and
 * calls C on that stack. The handler says TRAP_RESUME, and the guest goes on from here, or an exit
 * reason, with which vcpu_enter() returns to its caller. ELR_EL2 and SPSR_EL2 stay in the machine
 * all the while.
 *
 * EL2 runs with all exceptions masked. One that comes from EL2 itself is our bug.
 */
#include <arch/asm.h>

    .section .text, "ax"

/* Saves the guest's registers; leaves the vCPU in x0 and x19. */
.macro SAVE_GUEST
    stp     x0, x1, [sp, #-16]!
    mrs     x0, tpidr_el2
    ldr     x0, [x0, #PCPU_LOADED]
    stp     x2, x3, [x0, #16]
    stp     x4, x5, [x0, #32]
    stp     x6, x7, [x0, #48]
    stp     x8, x9, [x0, #64]
    stp     x10, x11, [x0, #80]
    stp     x12, x13, [x0, #96]
    stp     x14, x15, [x0, #112]
    stp     x16, x17, [x0, #128]
    stp     x18, x19, [x0, #144]
    stp     x20, x21, [x0, #160]
    stp     x22, x23, [x0, #176]
    stp     x24, x25, [x0, #192]
    stp     x26, x27, [x0, #208]
    stp     x28, x29, [x0, #224]
    str     x30, [x0, #240]
    ldp     x2, x3, [sp], #16
    stp     x2, x3, [x0]
    mov     x19, x0
.endm


.macro GUEST_VECTOR handler
    .balign 0x80
    SAVE_GUEST
    bl      \handler
    b       guest_return
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
    GUEST_VECTOR trap_sync /* guest, EL1 is AArch64 */
    GUEST_VECTOR trap_irq
    GUEST_VECTOR trap_irq
    GUEST_VECTOR trap_serror
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
    mov     x19, x0
    b       guest_resume

/* After a handler: w0 is its answer, x19 the vCPU. */
guest_return:
    cmp     w0, #TRAP_RESUME
    b.ne    restore_callee_saved
guest_resume:
    ldp     x2, x3, [x19, #16]
    ldp     x4, x5, [x19, #32]
    ldp     x6, x7, [x19, #48]
    ldp     x8, x9, [x19, #64]
    ldp     x10, x11, [x19, #80]
    ldp     x12, x13, [x19, #96]
    ldp     x14, x15, [x19, #112]
    ldp     x16, x17, [x19, #128]
    ldp     x20, x21, [x19, #160]
    ldp     x22, x23, [x19, #176]
    ldp     x24, x25, [x19, #192]
    ldp     x26, x27, [x19, #208]
    ldp     x28, x29, [x19, #224]
    ldr     x30, [x19, #240]
    ldp     x0, x1, [x19]
    ldp     x18, x19, [x19, #144]
    eret

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

/* An exception out of EL2: report it from a stack that is sound for certain. x0: vector number. */
hypervisor_fault:
    adrp    x1, fault_stack_top
    add     x1, x1, #:lo12:fault_stack_top
    mov     sp, x1
    mrs     x1, esr_el2
    mrs     x2, elr_el2
    mrs     x3, far_el2
    b       trap_hypervisor_fault

    .section .bss.fault_stack, "aw", %nobits
    .balign 16
    .space 2048
fault_stack_top:

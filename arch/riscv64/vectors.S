/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Trap entry of HS-mode, and the way into and out of a guest.
 *
 * While a guest runs, sscratch holds its struct vcpu; while the hypervisor runs, zero, so that a trap
 * out of the hypervisor itself, which is our bug, is told from a guest's. A guest's trap saves its
 * registers into struct vcpu, which begins with them, and calls C on the stack of the vCPU's task,
 * right below the registers that vcpu_enter() saved. The handler says TRAP_RESUME, and the guest
 * goes on from here, or an exit reason, with which vcpu_enter() returns to its caller. sepc, sstatus
 * and hstatus stay in the machine all the while.
 *
 * C code keeps s0-s11 by itself and never touches gp (RISC-V psABI, 1.1). Firmware calls and
 * interrupts need no others than the argument registers, so their short way leaves s0-s11 and gp
 * where they are, unless the guest does not go on; exceptions look at all, and seldom change them.
 *
 * For build/stack.py:
 * stack: vcpu_enter 112 -> trap_exception trap_hypercall trap_interrupt
 * stack: arch_task_switch 112
 */
#include <arch/asm.h>

    .section .text, "ax"

/* Registers of the vCPU in a0, by number: \op is sd or ld. */
.macro REGISTERS op, numbers:vararg
    .irp    n, \numbers
    \op     x\n, 8*\n(a0)
    .endr
.endm

/* What C may change and what the hypervisor needs, but a0. */
.macro CALLER_SAVED op
    REGISTERS \op, 1,2,4,5,6,7,11,12,13,14,15,16,17,28,29,30,31
.endm

/* The rest: gp and s0-s11. */
.macro CALLEE_SAVED op
    REGISTERS \op, 3,8,9,18,19,20,21,22,23,24,25,26,27
.endm

/* C's callee-saved registers on the stack: 13 words in 112 bytes (struct task_frame). */
.macro STACK_FRAME op
    .set    place, 0
    .irp    name, ra,s0,s1,s2,s3,s4,s5,s6,s7,s8,s9,s10,s11
    \op     \name, place(sp)
    .set    place, place + 8
    .endr
.endm

    .balign 4 /* stvec, direct mode */
    .global trap_entry
trap_entry:
    csrrw   a0, sscratch, a0
    beqz    a0, hypervisor_fault
    CALLER_SAVED sd
    csrrw   t0, sscratch, zero
    sd      t0, 8*10(a0)
    ld      sp, VCPU_HV_SP(a0)
    ld      tp, VCPU_HV_TP(a0)
    csrr    a1, scause
    bltz    a1, interrupt
    li      t0, CAUSE_ECALL_VS
    beq     a1, t0, hypercall
    CALLEE_SAVED sd
    call    trap_exception
    mv      a1, a0
    ld      a0, PCPU_LOADED(tp)
    li      t0, TRAP_RESUME
    beq     a1, t0, resume_short
    li      t0, TRAP_RESUME_ALL
    bne     a1, t0, leave
resume: /* a0: the vCPU */
    CALLEE_SAVED ld
resume_short:
    csrw    sscratch, a0
    CALLER_SAVED ld
    ld      a0, 8*10(a0)
    sret

interrupt:
    call    trap_interrupt
    j       return_short
hypercall:
    call    trap_hypercall
return_short:
    mv      a1, a0
    ld      a0, PCPU_LOADED(tp)
    li      t0, TRAP_RESUME
    beq     a1, t0, resume_short
    CALLEE_SAVED sd
leave: /* a1: exit reason; the other half of vcpu_enter() */
    mv      a0, a1
restore_frame:
    STACK_FRAME ld
    addi    sp, sp, 112
    ret

/*
 * enum exit_reason vcpu_enter(struct vcpu *v)
 * Saves what C expects to be kept and falls into the guest.
 */
    .global vcpu_enter
vcpu_enter:
    addi    sp, sp, -112
    STACK_FRAME sd
    sd      sp, VCPU_HV_SP(a0)
    sd      tp, VCPU_HV_TP(a0)
    j       resume

/*
 * void arch_task_switch(struct arch_task *from, struct arch_task *to)
 * A task is its stack pointer; what C expects to be kept lies on the stack.
 */
    .global arch_task_switch
arch_task_switch:
    addi    sp, sp, -112
    STACK_FRAME sd
    sd      sp, 0(a0)
    ld      sp, 0(a1)
    j       restore_frame

/* The first code of a task, reached by arch_task_switch(): s0 is its vCPU. */
    .global task_entry
task_entry:
    mv      a0, s0
    tail    vcpu_task

/* A trap out of HS-mode: report it from a stack that is sound for certain. */
hypervisor_fault:
    la      sp, fault_stack_top
    csrr    a0, scause
    csrr    a1, sepc
    csrr    a2, stval
    tail    trap_hypervisor_fault

    .section .bss.fault_stack, "aw", %nobits
    .balign 16
    .space 2048
fault_stack_top:

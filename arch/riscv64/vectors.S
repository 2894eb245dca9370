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

/* What C may change and what the hypervisor needs, but a0, of the vCPU in a0: \op is sd or ld. */
.macro CALLER_SAVED op
    \op     ra, 8*1(a0)
    \op     sp, 8*2(a0)
    \op     tp, 8*4(a0)
    \op     t0, 8*5(a0)
    \op     t1, 8*6(a0)
    \op     t2, 8*7(a0)
    \op     a1, 8*11(a0)
    \op     a2, 8*12(a0)
    \op     a3, 8*13(a0)
    \op     a4, 8*14(a0)
    \op     a5, 8*15(a0)
    \op     a6, 8*16(a0)
    \op     a7, 8*17(a0)
    \op     t3, 8*28(a0)
    \op     t4, 8*29(a0)
    \op     t5, 8*30(a0)
    \op     t6, 8*31(a0)
.endm

/* The rest. */
.macro CALLEE_SAVED op
    \op     gp, 8*3(a0)
    \op     s0, 8*8(a0)
    \op     s1, 8*9(a0)
    \op     s2, 8*18(a0)
    \op     s3, 8*19(a0)
    \op     s4, 8*20(a0)
    \op     s5, 8*21(a0)
    \op     s6, 8*22(a0)
    \op     s7, 8*23(a0)
    \op     s8, 8*24(a0)
    \op     s9, 8*25(a0)
    \op     s10, 8*26(a0)
    \op     s11, 8*27(a0)
.endm

/* C's callee-saved registers on the stack: 13 words in 112 bytes. */
.macro STACK_FRAME op
    \op     ra, 8*0(sp)
    \op     s0, 8*1(sp)
    \op     s1, 8*2(sp)
    \op     s2, 8*3(sp)
    \op     s3, 8*4(sp)
    \op     s4, 8*5(sp)
    \op     s5, 8*6(sp)
    \op     s6, 8*7(sp)
    \op     s7, 8*8(sp)
    \op     s8, 8*9(sp)
    \op     s9, 8*10(sp)
    \op     s10, 8*11(sp)
    \op     s11, 8*12(sp)
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

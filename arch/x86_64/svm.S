/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The way into and out of a guest, and from task to task.
 *
 * The global interrupt flag is off from the first VMRUN on, except while the guest runs and in
 * irq_window() and arch_cpu_idle() (vectors.S): nothing interrupts the hypervisor, and an NMI that
 * comes meanwhile waits and ends the next VMRUN at once. RFLAGS.IF is on, so that physical
 * interrupts end a guest's turn (APM vol. 2, 15.21.1).
 *
 * VMRUN and #VMEXIT move what VMCB and host save area hold; VMSAVE and VMLOAD the hidden segments
 * and the MSRs of system calls; the other general registers are moved here. #VMEXIT brings back the
 * host's RFLAGS, with DF clear as C wants it (15.6). The host's part of VMLOAD is done at every
 * exit, short ones too: GS finds the CPU, and TR the stacks of NMI and #DF, which must not be of the
 * guest's choosing.
 *
 * For build/stack.py:
 * stack: svm_run 72 -> trap_exit
 * stack: arch_task_switch 56
 */
#include <arch/asm.h>

    .section .text, "ax"

/* The general registers go to the vCPU in \base, all but RAX and RSP. */
.macro SAVE_REGISTERS base
    movq    %rcx, 8*1(\base)
    movq    %rdx, 8*2(\base)
    movq    %rbx, 8*3(\base)
    movq    %rbp, 8*5(\base)
    movq    %rsi, 8*6(\base)
    movq    %rdi, 8*7(\base)
    .irp    number, 8, 9, 10, 11, 12, 13, 14, 15
    movq    %r\number, 8*\number(\base)
    .endr
.endm

/* What C expects to be kept (System V ABI, 3.2.1). */
.macro PUSH_FRAME
    .irp    register, rbx, rbp, r12, r13, r14, r15
    pushq   %\register
    .endr
.endm

/*
 * enum exit_reason svm_run(struct vcpu *v)
 */
    .global svm_run
svm_run:
    PUSH_FRAME
    pushq   %rdi
enter: /* rdi: the vCPU */
    movq    VCPU_VMCB(%rdi), %rax
    movq    8*1(%rdi), %rcx
    movq    8*2(%rdi), %rdx
    movq    8*3(%rdi), %rbx
    movq    8*5(%rdi), %rbp
    movq    8*6(%rdi), %rsi
    .irp    number, 8, 9, 10, 11, 12, 13, 14, 15
    movq    8*\number(%rdi), %r\number
    .endr
    movq    8*7(%rdi), %rdi
    vmload  %rax
    vmrun   %rax
    vmsave  %rax
    movq    (%rsp), %rax
    SAVE_REGISTERS %rax
    movq    %rax, %rdi
    movq    VCPU_HOST_SAVE(%rax), %rax
    vmload  %rax
    call    trap_exit
    movq    (%rsp), %rdi
    cmpl    $TRAP_RESUME, %eax
    je      enter
    popq    %rdi
    jmp     restore_frame

/*
 * void arch_task_switch(struct arch_task *from, struct arch_task *to)
 * A task is its stack pointer; what C expects to be kept lies on the stack.
 */
    .global arch_task_switch
arch_task_switch:
    PUSH_FRAME
    movq    %rsp, (%rdi)
    movq    (%rsi), %rsp
restore_frame:
    .irp    register, r15, r14, r13, r12, rbp, rbx
    popq    %\register
    .endr
    ret

/* The first code of a task, reached by arch_task_switch(): rbx is its vCPU. */
    .global task_entry
task_entry:
    movq    %rbx, %rdi
    call    vcpu_task

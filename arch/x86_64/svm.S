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

/* General registers of the vCPU in \base, but RAX and RSP; \store: to memory. */
.macro SAVE_REGISTERS base
    movq    %rcx, 8*1(\base)
    movq    %rdx, 8*2(\base)
    movq    %rbx, 8*3(\base)
    movq    %rbp, 8*5(\base)
    movq    %rsi, 8*6(\base)
    movq    %rdi, 8*7(\base)
    movq    %r8, 8*8(\base)
    movq    %r9, 8*9(\base)
    movq    %r10, 8*10(\base)
    movq    %r11, 8*11(\base)
    movq    %r12, 8*12(\base)
    movq    %r13, 8*13(\base)
    movq    %r14, 8*14(\base)
    movq    %r15, 8*15(\base)
.endm

/*
 * enum exit_reason svm_run(struct vcpu *v)
 */
    .global svm_run
svm_run:
    pushq   %rbx
    pushq   %rbp
    pushq   %r12
    pushq   %r13
    pushq   %r14
    pushq   %r15
    pushq   %rdi
enter: /* rdi: the vCPU */
    movq    VCPU_VMCB(%rdi), %rax
    movq    8*1(%rdi), %rcx
    movq    8*2(%rdi), %rdx
    movq    8*3(%rdi), %rbx
    movq    8*5(%rdi), %rbp
    movq    8*6(%rdi), %rsi
    movq    8*8(%rdi), %r8
    movq    8*9(%rdi), %r9
    movq    8*10(%rdi), %r10
    movq    8*11(%rdi), %r11
    movq    8*12(%rdi), %r12
    movq    8*13(%rdi), %r13
    movq    8*14(%rdi), %r14
    movq    8*15(%rdi), %r15
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
    pushq   %rbx
    pushq   %rbp
    pushq   %r12
    pushq   %r13
    pushq   %r14
    pushq   %r15
    movq    %rsp, (%rdi)
    movq    (%rsi), %rsp
restore_frame:
    popq    %r15
    popq    %r14
    popq    %r13
    popq    %r12
    popq    %rbp
    popq    %rbx
    ret

/* The first code of a task, reached by arch_task_switch(): rbx is its vCPU. */
    .global task_entry
task_entry:
    movq    %rbx, %rdi
    call    vcpu_task

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Exceptions and interrupts of the hypervisor itself.
 *
 * Interrupts come only while irq_window() or arch_cpu_idle() lets them, all that are pending one
 * after the other, on the same stack. An NMI comes there, too; it only says that this CPU shall look
 * around, which it does after a window anyway, so its handler does nothing, but that it ends a wait
 * that is about to begin. Exceptions are our bugs and do not return. #DF and #MC have a stack that is
 * sound for certain, since the bug may be about the stack; it is the same for all CPUs, as the first
 * one to get here stops the machine.
 *
 * For build/stack.py:
 * stack: irq_window 152 -> irq_take
 * stack: irq_window_nmi 152
 * stack: arch_cpu_idle 152 -> irq_take
 */
#include <arch/asm.h>

#define MSR_X2APIC_EOI 0x80b

    .section .text, "ax"

/* void irq_window(void): GIF on for one instruction; what is pending comes before it. */
    .global irq_window
irq_window:
    stgi
    nop
    clgi
    ret

/* void irq_window_nmi(void): the same for NMIs alone. */
    .global irq_window_nmi
irq_window_nmi:
    cli
    stgi
    nop
    clgi
    sti
    ret

/*
 * void arch_cpu_idle(void): waits for an interrupt. `sti` holds interrupts back until `hlt` waits
 * for them; an NMI is not held back, so its handler skips a `hlt` that was not reached.
 */
    .global arch_cpu_idle
arch_cpu_idle:
    cli
    stgi
idle_begin:
    sti
    hlt
idle_end:
    clgi
    ret

nmi_entry:
    pushq   %rax
    movq    8(%rsp), %rax
    cmpq    $idle_begin, %rax
    jb      1f
    cmpq    $idle_end, %rax
    jae     1f
    movq    $idle_end, 8(%rsp)
    orq     $0x200, 24(%rsp) /* IF, as if `sti` had been reached */
1:  popq    %rax
    iretq

/* \vector: a handler for each. */
.macro INTERRUPT vector
    .balign 16
    pushq   %rdi
    movl    $\vector, %edi
    jmp     interrupt
.endm

/* Those without an error code push a 0 in its place. */
.macro EXCEPTION vector
    .balign 16
.if \vector != 8 && (\vector < 10 || \vector > 14) && \vector != 17 && \vector != 21 && \vector != 29 && \vector != 30
    pushq   $0
.endif
    pushq   $\vector
    jmp     exception
.endm

    .balign 16
    .global vector_entries
vector_entries: /* 16 bytes each, by vector */
    .altmacro
    .set    number, 0
    .rept   0x20
    EXCEPTION %number
    .set    number, number + 1
    .endr
    .rept   VECTOR_COUNT - 0x20
    INTERRUPT %number
    .set    number, number + 1
    .endr
    .noaltmacro
    .global nmi_vector
    .set    nmi_vector, nmi_entry

/* What a guest left behind: ended, and forgotten. */
    .global leftover_vector
leftover_vector:
    pushq   %rax
    pushq   %rcx
    pushq   %rdx
    movl    $MSR_X2APIC_EOI, %ecx
    xorl    %eax, %eax
    xorl    %edx, %edx
    wrmsr
    popq    %rdx
    popq    %rcx
    popq    %rax
    iretq

exception:
    popq    %rdi
    popq    %rsi
    movq    (%rsp), %rdx
    call    trap_hypervisor_fault

interrupt: /* rdi: vector; the interrupted code's rdi is on the stack */
    .irp    register, rax, rcx, rdx, rsi, r8, r9, r10, r11
    pushq   %\register
    .endr
    call    irq_take
    .irp    register, r11, r10, r9, r8, rsi, rdx, rcx, rax, rdi
    popq    %\register
    .endr
    iretq

    .section .bss.fault_stack, "aw", @nobits
    .balign 16
    .space 2048
    .global fault_stack_top
fault_stack_top:

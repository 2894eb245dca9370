/* SPDX-License-Identifier: Apache-2.0 */
/*
 * void fp_round(const struct state *in, struct state *out, uint64_t until): see fp.c. Only RAX and RDX are free while it
 * spins; `until` and `out` wait on the stack.
 */
        .equ    GENERAL, 512

        .text
        .global fp_round
fp_round:
        .irp    register, rbx, rbp, r12, r13, r14, r15
        push    %\register
        .endr
        push    %rsi
        push    %rdx
        fxrstor64 (%rdi)
        .set    offset, GENERAL
        .irp    register, rbx, rbp, rcx, rsi, r8, r9, r10, r11, r12, r13, r14, r15, rdi
        mov     offset(%rdi), %\register
        .set    offset, offset + 8
        .endr

1:      rdtsc
        shl     $32, %rdx
        or      %rdx, %rax
        cmp     (%rsp), %rax
        jb      1b

        mov     8(%rsp), %rax
        fxsave64 (%rax)
        .set    offset, GENERAL
        .irp    register, rbx, rbp, rcx, rsi, r8, r9, r10, r11, r12, r13, r14, r15, rdi
        mov     %\register, offset(%rax)
        .set    offset, offset + 8
        .endr
        add     $16, %rsp
        .irp    register, r15, r14, r13, r12, rbp, rbx
        pop     %\register
        .endr
        ret

        .section .note.GNU-stack, "", @progbits

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Entry of a test guest, of its secondary CPUs, and the trap vector.
 *
 * At _start a0 is the hart number, a1 the address of the device tree, S-mode, MMU off. .bss is not cleared here: that it
 * reads zero is what the loader promises, also after a reset, and tests check it. tp is the CPU's index from then on.
 */
        .equ    STACK_SHIFT, 14                 /* 16 KiB for each CPU */
        .equ    FRAME_SIZE, 36 * 8              /* struct frame in riscv64.h */

        .section .text.start, "ax"
        .global _start
_start:
        csrr    a2, sstatus                     /* as they were at entry */
        csrr    a3, sie
        csrr    a4, satp
        li      tp, 0
        call    cpu_setup
        call    guest_start                     /* (hart, tree, sstatus, sie, satp) */
1:      wfi
        j       1b

        /* a0 is the hart number, a1 the context given to hart_start: the CPU's index. */
        .global secondary_start
secondary_start:
        mv      tp, a1
        csrr    a2, sstatus
        csrr    a3, satp
        call    cpu_setup
        call    secondary_main                  /* (hart, index, sstatus, satp) */
1:      wfi
        j       1b

        /* tp is the CPU's index. Sets stack and vector; changes t0 and t1 only. */
cpu_setup:
        csrci   sstatus, 2
        csrw    sie, zero
        lla     sp, cpu_stacks
        addi    t0, tp, 1
        slli    t0, t0, STACK_SHIFT
        add     sp, sp, t0
        lla     t0, trap_vector
        csrw    stvec, t0
        ret

        .text
        .balign 4
trap_vector:
        addi    sp, sp, -FRAME_SIZE
        .irp    n, 1, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31
        sd      x\n, \n * 8(sp)
        .endr
        addi    t0, sp, FRAME_SIZE
        sd      t0, 2 * 8(sp)
        csrr    t0, sepc
        csrr    t1, sstatus
        csrr    t2, scause
        csrr    t3, stval
        sd      t0, 32 * 8(sp)
        sd      t1, 33 * 8(sp)
        sd      t2, 34 * 8(sp)
        sd      t3, 35 * 8(sp)
        mv      a0, sp
        call    trap_handle                     /* (frame) */
        ld      t0, 32 * 8(sp)
        ld      t1, 33 * 8(sp)
        csrw    sepc, t0
        csrw    sstatus, t1
        .irp    n, 1, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31
        ld      x\n, \n * 8(sp)
        .endr
        addi    sp, sp, FRAME_SIZE
        sret

        /* void sbi_call_all(uint64_t x[32]); sscratch holds the array during the call. */
        .global sbi_call_all
sbi_call_all:
        addi    sp, sp, -128
        sd      ra, 0(sp)
        sd      gp, 8(sp)
        sd      tp, 16(sp)
        sd      s0, 24(sp)
        sd      s1, 32(sp)
        .irp    n, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11
        sd      s\n, 24 + \n * 8(sp)
        .endr
        csrw    sscratch, a0
        mv      t6, a0
        .irp    n, 1, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31
        ld      x\n, \n * 8(t6)
        .endr
        ecall
        csrrw   t6, sscratch, t6
        .irp    n, 1, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30
        sd      x\n, \n * 8(t6)
        .endr
        csrr    t0, sscratch
        sd      t0, 31 * 8(t6)
        ld      ra, 0(sp)
        ld      gp, 8(sp)
        ld      tp, 16(sp)
        ld      s0, 24(sp)
        ld      s1, 32(sp)
        .irp    n, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11
        ld      s\n, 24 + \n * 8(sp)
        .endr
        addi    sp, sp, 128
        ret

        .bss
        .balign 16
cpu_stacks:
        .skip   4 << STACK_SHIFT                /* GUEST_CPU_MAX */

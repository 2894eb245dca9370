/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Entry of a test guest, of its secondary CPUs, and the exception vectors.
 *
 * At _start x0 is the address of the device tree (or 0: QEMU then puts it at the start of RAM), EL1, MMU off. .bss is not
 * cleared here: that it reads zero is what the loader promises, also after a reset, and tests check it.
 */
        .equ    STACK_SHIFT, 14                 /* 16 KiB for each CPU */
        .equ    FRAME_SIZE, 36 * 8              /* struct frame in aarch64.h */

        .section .text.start, "ax"
        .global _start
_start:
        mov     x19, x0
        mov     x20, #0
        mrs     x21, daif
        bl      cpu_setup
        mov     x0, x19
        mov     x1, x21                         /* PSTATE's interrupt masks as they were at entry */
        bl      guest_start
1:      wfi
        b       1b

        /* x0 is the context given to CPU_ON: the CPU's index. */
        .global secondary_start
secondary_start:
        mov     x20, x0
        bl      cpu_setup
        mov     x0, x20
        bl      secondary_main
1:      wfi
        b       1b

        /* x20 is the CPU's index. Sets SP_EL1, vectors, and lets EL1 use FP and SIMD. */
cpu_setup:
        msr     daifset, #15
        msr     spsel, #1
        adrp    x1, cpu_stacks
        add     x1, x1, :lo12:cpu_stacks
        add     x2, x20, #1
        add     x1, x1, x2, lsl #STACK_SHIFT
        mov     sp, x1
        adrp    x1, vectors
        add     x1, x1, :lo12:vectors
        msr     vbar_el1, x1
        mov     x1, #(3 << 20)                  /* CPACR_EL1.FPEN: no traps */
        msr     cpacr_el1, x1
        isb
        ret

        .text
        .macro  vector kind
        .balign 128
        sub     sp, sp, #FRAME_SIZE
        stp     x0, x1, [sp]
        mov     x0, #\kind
        b       exception_entry
        .endm

        .balign 2048
vectors:
        .irp    kind, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15
        vector  \kind
        .endr

exception_entry:
        stp     x2, x3, [sp, #16]
        stp     x4, x5, [sp, #32]
        stp     x6, x7, [sp, #48]
        stp     x8, x9, [sp, #64]
        stp     x10, x11, [sp, #80]
        stp     x12, x13, [sp, #96]
        stp     x14, x15, [sp, #112]
        stp     x16, x17, [sp, #128]
        stp     x18, x19, [sp, #144]
        stp     x20, x21, [sp, #160]
        stp     x22, x23, [sp, #176]
        stp     x24, x25, [sp, #192]
        stp     x26, x27, [sp, #208]
        stp     x28, x29, [sp, #224]
        mrs     x1, elr_el1
        stp     x30, x1, [sp, #240]
        mrs     x2, spsr_el1
        mrs     x3, esr_el1
        stp     x2, x3, [sp, #256]
        mrs     x4, far_el1
        str     x4, [sp, #272]
        mov     x1, sp
        bl      exception_handle                /* (kind, frame) */
        ldp     x30, x1, [sp, #240]
        msr     elr_el1, x1
        ldr     x2, [sp, #256]
        msr     spsr_el1, x2
        ldp     x2, x3, [sp, #16]
        ldp     x4, x5, [sp, #32]
        ldp     x6, x7, [sp, #48]
        ldp     x8, x9, [sp, #64]
        ldp     x10, x11, [sp, #80]
        ldp     x12, x13, [sp, #96]
        ldp     x14, x15, [sp, #112]
        ldp     x16, x17, [sp, #128]
        ldp     x18, x19, [sp, #144]
        ldp     x20, x21, [sp, #160]
        ldp     x22, x23, [sp, #176]
        ldp     x24, x25, [sp, #192]
        ldp     x26, x27, [sp, #208]
        ldp     x28, x29, [sp, #224]
        ldp     x0, x1, [sp]
        add     sp, sp, #FRAME_SIZE
        eret

        /* void smccc_call_all(enum conduit conduit, uint64_t registers[31]) */
        .global smccc_call_all
smccc_call_all:
        stp     x29, x30, [sp, #-112]!
        stp     x19, x20, [sp, #16]
        stp     x21, x22, [sp, #32]
        stp     x23, x24, [sp, #48]
        stp     x25, x26, [sp, #64]
        stp     x27, x28, [sp, #80]
        str     x1, [sp, #96]
        str     x18, [sp, #104]
        mov     x30, x1
        cbnz    w0, 1f
        bl      load_all
        hvc     #0
        b       2f
1:      bl      load_all
        smc     #0
2:      str     x30, [sp, #-16]!
        ldr     x30, [sp, #16 + 96]             /* the array */
        stp     x0, x1, [x30]
        stp     x2, x3, [x30, #16]
        stp     x4, x5, [x30, #32]
        stp     x6, x7, [x30, #48]
        stp     x8, x9, [x30, #64]
        stp     x10, x11, [x30, #80]
        stp     x12, x13, [x30, #96]
        stp     x14, x15, [x30, #112]
        stp     x16, x17, [x30, #128]
        stp     x18, x19, [x30, #144]
        stp     x20, x21, [x30, #160]
        stp     x22, x23, [x30, #176]
        stp     x24, x25, [x30, #192]
        stp     x26, x27, [x30, #208]
        stp     x28, x29, [x30, #224]
        ldr     x0, [sp], #16
        str     x0, [x30, #240]                 /* x30 as the call left it */
        ldr     x18, [sp, #104]
        ldp     x19, x20, [sp, #16]
        ldp     x21, x22, [sp, #32]
        ldp     x23, x24, [sp, #48]
        ldp     x25, x26, [sp, #64]
        ldp     x27, x28, [sp, #80]
        ldp     x29, x30, [sp], #112
        ret

        /* Loads x0 to x29 from the array at [sp, #96]; x30 stays the return address into smccc_call_all. */
load_all:
        ldr     x29, [sp, #96]
        ldp     x0, x1, [x29]
        ldp     x2, x3, [x29, #16]
        ldp     x4, x5, [x29, #32]
        ldp     x6, x7, [x29, #48]
        ldp     x8, x9, [x29, #64]
        ldp     x10, x11, [x29, #80]
        ldp     x12, x13, [x29, #96]
        ldp     x14, x15, [x29, #112]
        ldp     x16, x17, [x29, #128]
        ldp     x18, x19, [x29, #144]
        ldp     x20, x21, [x29, #160]
        ldp     x22, x23, [x29, #176]
        ldp     x24, x25, [x29, #192]
        ldp     x26, x27, [x29, #208]
        ldr     x28, [x29, #224]
        ldr     x29, [x29, #232]
        ret

        .bss
        .balign 16
cpu_stacks:
        .skip   4 << STACK_SHIFT                /* GUEST_CPU_MAX */

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * void fp_hold(const struct state *load, struct state *store, uint64_t until): see fp.c. Between load and store only x3
 * to x5 and the flags are used, so whatever else changed was changed by somebody else.
 */
        .arch_extension fp
        .arch_extension simd
        .equ    GENERAL, 64 * 8
        .equ    CONTROL, GENERAL + 16 * 8

        .text
        .global fp_hold
fp_hold:
        stp     x29, x30, [sp, #-64]!
        stp     x19, x20, [sp, #16]
        stp     x21, x22, [sp, #32]
        str     x23, [sp, #48]
        mov     x3, x0
        ld1     {v0.2d, v1.2d, v2.2d, v3.2d}, [x3], #64
        ld1     {v4.2d, v5.2d, v6.2d, v7.2d}, [x3], #64
        ld1     {v8.2d, v9.2d, v10.2d, v11.2d}, [x3], #64
        ld1     {v12.2d, v13.2d, v14.2d, v15.2d}, [x3], #64
        ld1     {v16.2d, v17.2d, v18.2d, v19.2d}, [x3], #64
        ld1     {v20.2d, v21.2d, v22.2d, v23.2d}, [x3], #64
        ld1     {v24.2d, v25.2d, v26.2d, v27.2d}, [x3], #64
        ld1     {v28.2d, v29.2d, v30.2d, v31.2d}, [x3], #64
        add     x3, x0, #CONTROL
        ldp     x3, x4, [x3]
        msr     fpcr, x3
        msr     fpsr, x4
        add     x3, x0, #GENERAL
        ldp     x8, x9, [x3, #0]
        ldp     x10, x11, [x3, #16]
        ldp     x12, x13, [x3, #32]
        ldp     x14, x15, [x3, #48]
        ldp     x16, x17, [x3, #64]
        ldp     x18, x19, [x3, #80]
        ldp     x20, x21, [x3, #96]
        ldp     x22, x23, [x3, #112]

1:      isb
        mrs     x3, cntvct_el0
        cmp     x3, x2
        b.lo    1b

        add     x3, x1, #GENERAL
        stp     x8, x9, [x3]
        stp     x10, x11, [x3, #16]
        stp     x12, x13, [x3, #32]
        stp     x14, x15, [x3, #48]
        stp     x16, x17, [x3, #64]
        stp     x18, x19, [x3, #80]
        stp     x20, x21, [x3, #96]
        stp     x22, x23, [x3, #112]
        mrs     x4, fpcr
        mrs     x5, fpsr
        add     x3, x1, #CONTROL
        stp     x4, x5, [x3]
        mov     x3, x1
        st1     {v0.2d, v1.2d, v2.2d, v3.2d}, [x3], #64
        st1     {v4.2d, v5.2d, v6.2d, v7.2d}, [x3], #64
        st1     {v8.2d, v9.2d, v10.2d, v11.2d}, [x3], #64
        st1     {v12.2d, v13.2d, v14.2d, v15.2d}, [x3], #64
        st1     {v16.2d, v17.2d, v18.2d, v19.2d}, [x3], #64
        st1     {v20.2d, v21.2d, v22.2d, v23.2d}, [x3], #64
        st1     {v24.2d, v25.2d, v26.2d, v27.2d}, [x3], #64
        st1     {v28.2d, v29.2d, v30.2d, v31.2d}, [x3], #64
        ldp     x19, x20, [sp, #16]
        ldp     x21, x22, [sp, #32]
        ldr     x23, [sp, #48]
        ldp     x29, x30, [sp], #64
        ret

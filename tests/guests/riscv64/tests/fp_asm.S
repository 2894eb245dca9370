/* SPDX-License-Identifier: Apache-2.0 */
/*
 * void fp_round(const struct state *in, struct state *out, uint64_t until): see fp.c.
 */
        .option arch, +d
        .equ    FCSR, 32 * 8
        .equ    GENERAL, 33 * 8

        .text
        .global fp_round
fp_round:
        addi    sp, sp, -96
        .irp    n, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11
        sd      s\n, \n * 8(sp)
        ld      s\n, GENERAL + \n * 8(a0)
        .endr
        .irp    n, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31
        fld     f\n, \n * 8(a0)
        .endr
        ld      t0, FCSR(a0)
        fscsr   t0

1:      rdtime  t0
        bltu    t0, a2, 1b

        frcsr   t0
        sd      t0, FCSR(a1)
        .irp    n, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31
        fsd     f\n, \n * 8(a1)
        .endr
        .irp    n, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11
        sd      s\n, GENERAL + \n * 8(a1)
        ld      s\n, \n * 8(sp)
        .endr
        addi    sp, sp, 96
        ret

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * FP registers of a guest. C code here is compiled without them, so they are the guest's all the time
 * and move only when another vCPU is loaded. sstatus.FS is not off when these are called.
 *
 * For build/stack.py:
 * stack: fp_save 0
 * stack: fp_load 0
 */
#include <arch/asm.h>

    .option arch, +f
    .option arch, +d
    .section .text, "ax"

.macro EACH op
    .irp    n, 0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30,31
    \op     f\n, VCPU_F + 8*\n(a0)
    .endr
.endm

/* void fp_save(struct arch_vcpu *arch) */
    .global fp_save
fp_save:
    frcsr   t0
    sd      t0, VCPU_FCSR(a0)
    EACH    fsd
    ret

/* void fp_load(const struct arch_vcpu *arch) */
    .global fp_load
fp_load:
    ld      t0, VCPU_FCSR(a0)
    fscsr   t0
    EACH    fld
    ret

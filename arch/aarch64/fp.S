/* SPDX-License-Identifier: Apache-2.0 */
/*
 * FP and SIMD registers of a guest. C code here is compiled without them, so they are the guest's all
 * the time and move only when another vCPU is loaded.
 *
 * For build/stack.py:
 * stack: fp_save 0
 * stack: fp_load 0
 */
#include <arch/asm.h>

    .arch armv8-a+fp
    .section .text, "ax"

.macro EACH_PAIR op
    \op     q0, q1, [x0, #0]
    \op     q2, q3, [x0, #32]
    \op     q4, q5, [x0, #64]
    \op     q6, q7, [x0, #96]
    \op     q8, q9, [x0, #128]
    \op     q10, q11, [x0, #160]
    \op     q12, q13, [x0, #192]
    \op     q14, q15, [x0, #224]
    \op     q16, q17, [x0, #256]
    \op     q18, q19, [x0, #288]
    \op     q20, q21, [x0, #320]
    \op     q22, q23, [x0, #352]
    \op     q24, q25, [x0, #384]
    \op     q26, q27, [x0, #416]
    \op     q28, q29, [x0, #448]
    \op     q30, q31, [x0, #480]
.endm

/* void fp_save(struct arch_vcpu *arch) */
    .global fp_save
fp_save:
    mrs     x1, fpcr
    mrs     x2, fpsr
    stp     x1, x2, [x0, #VCPU_FPCR]
    add     x0, x0, #VCPU_Q
    EACH_PAIR stp
    ret

/* void fp_load(const struct arch_vcpu *arch) */
    .global fp_load
fp_load:
    ldp     x1, x2, [x0, #VCPU_FPCR]
    msr     fpcr, x1
    msr     fpsr, x2
    add     x0, x0, #VCPU_Q
    EACH_PAIR ldp
    ret

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Accesses that may be refused: to guest memory as the guest sees it (HLV, HLVX, HSV; RISC-V
 * privileged architecture 18.3.1) and to registers that a hart may not have. See arch/trap.h.
 *
 * While one is made, stvec leads to its own end, so that a trap is an answer and costs the usual trap
 * entry nothing. Such a trap changes sepc, sstatus and hstatus, which belong to the guest; they are
 * put back.
 *
 * Instructions and registers go by number, because assemblers differ in what they know.
 *
 * For build/stack.py:
 * stack: access_guest_code 0
 * stack: access_guest_word 0
 * stack: access_copy_from_guest 0
 * stack: access_copy_to_guest 0
 * stack: access_has_stimecmp 0
 * stack: access_has_hstateen0 0
 * stack: access_has_siselect 0
 * stack: access_has_hgatp 0
 * stack: arch_probe 0
 */
#include <arch/asm.h>

#define CSR_STIMECMP  0x14d
#define CSR_VSATP     0x280
#define CSR_HSTATUS   0x600
#define CSR_HSTATEEN0 0x60c
#define CSR_SISELECT  0x150
#define CSR_HGATP     0x680

    .section .text, "ax"

/* Traps lead to \refused from here on. Uses t0-t3. */
.macro TRY refused
    csrr    t1, sepc
    csrr    t2, sstatus
    csrr    t3, CSR_HSTATUS
    la      t0, \refused
    csrrw   t0, stvec, t0
.endm

/* Traps are bugs again. */
.macro TRIED
    csrw    stvec, t0
.endm

/* The first instructions at `refused`, which is a multiple of 4. */
.macro REFUSED
    csrw    stvec, t0
    csrw    sepc, t1
    csrw    sstatus, t2
    csrw    CSR_HSTATUS, t3
.endm

/* uint64_t access_guest_code(uint64_t address)
 * One access where the address lets it be one; else two, because an instruction of 4 bytes may lie on
 * two pages, and one of 2 bytes at the end of the last one. */
    .global access_guest_code
access_guest_code:
    TRY     2f
    andi    a1, a0, 2
    bnez    a1, 1f
    .insn   r 0x73, 4, 0x34, a0, a0, x3 /* hlvx.wu a0, (a0) */
    TRIED
    ret
1:  .insn   r 0x73, 4, 0x32, a1, a0, x3 /* hlvx.hu a1, (a0) */
    addi    a0, a0, 2
    andi    a2, a1, 3
    addi    a2, a2, -3
    bnez    a2, 3f /* an instruction of 2 bytes */
    .insn   r 0x73, 4, 0x32, a0, a0, x3
    slli    a0, a0, 16
    or      a1, a1, a0
3:  TRIED
    mv      a0, a1
    ret
    .balign 4
2:  REFUSED
    li      a0, -1
    ret

/* bool access_guest_word(uint64_t address, uint64_t *value) */
    .global access_guest_word
access_guest_word:
    TRY     1f
    .insn   r 0x73, 4, 0x36, a2, a0, x0 /* hlv.d a2, (a0) */
    TRIED
    sd      a2, 0(a1)
    li      a0, 1
    ret
    .balign 4
1:  REFUSED
    li      a0, 0
    ret

/* Copies a2 bytes from a1 to a0 and returns how many it copied, one of the two ends in guest memory.
 * With vsatp zero, a guest virtual address is a guest physical one; a write of its MODE takes effect
 * at once (10.1.11). */
.macro COPY name, load:req, store:req
    .global \name
\name:
    csrrw   t4, CSR_VSATP, zero
    li      a3, 0
    TRY     2f
1:  beq     a3, a2, 3f
    \load
    \store
    addi    a0, a0, 1
    addi    a1, a1, 1
    addi    a3, a3, 1
    j       1b
    .balign 4
2:  REFUSED
3:  TRIED
    csrw    CSR_VSATP, t4
    mv      a0, a3
    ret
.endm

/* uint64_t access_copy_from_guest(uint8_t *to, ipa_t from, uint64_t size), hlv.bu a4, (a1)
 * uint64_t access_copy_to_guest(ipa_t to, const uint8_t *from, uint64_t size), hsv.b a4, (a0) */
    COPY    access_copy_from_guest, ".insn r 0x73, 4, 0x30, a4, a1, x1", "sb a4, 0(a0)"
    COPY    access_copy_to_guest, "lbu a4, 0(a1)", ".insn r 0x73, 4, 0x31, x0, a0, a4"

/* bool arch_probe(paddr_t address, uint32_t *value): hv/arch/check.h */
    .global arch_probe
arch_probe:
    TRY     1f
    lw      a2, 0(a0)
    TRIED
    sw      a2, 0(a1)
    li      a0, 1
    ret
    .balign 4
1:  REFUSED
    li      a0, 0
    ret

/* bool access_has_hgatp(void): the only one that does without H. */
    .global access_has_hgatp
access_has_hgatp:
    csrr    t1, sepc
    csrr    t2, sstatus
    la      t0, 1f
    csrrw   t0, stvec, t0
    csrr    a0, CSR_HGATP
    TRIED
    li      a0, 1
    ret
    .balign 4
1:  csrw    stvec, t0
    csrw    sepc, t1
    csrw    sstatus, t2
    li      a0, 0
    ret

/* bool access_has_stimecmp(void), bool access_has_hstateen0(void), bool access_has_siselect(void) */
.macro HAS name, number
    .global access_has_\name
access_has_\name:
    TRY     1f
    csrr    a0, \number
    TRIED
    li      a0, 1
    ret
    .balign 4
1:  REFUSED
    li      a0, 0
    ret
.endm

    HAS     stimecmp, CSR_STIMECMP
    HAS     hstateen0, CSR_HSTATEEN0
    HAS     siselect, CSR_SISELECT

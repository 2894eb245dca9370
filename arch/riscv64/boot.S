/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The first instructions of every hart, in HS-mode with translation off.
 *
 * The hypervisor's page tables are constants in the image, so the map is on after some thirty
 * instructions and no C code ever runs without it. The firmware enters one hart at _start, whichever
 * it likes (SBI 2.0, 9.1: a0 hart id, a1 device tree, which is not looked at); it finds its struct
 * pcpu by its hart id. If the system does not use that hart, it starts the first one that the system
 * does use and stops itself. The others enter at boot_secondary with their struct pcpu in a1 (the
 * opaque argument of HART_START).
 *
 * Registers: tp struct pcpu, s0 zero on the boot hart.
 */
#include <arch/asm.h>

/* satp.MODE = Sv39 (RISC-V privileged architecture, 10.1.11). */
#define SATP_MODE_SV39_BIT 63

    .section .text..boot, "ax"

    .global _start
_start:
    li      s0, 0
    la      tp, pcpus
    la      t0, pcpu_count
    lw      t0, 0(t0)
    li      t1, PCPU_SIZE
find_pcpu:
    beqz    t0, no_pcpu
    ld      t2, PCPU_CONFIG(tp)
    ld      t2, PCPU_CONFIG_HART(t2)
    beq     a0, t2, map_on
    add     tp, tp, t1
    addi    t0, t0, -1
    j       find_pcpu

no_pcpu: /* a hart that the system does not use */
    la      t0, pcpus
    ld      t0, PCPU_CONFIG(t0)
    ld      a0, PCPU_CONFIG_HART(t0)
    la      a1, _start
    li      a2, 0
    li      a7, SBI_EXT_HSM
    li      a6, SBI_HSM_HART_START
    ecall
    li      a6, SBI_HSM_HART_STOP
    ecall
stopped: /* if the firmware refused */
    wfi
    j       stopped

    .global boot_secondary
boot_secondary:
    mv      tp, a1
    li      s0, 1

map_on:
    csrw    sie, zero
    csrci   sstatus, 2 /* SIE */
    la      t0, hv_map_root
    srli    t0, t0, 12
    li      t1, 1
    slli    t1, t1, SATP_MODE_SV39_BIT
    or      t0, t0, t1
    sfence.vma
    csrw    satp, t0
    sfence.vma

    csrw    sscratch, zero /* no guest runs: a trap is our bug */
    la      t0, trap_entry
    csrw    stvec, t0
    ld      t0, PCPU_CONFIG(tp)
    ld      sp, PCPU_CONFIG_STACK(t0)
    bnez    s0, start_secondary

    la      t0, __bss_start
    la      t1, __bss_end
clear_bss:
    bgeu    t0, t1, start_primary
    sd      zero, 0(t0)
    sd      zero, 8(t0)
    addi    t0, t0, 16
    j       clear_bss
start_primary:
    tail    vmm_main
start_secondary:
    tail    pcpu_main

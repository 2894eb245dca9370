/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The first instructions of every CPU, at EL2 with the MMU off.
 *
 * The hypervisor's page tables are constants in the image, so the map is on after some thirty
 * instructions and no C code ever runs without it. A CPU that enters at _start is the one that the
 * machine began with, whichever it is; it finds its struct pcpu by its affinity. The others enter at
 * boot_secondary with their struct pcpu in x0 (the context argument of PSCI CPU_ON).
 *
 * Registers: x19 struct pcpu, x20 zero on the boot CPU.
 */
#include <arch/asm.h>

/* MAIR_EL2: index 0 Device-nGnRnE, index 1 normal write-back (D19.2.99). */
#define MAIR_EL2_VALUE 0xff00

/* TCR_EL2: 39-bit addresses (T0SZ), 4 KiB granule, walks cached and inner shareable, 40-bit output,
 * RES1 bits 31 and 23 (D19.2.140). */
#define TCR_EL2_VALUE ((1 << 31) | (1 << 23) | (2 << 16) | (3 << 12) | (1 << 10) | (1 << 8) | 25)

/* SCTLR_EL2: RES1 bits, WXN, I, SA, C, M (D19.2.119). */
#define SCTLR_EL2_VALUE (0x30c50830 | (1 << 19) | (1 << 12) | (1 << 3) | (1 << 2) | (1 << 0))

.macro MOV32 register, value
    movz    \register, #((\value) & 0xffff)
    movk    \register, #(((\value) >> 16) & 0xffff), lsl #16
.endm

    .section .text..boot, "ax"

    .global _start
_start:
    mov     x20, #0
    mrs     x0, mpidr_el1
    mov     x1, #0xff00000000
    orr     x1, x1, #0xffffff
    and     x0, x0, x1
    adrp    x19, pcpus
    add     x19, x19, #:lo12:pcpus
    adrp    x1, pcpu_count
    ldr     w1, [x1, #:lo12:pcpu_count]
find_pcpu:
    cbz     w1, no_pcpu
    ldr     x2, [x19, #PCPU_CONFIG]
    ldr     x2, [x2, #PCPU_CONFIG_MPIDR]
    cmp     x0, x2
    b.eq    map_on
    add     x19, x19, #PCPU_SIZE
    sub     w1, w1, #1
    b       find_pcpu
no_pcpu: /* a CPU that the system does not use */
    wfi
    b       no_pcpu

    .global boot_secondary
boot_secondary:
    mov     x19, x0
    mov     x20, #1

map_on:
    msr     daifset, #0xf
    mov     x0, #MAIR_EL2_VALUE
    msr     mair_el2, x0
    MOV32   x0, TCR_EL2_VALUE
    msr     tcr_el2, x0
    adrp    x0, hv_map_root
    msr     ttbr0_el2, x0
    tlbi    alle2
    dsb     nsh
    isb
    MOV32   x0, SCTLR_EL2_VALUE
    msr     sctlr_el2, x0
    isb

    msr     tpidr_el2, x19
    ldr     x0, [x19, #PCPU_CONFIG]
    ldr     x0, [x0, #PCPU_CONFIG_STACK]
    mov     sp, x0
    adrp    x0, vectors
    add     x0, x0, #:lo12:vectors
    msr     vbar_el2, x0
    isb
    cbnz    x20, pcpu_main

    adrp    x0, __bss_start
    add     x0, x0, #:lo12:__bss_start
    adrp    x1, __bss_end
    add     x1, x1, #:lo12:__bss_end
clear_bss:
    cmp     x0, x1
    b.hs    vmm_main
    stp     xzr, xzr, [x0], #16
    b       clear_bss

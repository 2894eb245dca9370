/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The first instructions of every CPU.
 *
 * The boot CPU enters at _start in 32-bit protected mode with paging off, from QEMU (PVH note: Xen's
 * x86/HVM direct boot ABI) or from a multiboot2 boot loader (Multiboot2 specification 2.0, 3.3);
 * neither's information is looked at. The other CPUs enter at the trampoline in real mode after a
 * start-up interrupt, and come to enter_32 as the first one does. The hypervisor's page tables are
 * constants in the image, so the map is on after some twenty instructions more, and no C code ever
 * runs without it. In 64-bit mode each CPU finds its struct pcpu by its APIC id; one that the system
 * does not use halts.
 *
 * Only the boot CPU copies the trampoline, before paging is on: nothing there need be mapped.
 *
 * Registers: ebp is 0 on the boot CPU, 1 on the others.
 */
#include <arch/asm.h>

#define MULTIBOOT2_MAGIC 0xe85250d6

#define CR0_ON       0x80010033 /* PG, WP, NE, ET, MP, PE */
#define CR4_ON       0x620      /* OSXMMEXCPT, OSFXSR, PAE */
#define MSR_EFER     0xc0000080
#define EFER_ON      0x900 /* NXE, LME */
#define MSR_GS_BASE  0xc0000101
#define CPUID_APIC   1

    .section .note.pvh, "a", @note
    .balign 4
    .long   4, 4, 18 /* XEN_ELFNOTE_PHYS32_ENTRY */
    .asciz  "Xen"
    .long   _start

    .section .text..boot, "ax"
    .balign 8
multiboot2_header:
    .long   MULTIBOOT2_MAGIC, 0, multiboot2_end - multiboot2_header
    .long   -(MULTIBOOT2_MAGIC + multiboot2_end - multiboot2_header)
    .short  3, 0 /* entry address */
    .long   12, _start
    .balign 8
    .short  0, 0 /* end */
    .long   8
multiboot2_end:

    .code32
    .global _start
_start:
    cli
    cld
    movl    $trampoline, %esi
    movl    $TRAMPOLINE, %edi
    movl    $(trampoline_end - trampoline), %ecx
    rep movsb
    xorl    %ebp, %ebp

enter_32: /* flat segments, paging off */
    movl    $CR4_ON, %eax
    movl    %eax, %cr4
    movl    $hv_map_root, %eax
    movl    %eax, %cr3
    movl    $MSR_EFER, %ecx
    movl    $EFER_ON, %eax
    xorl    %edx, %edx
    wrmsr
    movl    $CR0_ON, %eax
    movl    %eax, %cr0
    lgdt    boot_gdtr
    ljmp    $SELECTOR_CODE, $enter_64

    .code64
enter_64:
    xorl    %eax, %eax
    movl    %eax, %ds
    movl    %eax, %es
    movl    %eax, %fs
    movl    %eax, %gs
    movl    $SELECTOR_DATA, %eax
    movl    %eax, %ss
    movl    $CPUID_APIC, %eax
    cpuid
    shrl    $24, %ebx
    leaq    pcpus(%rip), %rsi
    movl    pcpu_count(%rip), %ecx
find_pcpu:
    movq    PCPU_CONFIG(%rsi), %rdi
    cmpl    %ebx, PCPU_CONFIG_APIC(%rdi)
    je      found
    addq    $PCPU_SIZE, %rsi
    decl    %ecx
    jnz     find_pcpu
stopped: /* a CPU that the system does not use */
    cli
    hlt
    jmp     stopped

found:
    movq    PCPU_CONFIG_STACK(%rdi), %rsp
    movl    $MSR_GS_BASE, %ecx
    movl    %esi, %eax
    xorl    %edx, %edx /* the hypervisor lies below 4 GiB */
    wrmsr
    movq    %rsi, (%rsi) /* arch.self */
    testl   %ebp, %ebp
    jnz     start_secondary
    leaq    __bss_start(%rip), %rdi
    leaq    __bss_end(%rip), %rcx
    subq    %rdi, %rcx
    shrq    $3, %rcx
    xorl    %eax, %eax
    rep stosq
    call    vmm_main
start_secondary:
    call    pcpu_main

    .section .rodata.boot, "a"
    .balign 8
boot_gdt:
    .quad   0
    .quad   0x00209b0000000000 /* SELECTOR_CODE: 64-bit code; accessed, as this lies in constants */
    .quad   0x0000930000000000 /* SELECTOR_DATA: writable data */
boot_gdtr:
    .short  . - boot_gdt - 1
    .long   boot_gdt, 0

/* Copied to TRAMPOLINE, where CS:IP is 0x0800:0. */
    .balign 8
    .code16
trampoline:
    cli
    lgdtl   %cs:(trampoline_gdtr - trampoline)
    movl    $0x11, %eax /* ET, PE */
    movl    %eax, %cr0
    ljmpl   $SELECTOR_CODE, $(TRAMPOLINE + trampoline_32 - trampoline)
    .code32
trampoline_32:
    movw    $SELECTOR_DATA, %ax
    movw    %ax, %ds
    movw    %ax, %es
    movw    %ax, %ss
    movl    $1, %ebp
    movl    $enter_32, %eax
    jmp     *%eax
    .balign 8
trampoline_gdt:
    .quad   0
    .quad   0x00cf9a000000ffff /* 32-bit code, flat */
    .quad   0x00cf92000000ffff /* data, flat */
trampoline_gdtr:
    .short  . - trampoline_gdt - 1
    .long   TRAMPOLINE + trampoline_gdt - trampoline
trampoline_end:

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Entry of a test guest, of its secondary CPUs, and the interrupt vectors.
 *
 * A PVH loader enters at pvh_start in 32-bit mode with EBX = start_info (Xen, misc/pvh); any other loader at _start in 64-bit
 * mode with RDI = start_info. .bss is not cleared here: that it reads zero is what the loader promises, also after a
 * reset, and tests check it. CPU n runs on stack n, which is how it knows its number (cpu_index() in machine.c).
 */
        .equ    STACK_SHIFT, 14                 /* 16 KiB for each CPU */
        .equ    CODE64, 0x08
        .equ    DATA, 0x10
        .equ    CODE32, 0x18
        .equ    CR0_PE, 1 << 0
        .equ    CR0_PG, 1 << 31
        .equ    CR0_NW_CD, 3 << 29              /* set by RESET and INIT: no caches */
        .equ    CR4_PAE, 1 << 5
        .equ    EFER, 0xc0000080
        .equ    EFER_LME_NXE, 1 << 8 | 1 << 11

        .section .note.pvh, "a", @note
        .balign 4
        .long   4, 8, 18                        /* name, description, XEN_ELFNOTE_PHYS32_ENTRY */
        .asciz  "Xen"
        .quad   pvh_start

        .section .text.start, "ax"
        .code64
        .global _start
_start:
        cli
        mov     %cs, entry_cs
        mov     %cr0, %rax
        mov     %rax, entry_cr0
        mov     %cr4, %rax
        mov     %rax, entry_cr4
        mov     $boot_pml4, %eax
        mov     %rax, %cr3
        lgdt    gdt_pointer
        mov     $cpu_stacks + (1 << STACK_SHIFT), %esp
        pushq   $CODE64
        pushq   $primary
        lretq

        /* From 32-bit mode without paging to \target in 64-bit mode. Leaves EBX alone. */
        .macro  enter_long target
        mov     $boot_pml4, %eax
        mov     %eax, %cr3
        mov     %cr4, %eax
        or      $CR4_PAE, %eax
        mov     %eax, %cr4
        mov     $EFER, %ecx
        rdmsr
        or      $EFER_LME_NXE, %eax
        wrmsr
        mov     %cr0, %eax
        and     $~CR0_NW_CD, %eax
        or      $CR0_PG, %eax
        mov     %eax, %cr0
        ljmp    $CODE64, $\target
        .endm

        .code32
pvh_start:
        cli
        mov     %cs, entry_cs
        mov     %cr0, %eax
        mov     %eax, entry_cr0
        mov     %cr4, %eax
        mov     %eax, entry_cr4
        lgdt    gdt_pointer
        mov     %ebx, %edi
        enter_long primary

        .code32
secondary_protected:
        mov     $DATA, %eax
        mov     %eax, %ds
        enter_long secondary

        .code64
        /* Loads the data segments; the number of this CPU is in EBX. Clears EBX and the rest of what GCC expects. */
        .macro  cpu_setup
        mov     $DATA, %eax
        mov     %eax, %ds
        mov     %eax, %es
        mov     %eax, %ss
        xor     %eax, %eax
        mov     %eax, %fs
        mov     %eax, %gs
        lea     1(%rbx), %rsp
        shl     $STACK_SHIFT, %rsp
        add     $cpu_stacks, %rsp
        xor     %ebp, %ebp
        cld
        .endm

primary:
        xor     %ebx, %ebx
        cpu_setup
        mov     %edi, %edi                      /* the upper half is not defined after 32-bit mode */
        call    guest_start                     /* (start_info) */
1:      hlt
        jmp     1b

secondary:
        mov     $1, %eax                        /* CPUID Fn0000_0001: EBX[31:24] is the APIC id */
        cpuid
        shr     $24, %ebx
        cpu_setup
        mov     %rbx, %rdi
        call    secondary_main                  /* (index) */
1:      hlt
        jmp     1b

        /* Real mode, at TRAMPOLINE in memory below 1 MiB, where machine.c copies it: CS is that page, IP 0. */
        .section .rodata
        .global trampoline_start, trampoline_end
        .code16
trampoline_start:
        cli
        mov     %cs, %ax
        mov     %ax, %ds
        lgdtl   trampoline_gdt - trampoline_start
        mov     %cr0, %eax
        or      $CR0_PE, %eax
        mov     %eax, %cr0
        ljmpl   $CODE32, $secondary_protected
        .balign 4
        .word   0
trampoline_gdt:
        .word   gdt_end - gdt - 1
        .long   gdt
trampoline_end:

        .text
        .code64
        /* The vectors, 16 bytes each: the frame is the same with and without an error code of the CPU's. */
        .global trap_vectors
        .balign 16
trap_vectors:
        .set    vector, 0
        .rept   256
        .balign 16
        /* AMD64 APM vol. 2, 8.4.1: these push one. */
        .if     (vector == 8) || (vector >= 10 && vector <= 14) || (vector == 17) || (vector == 21) || (vector == 29) || (vector == 30)
        .else
        pushq   $0
        .endif
        pushq   $vector
        jmp     trap_common
        .set    vector, vector + 1
        .endr

trap_common:
        .irp    register, r15, r14, r13, r12, r11, r10, r9, r8, rdi, rsi, rbp, rbx, rdx, rcx, rax
        push    %\register
        .endr
        cld
        mov     %rsp, %rdi
        call    trap_handle                     /* (frame) */
        .irp    register, rax, rcx, rdx, rbx, rbp, rsi, rdi, r8, r9, r10, r11, r12, r13, r14, r15
        pop     %\register
        .endr
        add     $16, %rsp
        iretq

        .section .rodata
        .balign 8
gdt:
        .quad   0
        .quad   0x00af9b000000ffff              /* CODE64 */
        .quad   0x00cf93000000ffff              /* DATA */
        .quad   0x00cf9b000000ffff              /* CODE32 */
gdt_end:
gdt_pointer:
        .word   gdt_end - gdt - 1
        .quad   gdt

        /* The first TiB, one to one, in pages of 1 GiB; tests may change it. */
        .data
        .balign 4096
        .global boot_pml4
boot_pml4:
        .quad   boot_pdpt + 3
        .quad   boot_pdpt + 4096 + 3
        .skip   510 * 8
boot_pdpt:
        .set    page, 0
        .rept   1024
        .quad   (page << 30) + 0x83
        .set    page, page + 1
        .endr

        .global entry_cs, entry_cr0, entry_cr4
entry_cs:
        .quad   0
entry_cr0:
        .quad   0
entry_cr4:
        .quad   0

        .bss
        .balign 16
        .global cpu_stacks
cpu_stacks:
        .skip   4 << STACK_SHIFT                /* GUEST_CPU_MAX */

        .section .note.GNU-stack, "", @progbits

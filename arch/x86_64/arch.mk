# SPDX-License-Identifier: Apache-2.0
# x86_64: sources, compiler and flags. Included by build/.

# The build machine's own compiler where that is an x86_64 one.
CROSS_COMPILE := $(if $(filter x86_64,$(shell uname -m)),,x86_64-linux-gnu-)
# No SSE or x87 registers (they are the guest's), no red zone (interrupts come on the same stack).
ARCH_CFLAGS := -m64 -march=x86-64 -mgeneral-regs-only -mno-red-zone -mcmodel=small -fcf-protection=none \
    -maccumulate-outgoing-args
# Permission maps of MSRs, and of ports of VMs with and without some of their own, in .rodata.
ARCH_MAPS_KIB := 48
ARCH_LDFLAGS := -m elf_x86_64 -z max-page-size=4096
ARCH_SRCS := $(sort $(wildcard arch/x86_64/*.c arch/x86_64/*.S)) \
    runtime/drivers/ns16550.c runtime/drivers/v16550.c

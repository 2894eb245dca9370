# SPDX-License-Identifier: Apache-2.0
# aarch64: sources, compiler and flags. Included by build/.

CROSS_COMPILE := aarch64-linux-gnu-
# No FP registers (they are the guest's), no libgcc atomics, no unaligned accesses by the compiler.
ARCH_CFLAGS := -march=armv8-a -mgeneral-regs-only -mno-outline-atomics -mstrict-align
ARCH_SRCS := $(sort $(wildcard arch/aarch64/*.c arch/aarch64/*.S))

# SPDX-License-Identifier: Apache-2.0
# aarch64: sources, compiler and flags. Included by build/.

CROSS_COMPILE := aarch64-linux-gnu-
# No FP registers (they are the guest's), no libgcc atomics, no unaligned accesses by the compiler; frame
# pointers would cost five instructions a trap and nobody walks them.
ARCH_CFLAGS := -march=armv8-a -mgeneral-regs-only -mno-outline-atomics -mstrict-align -fomit-frame-pointer
ARCH_SRCS := $(sort $(wildcard arch/aarch64/*.c arch/aarch64/*.S))

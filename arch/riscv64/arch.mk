# SPDX-License-Identifier: Apache-2.0
# riscv64: sources, compiler and flags. Included by build/.

CROSS_COMPILE := riscv64-linux-gnu-
# No FP registers (they are the guest's), nothing relative to gp (it is never set).
ARCH_CFLAGS := -march=rv64imac_zicsr_zifencei -mabi=lp64 -mcmodel=medany -msmall-data-limit=0 \
    -mno-relax -mstrict-align
ARCH_SRCS := $(sort $(wildcard arch/riscv64/*.c arch/riscv64/*.S)) \
    runtime/drivers/ns16550.c runtime/drivers/v16550.c

# SPDX-License-Identifier: Apache-2.0
#
# Compiler and linker settings of the hypervisor for ARCH; arch/$(ARCH)/arch.mk adds its own:
# ARCH_SRCS (files, from the top of the tree), ARCH_CFLAGS, ARCH_LDFLAGS, CROSS_COMPILE.

include arch/$(ARCH)/arch.mk

CC := $(CROSS_COMPILE)gcc
LD := $(CROSS_COMPILE)ld

# Of the headers that come with a compiler only its own freestanding ones (stdint.h and so on) are seen.
CPPFLAGS := -nostdinc -isystem $(shell $(CC) -print-file-name=include 2>/dev/null) \
    -Iinclude -Iruntime/include -Iarch/$(ARCH)/include

WARNINGS := -Wall -Wextra -Werror -Wconversion -Wsign-conversion -Wshadow -Wmissing-prototypes -Wvla

# The same bytes in every folder: no path of the checkout reaches the objects.
CFLAGS := -std=c11 -ffreestanding -O2 -g $(WARNINGS) \
    -ffunction-sections -fdata-sections -fno-common -fno-stack-protector -fno-pie \
    -ffile-prefix-map=$(CURDIR)/= $(ARCH_CFLAGS)

LDFLAGS := -static --gc-sections --orphan-handling=error --fatal-warnings --build-id=none -z noexecstack $(ARCH_LDFLAGS)

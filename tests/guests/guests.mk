# SPDX-License-Identifier: Apache-2.0
# Builds the test guests: out/guests/<arch>/<name>.elf. Included by the top Makefile, or used alone:
#     make -f tests/guests/guests.mk guests [GUEST_ARCHS="aarch64 riscv64 x86_64"] [GUEST_OUT=out/guests]
# A guest is one file of tests/guests/ (portable) or tests/guests/<arch>/tests/, linked with lib/ and <arch>/.
# <arch>/tests/<name>_asm.S, where it exists, is part of guest <name>. hello.bin is hello.elf as raw bytes.

GUEST_DIR := $(patsubst %/,%,$(dir $(lastword $(MAKEFILE_LIST))))
GUEST_OUT ?= out/guests
GUEST_ARCHS ?= aarch64 riscv64 x86_64

GUEST_CC_aarch64 ?= aarch64-linux-gnu-gcc
GUEST_OBJCOPY_aarch64 ?= aarch64-linux-gnu-objcopy
# No unaligned accesses: the guests run with the MMU off, so that all memory is Device memory.
GUEST_CFLAGS_aarch64 := -march=armv8-a -mgeneral-regs-only -mstrict-align -mcmodel=small -fno-pic

GUEST_CC_riscv64 ?= riscv64-linux-gnu-gcc
GUEST_OBJCOPY_riscv64 ?= riscv64-linux-gnu-objcopy
# No FP registers in C: fp.c checks them. Nothing relative to gp, which is never set.
GUEST_CFLAGS_riscv64 := -march=rv64imac_zicsr_zifencei -mabi=lp64 -mcmodel=medany -mstrict-align -mno-relax \
    -msmall-data-limit=0 -fno-pic

GUEST_CC_x86_64 ?= x86_64-linux-gnu-gcc
GUEST_OBJCOPY_x86_64 ?= x86_64-linux-gnu-objcopy
# No FP registers in C: fp.c checks them. No red zone: interrupts push on the stack they find.
GUEST_CFLAGS_x86_64 := -march=x86-64 -mgeneral-regs-only -mno-red-zone -mcmodel=small -fno-pic -fcf-protection=none

GUEST_CFLAGS := -std=gnu11 -O2 -g -ffreestanding -fno-stack-protector -fno-common -fno-builtin \
    -Wall -Wextra -Werror -Wconversion -Wsign-conversion -Wshadow -Wmissing-prototypes -Wvla \
    -ffunction-sections -fdata-sections -I$(GUEST_DIR)/include -I$(GUEST_DIR)/../../include
GUEST_LDFLAGS := -nostdlib -static -no-pie -Wl,--build-id=none -Wl,--gc-sections -Wl,-z,max-page-size=4096 -Wl,--fatal-warnings

GUEST_LIB := $(wildcard $(GUEST_DIR)/lib/*.c)
GUEST_HEADERS = $(wildcard $(GUEST_DIR)/include/*.h $(GUEST_DIR)/$(1)/include/*.h)

.PHONY: guests
guests:

# $(1): architecture
define guest_arch
guest_parts_$(1) := $$(GUEST_LIB) $$(wildcard $$(GUEST_DIR)/$(1)/*.c $$(GUEST_DIR)/$(1)/*.S)
guest_mains_$(1) := $$(wildcard $$(GUEST_DIR)/*.c $$(GUEST_DIR)/$(1)/tests/*.c)
guest_elfs_$(1) := $$(addprefix $$(GUEST_OUT)/$(1)/,$$(addsuffix .elf,$$(notdir $$(basename $$(guest_mains_$(1))))))
guest_objs_$(1) := $$(patsubst $$(GUEST_DIR)/%,$$(GUEST_OUT)/$(1)/obj/%.o,$$(guest_parts_$(1)))

$$(GUEST_OUT)/$(1)/obj/%.o: $$(GUEST_DIR)/% $$(call GUEST_HEADERS,$(1)) $$(GUEST_DIR)/guests.mk
	@mkdir -p $$(dir $$@)
	@$$(GUEST_CC_$(1)) $$(GUEST_CFLAGS) $$(GUEST_CFLAGS_$(1)) -I$$(GUEST_DIR)/$(1)/include -c $$< -o $$@

guests: $$(guest_elfs_$(1)) $$(GUEST_OUT)/$(1)/hello.bin
$$(GUEST_OUT)/$(1)/hello.bin: $$(GUEST_OUT)/$(1)/hello.elf
	@$$(GUEST_OBJCOPY_$(1)) -O binary $$< $$@

$$(foreach main,$$(guest_mains_$(1)),$$(eval $$(call guest_elf,$(1),$$(main))))
endef

# $(1): architecture, $(2): the guest's own C file
define guest_elf
$$(GUEST_OUT)/$(1)/$$(notdir $$(basename $(2))).elf: $$(patsubst $$(GUEST_DIR)/%,$$(GUEST_OUT)/$(1)/obj/%.o,$(2) $$(wildcard $$(basename $(2))_asm.S)) \
    $$(guest_objs_$(1)) $$(GUEST_DIR)/$(1)/guest.ld
	@echo "  GUEST $$@"
	@$$(GUEST_CC_$(1)) $$(GUEST_LDFLAGS) -Wl,-T,$$(GUEST_DIR)/$(1)/guest.ld $$(filter %.o,$$^) -o $$@
endef

$(foreach arch,$(GUEST_ARCHS),$(eval $(call guest_arch,$(arch))))

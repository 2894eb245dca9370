# SPDX-License-Identifier: Apache-2.0
#
# Compiles and links one hypervisor: runtime/ and arch/$(ARCH)/ with what the generator wrote into $(OUT)/gen.
# Called by build/system.mk with OUT. The objects of the hand-written sources are the same for every system of an
# architecture and lie in out/obj-$(ARCH); only the generated files are compiled per system.

.DEFAULT_GOAL := all
.SUFFIXES:
.DELETE_ON_ERROR:

include $(OUT)/gen/config.mk
include build/flags.mk

PYTHON := out/venv/bin/python
Q      := $(if $(V),,@)
say     = $(if $(V),@:,@printf '  %-5s %s\n')

OBJ     := out/obj-$(ARCH)
GEN     := $(OUT)/gen
SOURCES := $(wildcard runtime/*.c runtime/lib/*.c) $(ARCH_SRCS)
MAKE_FILES := build/hv.mk build/flags.mk arch/$(ARCH)/arch.mk

shared    := $(SOURCES:%=$(OBJ)/%.o)
generated := $(addprefix $(OUT)/obj/,tables.c.o pagetables.c.o images.S.o)

.PHONY: all size
all: size

# -fcallgraph-info: for build/stack.py.
$(shared): $(OBJ)/%.o: % $(MAKE_FILES)
	$(say) CC $<
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(CPPFLAGS) $(CFLAGS) -fcallgraph-info=su -MMD -MP -c $< -o $@

# -Wa,-I: images.S names its files relative to its own folder.
$(generated): $(OUT)/obj/%.o: $(GEN)/% $(MAKE_FILES)
	$(say) CC $<
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(CPPFLAGS) $(CFLAGS) -fcallgraph-info=su -Wa,-I$(GEN) -MMD -MP -c $< -o $@

# What images.S takes in with .incbin, which the compiler does not list.
$(OUT)/obj/images.S.o: $(IMAGES) $(wildcard $(GEN)/images/*) $(wildcard $(GEN)/*.dtb)

$(OUT)/hv.elf: $(shared) $(generated) $(GEN)/layout.ld
	$(say) LD $@
	$(Q)$(LD) $(LDFLAGS) -T $(GEN)/layout.ld -o $@ $(shared) $(generated)

size: $(OUT)/hv.elf
	@$(PYTHON) build/stack.py --objects $(filter %.c.o,$(shared)) $(OUT)/obj/tables.c.o \
	    --assembly $(filter %.S,$(SOURCES)) \
	    --tables $(GEN)/tables.c --header runtime/include/hv/tables.h
	@$(PYTHON) build/size.py $< --limit $$(($(TEXT_LIMIT_KIB) + $(or $(ARCH_MAPS_KIB),0)))

-include $(shared:.o=.d) $(generated:.o=.d)

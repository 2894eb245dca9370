# SPDX-License-Identifier: Apache-2.0
#
# Lint of the C sources for one architecture, called by build/check.mk with ARCH.
# One target per file, so that make spreads them over the CPUs; done again only for what changed.

include build/flags.mk

OBJ     := out/lint-$(ARCH)
HEADERS := $(shell find runtime/include arch/$(ARCH)/include -name '*.h' | sort)
SOURCES := $(filter %.c,$(wildcard runtime/*.c runtime/lib/*.c) $(ARCH_SRCS))
# clang knows neither gcc's own headers' place nor all of its switches
TIDY_FLAGS := --target=$(ARCH)-none-elf -std=c11 -ffreestanding -Wall -Wextra -Iinclude -Iruntime/include -Iarch/$(ARCH)/include

.PHONY: headers tidy
headers: $(HEADERS:%=$(OBJ)/%.ok)
tidy: $(SOURCES:%=$(OBJ)/%.tidy)

$(OBJ)/%.h.ok: %.h $(HEADERS) build/flags.mk
	@mkdir -p $(@D)
	@echo '#include "$(CURDIR)/$<"' | $(CC) $(CPPFLAGS) $(filter-out -fcallgraph-info%,$(CFLAGS)) -fsyntax-only -x c -
	@touch $@

$(OBJ)/%.tidy: % $(HEADERS) .clang-tidy build/lint.mk
	@mkdir -p $(@D)
	@clang-tidy --quiet $< -- $(TIDY_FLAGS) >$@.log 2>&1 || { grep -v 'warnings generated' $@.log; exit 1; }
	@touch $@

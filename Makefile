# SPDX-License-Identifier: Apache-2.0
#
# The way in: `make help` lists the targets. Nothing has to be prepared: what is missing on this machine is
# installed (packages), made (out/venv) or fetched (guest images) by the first target that needs it.
#
# The steps for one system, in this order: packages, Python environment, facts (which output folder, which
# architecture, which images), images, generator, and the C build in build/hv.mk. This file calls them and decides nothing.

SYSTEM ?= systems/dual-linux.toml
BOARD  ?=
# Limits and extras a user may set
TEXT_LIMIT_KIB ?= 72
SMOKE_TIMEOUT  ?= 180
PYTEST_ARGS    ?= -n 2
V ?=

export PYTHONDONTWRITEBYTECODE := 1
export SYSTEM BOARD TEXT_LIMIT_KIB V

# As many jobs as CPUs, unless the caller said how many.
jobs := -j$(shell nproc)
quiet := --no-print-directory --no-builtin-rules
MAKEFLAGS += $(quiet)
ifeq (,$(filter -j% --jobserver%,$(MAKEFLAGS)))
MAKEFLAGS += $(jobs)
endif

.DEFAULT_GOAL := all
.SUFFIXES:
.DELETE_ON_ERROR:

include build/python.mk
include build/check.mk
include build/test.mk

.PHONY: all run smoke setup images ashlar clean help

# $(call system,VARIANT,APPEND): shell commands that build SYSTEM for BOARD and leave its output folder in
# $out. One build at a time per checkout, because systems share the objects of their architecture.
define system
facts=$$($(PYTHON) build/facts.py $(SYSTEM) $(if $(BOARD),--board $(BOARD)) $(if $(1),--variant $(1))) \
    || { $(PYTHON) -m gen check $(SYSTEM) $(if $(BOARD),--board $(BOARD)); exit 1; }; \
eval "$$facts"; \
flock -o out/.lock $(MAKE) -f build/system.mk $$facts SYSTEM=$(SYSTEM) BOARD=$(BOARD) APPEND="$(2)" || exit $$?; \
out=$$OUT
endef

## all          build SYSTEM for BOARD (the default)
all: venv
	+@$(call system)

# Make ends with status 2 when a recipe failed, whatever the recipe's status. Only in question mode (-q) does it hand
# on the status 1 of a recipe marked `+`, and without a message: so `make run` can say 1 for "a VM failed". The makes
# inside must not be in that mode, hence their own MAKEFLAGS; what else they need travels in the environment.
ifneq (,$(filter run smoke,$(MAKECMDGOALS)))
ifeq (1,$(words $(MAKECMDGOALS)))
MAKEFLAGS += --question
endif
endif

## run          build, then run it in QEMU with this terminal as its console
run:
	+@export MAKEFLAGS='$(quiet) $(jobs)'; $(MAKE) venv || exit; $(call system); $(PYTHON) build/run.py $$out

## smoke        the same without a person: each guest tests itself and powers off (SMOKE_TIMEOUT=180 seconds)
smoke:
	+@export MAKEFLAGS='$(quiet) $(jobs)'; $(MAKE) venv || exit; $(call system,smoke,ashlar.selftest); \
	$(PYTHON) build/run.py $$out --smoke --timeout $(SMOKE_TIMEOUT)

## ashlar       run the generator's tool: make ashlar ARGS="explain vm.memory"
ashlar: venv
	@$(PYTHON) -m gen $(ARGS)

## setup        install and make everything that building and testing need, build nothing
setup: venv-dev

## images       fetch and make the guest images of every architecture (or ARCHS=aarch64)
images: venv
	@flock out/.lock $(PYTHON) build/images.py $(addprefix --arch ,$(ARCHS))

## clean        remove what was built; tools, images and the Python environment stay (rm -r out removes these too)
clean:
	@rm -rf $(filter-out out/venv out/venv.% out/images out/apt out/tools,$(wildcard out/*))

## help         this list
help:
	@echo 'make [TARGET] [SYSTEM=systems/dual-linux.toml] [BOARD=name] [V=1 shows the commands]'
	@sed -n 's/^## /  /p' $(sort $(MAKEFILE_LIST))

# SPDX-License-Identifier: Apache-2.0
#
# The Python environment out/venv. It sees the system's packages, because libfdt's binding is one of them.
# Two levels: `venv` for building and running, `venv-dev` for `make check` and `make test`.

VENV   := out/venv
PYTHON := $(VENV)/bin/python

# The architectures in this tree.
ARCHS ?= $(patsubst arch/%/arch.mk,%,$(wildcard arch/*/arch.mk))

# The board's architecture, read roughly, for one purpose: without root, one command names all missing packages.
board_of := $(or $(BOARD),$(shell sed -n 's/^ *board *= *"\(.*\)".*/\1/p' $(SYSTEM) 2>/dev/null))
arch_of  := $(shell sed -n 's/^ *arch *= *"\([a-z0-9_]*\)".*/\1/p' $(firstword $(wildcard systems/boards/$(board_of).toml $(board_of)) /dev/null))

# All that the goals need in one call: one command to print, and one apt at a time.
groups := base $(arch_of)
ifneq (,$(filter check% test% golden-update setup venv-dev,$(MAKECMDGOALS)))
groups += check $(ARCHS)
endif

.PHONY: packages venv venv-dev
packages:
	@build/setup.sh $(sort $(groups))

venv: $(VENV).ready
venv-dev: $(VENV).ready-dev

$(VENV).ready: pyproject.toml build/python.mk | packages
	@echo 'setup: Python environment $(VENV), with packages from PyPI (once, and when pyproject.toml changes)'
	@/usr/bin/python3 -m venv --system-site-packages $(VENV)
	@$(VENV)/bin/pip install --quiet --disable-pip-version-check --editable .
	@touch $@

$(VENV).ready-dev: $(VENV).ready | packages
	@echo 'setup: tools for checks and tests, from PyPI, into $(VENV)'
	@$(VENV)/bin/pip install --quiet --disable-pip-version-check --editable '.[dev]'
	@touch $@

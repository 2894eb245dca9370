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

.PHONY: packages packages-dev venv venv-dev
packages:
	@build/setup.sh base $(arch_of)

packages-dev:
	@build/setup.sh base check $(ARCHS)

venv: $(VENV).ready
venv-dev: $(VENV).ready-dev

$(VENV).ready: pyproject.toml build/python.mk | packages
	@echo 'setup: Python environment $(VENV), with packages from PyPI (once, and when pyproject.toml changes)'
	@/usr/bin/python3 -m venv --system-site-packages $(VENV)
	@$(VENV)/bin/pip install --quiet --disable-pip-version-check --editable .
	@touch $@

$(VENV).ready-dev: $(VENV).ready | packages-dev
	@echo 'setup: tools for checks and tests, from PyPI, into $(VENV)'
	@$(VENV)/bin/pip install --quiet --disable-pip-version-check --editable '.[dev]'
	@touch $@

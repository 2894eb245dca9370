# SPDX-License-Identifier: Apache-2.0
#
# One system, from its description to hv.elf. Called by the Makefile with SYSTEM, BOARD, APPEND and what
# build/facts.py found: OUT, ARCH, CATALOGUE.
#
# The generator runs on every build: it needs well under a second and writes only files that changed, so there is
# no list of its inputs that could be incomplete. The C build follows in a make of its own, because it includes
# a makefile that the generator writes.

PYTHON := out/venv/bin/python
comma  := ,

.PHONY: all images emit
all: emit
	+@$(MAKE) -f build/hv.mk OUT=$(OUT)

emit: images
	@$(PYTHON) -m gen emit $(SYSTEM) $(if $(BOARD),--board $(BOARD)) -o $(OUT)/gen $(if $(APPEND),--append-cmdline '$(APPEND)')

images:
	@build/setup.sh base $(ARCH)
	@$(if $(CATALOGUE),$(PYTHON) build/images.py --arch $(ARCH) $(subst $(comma), ,$(CATALOGUE)))

# SPDX-License-Identifier: Apache-2.0
#
# The tests, all of them through pytest. What boots in the emulator needs the guest images too.

PYTEST := $(VENV)/bin/pytest

.PHONY: test test-host test-emu golden-update bench

## test         check, then every test
test: check images
	@$(PYTEST) $(PYTEST_ARGS) tests

## test-host    the runtime on this machine, against arch/fake, with sanitizers
test-host: venv-dev
	@$(PYTEST) $(PYTEST_ARGS) tests/host

## test-emu     boots in QEMU
test-emu: venv-dev images
	@$(PYTEST) $(PYTEST_ARGS) tests/emu

## golden-update  rewrite the expected output, messages and reference (read the difference before you commit it)
golden-update: venv-dev
	@ASHLAR_GOLDEN_UPDATE=1 $(PYTEST) tests/golden tests/test_bad.py tests/test_docs.py

## bench        what exits cost (instructions), how many Linux causes, how long the generator takes: figures, not tests
bench: venv-dev images
	@$(PYTHON) tests/bench/exits.py
	@$(PYTHON) tests/bench/counters.py
	@$(PYTHON) tests/bench/scale.py

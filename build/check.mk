# SPDX-License-Identifier: Apache-2.0
#
# `make check`: formatting, types and lint of the Python and C sources, without running any of them.

C_FILES   := $(shell find runtime arch tests -name '*.[ch]' 2>/dev/null | sort)
PY_DIRS   := $(wildcard gen build tests)
LINT_ARCH := $(filter-out fake,$(ARCHS))

.PHONY: check check-python check-format check-headers check-tidy

## check        ruff, mypy, clang-format, clang-tidy, and that every header compiles alone
check: check-python check-format $(LINT_ARCH:%=check-headers-%) $(LINT_ARCH:%=check-tidy-%)

check-python: venv-dev
	@echo '  CHECK ruff, mypy'
	@$(VENV)/bin/ruff check --quiet $(PY_DIRS)
	@$(VENV)/bin/ruff format --quiet --check --diff $(PY_DIRS)
	@$(VENV)/bin/mypy --no-error-summary $(PY_DIRS)

check-format: venv-dev
	@echo '  CHECK clang-format'
	@$(if $(C_FILES),$(VENV)/bin/clang-format --dry-run -Werror $(C_FILES))

check-headers-%: packages
	@echo '  CHECK headers of $*'
	@$(MAKE) -f build/lint.mk ARCH=$* headers

check-tidy-%: packages
	@echo '  CHECK clang-tidy of $*'
	@$(MAKE) -f build/lint.mk ARCH=$* tidy

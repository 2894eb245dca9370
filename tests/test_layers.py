# SPDX-License-Identifier: Apache-2.0
"""The direction of dependencies, in the generator and in the C sources.

Python: a module imports only modules of layers below its own.  C: common code reaches an
architecture only through hv/arch/*.h, an architecture never another one, lib nothing.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.payloads import ROOT

# From the bottom up.  Modules of one layer may import each other as long as there is no circle.
LAYERS = (
    ("gen", "gen.ranges", "gen.abi", "gen.template"),
    ("gen.source",),
    ("gen.diag",),
    ("gen.schema", "gen.model", "gen.fdt"),
    ("gen.validate", "gen.bzimage", "gen.images"),
    ("gen.arch",),
    ("gen.board", "gen.catalogue"),
    ("gen.health",),
    ("gen.load", "gen.codes"),
    ("gen.schedule",),
    ("gen.checks",),
    ("gen.pagetables", "gen.guestfdt", "gen.acpi"),
    ("gen.plan",),
    ("gen.report", "gen.gantt", "gen.docs"),
    ("gen.emit",),
    ("gen.__main__",),
)
# Who may import a library that not everybody should know.
ONLY = {
    "jinja2": {"gen.template"},
    "tomllib": {"gen.source"},
    "tomli": {"gen.source"},
    "libfdt": {"gen.fdt", "gen.guestfdt"},
    "pydantic": {"gen.schema", "gen.validate", "gen.docs"},
    "elftools": {"gen.images"},
}


def module_name(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES = {module_name(path): path for path in sorted((ROOT / "gen").rglob("*.py"))}


def layer(module: str) -> int:
    """The layer of a module, or of the package that it is in."""
    while module:
        for number, names in enumerate(LAYERS):
            if module in names and (module != "gen" or number == 0):
                return number
        module = module.rpartition(".")[0]
        if module == "gen":
            break
    pytest.fail("a module of gen/ is in no layer: add it to LAYERS")


def imports(path: Path) -> Iterator[str]:
    """Names of all modules that a file imports, also within functions."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (name.name for name in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            for name in node.names:
                full = f"{node.module}.{name.name}"
                yield full if full in MODULES else node.module


@pytest.mark.parametrize("module", MODULES)
def test_python_imports_only_what_is_below(module: str) -> None:
    for name in imports(MODULES[module]):
        if name.partition(".")[0] == "gen":
            assert layer(name) <= layer(module), f"{module} imports {name}"


@pytest.mark.parametrize("module", MODULES)
def test_python_libraries_stay_where_they_belong(module: str) -> None:
    for name in imports(MODULES[module]):
        users = ONLY.get(name.partition(".")[0])
        assert users is None or module in users, f"{module} imports {name}"


def test_python_has_no_import_circles() -> None:
    graph = {
        module: {name for name in imports(path) if name in MODULES and name != module}
        for module, path in MODULES.items()
    }
    done: set[str] = set()

    def visit(module: str, way: tuple[str, ...]) -> None:
        assert module not in way, " -> ".join((*way, module))
        if module not in done:
            for name in sorted(graph[module]):
                visit(name, (*way, module))
            done.add(module)

    for module in graph:
        visit(module, ())


# ---- C -------------------------------------------------------------------------------------------

ARCHITECTURES = {path.name for path in (ROOT / "arch").glob("*") if path.is_dir()}
C_FILES = sorted(
    path
    for folder in ("runtime", "arch")
    for path in (ROOT / folder).rglob("*")
    if path.suffix in (".c", ".h", ".S")
)
_INCLUDE = re.compile(r'^\s*#\s*include\s+[<"]([^>"]+)[>"]', re.MULTILINE)
_CONDITIONAL = re.compile(r"^\s*#\s*(?:if|ifdef|ifndef|elif)\b(.*)$", re.MULTILINE)
# What a freestanding compiler brings along.
_STANDARD = {"stdint.h", "stdbool.h", "stddef.h", "stdarg.h", "limits.h", "stdatomic.h"}


def allowed(path: Path, include: str) -> bool:
    """Whether a C file may include a header of that name."""
    parts = path.relative_to(ROOT).parts
    if include in _STANDARD:
        return True
    if parts[:2] == ("arch", "fake"):
        return True  # runs on the build machine
    if parts[0] == "arch":
        return include.startswith(("hv/", "arch/")) or "/" not in include
    if parts[:2] == ("runtime", "lib"):
        return include in ("hv/types.h", "hv/string.h", f"hv/{path.stem}.h")
    if include.startswith("arch/"):
        # The types of the chosen architecture, and only in headers.
        return path.suffix == ".h"
    # What guests are told of calls is what the runtime keeps to.
    return include.startswith(("hv/", "lib/")) or include == "ashlar.h"


@pytest.mark.parametrize("path", C_FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_c_includes_only_what_is_below(path: Path) -> None:
    for include in _INCLUDE.findall(path.read_text()):
        assert allowed(path, include), f"{path.relative_to(ROOT)} includes {include}"


@pytest.mark.parametrize("path", C_FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_c_names_no_other_architecture(path: Path) -> None:
    text = path.read_text()
    own = path.relative_to(ROOT).parts[1] if path.is_relative_to(ROOT / "arch") else ""
    for other in ARCHITECTURES - {own}:
        assert f"arch/{other}" not in text
    if not own:
        for condition in _CONDITIONAL.findall(text):
            assert not re.search(r"__(aarch64|riscv|x86_64)|CONFIG", condition), condition


def test_generated_c_includes_the_contract_alone() -> None:
    for path in sorted((ROOT / "templates").glob("*.c.j2")):
        includes = _INCLUDE.findall(path.read_text())
        assert set(includes) <= {"hv/tables.h", "hv/types.h"}, path.name

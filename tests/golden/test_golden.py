# SPDX-License-Identifier: Apache-2.0
"""Exact output of the generator: small systems, one feature each, read in review when they change.

Every folder here is a system; beside system.toml lies what the generator makes of it for its own
board, and in a folder below, named after another board, what it makes of it for that one. The
generated C must also pass the compiler's warnings and clang-format, and link under the generated
script.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from gen import emit
from gen.__main__ import examined
from gen.load import load
from gen.plan.types import Plan
from tests.payloads import ROOT

FOLDER = ROOT / "tests" / "golden"
SYSTEMS = sorted(path.parent.name for path in FOLDER.glob("*/system.toml"))
#: System and board ("" for the system's own).
CASES = [
    *((name, "") for name in SYSTEMS),
    *sorted((path.parent.name, path.name) for path in FOLDER.glob("*/*/") if path.is_dir()),
]
# plan.json repeats the tables, device tree blobs their sources, images the input.
KEPT = (".c", ".S", ".ld", ".mk", ".txt", ".dts", ".svg")

FLAGS = (
    *("-std=c11", "-ffreestanding", "-O2", "-fno-pie", "-ffunction-sections", "-fdata-sections"),
    *("-Wall", "-Wextra", "-Werror", "-Wconversion", "-Wsign-conversion", "-Wshadow"),
    *("-Wmissing-prototypes", "-Wvla", "-Iruntime/include"),
)
ARCH_FLAGS = {
    "aarch64": (),
    "riscv64": (
        *("-march=rv64imac_zicsr_zifencei", "-mabi=lp64", "-mcmodel=medany", "-mno-relax"),
        "-msmall-data-limit=0",
    ),
    "x86_64": ("-mcmodel=small", "-mno-red-zone", "-mgeneral-regs-only"),
}
# Stands in for the runtime: takes every table, and defines the functions that tables point to.
STUB = """
#include <hv/tables.h>
void _start(void);
__attribute__((section(".text..boot"))) void _start(void)
{
    const void *volatile seen[] = {
        vm_configs, vcpu_configs, pcpu_configs, irq_routes, owners, vms, vcpus, pcpus, consoles,
        &vm_count, &vcpu_count, &pcpu_count, &irq_route_count, &owner_count, &console_count,
        system_name, board_name, &system_log_level, &board,
    };
    (void)seen;
    operator_show(operator_state() == OPERATOR_AWAY && operator_take(0) && operator_run());
}
"""


def planned(name: str, board: str) -> Plan:
    path = (FOLDER / name / "system.toml").relative_to(ROOT)
    found, plan = examined(load(path, board or None))
    assert plan is not None, found
    return plan


each_case = pytest.mark.parametrize(("name", "board"), CASES)


@each_case
def test_output(name: str, board: str, root: Path, golden: Callable[[Path, str], None]) -> None:
    folder = FOLDER / name / board
    files = emit.render(planned(name, board))
    texts = {
        file: contents
        for file, contents in files.items()
        if isinstance(contents, str) and file.endswith(KEPT)
    }
    for file, contents in texts.items():
        golden(folder / file, contents)
    given = {"system.toml", "guest.dts"} if not board else set()
    present = {path.name for path in folder.iterdir() if path.is_file()}
    assert present - given == {*texts} - given, "files that are no longer generated"


@each_case
def test_links(name: str, board: str, root: Path, tmp_path: Path) -> None:
    plan = planned(name, board)
    emit.write(emit.render(plan), tmp_path)
    flags = (*FLAGS, *ARCH_FLAGS[plan.arch], f"-Iarch/{plan.arch}/include")
    handlers = {item.handle for vm in plan.vms for item in vm.mmio}
    handlers |= {item.handle for vm in plan.vms for item in getattr(vm.arch, "ports", ())}
    if plan.operator:
        handlers |= {"prompt_state", "prompt_take", "prompt_show", "prompt_run"}
    # Names for the linker alone: their types are the headers' business.
    names = "".join(f'__asm__(".globl {name}\\n{name}:");\n' for name in sorted(handlers))
    (tmp_path / "stub.c").write_text(STUB + names)
    objects = []
    for source in ("stub.c", "tables.c", "pagetables.c", "images.S"):
        target = tmp_path / f"{source}.o"
        objects.append(str(target))
        run(
            f"{plan.arch}-linux-gnu-gcc",
            *flags,
            f"-Wa,-I{tmp_path}",
            "-c",
            str(tmp_path / source),
            "-o",
            str(target),
        )
    run(
        f"{plan.arch}-linux-gnu-ld",
        *("--orphan-handling=error", "--fatal-warnings", "--gc-sections", "-z", "noexecstack"),
        *("-T", str(tmp_path / "layout.ld"), "-o", str(tmp_path / "hv.elf"), *objects),
    )


@each_case
def test_format(name: str, board: str, root: Path) -> None:
    formatter = Path(sys.executable).parent / "clang-format"  # the pinned one
    files = emit.render(planned(name, board))
    for file in ("tables.c", "pagetables.c"):
        source = files[file]
        assert isinstance(source, str)
        command = [str(formatter), f"--style=file:{ROOT / '.clang-format'}"]
        done = subprocess.run(command, input=source, capture_output=True, text=True, check=True)
        assert done.stdout == source


def run(*command: str) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr

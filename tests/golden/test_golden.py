# SPDX-License-Identifier: Apache-2.0
"""Exact output of the generator: small systems, one feature each, read in review when they change.

Every folder here is a system; beside system.toml lies what the generator makes of it. The generated
C must also pass the compiler's warnings and clang-format, and link under the generated script.
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
from tests.payloads import ROOT

FOLDER = ROOT / "tests" / "golden"
SYSTEMS = sorted(path.parent.name for path in FOLDER.glob("*/system.toml"))
# plan.json repeats the tables, device tree blobs their sources, images the input.
KEPT = (".c", ".S", ".ld", ".mk", ".txt", ".dts")

CROSS = "aarch64-linux-gnu-"
FLAGS = (
    *("-std=c11", "-ffreestanding", "-O2", "-fno-pie", "-ffunction-sections", "-fdata-sections"),
    *("-Wall", "-Wextra", "-Werror", "-Wconversion", "-Wsign-conversion", "-Wshadow"),
    *("-Wmissing-prototypes", "-Wvla", "-Iruntime/include", "-Iarch/aarch64/include"),
)
# Stands in for the runtime: takes every table, and defines the functions that tables point to.
STUB = """
#include <hv/tables.h>
void _start(void);
__attribute__((section(".text.boot"))) void _start(void)
{
    const void *volatile seen[] = {
        vm_configs, vcpu_configs, pcpu_configs, irq_routes, owners, vms, vcpus, pcpus, consoles,
        &vm_count, &vcpu_count, &pcpu_count, &irq_route_count, &owner_count, &console_count,
        system_name, board_name, &system_log_level, &board,
    };
    (void)seen;
}
"""


def rendered(name: str) -> dict[str, emit.Contents]:
    path = (FOLDER / name / "system.toml").relative_to(ROOT)
    found, plan = examined(load(path))
    assert plan is not None, found
    return emit.render(plan)


@pytest.mark.parametrize("name", SYSTEMS)
def test_output(name: str, root: Path, golden: Callable[[Path, str], None]) -> None:
    files = rendered(name)
    texts = {
        file: contents
        for file, contents in files.items()
        if isinstance(contents, str) and file.endswith(KEPT)
    }
    for file, contents in texts.items():
        golden(FOLDER / name / file, contents)
    given = {"system.toml", *(path.name for path in (FOLDER / name).glob("guest.dts"))}
    present = {path.name for path in (FOLDER / name).iterdir()}
    assert present == {*texts, *given}, "files that are no longer generated"


@pytest.mark.parametrize("name", SYSTEMS)
def test_links(name: str, root: Path, tmp_path: Path) -> None:
    emit.write(rendered(name), tmp_path)
    (tmp_path / "stub.c").write_text(
        STUB
        + "".join(
            f"bool {handler}(struct vcpu *v, void *device, struct mmio_access *access);\n"
            f"bool {handler}(struct vcpu *v, void *device, struct mmio_access *access)\n"
            "{ (void)v; (void)device; (void)access; return false; }\n"
            for handler in ("vgic_dist_access", "vgic_redist_access", "vpl011_access")
        )
    )
    objects = []
    for source in ("stub.c", "tables.c", "pagetables.c", "images.S"):
        target = tmp_path / f"{source}.o"
        objects.append(str(target))
        run(
            f"{CROSS}gcc",
            *FLAGS,
            f"-Wa,-I{tmp_path}",
            "-c",
            str(tmp_path / source),
            "-o",
            str(target),
        )
    run(
        f"{CROSS}ld",
        *("--orphan-handling=error", "--fatal-warnings", "--gc-sections", "-z", "noexecstack"),
        *("-T", str(tmp_path / "layout.ld"), "-o", str(tmp_path / "hv.elf"), *objects),
    )


@pytest.mark.parametrize("name", SYSTEMS)
def test_format(name: str, root: Path) -> None:
    formatter = Path(sys.executable).parent / "clang-format"  # the pinned one
    files = rendered(name)
    for file in ("tables.c", "pagetables.c"):
        source = files[file]
        assert isinstance(source, str)
        command = [str(formatter), f"--style=file:{ROOT / '.clang-format'}"]
        done = subprocess.run(command, input=source, capture_output=True, text=True, check=True)
        assert done.stdout == source


def run(*command: str) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr

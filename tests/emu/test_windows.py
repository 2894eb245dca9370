# SPDX-License-Identifier: Apache-2.0
"""Plans are kept, whatever the other VMs do.

QEMU counts instructions as time, so that times are the hypervisor's and not the build machine's.
A guest in a window sees when it begins and ends; the bounds are those that docs/time.md states.
CPUs take turns in QEMU then, and one that computes uses up the time of the others: only one may.
"""

from __future__ import annotations

import dataclasses
import re
from pathlib import Path

import pytest

from tests.bench.exits import counted
from tests.emu.cases import Case, parameters
from tests.emu.machine import OUT, Machine

#: An instruction takes 2**SHIFT ns. Where it is emulated alone (x86_64), there is time for fewer.
SHIFT = {"aarch64": 2, "riscv64": 2, "x86_64": 4}
LATEST = 16_000
"""Instructions from the plan's instant to the guest's first one in its window: a switch, and the
longest piece of work that it has to wait for, a restart of another VM with its messages."""
EARLIEST = 8_000
"""Instructions that a window may seem to end early: the console's alarm came last in it."""

_FIGURES = re.compile(r"(\d+) windows: begins (-?\d+) to (-?\d+) ns late, ends (-?\d+) to (-?\d+)")


def variant(case: Case) -> Path:
    """The system, with an end; where Linux is in it, with work to do, and one of its two CPUs."""
    if case.name != "mixed-plan":
        return case.system
    text = case.system.read_text("utf-8")
    for old, new in (
        ("frame=10000", "frame=10000 frames=1000"),
        ("ashlar.vm", "maxcpus=1 ashlar.load=0 ashlar.vm"),
        ('budget      = "3 ms"', 'health = { shutdown = "stop-all" }\nbudget = "3 ms"'),
    ):
        assert old in text
        text = text.replace(old, new)
    path = OUT / "emu" / case.system.name
    path.parent.mkdir(exist_ok=True)
    if not path.is_file() or path.read_text("utf-8") != text:
        path.write_text(text, "utf-8")
    return path


def run(case: Case) -> tuple[int, list[int]]:
    """Runs it; windows seen, and earliest and latest begin and end in instructions."""
    built = case.build(variant(case))
    arch = built.plan()["arch"]
    shift = SHIFT[arch]
    built = dataclasses.replace(built, command=counted(built.command, arch, shift))
    with Machine(built, "emu.log") as machine:
        machine.expect_end(0, case.timeout)
        machine.summary("realtime", 0)
        found = [_FIGURES.search(text) for text in machine.texts("realtime")]
        last = [match for match in found if match][-1]
        seen, *times = (int(number) for number in last.groups())
        print(f"{case.name}: {seen} windows, begins and ends late by {times} ns")
        return seen, [time >> shift for time in times]


@pytest.mark.parametrize("case", [*parameters("plan"), *parameters("mixed-plan")])
def test_plan(case: Case) -> None:
    seen, (first_begin, last_begin, first_end, last_end) = run(case)
    assert seen >= 1000
    assert first_begin >= 0
    assert last_begin <= LATEST
    assert first_end >= -EARLIEST
    assert last_end <= 0

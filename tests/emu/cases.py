# SPDX-License-Identifier: Apache-2.0
"""The table of what boots on which board: cases.toml.

`parameters()` gives a test one pytest parameter for each board of a case, so that the same test
runs on every architecture. Test processes run side by side, emulators one at a time (machine.py).
"""

from __future__ import annotations

import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from tests.emu.machine import ROOT, SYSTEMS, Built, build, build_guests

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

TABLE = Path(__file__).resolve().parent / "cases.toml"


@dataclass(frozen=True)
class Case:
    """One system on one board.

    Attributes:
        name: name of the case.
        system: path of the system's TOML file.
        board: name of the board.
        arch: the board's architecture.
        timeout: seconds from QEMU's start to its end.
        status: the hypervisor's verdict, 0 or 1.
        summaries: VMs that must print a SUMMARY without failures.
        lines: for a VM (or "hv"), regular expressions of lines that it must print in that order.
        counts: for a VM, regular expressions and how many of its lines must contain each.
    """

    name: str
    system: Path
    board: str
    arch: str
    timeout: float
    status: int = 0
    summaries: tuple[str, ...] = ()
    lines: dict[str, list[str]] = field(default_factory=dict, hash=False)
    counts: dict[str, dict[str, int]] = field(default_factory=dict, hash=False)

    def build(self, system: Path | None = None) -> Built:
        """Builds the guests and the system (or a variant of it at another path)."""
        build_guests(self.arch)
        return build(system or self.system, self.board)


def _cases() -> list[Case]:
    table: dict[str, Any] = tomllib.loads(TABLE.read_text("utf-8"))
    found = []
    for name, entry in table["case"].items():
        entry = dict(entry)
        boards = entry.pop("boards", table["usual-boards"]) + entry.pop("also", [])
        system = entry.pop("system", f"{name}.toml")
        path = ROOT / system if "/" in system else SYSTEMS / system
        entry["summaries"] = tuple(entry.get("summaries", ()))
        for board in boards:
            found.append(
                Case(name=name, system=path, board=board, arch=table["boards"][board], **entry)
            )
    return found


CASES = _cases()


def _parameters(cases: list[Case]) -> list[Any]:
    return [pytest.param(case, id=f"{case.name}-{case.board}") for case in cases]


def parameters(name: str) -> list[Any]:
    """One pytest parameter for each board of the case `name`.

    Raises:
        KeyError: there is no such case.
    """
    found = [case for case in CASES if case.name == name]
    if not found:
        raise KeyError(name)
    return _parameters(found)


def unattended() -> list[Any]:
    """Parameters of all cases that need nobody at the terminal: those that say what to expect."""
    return _parameters([case for case in CASES if case.summaries or case.lines or case.counts])

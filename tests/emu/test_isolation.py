# SPDX-License-Identifier: Apache-2.0
"""Memory isolation: a guest touches what is not its own, everywhere, and is stopped each time.

The guest `probe` is restarted after each access and goes on with the next. The accesses are made
here, from what the generator planned: both sides of every edge of every range (its own, other VMs',
the hypervisor's, the devices'), and steps through all that lies between.
"""

from __future__ import annotations

import bisect
import re
from dataclasses import dataclass
from typing import Any

import pytest

from tests.emu.cases import Case, parameters
from tests.emu.machine import OUT, Built, Machine

MIB = 1 << 20
GIB = 1 << 30
END = 1 << 40
"""No CPU of the boards has longer guest addresses."""


@dataclass(frozen=True, order=True)
class Area:
    """Addresses [base, end)."""

    base: int
    end: int

    def __contains__(self, address: int) -> bool:
        return self.base <= address < self.end


@dataclass(frozen=True)
class Steps:
    """Accesses of one kind at first, first + step, ... below end; see tests/guests/probe.c."""

    op: str
    first: int
    end: int
    step: int

    def __str__(self) -> str:
        if self.first + self.step >= self.end:
            return f"{self.op}{self.first:#x}"
        return f"{self.op}{self.first:#x}-{self.end:#x}/{self.step:#x}"


def area(found: Any) -> Area:
    """A range of plan.json."""
    return Area(found["base"], found["base"] + found["size"])


def own_areas(vm: Any) -> list[Area]:
    """Guest addresses that are the VM's: memory, emulated and passed-through devices, merged."""
    merged: list[Area] = []
    kinds = (vm["memory"], vm["mmio"], vm["devices"])
    for found in sorted(area(item["guest"]) for kind in kinds for item in kind):
        if merged and found.base <= merged[-1].end:
            merged[-1] = Area(merged[-1].base, max(merged[-1].end, found.end))
        else:
            merged.append(found)
    return merged


def edge_probes(own: list[Area], others: list[Area]) -> list[Steps]:
    """One access to each side of each edge that is not the VM's own; jumps at its own edges."""
    addresses = set()
    for found in own + others:
        addresses |= {found.base - 1, found.base, found.end - 1, found.end}
    outside = [a for a in sorted(addresses) if 0 <= a < END and not any(a in o for o in own)]
    probes = [Steps(op, a, a + 1, 1) for a in outside for op in "rw"]
    return probes + [Steps("x", o.end, o.end + 1, 1) for o in own if o.end in outside]


def gap_probes(own: list[Area]) -> list[Steps]:
    """Steps through all gaps between what is the VM's own."""
    probes = []
    for base, end, step, op in ((0, 4 * GIB, 2 * MIB, "r"), (4 * GIB, END, 16 * GIB, "W")):
        at = base
        for found in [*own, Area(end, END)]:
            until = min(found.base, end)
            if at < until:
                probes.append(Steps(op, at, until, step))
            # The next multiple of the step behind it.
            at = max(at, -(-found.end // step) * step)
    return probes


def make_probes(plan: Any) -> tuple[str, list[tuple[str, int]]]:
    """The guest's command line, and the accesses it makes for it: operation and address."""
    vm = next(vm for vm in plan["vms"] if vm["name"] == "probe")
    own = own_areas(vm)
    probes = edge_probes(own, [area(owner["where"]) for owner in plan["owners"]]) + gap_probes(own)
    memory = [area(item["guest"]) for item in vm["memory"]]
    ranges = ",".join(f"{found.base:#x}-{found.end:#x}" for found in memory)
    accesses = [(p.op, a) for p in probes for a in range(p.first, p.end, p.step)]
    return f"own={ranges} probe={','.join(map(str, probes))}", accesses


def build_with_probes(case: Case) -> tuple[Built, list[tuple[str, int]]]:
    """Builds the system until its command line fits its plan (its length may move things)."""
    original = case.system.read_text("utf-8")
    variant = OUT / "emu" / case.system.name
    variant.parent.mkdir(exist_ok=True)
    built = case.build()
    for _ in range(3):
        line, accesses = make_probes(built.plan())
        text = original.replace('"probe="', f'"{line}"').replace("../../../out/", "../")
        variant.write_text(text, "utf-8")
        built = case.build(variant)
        if make_probes(built.plan())[0] == line:
            return built, accesses
    raise AssertionError("the plan does not settle")


def owner_of(plan: Any, address: int) -> str:
    """Who has a physical address, by the plan."""
    owners = sorted(plan["owners"], key=lambda owner: owner["where"]["base"])
    at = bisect.bisect_right([owner["where"]["base"] for owner in owners], address) - 1
    if at >= 0 and address in area(owners[at]["where"]):
        return str(owners[at]["name"])
    return "nobody"


@pytest.mark.parametrize(
    "case",
    [*parameters("isolation"), *parameters("isolation-riscv64"), *parameters("isolation-x86_64")],
)
def test_isolation(case: Case) -> None:
    built, accesses = build_with_probes(case)
    plan = built.plan()
    fixed = next(vm for vm in plan["vms"] if vm["name"] == "fixed")
    where = int(fixed["memory"][0]["physical"])
    assert owner_of(plan, where).startswith('vm "fixed"')
    assert "hypervisor" in owner_of(plan, plan["layout"]["region"]["base"])
    with Machine(built, "emu.log") as machine:
        machine.summary("probe", case.timeout - machine.now())
        # A line cut short by another VM's is printed again: only whole ones count.
        own = r"PASS: probe: own memory .*: first and last byte$"
        assert sum(bool(re.search(own, text)) for text in machine.texts("probe")) == 4
        machine.command("off")
        machine.expect_end(0, 20)
        reports = []
        for text in machine.texts("hv"):
            pattern = r'vm "probe" vcpu 0: (.*) at (0x[0-9a-f]+), pc 0x[0-9a-f]+: (.*)'
            if found := re.search(pattern, text):
                reports.append((int(found[2], 16), found[3].removeprefix("belongs to ")))
        for vm in ("neighbour", "fixed"):
            assert any("hello 1" in text for text in machine.texts(vm)), f"{vm} does not run"
    expected = [(address, owner_of(plan, address)) for _, address in accesses]
    for number, (got, want) in enumerate(zip(reports, expected, strict=False), 1):
        assert got == want, (
            f"probe {number}: reported {got[0]:#x} {got[1]}, not {want[0]:#x} {want[1]}"
        )
    assert len(reports) == len(expected)

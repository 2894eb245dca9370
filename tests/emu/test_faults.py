# SPDX-License-Identifier: Apache-2.0
"""Crash containment: one guest commits every fault, others hang, Linux goes on working.

The faulting guest is restarted after each crash and goes on with its next fault; faults-<arch>.toml
says what each must lead to.
"""

from __future__ import annotations

import itertools
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.emu.cases import Case, parameters
from tests.emu.machine import Machine

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

TICKS = "while sleep 0.1; do echo tick; done & ticks=$!; echo ticks begin"
"""Linux at work, a line for each tenth of a second, until it is told to end."""
STILL_S = 20
"""A Linux that says nothing for so long hangs; on a busy machine it may be slow."""


def expected_faults(arch: str) -> dict[str, Any]:
    """The table of faults of an architecture, in the order of the guest."""
    path = Path(__file__).resolve().parent / f"faults-{arch}.toml"
    table: dict[str, Any] = tomllib.loads(path.read_text("utf-8"))
    return table


def outcomes(machine: Machine, vm: str) -> dict[str, str]:
    """What each fault led to, by the guest's lines: one that only begins was a crash."""
    found: dict[str, str] = {}
    for text in machine.texts(vm):
        if not text.startswith("fault "):
            continue
        name, _, what = text.removeprefix("fault ").partition(": ")
        found[name] = "crash" if what == "begin" else what.split()[0]
    return found


def check_linux_works(machine: Machine) -> None:
    """The shell answers, both CPUs work, time goes on."""
    machine.shell(
        "linux", "for c in 0 1; do taskset -c $c md5sum /bin/busybox & done | uniq -c | grep '  2 '"
    )
    machine.shell("linux", "a=$(date +%s); sleep 1; test $(date +%s) -gt $a")


def check_ticks(machine: Machine, begun: float, ended: float) -> None:
    """Linux never stood still from before the first fault to after the last."""
    times = [line.at for line in machine.lines if line.text == "tick"]
    assert times[0] < begun and ended < times[-1], "the ticks do not span the faults"
    during = [at for at in times if begun < at < ended]
    assert during, "no tick while the faults were committed"
    longest = max(after - before for before, after in itertools.pairwise(times))
    assert longest < STILL_S, f"Linux stood still for {longest:.1f} s"


@pytest.mark.parametrize(
    "case",
    [
        *parameters("containment"),
        *parameters("containment-riscv64"),
        *parameters("containment-x86_64"),
    ],
)
def test_containment(case: Case) -> None:
    table = expected_faults(case.arch)
    with Machine(case.build(), "emu.log") as machine:
        # Beside two VMs that hang, Linux boots and works.
        machine.expect("spinner", "fault spin-masked: begin", 10)
        machine.expect("waiter", "fault wait-masked: begin", 10)
        machine.expect("linux", "ashlar guest: vm=linux cpus=2 memory=256 MiB", 120)
        check_linux_works(machine)

        # It goes on while the faults are committed.
        machine.prompt("linux")
        machine.send(TICKS + "\r")
        for _ in range(5):
            machine.expect("linux", "^tick$", STILL_S)
        begun = machine.now()
        machine.command("start faulty")
        machine.expect("faulty", "SUMMARY: 1 passed, 0 failed", 60)
        machine.expect("hv", 'vm "faulty" stopped', 10)
        ended = machine.now()
        machine.skip("linux")  # ticks that came before this moment
        for _ in range(5):
            machine.expect("linux", "^tick$", STILL_S)
        check_ticks(machine, begun, ended)
        machine.focus("linux")
        machine.send("kill $ticks; echo ticks end\r")
        machine.expect("linux", "^ticks end$", STILL_S)
        check_linux_works(machine)

        # What hangs can be stopped from the terminal.
        for vm in ("spinner", "waiter"):
            machine.command(f"stop {vm}")
            machine.expect("hv", f'vm "{vm}" stopped', 10)
        machine.focus("linux")
        check_linux_works(machine)
        machine.prompt("linux")
        machine.send("poweroff\r")
        machine.expect_end(0, 30)

        found = outcomes(machine, "faulty")
        assert list(found) == list(table)
        wrong = [
            f"{name}: {found[name]}" for name in table if found[name] not in table[name]["outcome"]
        ]
        assert not wrong, wrong
        check_reports(machine, table, found)


def check_reports(machine: Machine, table: dict[str, Any], found: dict[str, str]) -> None:
    """Each crash has its report, in order, with the address and owner of the table."""
    machine.rewind()
    for name in table:
        if found[name] == "crash":
            report = machine.expect("hv", 'vm "faulty" vcpu 0: .*', 0)[0]
            if "address" in table[name]:
                assert f"{table[name]['address']:#x}" in report, f"{name}: {report}"
            if "owner" in table[name]:
                assert table[name]["owner"] in report, f"{name}: {report}"

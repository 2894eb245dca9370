# SPDX-License-Identifier: Apache-2.0
"""How often the hypervisor is entered for a Linux guest that idles, computes, or wakes itself.

Run by `make bench`. Boots systems/dual-linux.toml, and for each load reads the exit counters of the
guest's vCPUs (`show VM`) and the guest's own counts of timer interrupts and interrupts between its
CPUs (/proc/interrupts) at both ends of some seconds. Nothing is typed at the guest and it prints
nothing meanwhile, and the VM measured is the one on whose CPUs the terminal's interrupt does not
arrive: what is counted is not the console's.

The hypervisor's window is half a second longer at each end than the guest's, so that no exit of the
guest's window is missed. The exits of the guest's own look at /proc/interrupts at both ends are in
it.

    python tests/bench/counters.py [--board NAME]...
"""

from __future__ import annotations

import argparse
import re
import sys
from collections import Counter
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from tests.emu.machine import EmulatorError, Machine, build  # noqa: E402

BOARDS = ("qemu-virt-riscv64-aia", "qemu-virt-riscv64", "qemu-virt-aarch64", "qemu-q35-x86_64")
BOOT = 120.0  # seconds
WINDOW = 10  # seconds
MARGIN = 0.5  # seconds
QUIET = 3  # seconds for what was typed to be over, and for the load to be at work

_SECONDS = QUIET + WINDOW + 3
LOADS = {
    "idle": "true",
    "a busy loop on each CPU": f"for c in 0 1; do taskset -c $c timeout {_SECONDS}"
    " sh -c 'while :; do :; done' & done; true",
    "a pipe from CPU to CPU": f"(taskset -c 0 timeout {_SECONDS} cat /dev/zero"
    " | taskset -c 1 cat >/dev/null) 2>/dev/null & true",
}
"""Shell commands, each over by itself after the window."""

# Rescheduling, function calls, TLB shootdowns.
_X86_IPIS = ("RES", "CAL", "TLB")
_EXITS = re.compile(r"(\S+) (\d+)")
_INTERRUPT = re.compile(r"\s*(\w+):((?:\s+\d+)+)\s+(.*)")


def exits(machine: Machine, vm: str) -> Counter[str]:
    """Exits of a VM so far, by reason, of both its vCPUs together."""
    machine.skip("hv")
    machine.command(f"show {vm}")
    found: Counter[str] = Counter()
    for index in range(2):
        line = machine.expect("hv", rf"vcpu {index} exits:(.*)", 10)
        found.update({reason: int(count) for reason, count in _EXITS.findall(line[1])})
    del found["preempted"]  # not another exit, but one that the exit loop looked at as well
    return found


def away_from_terminal(machine: Machine) -> str:
    """The VM to measure: the one that what is typed at the hypervisor does not interrupt.

    The terminal's interrupt goes to the CPU that booted, which the firmware may have chosen.
    """
    gained = {}
    for vm in machine.built.vms:
        before = exits(machine, vm)
        for _ in range(20):
            machine.command("list")
            machine.run_for(0.1)
        gained[vm] = exits(machine, vm)["irq"] - before["irq"]
    return min(gained, key=lambda vm: gained[vm])


def interrupts(machine: Machine, vm: str, path: str) -> tuple[int, int]:
    """Timer interrupts and IPIs of all the guest's CPUs, from its copy of /proc/interrupts."""
    ticks = ipis = 0
    for text in machine.shell(vm, f"cat {path}"):
        line = _INTERRUPT.match(text)
        if line is None:
            continue
        count = sum(int(word) for word in line[2].split())
        if line[1].startswith("IPI") or line[1] in _X86_IPIS:
            ipis += count
        elif "timer" in line[3]:
            ticks += count
    if ticks == 0:
        raise machine.fail(f"{vm}: no timer in /proc/interrupts")
    return ticks, ipis


def measure(machine: Machine, vm: str, load: str) -> str:
    """One load's cells of the table: ticks, IPIs, exits, exits by reason."""
    look = "cat /proc/interrupts >/tmp"
    machine.shell(vm, load)
    machine.shell(vm, f"(sleep {QUIET}; {look}/0; sleep {WINDOW}; {look}/1) & true")
    machine.run_for(QUIET - MARGIN)
    before = exits(machine, vm)
    machine.run_for(WINDOW + 2 * MARGIN)
    after = exits(machine, vm)
    machine.run_for(3)
    machine.send("\r")  # for a new prompt
    start, end = interrupts(machine, vm, "/tmp/0"), interrupts(machine, vm, "/tmp/1")
    during = after - before
    reasons = ", ".join(f"{reason} {count}" for reason, count in sorted(during.items())) or "none"
    ticks, ipis = end[0] - start[0], end[1] - start[1]
    return f"{ticks:,} | {ipis:,} | {during.total():,} | {reasons}"


def main() -> int:
    """Prints the table; status 1 if a guest did not answer."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--board", action="append", choices=BOARDS)
    args = parser.parse_args()
    print(f"Linux with two CPUs of its own, in {WINDOW} s:")
    print("| board | load | timer interrupts | IPIs | exits | of these |")
    print("| --- | --- | --- | --- | --- | --- |")
    for board in args.board or BOARDS:
        built = build(ROOT / "systems/dual-linux.toml", board)
        try:
            with Machine(built, "bench.log") as machine:
                for vm in built.vms:
                    machine.expect(vm, "A shell follows", BOOT)
                vm = away_from_terminal(machine)
                machine.focus(vm)
                machine.send("\r")
                for name, load in LOADS.items():
                    print(f"| {board} | {name} | {measure(machine, vm, load)} |", flush=True)
        except EmulatorError as error:
            print(f"{board}: {error}", file=sys.stderr)
            return 1
    print()
    return 0


if __name__ == "__main__":
    sys.exit(main())

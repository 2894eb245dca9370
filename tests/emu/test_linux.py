# SPDX-License-Identifier: Apache-2.0
"""Two Linux guests, as in the first thing that a user runs: systems/dual-linux.toml.

One boot serves all checks, because it is what takes the time.
"""

from __future__ import annotations

import hashlib
import re

import pytest

from tests.emu.cases import Case, parameters
from tests.emu.machine import Machine

BANNER = r"ashlar guest: vm={vm} cpus=(\d+) memory=(\d+) MiB"
BOOT = 120.0  # seconds until a guest's banner; four are usual


def check_banner(machine: Machine, vm: str) -> None:
    """The guest sees the CPUs and the memory that the system file gives it."""
    found = machine.expect(vm, BANNER.format(vm=vm), BOOT)
    assert (found[1], found[2]) == ("2", "256"), found[0]


def check_smp(machine: Machine, vm: str) -> None:
    """Both vCPUs do work that is bound to them, side by side."""
    machine.focus(vm)
    machine.shell(vm, f"test $(hostname) = {vm} && test $(nproc) = 2")
    machine.shell(
        vm, "for c in 0 1; do taskset -c $c md5sum /bin/busybox > /tmp/$c & done; wait", 60
    )
    machine.shell(vm, "cmp /tmp/0 /tmp/1 && test -s /tmp/0")
    machine.shell(vm, "taskset -c 1 sh -c 'cut -d\" \" -f39 /proc/self/stat' | grep -x 1")
    machine.shell(vm, "taskset -c 0 sh -c 'cut -d\" \" -f39 /proc/self/stat' | grep -x 0")


LINE_COUNT = 2000


def check_output(machine: Machine) -> None:
    """What both print at the same time arrives whole, line by line, each in its order."""
    vms = ("alpha", "beta")
    for vm in vms:
        machine.focus(vm)
        count = f"seq -w {LINE_COUNT} | sed 's/^/{vm} counts /'; echo {vm} ends"
        machine.shell(vm, f"(sleep 2; echo; {count}) & true")
    for vm in vms:
        machine.expect(vm, f"^{vm} ends$", 60)
        # A line that is broken off by another VM's is taken up again: it may be there twice.
        lines = [text for text in machine.texts(vm) if re.fullmatch(rf"{vm} counts \d{{4}}", text)]
        expected = [f"{vm} counts {number:04}" for number in range(1, LINE_COUNT + 1)]
        assert list(dict.fromkeys(lines)) == expected
        machine.focus(vm)
        machine.send("\r")  # for a new prompt


def check_input(machine: Machine, vm: str) -> None:
    """A pasted text arrives whole."""
    text = "".join(f"{i:03} The quick brown fox jumps over the lazy dog.\n" for i in range(60))
    machine.focus(vm)
    machine.send("\r")
    machine.prompt(vm)
    machine.send("stty -echo; echo paste now; cat >/tmp/pasted; stty echo\r")
    machine.expect(vm, "^paste now$", 30)
    machine.send(text + "\x04")
    digest = hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()
    machine.shell(vm, f"md5sum /tmp/pasted | grep {digest}")


def uptime(machine: Machine, vm: str) -> float:
    """Seconds since the guest's start, from its own clock."""
    machine.focus(vm)
    for line in machine.shell(vm, "cut -d' ' -f1 /proc/uptime"):
        if found := re.fullmatch(r"(\d+\.\d+)", line.strip()):
            return float(found[1])
    raise machine.fail(f"{vm}: no uptime")


@pytest.mark.parametrize("case", parameters("dual-linux"))
def test_dual_linux(case: Case) -> None:
    with Machine(case.build(), "emu.log") as machine:
        for vm in ("alpha", "beta"):
            check_banner(machine, vm)
        for vm in ("alpha", "beta"):
            check_smp(machine, vm)
        check_output(machine)
        check_input(machine, "alpha")

        # One reboots by itself while the other goes on.
        before = uptime(machine, "beta")
        machine.focus("alpha")
        machine.prompt("alpha")
        machine.send("reboot\r")
        check_banner(machine, "alpha")
        assert uptime(machine, "beta") > before, "beta must not have restarted"
        assert uptime(machine, "alpha") < before + 30
        machine.focus("alpha")
        machine.shell("alpha", "test $(nproc) = 2")

        # One powers off, the other goes on; when that ends too, the machine goes off.
        machine.prompt("alpha")
        machine.send("poweroff\r")
        machine.expect("hv", r'vm "alpha" stopped', 30)
        after = uptime(machine, "beta")
        assert after > before
        machine.shell("beta", "test $(nproc) = 2")
        machine.prompt("beta")
        machine.send("poweroff\r")
        machine.expect_end(0, 30)


@pytest.mark.parametrize("case", parameters("dual-linux"))
def test_restart_at_any_time(case: Case) -> None:
    """Restarts from the terminal reach a guest in whatever it is doing; stops end it."""
    with Machine(case.build(), "emu-restart.log") as machine:
        check_banner(machine, "beta")
        machine.focus("alpha")
        for number in range(8):
            machine.run_for(0.15 * number)
            machine.skip("alpha")
            machine.command("restart alpha")
            machine.expect("hv", rf'vm "alpha" restarts, boot {number + 2}$', 10)
        check_banner(machine, "alpha")
        machine.shell("alpha", "test $(nproc) = 2")
        assert len([text for text in machine.texts("beta") if "ashlar guest:" in text]) == 1

        # A Linux that touches what is not its own is reported and restarted: beta's policy.
        machine.focus("beta")
        machine.prompt("beta")
        machine.send("devmem 0x70000000\r")
        machine.expect("hv", 'vm "beta" vcpu [01]: .*0x70000000.*', 10)
        machine.expect("hv", 'vm "beta" restarts, boot 2', 10)
        check_banner(machine, "beta")
        machine.focus("alpha")
        machine.shell("alpha", "test $(nproc) = 2")
        for vm in ("alpha", "beta"):
            machine.command(f"stop {vm}")
            machine.expect("hv", f'vm "{vm}" stopped', 10)
        machine.expect_end(0, 10)

# SPDX-License-Identifier: Apache-2.0
"""The terminal: input for the VM in focus, and the hypervisor's commands."""

from __future__ import annotations

import re

import pytest

from tests.emu.cases import Case, parameters
from tests.emu.machine import ESCAPE, Machine

VMS = ("uart", "other", "endless", "late")


@pytest.mark.parametrize("case", parameters("console"))
def test_console(case: Case) -> None:
    with Machine(case.build(), "emu.log") as machine:
        # The first VM is in focus; input arrives whole, in order, and at no other VM.
        machine.expect("uart", "ready for input", 15)
        machine.expect("other", "waiting for q", 15)
        line = "The quick brown fox jumps over the lazy dog, q included 0123456789"
        machine.send(line + "\r")
        machine.expect("uart", f"echo: {re.escape(line)}$", 15)
        machine.summary("uart", 15)
        machine.expect("hv", r'vm "uart" stopped', 10)
        assert not any("SUMMARY" in text for text in machine.texts("other")), (
            "input went to a VM without focus"
        )

        # Help and list are the hypervisor's; the list has every VM with its state.
        machine.command("h")
        machine.expect("hv", r"(?i)restart", 10)
        machine.command("l")
        for vm, state in zip(VMS, ("stopped", "running", "running", "ready"), strict=True):
            machine.expect("hv", rf"{vm}.*{state}", 10)

        # A VM that ended can be booted again, and one that did not start by itself, too.
        machine.focus("late")
        machine.command("b")
        machine.expect("late", "hello 0", 15)
        machine.summary("late", 15)

        # Restart and stop reach a VM that runs.
        machine.focus("endless")
        machine.expect("endless", r"hello \d\d", 15)
        machine.command("r")
        machine.expect("endless", r"hello 0", 15)
        machine.expect("endless", r"hello 5", 15)
        machine.command("s")
        machine.expect("hv", r'vm "endless" stopped', 10)
        count = len(machine.texts("endless"))
        machine.run_for(0.5)
        assert len(machine.texts("endless")) == count, "a stopped VM still prints"

        # Input goes to the new focus.
        machine.focus("other")
        machine.send("xyq")
        machine.summary("other", 15)
        machine.expect_end(0, 15)


@pytest.mark.parametrize("case", parameters("console"))
def test_machine_off(case: Case) -> None:
    """Ctrl-] q ends everything, whatever runs; Ctrl-] twice is the key itself for the guest."""
    with Machine(case.build(), "emu-off.log") as machine:
        machine.expect("uart", "ready for input", 15)
        machine.send(ESCAPE + ESCAPE + "a\r")
        machine.expect("uart", f"echo: {ESCAPE}a$", 15)
        machine.command("q")
        machine.expect_end(0, 15)

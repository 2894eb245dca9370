# SPDX-License-Identifier: Apache-2.0
"""The terminal: input for the VM in focus, and the operator's prompt."""

from __future__ import annotations

import re

import pytest
from elftools.elf.elffile import ELFFile
from elftools.elf.sections import SymbolTableSection

from tests.emu.cases import Case, parameters
from tests.emu.machine import ESCAPE, Built, Machine

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
        machine.command("help")
        for word in ("list", "show", "pause", "restart", "off"):
            machine.expect("hv", rf"^ +{word} ", 10)
        machine.command("list")
        for vm, state in zip(VMS, ("stopped", "running", "running", "ready"), strict=True):
            machine.expect("hv", rf"{vm}.*{state}", 10)

        # A VM that did not start by itself can be started; Tab completes.
        machine.command("sta\tla\t")
        machine.expect("hv", "^ashlar> start late $", 10)
        machine.expect("late", "hello 0", 15)
        machine.summary("late", 15)

        # Restart and stop reach a VM that runs.
        machine.expect("endless", r"hello \d\d", 15)
        machine.command("restart endless")
        machine.expect("endless", r"hello 0", 15)
        machine.expect("endless", r"hello 5", 15)
        check_pause(machine)
        machine.command("show endless")
        machine.expect("hv", r"memory .*: 4096 KiB at 0x\w+, rwx", 10)
        machine.expect("hv", r"vcpu 0 on cpu \d: \w+, \d+ ms of CPU time", 10)
        machine.expect("hv", r"vcpu 0 exits: .*\d", 10)
        machine.command("stop endless")
        machine.expect("hv", r'vm "endless" stopped', 10)
        check_silent(machine)

        # Input goes to the new focus.
        machine.focus("other")
        machine.send("xyq")
        machine.summary("other", 15)
        machine.expect_end(0, 15)


def check_silent(machine: Machine) -> None:
    """The VM "endless" prints nothing."""
    count = len(machine.texts("endless"))
    machine.run_for(0.5)
    assert len(machine.texts("endless")) == count, "it still prints"


def check_pause(machine: Machine) -> None:
    """A paused VM stands still, and goes on where it was."""
    machine.command("pause endless")
    machine.expect("hv", "^endless: paused$", 10)
    check_silent(machine)
    machine.command("pause endless")
    machine.expect("hv", "^endless cannot pause: it is paused$", 10)
    last = int(machine.texts("endless")[-1].split()[-1])
    machine.command("resume endless")
    machine.expect("hv", "^endless: running$", 10)
    machine.expect("endless", f"hello {last + 1}$", 10)


@pytest.mark.parametrize("case", parameters("console"))
def test_prompt(case: Case) -> None:
    """A person at the prompt: the line stays readable, and the way back is there."""
    with Machine(case.build(), "emu-prompt.log") as machine:
        machine.expect("uart", "ready for input", 15)
        machine.send(ESCAPE)
        machine.prompt("hv", 10, "^ashlar> $")
        for letter in "restart l":
            machine.send(letter)
            machine.expect("endless", r"hello \d+", 10)  # which is written above the line
        machine.prompt("hv", 10, "^ashlar> restart l$")
        machine.send("\x15nonsense\r")
        machine.expect("hv", '^no command "nonsense"; known: list show .* help$', 10)
        machine.prompt("hv", 10, "^ashlar> $")
        machine.send("\x1b[A\x1b[D")  # arrows do nothing
        machine.send("off")
        machine.prompt("hv", 10, "^ashlar> off$")
        machine.send("\x1b")  # ESC leaves
        machine.run_for(0.3)
        machine.send("a\r")
        machine.expect("uart", "echo: a$", 15)
        machine.command("off")
        machine.expect_end(0, 15)


@pytest.mark.parametrize("case", parameters("console"))
def test_machine_off(case: Case) -> None:
    """`off` ends everything, whatever runs; Ctrl-] twice is the key itself for the guest."""
    with Machine(case.build(), "emu-off.log") as machine:
        machine.expect("uart", "ready for input", 15)
        machine.send(ESCAPE + ESCAPE + "a\r")
        machine.expect("uart", f"echo: {ESCAPE}a$", 15)
        machine.command("off")
        machine.expect_end(0, 15)


def code(case: Case) -> tuple[Built, set[str]]:
    """Builds a system; and which functions of the prompt and the commands are in it."""
    built = case.build()
    with (built.folder / "hv.elf").open("rb") as file:
        table = ELFFile(file).get_section_by_name(".symtab")
        assert isinstance(table, SymbolTableSection)
        names = {symbol.name for symbol in table.iter_symbols()}
    return built, {name for name in names if name.startswith(("prompt_", "command"))}


@pytest.mark.parametrize("case", parameters("no-operator"))
def test_without_operator(case: Case) -> None:
    """`operator = false`: no code of the prompt is there, and Ctrl-] is a byte like any other."""
    built, names = code(case)
    assert names == set()
    with Machine(built, "emu.log") as machine:
        machine.expect("uart", "ready for input", 15)
        machine.send(f"{ESCAPE}off{ESCAPE}\r")
        machine.expect("uart", f"echo: {ESCAPE}off{ESCAPE}$", 15)
        machine.summary("uart", 15)
        machine.expect_end(0, 15)
    assert not any("ashlar>" in line.text for line in machine.lines)


@pytest.mark.parametrize("case", parameters("console"))
def test_with_operator(case: Case) -> None:
    """The names that the test above looks for are those of the code."""
    assert {"prompt_take", "prompt_run", "command_step", "command_complete"} <= code(case)[1]

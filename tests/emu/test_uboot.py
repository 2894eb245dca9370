# SPDX-License-Identifier: Apache-2.0
"""A guest that is neither Linux nor one of ours: Debian's U-Boot, at its prompt, beside Linux."""

from __future__ import annotations

import pytest

from tests.emu.cases import Case, parameters
from tests.emu.machine import Machine

BOOT = 120.0  # seconds until a prompt; a few are usual
PROMPT = r"=> $"


def run(machine: Machine, command: str, *answers: str) -> None:
    """Types a command at U-Boot's prompt and waits for the lines that answer it."""
    machine.prompt("u-boot", pattern=PROMPT)
    machine.skip("u-boot")
    machine.send(f"{command}\r")
    for answer in answers:
        machine.expect("u-boot", answer, 30)


def stop_at_prompt(machine: Machine) -> None:
    """U-Boot comes up and waits for a key before it looks for something to boot."""
    machine.expect("u-boot", r"^U-Boot \d+\.\d+", BOOT)
    machine.expect("u-boot", r"^DRAM: +128 MiB", 30)
    machine.prompt("u-boot", pattern="Hit any key to stop autoboot")
    machine.send(" ")


@pytest.mark.parametrize("case", [*parameters("u-boot"), *parameters("u-boot-riscv64")])
def test_u_boot(case: Case) -> None:
    with Machine(case.build(), "emu.log") as machine:
        stop_at_prompt(machine)
        run(machine, "version", r"^U-Boot \d+\.\d+", "gcc")
        run(machine, "setenv word twice; echo $word $word", "^twice twice$")

        # Its device tree is the VM's, and its clock runs: a second takes a second.
        run(machine, "fdt addr $fdtcontroladdr; fdt print /hypervisor", 'vm-name = "u-boot"')
        before = machine.now()
        run(machine, "sleep 1; echo awake", "^awake$")
        assert machine.now() - before >= 1

        # A reset boots it anew, from a pristine image; the one beside it does not notice.
        run(machine, "reset")
        machine.expect("hv", r'vm "u-boot" restarts, boot 2$', 30)
        stop_at_prompt(machine)
        run(machine, "echo =$word=", "^==$")
        machine.focus("linux")
        machine.shell("linux", "test $(nproc) = 2", BOOT)
        assert len([text for text in machine.texts("linux") if "ashlar guest:" in text]) == 1

        machine.focus("u-boot")
        run(machine, "poweroff")
        machine.expect("hv", r'vm "u-boot" stopped', 30)
        machine.focus("linux")
        machine.prompt("linux")
        machine.send("poweroff\r")
        machine.expect_end(0, 30)

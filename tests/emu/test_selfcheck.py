# SPDX-License-Identifier: Apache-2.0
"""What is compared before a VM starts: images with their digests, the machine with the board."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest
from elftools.elf.elffile import ELFFile

from tests.emu.cases import Case, parameters
from tests.emu.machine import Built, Machine


def with_changed_image(built: Built, symbol: str) -> Built:
    """The system with another bit at the end of a pristine image in its hv.elf.

    Args:
        built: the system.
        symbol: the image's section without ".images.".
    """
    data = bytearray((built.folder / "hv.elf").read_bytes())
    with (built.folder / "hv.elf").open("rb") as file:
        section = ELFFile(file).get_section_by_name(f".images.{symbol}")
        assert section is not None
        data[section["sh_offset"] + section["sh_size"] - 1] ^= 1
    changed = built.folder / "hv-changed.elf"
    changed.write_bytes(data)
    return with_kernel(built, changed)


def with_kernel(built: Built, kernel: Path) -> Built:
    """The same command with another -kernel."""
    command = list(built.command)
    command[command.index("-kernel") + 1] = str(kernel)
    return replace(built, command=command)


@pytest.mark.parametrize("case", parameters("check-images"))
def test_changed_image(case: Case) -> None:
    """A VM whose image was changed behind the linker's back does not start; the other one does."""
    built = with_changed_image(case.build(), "image_faults_segment_0")
    with Machine(built, "emu-changed.log") as machine:
        machine.expect_end(1, case.timeout)
        machine.rewind()
        machine.expect("hv", 'vm "bad": its pristine segment 0 is not what was built', 0)
        machine.expect("hv", 'vm "bad": image, stop', 0)
        machine.summary("good", 0)
        assert not machine.texts("bad")


@pytest.mark.parametrize("case", parameters("check-images"))
def test_checked_images(case: Case) -> None:
    """Unchanged, both start: bad gets as far as its own doings."""
    with Machine(case.build(), "emu.log") as machine:
        machine.expect("bad", "fault read-outside: begin", case.timeout)
        machine.summary("good", case.timeout)


#: Machines that are not the board: what differs, the option and what it becomes, what is said.
OTHERS = {
    "qemu-virt-aarch64": (
        ("cpus", "-smp", "2", r"GIC redistributor of CPU 2: expected at 0x80e000c, where nothing"),
        ("memory", "-m", "1G", r'memory "ram" of near: expected RAM at 0x[0-9a-f]+, where there'),
        ("model", "-cpu", "cortex-a53", r"MIDR_EL1 \(model\) of CPU 0: .*0x4100d070, .*0x4100d030"),
        ("gic", "-machine", "virt,virtualization=on,gic-version=2", r"registers of a GICv3"),
    ),
    "qemu-virt-riscv64": (
        ("cpus", "-smp", "2", r"CPU [23] of 4: expected, but it does not start"),
        ("memory", "-m", "1G", r'memory "ram" of near: expected RAM at 0x[0-9a-f]+, where there'),
        ("h", "-cpu", "rv64,h=false", r"CPU \d: expected the extension H, which it has not"),
        ("sstc", "-cpu", "rv64,h=true,sstc=off", r"CPU \d: expected the extension Sstc"),
        ("aplic", "-machine", "virt,aia=aplic", r"PLIC 0: expected at 0xc000000, where nothing"),
    ),
    "qemu-virt-riscv64-aia": (
        ("cpus", "-smp", "2", r"interrupt file of CPU 2: expected at 0x[0-9a-f]+, where nothing"),
        ("files", "-machine", "virt,aia=aplic-imsic", r"CPU \d: expected a guest interrupt file"),
        ("plic", "-machine", "virt", r"CPU \d: expected an interrupt file, which it has not"),
    ),
    "qemu-q35-x86_64": (
        ("cpus", "-smp", "2", r"CPU 2 of 4: expected, but it does not start"),
        ("memory", "-m", "1G", r'memory "ram" of near: expected RAM at 0x[0-9a-f]+, where there'),
        ("svm", "-cpu", "max,svm=off", r"CPU 0: expected AMD's SVM, which it has not"),
        ("hpet", "-machine", "q35,hpet=off", r"period of HPET 0: expected at least 1, found 0"),
    ),
}


@pytest.mark.parametrize("case", parameters("selfcheck"))
def test_other_machine(case: Case) -> None:
    """On each machine that is not the board, the boot ends with what differs."""
    built = case.build()
    for name, option, value, said in OTHERS[case.board]:
        command = list(built.command)
        command[command.index(option) + 1] = value
        with Machine(replace(built, command=command), f"emu-{name}.log") as machine:
            machine.expect_end(1, case.timeout)
            errors = [text for text in machine.texts("hv") if text.startswith("error:")]
            assert any(re.search(said, text) for text in errors), (name, errors)
            assert "this machine is not the board" in errors[-1]
            assert not machine.texts("near") and not machine.texts("far")

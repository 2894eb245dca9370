# SPDX-License-Identifier: Apache-2.0
"""What is compared before a VM starts: images with their digests, the machine with the board."""

from __future__ import annotations

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

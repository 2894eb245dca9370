# SPDX-License-Identifier: Apache-2.0
"""gen/checks on random systems, against the plainest definition of each rule.

A system that the checks let pass must be a sound machine: the same questions are asked again of
the plan, by comparing all pairs.  And what is wrong by that definition must have been reported.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import combinations, pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, event, given, settings
from hypothesis import strategies as st

from gen.__main__ import examined
from gen.diag import Refused, has_errors
from gen.load import load
from gen.model import System
from gen.plan.types import Plan
from gen.ranges import Range
from tests.payloads import FOLDER

_good_sizes = st.sampled_from(["18 MiB", "20 MiB", "64 MiB"])
_odd_sizes = st.sampled_from(["4 KiB", "8 KiB", "2 MiB", "17 MiB", "1 GiB", "2 GiB", "5000"])
_sizes = st.one_of(_good_sizes, _good_sizes, _good_sizes, _odd_sizes)


@dataclass(frozen=True)
class Setting:
    """A board, and what a system on it can name, right and wrong.

    addresses: guest and physical ones.  uart: the console, which is nobody's.
    unaligned: nodes whose windows are not made of whole pages.
    """

    board: str
    addresses: tuple[int, ...]
    nodes: tuple[str, ...]
    images: tuple[str, ...]
    uart: str
    unaligned: frozenset[str]


_RAM_OFFSETS = (
    0x0,
    0x800,
    0x8_0000,
    0x20_0000,
    0x100_0000,
    0x120_0000,
    0x200_0000,
    0x800_0000,
    0x880_1000,
    0x3FF0_0000,
    0x7FE0_0000,
    0xC000_0000,
)
_ARM = Setting(
    board="qemu-virt-aarch64",
    addresses=(0x0900_0000, 0x0B00_0000, *(0x4000_0000 + item for item in _RAM_OFFSETS)),
    nodes=(
        "/pl031@9010000",
        "/pl061@9030000",
        "/flash@0",
        "/pl011@9000000",
        "/virtio_mmio@a000000",
    ),
    images=(
        *("linux", "linux.gz", "linux-bss", "linux-offset", "hello.elf", "hello-pie.elf"),
        "firmware.bin",
    ),
    uart="/pl011@9000000",
    unaligned=frozenset(["/virtio_mmio@a000000"]),
)
_RISCV = Setting(
    board="qemu-virt-riscv64",
    addresses=(0x0C00_0000, 0x1100_0000, *(0x8000_0000 + item for item in _RAM_OFFSETS)),
    nodes=(
        *("/soc/rtc@101000", "/flash@20000000", "/soc/virtio_mmio@10001000"),
        *("/soc/serial@10000000", "/fw-cfg@10100000"),
    ),
    images=(
        *("riscv64/linux", "riscv64/linux.gz", "riscv64/linux-bss", "riscv64/hello.elf"),
        *("riscv64/hello-pie.elf", "firmware.bin"),
    ),
    uart="/soc/serial@10000000",
    unaligned=frozenset(["/soc/serial@10000000", "/fw-cfg@10100000"]),
)
SETTINGS = {
    item.board: item for item in (_ARM, _RISCV, replace(_RISCV, board="qemu-virt-riscv64-aia"))
}


@st.composite
def regions(draw: Any, setting: Setting) -> str:
    addresses = st.sampled_from(setting.addresses)
    lines = []
    for index in range(draw(st.integers(1, 3))):
        lines += ["[[vm.memory]]", f'size = "{draw(_sizes)}"']
        kind = draw(st.sampled_from(["allocated", "allocated", "identical", "fixed"]))
        if kind != "fixed":
            lines.append(f'physical = "{kind}"')
        else:
            lines.append(f"physical = {draw(addresses)}")
        if index or kind == "identical" or draw(st.booleans()):
            lines.append(f"guest = {draw(addresses)}")
    return "\n".join(lines)


@st.composite
def systems(draw: Any, setting: Setting) -> str:
    """The text of a system that is right in its grammar, and often enough in the rest."""
    addresses = st.sampled_from(setting.addresses)
    lines = [f'[system]\nname = "x"\nboard = "{setting.board}"']
    for number in range(draw(st.integers(1, 2))):
        file = draw(st.sampled_from(setting.images))
        kind = {"l": "linux", "h": "elf", "f": "raw"}[Path(file).name[0]]
        lines.append(f'[images.i{number}]\ntype = "{kind}"\nkernel = "{FOLDER}/{file}"')
        if kind == "linux" and draw(st.booleans()):
            lines.append(f'initrd = "{FOLDER}/{draw(st.sampled_from(["initrd", "initrd-large"]))}"')
        for key in draw(st.sampled_from([(), (), (), (), (), (), ("load",), ("entry",)])):
            lines.append(f"{key} = {draw(addresses)}")
    for number in range(draw(st.integers(1, 3))):
        lines.append(
            f'[[vm]]\nname = "v{number}"\nimage = "i{draw(st.sampled_from([0, 0, 0, 1]))}"'
        )
        lines.append(f"cpus = {draw(st.sampled_from([[0], [1, 2], [2, 3], [3], [3, 3], [4]]))}")
        if draw(st.integers(0, 2)):
            lines.append(f'memory = "{draw(_sizes)}"')
        else:
            lines.append(draw(regions(setting)))
        for device in range(draw(st.integers(0, 2))):
            node = draw(st.sampled_from(setting.nodes))
            lines.append(f'[[vm.device]]\nname = "d{device}"\nnode = "{node}"')
            if draw(st.booleans()):
                lines.append(f"guest = {draw(addresses)}")
    for cpu in draw(st.sampled_from([[], [2], [0, 1, 2, 3], [3, 2, 1, 0], [0, 1, 2, 3, 4]])):
        lines.append(f'[[cpu]]\nid = {cpu}\nschedule = "round-robin"')
    return "\n".join(lines)


def disjoint(ranges: list[Range]) -> bool:
    return not any(one.overlaps(two) for one, two in combinations(ranges, 2))


def assert_sound(system: System, plan: Plan) -> None:
    board = system.board
    physical = [region.where for vm in plan.vms for region in vm.memory]
    assert disjoint([*physical, board.hypervisor, board.boot_area])
    assert all(any(ram.contains(area) for ram in board.ram) for area in physical)
    for vm in plan.vms:
        memory = [region.guest for region in vm.memory]
        windows = [
            window.guest_range for item in system.vms[vm.index].devices for window in item.windows
        ]
        virtual = [item.guest for item in vm.mmio]
        virtual += [item.guest for item in vm.devices if item.guest not in windows]
        assert disjoint([*memory, *windows, *virtual])
        pieces = [Range(piece.guest, piece.memory_size) for piece in vm.pieces]
        assert disjoint(pieces)
        assert all(any(area.contains(piece) for area in memory) for piece in pieces)
        assert any(area.contains(Range(vm.entry, 4)) for area in memory)
    numbers = [irq.intid for vm in plan.vms for irq in vm.hw_irqs]
    assert len(numbers) == len(set(numbers))
    shared = {policy.cpu for policy in system.cpu_policies if policy.schedule == "round-robin"}
    alone = [cpu for vm in system.vms for cpu in vm.cpus if cpu not in shared]
    assert len(alone) == len(set(alone))


def expected_codes(system: System) -> set[str]:
    """Some mistakes by their plainest definition."""
    codes = set()
    board = system.board
    memory = [region for vm in system.vms for region in vm.memory]
    numbers = [value for r in memory for value in (r.size, r.guest, r.physical or 0)]
    if any(number % 4096 for number in numbers):
        codes.add("mem-unaligned")
    else:
        fixed = [region.physical_range for region in memory if region.physical_range is not None]
        guests = [[region.guest_range for region in vm.memory] for vm in system.vms]
        if not disjoint(fixed) or not all(disjoint(guest) for guest in guests):
            codes.add("mem-overlap")
        if any(board.hypervisor.overlaps(a) or board.boot_area.overlaps(a) for a in fixed):
            codes.add("hv-overlap")
        if not all(any(ram.contains(area) for ram in board.ram) for area in fixed):
            codes.add("mem-outside-ram")
    if any(cpu >= len(board.cpus) for vm in system.vms for cpu in vm.cpus):
        codes.add("cpu-unknown")
    nodes = [device.node for vm in system.vms for device in vm.devices]
    setting = SETTINGS[board.name]
    if setting.uart in nodes:
        codes |= {"device-reserved", "irq-reserved"}
    if setting.unaligned & set(nodes):
        codes.add("device-unaligned")
    if len(nodes) != len(set(nodes)):
        codes.add("device-shared")
    return codes


@pytest.mark.parametrize("board", SETTINGS)
@settings(
    max_examples=100,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(data=st.data())
def test_what_passes_is_sound_and_what_is_wrong_is_reported(
    board: str, tmp_path: Path, data: st.DataObject
) -> None:
    text = data.draw(systems(SETTINGS[board]))
    path = tmp_path / "x.toml"
    path.write_text(text)
    try:
        system = load(path)
    except Refused:
        event("refused by the loader")
        return
    found, plan = examined(system)
    codes = {item.code for item in found}
    assert expected_codes(system) <= codes
    assert all(item.help for item in found)
    starts = [item.span.start for item in found if item.span is not None]
    if plan is None:
        event("refused")
        assert has_errors(found)
        return
    event("planned")
    assert all(one <= two for one, two in pairwise(starts))
    assert_sound(system, plan)

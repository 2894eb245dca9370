# SPDX-License-Identifier: Apache-2.0
"""Plans: what must be true of every system, shown on the golden ones, and how memory is placed."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

import pytest

from gen import abi
from gen.__main__ import examined
from gen.load import load
from gen.plan.riscv64 import Riscv64Vm
from gen.plan.types import Plan, Vm
from gen.ranges import GIB, MIB, PAGE_SIZE, Owned, Range, align_up, overlapping
from tests.payloads import FOLDER as PAYLOADS
from tests.payloads import ROOT
from tests.unit import arm_walk, riscv_walk, x86_walk
from tests.unit.walk import Result

GOLDEN = sorted((ROOT / "tests" / "golden").glob("*/system.toml"))
#: System files and boards: None for the system's own.
CASES: list[tuple[Path, str | None]] = [
    *((path, None) for path in GOLDEN),
    *((path, item.name) for path in GOLDEN for item in sorted(path.parent.iterdir())),
]
CASES = [(path, board) for path, board in CASES if board is None or (path.parent / board).is_dir()]

Walk = Callable[[Mapping[int, int], int, int], Result | None]


class Walks(NamedTuple):
    """What a CPU does with a VM's tables and with the hypervisor's own; bits of guest addresses."""

    guest: Walk
    own: Walk
    bits: int


WALKS = {
    "aarch64": Walks(arm_walk.stage2, arm_walk.el2_stage1, 39),
    "riscv64": Walks(riscv_walk.sv39x4, riscv_walk.sv39, 41),
    "x86_64": Walks(x86_walk.nested, x86_walk.long_mode, 48),
}
#: By hgatp.MODE.
RISCV_GUEST_WALKS = {8: (riscv_walk.sv39x4, 41), 9: (riscv_walk.sv48x4, 50)}


def guest_walk(plan: Plan, vm: Vm) -> Walks:
    """The walks of the plan's architecture, with that of a VM for guests."""
    walks = WALKS[plan.arch]
    if isinstance(vm.arch, Riscv64Vm):
        walk, bits = RISCV_GUEST_WALKS[vm.arch.stage2_mode]
        walks = Walks(walk, walks.own, bits)
    return walks


def planned(path: Path, board: str | None = None) -> Plan:
    found, plan = examined(load(path, board))
    assert plan is not None, found
    return plan


@pytest.fixture(
    params=CASES, ids=lambda case: "-".join(filter(None, (case[0].parent.name, case[1])))
)
def plan(request: pytest.FixtureRequest) -> Plan:
    return planned(*request.param)


def small(folder: Path, vms: str) -> Plan:
    """The plan of a system whose image is a few bytes, with the VMs of a TOML text."""
    path = folder / "small.toml"
    path.write_text(
        '[system]\nboard = "qemu-virt-aarch64"\n[images.p]\ntype = "raw"\n'
        f'kernel = "{PAYLOADS / "firmware.bin"}"\n{vms}'
    )
    return planned(path)


def vm(name: str, cpus: str, memory: str, extra: str = "") -> str:
    return f'[[vm]]\nname = "{name}"\nimage = "p"\ncpus = {cpus}\nmemory = "{memory}"\n{extra}\n'


def words(plan: Plan) -> dict[int, int]:
    """The page tables as memory."""
    return {
        table.address + 8 * index: value
        for table in plan.pagetables.tables
        for run in table.runs
        for index, value in enumerate(run.values, run.first)
    }


def hidden(plan: Plan) -> list[Range]:
    """Memory that the hypervisor cannot reach: the VMs' and the images."""
    memory = [item.where for vm in plan.vms for item in vm.memory]
    return memory + [image.where for image in plan.images]


# ---- every plan ----------------------------------------------------------------------------------


def test_owners_are_sorted_and_disjoint(plan: Plan) -> None:
    for one, two in pairwise(plan.owners):
        assert one.where.end <= two.where.base
    kept = [Owned(item.where, item.name) for item in (*plan.owners, *plan.kept)]
    assert not list(overlapping(kept))


def test_everything_has_room_in_ram(plan: Plan) -> None:
    for area in hidden(plan):
        assert any(ram.contains(area) for ram in plan.ram)
    assert plan.layout.region.contains(
        Range(plan.layout.region.base, plan.layout.end - plan.layout.region.base)
    )


def test_sections_follow_one_another(plan: Plan) -> None:
    for one, two in pairwise(plan.layout.sections):
        assert one.area.end == two.area.base
        assert two.area.base % PAGE_SIZE == 0
    assert plan.layout.pagetables.area.size == plan.pagetables.page_count * PAGE_SIZE


def test_guests_reach_what_is_theirs_and_nothing_else(plan: Plan) -> None:
    """Every page of a guest's own, and every page at the edges of everything else."""
    memory = words(plan)
    for vm in plan.vms:
        walks = guest_walk(plan, vm)
        own = [(item.guest, item.physical, item.permissions, False) for item in vm.memory]
        own += [(item.guest, item.physical, "rw", True) for item in vm.devices]
        edges = {0, (1 << walks.bits) - PAGE_SIZE}
        for guest, physical, permissions, device in own:
            edges |= {guest.base - PAGE_SIZE, guest.end, physical, physical + guest.size}
            for address in {guest.base, guest.end - 1, guest.base + guest.size // 2}:
                found = walks.guest(memory, vm.stage2_root, address)
                assert found is not None
                assert found.output == physical + address - guest.base
                assert found.device in (device, None)
                granted = (found.read, found.write, found.execute)
                assert granted == tuple(letter in permissions for letter in "rwx")
        for owner in plan.owners:
            edges |= {owner.where.base, owner.where.end - 1}
        for item in vm.mmio:
            assert walks.guest(memory, vm.stage2_root, item.guest.base) is None
        for address in edges:
            found = walks.guest(memory, vm.stage2_root, address)
            inside = [guest for guest, *_ in own if guest.contains(Range(address, 1))]
            assert (found is not None) is bool(inside), f"{vm.name}: {address:#x}"


def test_the_hypervisor_sees_itself_only(plan: Plan) -> None:
    memory = words(plan)
    walks = WALKS[plan.arch]
    root = plan.pagetables.hypervisor_root
    layout = plan.layout
    rights = {".text": (False, True), ".rodata": (False, False), ".data": (True, False)}
    rights[".pagetables"] = (False, False)
    for section in layout.sections:
        if section.name in rights:
            for address in (section.area.base, section.area.end - 1):
                found = walks.own(memory, root, address)
                assert found is not None and found.output == address
                assert (found.write, found.execute) == rights[section.name]
    for stack in layout.stacks:
        assert stack.base - stack.guard == PAGE_SIZE
        assert stack.top - stack.base == abi.STACK_SIZE
        assert walks.own(memory, root, stack.guard) is None
        assert walks.own(memory, root, stack.base - 1) is None
        found = walks.own(memory, root, stack.top - 1)
        assert found is not None and found.write and not found.execute
    for area in hidden(plan):
        assert walks.own(memory, root, area.base) is None
    registers = [
        owner.where
        for owner in plan.owners
        if " of vm " not in owner.name and not any(ram.overlaps(owner.where) for ram in plan.ram)
    ]
    assert registers
    for area in registers:
        for address in (area.base, area.end - 1):
            found = walks.own(memory, root, address)
            assert found is not None and found.output == address
            assert found.write and not found.execute and found.device is not False


def test_windows_show_one_vm_and_its_images(plan: Plan) -> None:
    memory = words(plan)
    walks = WALKS[plan.arch]
    for vm in plan.vms:
        if vm.in_place:
            assert vm.window_root == 0 and not vm.copies
            continue
        sources = {copy.stored.symbol for copy in vm.copies}
        for image in plan.images:
            for address in (image.where.base, image.where.end - 1):
                found = walks.own(memory, vm.window_root, address)
                if image.symbol not in sources:
                    assert found is None
                    continue
                assert found is not None and not found.write and not found.execute
        for other in plan.vms:
            for region in other.memory:
                found = walks.own(memory, vm.window_root, region.where.base)
                assert (found is not None) is (other is vm)
                assert found is None or (found.write and not found.execute)


def test_copies_hit_the_guests_addresses(plan: Plan) -> None:
    memory = words(plan)
    for vm in plan.vms:
        walks = guest_walk(plan, vm)
        for copy in vm.copies:
            for offset in (0, copy.guest.size - 1):
                found = walks.guest(memory, vm.stage2_root, copy.guest.base + offset)
                assert found is not None and found.output == copy.target + offset
        pieces = [Owned(Range(item.guest, item.memory_size), item.what) for item in vm.pieces]
        assert not list(overlapping(pieces))


def test_numbers(plan: Plan) -> None:
    assert [vm.vmid for vm in plan.vms] == list(range(1, len(plan.vms) + 1))
    assert [item.number for item in plan.vcpus] == list(range(len(plan.vcpus)))
    for vm in plan.vms:
        own = plan.vcpus[vm.vcpu_first : vm.vcpu_first + vm.vcpu_count]
        assert [(item.vm, item.index) for item in own] == [
            (vm.index, index) for index in range(vm.vcpu_count)
        ]
        assert list(vm.mmio) == sorted(vm.mmio, key=lambda item: item.guest.base)
    for pcpu in plan.pcpus:
        for slot, number in enumerate(pcpu.vcpus):
            assert (plan.vcpus[number].slot, plan.vcpus[number].pcpu) == (slot, pcpu.number)
            assert plan.vcpus[number].exclusive is (len(pcpu.vcpus) == 1)
    assert plan.pcpus[0].cpu == 0, "the machine starts on the first CPU"
    tops = [pcpu.stack_top for pcpu in plan.pcpus] + [vcpu.stack_top for vcpu in plan.vcpus]
    assert sorted(tops) == [stack.top for stack in plan.layout.stacks]


def test_device_trees_are_where_linux_wants_them(plan: Plan) -> None:
    for vm in plan.vms if plan.arch != "x86_64" else ():
        (tree,) = vm.boot.pieces
        assert tree.what == "device tree" and tree.guest == vm.boot.argument
        assert tree.guest % PAGE_SIZE == 0 and tree.size < 2 * MIB
        assert tree.guest // (2 * MIB) == (tree.guest + tree.size - 1) // (2 * MIB)


# ---- placing -------------------------------------------------------------------------------------


def test_first_fit_in_the_order_of_the_file(tmp_path: Path) -> None:
    plan = small(tmp_path, vm("a", "[0]", "4 MiB") + vm("b", "[1]", "2 MiB"))
    (a,), (b,) = (item.memory for item in plan.vms)
    assert a.physical == align_up(max(image.where.end for image in plan.images), 2 * MIB)
    assert b.physical == a.physical + 4 * MIB


def test_large_regions_get_large_blocks(tmp_path: Path) -> None:
    plan = small(tmp_path, vm("a", "[0]", "1 GiB") + vm("b", "[1]", "512 MiB"))
    large, other = (item.memory[0] for item in plan.vms)
    assert (large.physical - large.guest.base) % GIB == 0
    found = arm_walk.stage2(words(plan), plan.vms[0].stage2_root, large.guest.base)
    assert found is not None and found.span == GIB
    assert other.physical < large.physical, "what is left before it is used"


def test_small_regions_need_no_block(tmp_path: Path) -> None:
    plan = small(tmp_path, vm("a", "[0]", "64 KiB") + vm("b", "[1]", "64 KiB"))
    a, b = (item.memory[0] for item in plan.vms)
    assert b.physical == a.physical + 64 * 1024


def test_one_image_is_stored_once(tmp_path: Path) -> None:
    plan = small(tmp_path, vm("a", "[0]", "2 MiB") + vm("b", "[1]", "2 MiB"))
    assert [image.symbol for image in plan.images] == [
        "image_p_program",
        "vm_a_device_tree",
        "vm_b_device_tree",
    ]
    sources = {vm.copies[0].stored.where for vm in plan.vms}
    assert len(sources) == 1


def test_cpus_that_nobody_uses_are_not_started(tmp_path: Path) -> None:
    plan = small(tmp_path, vm("a", "[2]", "2 MiB"))
    assert [(pcpu.cpu, pcpu.vcpus) for pcpu in plan.pcpus] == [(0, ()), (2, (0,))]


def test_interrupts_of_devices(tmp_path: Path) -> None:
    device = '[[vm.device]]\nname = "rtc"\nnode = "/pl031@9010000"'
    plan = small(tmp_path, vm("a", "[0]", "2 MiB") + vm("b", "[1]", "2 MiB", device))
    uart, rtc = plan.irqs
    assert (uart.intid, uart.owner, uart.vm) == (33, "IRQ_OWNER_CONSOLE", None)
    assert (rtc.intid, rtc.owner, rtc.vm, rtc.virq) == (34, "IRQ_OWNER_VM", 1, 34)
    assert (rtc.is_edge, rtc.name) == (False, "SPI 2")
    assert plan.vms[0].hw_irqs == () and plan.vms[1].arch.rodata_size == 64


def test_an_image_may_lie_across_regions(tmp_path: Path) -> None:
    """Two regions that touch for the guest and are far apart in the machine."""
    (tmp_path / "wide.bin").write_bytes(bytes(range(256)) * 48)  # three pages
    path = tmp_path / "wide.toml"
    path.write_text(
        '[system]\nboard = "qemu-virt-aarch64"\n[images.p]\ntype = "raw"\nkernel = "wide.bin"\n'
        'load = 0x5000_F000\n[[vm]]\nname = "a"\nimage = "p"\ncpus = [0]\n'
        '[[vm.memory]]\nsize = "64 KiB"\n'
        '[[vm.memory]]\nguest = 0x5000_0000\nsize = "64 KiB"\n'
        '[[vm.memory]]\nguest = 0x5001_0000\nsize = "64 KiB"\nphysical = 0x6000_0000\n'
    )
    plan = planned(path)
    (machine,) = plan.vms
    one, two, _ = machine.copies
    _, first, second = machine.memory
    assert (one.what, one.target) == ("program part 0", first.physical + 0xF000)
    assert (two.what, two.target) == ("program part 1", second.physical)
    assert one.guest.end == two.guest.base and one.guest.size + two.guest.size == 3 * PAGE_SIZE

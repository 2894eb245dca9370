# SPDX-License-Identifier: Apache-2.0
"""riscv64: what is read of boards and harts, and the device trees that guests get."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from gen import fdt, guestfdt
from gen.__main__ import examined
from gen.arch.riscv64 import (
    ARCHITECTURE,
    Riscv64Hardware,
    guest_extensions,
    guest_files,
    hardware_of,
    isa_string,
)
from gen.board import read_board
from gen.load import load
from gen.model import Interrupt, System
from gen.plan.devices import GuestDevice
from gen.plan.riscv64 import Riscv64Board
from gen.plan.riscv64_tree import GuestMachine, guest_tree
from gen.plan.types import Plan
from gen.ranges import Owned, Range
from tests.payloads import FOLDER, ROOT

PLIC, AIA = "qemu-virt-riscv64", "qemu-virt-riscv64-aia"
NO_SSTC = "qemu-virt-riscv64-nosstc"


def board(name: str) -> Riscv64Hardware:
    return hardware_of(read_board(ROOT / "systems" / "boards" / f"{name}.toml").hardware)


def tree_of(plan: Plan, vm: int) -> bytes:
    (tree,) = plan.vms[vm].boot.pieces
    assert isinstance(tree.contents, bytes)
    return tree.contents


# ---- boards --------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", (PLIC, AIA))
def test_what_both_boards_have(name: str) -> None:
    hardware = board(name)
    assert hardware.ram == (Range(0x8000_0000, 0x8000_0000),)
    assert [cpu.hardware_id for cpu in hardware.cpus] == [0, 1, 2, 3]
    assert hardware.timebase_frequency == 10_000_000
    assert {"h", "sstc"} < set(hardware.extensions)
    assert hardware.uart is not None
    assert (hardware.uart.kind, hardware.uart.interrupt) == ("ns16550", Interrupt(10))
    assert (hardware.uart.window, hardware.uart.reg_shift) == (Range(0x1000_0000, 0x100), 0)
    assert ARCHITECTURE.board_shortcomings(hardware) == ()
    rtc = hardware.nodes["/soc/rtc@101000"]
    assert (rtc.windows, rtc.interrupts) == ((Range(0x10_1000, 0x1000),), (Interrupt(11),))


def test_plic() -> None:
    hardware = board(PLIC)
    assert hardware.aplic is None and hardware.imsic is None
    assert hardware.plic is not None
    assert hardware.plic.window == Range(0xC00_0000, 0x60_0000)
    assert hardware.plic.source_count == 96
    assert hardware.plic.contexts == (1, 3, 5, 7), "those of the machine level are between"


def test_aia() -> None:
    """The domain and the files of the supervisor level, not those of the firmware."""
    hardware = board(AIA)
    assert hardware.plic is None
    assert hardware.aplic is not None and hardware.imsic is not None
    assert hardware.aplic.window == Range(0xD00_0000, 0x8000)
    assert hardware.aplic.source_count == 96
    assert hardware.imsic.files == (0x2800_0000, 0x2800_4000, 0x2800_8000, 0x2800_C000)
    assert (hardware.imsic.id_count, hardware.imsic.guest_count) == (255, 3)
    assert (hardware.imsic.guest_bits, hardware.imsic.hart_bits) == (2, 2)
    names = {item.range.base: item.owner for item in hardware.firmware}
    assert names == {
        0x200_0000: "the firmware's timer (CLINT)",
        0x2400_0000: "the firmware's IMSIC",
        0xC00_0000: "the firmware's APLIC",
        0x10_0000: "the firmware's power switch",
    }


def test_without_sstc() -> None:
    """Neither the hypervisor nor a guest may believe in it."""
    hardware = board(NO_SSTC)
    assert hardware == replace(board(PLIC), extensions=hardware.extensions)
    assert {*board(PLIC).extensions} - {*hardware.extensions} == {"sstc"}
    assert "sstc" in guest_extensions(board(PLIC), has_files=False)
    assert "sstc" not in guest_extensions(hardware, has_files=False)


TREE = """/dts-v1/;
/ {
    #address-cells = <2>; #size-cells = <2>;
    memory@80000000 { device_type = "memory"; reg = <0 0x80000000 0 0x1000>; };
    cpus {
        #address-cells = <1>; #size-cells = <0>;
        cpu@5 { device_type = "cpu"; reg = <5>; ISA0 };
        cpu@2 { device_type = "cpu"; reg = <2>; status = "disabled"; };
        cpu@1 { device_type = "cpu"; reg = <1>; ISA1 };
    };
};
"""


def harts(folder: Path, first: str, second: str) -> Riscv64Hardware:
    path = folder / "x.dts"
    path.write_text(TREE.replace("ISA0", first).replace("ISA1", second))
    return ARCHITECTURE.read_hardware(fdt.read(path))


@pytest.mark.parametrize(
    ("text", "found"),
    (
        ('riscv,isa = "rv64imac"', "i m a c"),
        ('riscv,isa = "rv64imafdch_zicsr_sstc"', "i m a f d c h zicsr sstc"),
        ('riscv,isa = "rv64gc"', "i m a f d c"),
        ('riscv,isa = "RV64IMACsstc_svpbmt"', "i m a c sstc svpbmt"),
        ('riscv,isa = "rv64imafdcvzba_xfoo"', "i m a f d c v zba xfoo"),
        ('riscv,isa-extensions = "i", "h", "sstc"', "i h sstc"),
        ('riscv,isa = "rv64i"; riscv,isa-extensions = "i", "m"', "i m"),
    ),
)
def test_isa(tmp_path: Path, text: str, found: str) -> None:
    assert harts(tmp_path, f"{text};", f"{text};").extensions == tuple(found.split())


def test_only_what_all_harts_have(tmp_path: Path) -> None:
    hardware = harts(tmp_path, 'riscv,isa = "rv64imafdc_sstc";', 'riscv,isa = "rv64imac_zba_sstc";')
    assert hardware.extensions == ("i", "m", "a", "c", "sstc")
    assert [cpu.hardware_id for cpu in hardware.cpus] == [5, 1]


def test_32_bits_are_refused(tmp_path: Path) -> None:
    with pytest.raises(fdt.TreeError, match="no 64-bit ISA"):
        harts(tmp_path, 'riscv,isa = "rv32imac";', 'riscv,isa = "rv64imac";')


def test_isa_string() -> None:
    assert isa_string(("i", "m", "zba", "sstc")) == "rv64im_zba_sstc"


# ---- guests --------------------------------------------------------------------------------------

MACHINE = GuestMachine(
    name="alpha",
    memory=(Range(0x8000_0000, 0x1000_0000),),
    vcpu_count=2,
    isa="rv64imafdc_sstc",
    mmu_type="riscv,sv48",
    timebase_frequency=10_000_000,
    has_aplic=False,
    controller=Range(0xC00_0000, 0x20_2000),
    source_count=31,
    imsic=None,
    id_count=0,
    uart=(Range(0x1000_0000, 0x1000), 10),
    devices=(
        GuestDevice("rtc", None, (Range(0x10_1000, 0x1000),), (Interrupt(11), Interrupt(12))),
    ),
    cmdline="console=ttyS0",
    initrd=Range(0x8400_0000, 0x1234),
)
WITH_APLIC = replace(MACHINE, has_aplic=True, controller=Range(0xD00_0000, 0x8000))
WITH_AIA = replace(
    WITH_APLIC,
    isa="rv64imafdc_sstc_ssaia",
    imsic=Range(0x2800_0000, 0x2000),
    id_count=255,
)


def read_back(machine: GuestMachine) -> Riscv64Hardware:
    return ARCHITECTURE.read_hardware(fdt.parse(guestfdt.blob(guest_tree(machine))))


@pytest.mark.parametrize("machine", (MACHINE, WITH_APLIC, WITH_AIA), ids=("plic", "aplic", "aia"))
def test_guest_tree_is_read_back_as_hardware(machine: GuestMachine) -> None:
    """The reader that boards go through finds the same machine in it."""
    hardware = read_back(machine)
    assert hardware.ram == machine.memory
    assert [cpu.hardware_id for cpu in hardware.cpus] == [0, 1]
    assert isa_string(hardware.extensions) == machine.isa
    assert hardware.timebase_frequency == machine.timebase_frequency
    assert hardware.uart is not None
    assert (hardware.uart.window, hardware.uart.interrupt) == (MACHINE.uart[0], Interrupt(10))  # type: ignore[index]
    assert hardware.nodes["/soc/rtc@101000"].interrupts == MACHINE.devices[0].interrupts
    if not machine.has_aplic:
        assert hardware.plic is not None
        assert (hardware.plic.window, hardware.plic.contexts) == (machine.controller, (0, 1))
        assert hardware.plic.source_count == 31
    elif machine.imsic is None:
        assert hardware.aplic is not None and hardware.imsic is None and hardware.plic is None
        assert (hardware.aplic.window, hardware.aplic.contexts) == (machine.controller, (0, 1))
    else:
        assert hardware.aplic is not None and hardware.imsic is not None
        assert (hardware.aplic.window, hardware.aplic.contexts) == (machine.controller, ())
        assert hardware.imsic.files == (0x2800_0000, 0x2800_1000)
        assert (hardware.imsic.id_count, hardware.imsic.guest_bits) == (255, 0)


@pytest.mark.parametrize("machine", (MACHINE, WITH_APLIC, WITH_AIA), ids=("plic", "aplic", "aia"))
def test_root_has_no_interrupt_parent(machine: GuestMachine) -> None:
    """The harts' own controllers would inherit it, and no interrupt would ever arrive."""
    tree = fdt.parse(guestfdt.blob(guest_tree(machine)))
    for path in ("/", "/cpus", "/cpus/cpu@0", "/cpus/cpu@0/interrupt-controller", "/soc"):
        assert "interrupt-parent" not in tree.nodes[path].properties


def test_size_does_not_depend_on_the_initrd() -> None:
    sizes = {
        len(guestfdt.blob(guest_tree(replace(MACHINE, initrd=Range(base, 4096)))))
        for base in (0, 0x8000_0000, 0x7F_0000_0000)
    }
    assert len(sizes) == 1


@pytest.mark.parametrize("name", (PLIC, AIA))
def test_generated_trees_contradict_nothing(name: str) -> None:
    """A tree of ours, given back as the user's own, is found to fit its VM and no other."""
    system = load(ROOT / "tests" / "golden" / "shared-cpu" / "system.toml", name)
    found, plan = examined(system)
    assert plan is not None, found
    for one in system.vms:
        for other in system.vms:
            seen = ARCHITECTURE.read_hardware(fdt.parse(tree_of(plan, other.index)))
            conflicts = ARCHITECTURE.guest_tree_conflicts(seen, system, one)
            assert bool(conflicts) is (one is not other), conflicts


def shared(folder: Path, vms: str) -> tuple[System, Plan]:
    """A system on the AIA board whose hart 2 is shared."""
    path = folder / "files.toml"
    path.write_text(
        f'[system]\nboard = "{AIA}"\n[images.p]\ntype = "raw"\n'
        f'kernel = "{FOLDER / "firmware.bin"}"\n{vms}[[cpu]]\nid = 2\nschedule = "round-robin"\n'
    )
    system = load(path)
    found, plan = examined(system)
    assert plan is not None, found
    return system, plan


def vm(name: str, cpus: list[int]) -> str:
    return f'[[vm]]\nname = "{name}"\nimage = "p"\ncpus = {cpus}\nmemory = "2 MiB"\n'


def test_guest_files_of_a_shared_hart(tmp_path: Path) -> None:
    """Each vCPU of a hart has a file of its own, mapped where its VM looks for it."""
    _, plan = shared(tmp_path, vm("v0", [1, 2]) + vm("v1", [2]) + vm("v2", [3, 2]))
    windows = {(vm.name, item.guest.base): item.physical for vm in plan.vms for item in vm.devices}
    assert windows == {
        ("v0", 0x2800_0000): 0x2800_5000,
        ("v0", 0x2800_1000): 0x2800_9000,
        ("v1", 0x2800_0000): 0x2800_A000,
        ("v2", 0x2800_0000): 0x2800_D000,
        ("v2", 0x2800_1000): 0x2800_B000,
    }


def test_without_files_an_aplic_delivers_directly(tmp_path: Path) -> None:
    """Those who come too late; a VM with a device does not."""
    rtc = '[[vm.device]]\nname = "rtc"\nnode = "/soc/rtc@101000"\n'
    vms = vm("v0", [2]) + vm("v1", [2]) + vm("v2", [1, 2]) + vm("v3", [2]) + rtc
    system, plan = shared(tmp_path, vms)
    files = [guest_files(system, item) for item in system.vms]
    assert files == [(2,), (3,), (), (1,)]
    late = plan.vms[2]
    assert [(item.what, item.handle) for item in late.mmio] == [
        ("APLIC", "vaplic_access"),
        ("UART", "v16550_access"),
    ]
    assert not late.devices
    hardware = ARCHITECTURE.read_hardware(fdt.parse(tree_of(plan, late.index)))
    assert hardware.aplic is not None and hardware.aplic.contexts == (0, 1)
    assert hardware.imsic is None and "ssaia" not in hardware.extensions


def test_firmware_is_nobodys() -> None:
    hardware = board(PLIC)
    claimed = ARCHITECTURE.claimed_windows(hardware)
    assert Owned(Range(0x200_0000, 0x1_0000), "the firmware's timer (CLINT)") in claimed
    assert Owned(Range(0xC00_0000, 0x60_0000), "the PLIC") in claimed


@pytest.mark.parametrize(
    ("isa", "has_it"), (("sstc", False), ("smstateen_sstc", True), ("ssstateen_sstc", True))
)
def test_state_enables_are_what_the_tree_says(isa: str, has_it: bool, tmp_path: Path) -> None:
    boards = ROOT / "systems" / "boards"
    (tmp_path / "board.toml").write_text(
        (boards / f"{PLIC}.toml").read_text().replace(f"{PLIC}.dts", "board.dts")
    )
    tree_text = (boards / f"{PLIC}.dts").read_text()
    assert tree_text.count('_sstc"') == 4
    (tmp_path / "board.dts").write_text(tree_text.replace('_sstc"', f'_{isa}"'))
    system = tmp_path / "system.toml"
    system.write_text(
        '[system]\nboard = "board.toml"\n[images.p]\ntype = "raw"\n'
        f'kernel = "{FOLDER / "firmware.bin"}"\n{vm("v", [0])}'
    )
    found, plan = examined(load(system))
    assert plan is not None, found
    assert isinstance(plan.board, Riscv64Board) and plan.board.has_stateen is has_it
    assert b"stateen" not in tree_of(plan, 0), "guests are not offered it"

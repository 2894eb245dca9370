# SPDX-License-Identifier: Apache-2.0
"""gen/fdt.py and gen/arch: device trees and what they say of hardware."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from gen import fdt
from gen.arch import architecture
from gen.arch.aarch64 import GicV3, Psci, hardware_of
from gen.board import read_board
from gen.model import Interrupt
from gen.ranges import Range
from tests.payloads import ROOT

HEAD = "/dts-v1/;\n"

BOARDS = ROOT / "systems" / "boards"


def tree(tmp_path: Path, text: str) -> fdt.Tree:
    path = tmp_path / "x.dts"
    path.write_text(HEAD + text)
    return fdt.read(path)


BUSES = """
/memreserve/ 0x40000000 0x1000;
/ {
    #address-cells = <2>; #size-cells = <2>; interrupt-parent = <&pic>;
    aliases { port = "/bus@80000000/bus@0/dev@100"; };
    bus@80000000 {
        #address-cells = <1>; #size-cells = <1>;
        ranges = <0x0 0x0 0x80000000 0x10000>, <0x20000 0x1 0x0 0x10000>;
        bus@0 {
            #address-cells = <1>; #size-cells = <1>; ranges;
            dev@100 {
                reg = <0x100 0x10>, <0x20040 0x8>, <0x90000 0x8>;
                interrupts = <5 1>, <6 4>;
            };
        };
        island { #address-cells = <1>; #size-cells = <1>; dev@0 { reg = <0x0 0x10>; }; };
    };
    i2c { #address-cells = <1>; #size-cells = <0>; clock@68 { reg = <0x68>; }; };
    pic: pic { interrupt-controller; #interrupt-cells = <2>; };
    pic2: pic2 { interrupt-controller; #interrupt-cells = <1>; phandle = <9>; };
    both { interrupts-extended = <&pic 1 2>, <&pic2 3>; interrupts = <8 8>; };
    dangling { interrupt-parent = <77>; interrupts = <1 2>; };
    odd { interrupts = <1 2 3>; };
    off { status = "disabled"; compatible = "a,b"; };
    on { compatible = "a,b", "c,d"; };
};
"""


def test_registers_are_translated_through_all_buses(tmp_path: Path) -> None:
    found = tree(tmp_path, BUSES).find("/bus@80000000/bus@0/dev@100")
    assert found is not None
    # The third register is behind no bus's ranges.
    assert found.windows() == (Range(0x8000_0100, 0x10), Range(0x1_0000_0040, 0x8))


def test_registers_without_way_to_memory(tmp_path: Path) -> None:
    buses = tree(tmp_path, BUSES)
    for path in ("/bus@80000000/island/dev@0", "/i2c/clock@68"):
        node = buses.find(path)
        assert node is not None
        assert node.windows() == ()


def test_interrupts(tmp_path: Path) -> None:
    buses = tree(tmp_path, BUSES)

    def specifiers(path: str) -> list[tuple[str, tuple[int, ...]]]:
        node = buses.find(path)
        assert node is not None
        return [(item.controller.path, item.cells) for item in buses.specifiers(node)]

    assert specifiers("port") == [("/pic", (5, 1)), ("/pic", (6, 4))]
    assert specifiers("/both") == [("/pic", (1, 2)), ("/pic2", (3,))]
    assert specifiers("/on") == []
    with pytest.raises(fdt.TreeError, match="interrupt parent 0x4d is no node's phandle"):
        specifiers("/dangling")
    with pytest.raises(fdt.TreeError, match='"interrupts" has 3 cells, not a multiple of the 2'):
        specifiers("/odd")


def test_lookups(tmp_path: Path) -> None:
    buses = tree(tmp_path, BUSES)
    assert buses.reserved == (Range(0x4000_0000, 0x1000),)
    assert [node.path for node in buses.compatible_with("a,b")] == ["/on"]
    assert buses.find("/none") is None
    assert buses.find("none") is None


def test_files_that_are_no_trees(tmp_path: Path) -> None:
    blob = tmp_path / "x.dtb"
    for data in (b"", b"MZ", b"\xd0\x0d\xfe\xed" + bytes(4)):
        blob.write_bytes(data)
        with pytest.raises(fdt.TreeError, match="not a device tree blob"):
            fdt.read(blob)
    with pytest.raises(fdt.TreeError, match=r"cannot read y\.dtb: No such file or directory"):
        fdt.read(tmp_path / "y.dtb")
    with pytest.raises(fdt.TreeError, match=r"dtc: x\.dts:2\.1-2 syntax error"):
        tree(tmp_path, "?")


def test_every_truncation_of_a_blob_is_refused_or_read(tmp_path: Path) -> None:
    source = tmp_path / "x.dts"
    source.write_text(HEAD + BUSES)
    whole = fdt._compiled(source)
    for size in range(0, len(whole), 7):
        try:
            fdt.parse(whole[:size])
        except fdt.TreeError:
            continue


@pytest.fixture(scope="module")
def virt() -> fdt.Tree:
    return fdt.read(BOARDS / "qemu-virt-aarch64.dts")


def test_qemu_virt_hardware(virt: fdt.Tree) -> None:
    hardware = hardware_of(architecture("aarch64").read_hardware(virt))
    assert hardware.ram == (Range(0x4000_0000, 0x8000_0000),)
    assert [cpu.hardware_id for cpu in hardware.cpus] == [0, 1, 2, 3]
    assert hardware.gic == GicV3(
        path="/intc@8000000",
        distributor=Range(0x800_0000, 0x1_0000),
        regions=(Range(0x80A_0000, 0xF6_0000),),
        redistributors=(0x80A_0000, 0x80C_0000, 0x80E_0000, 0x810_0000),
        its=(Range(0x808_0000, 0x2_0000),),
        maintenance=25,
    )
    assert hardware.uart is not None
    assert (hardware.uart.kind, hardware.uart.interrupt) == ("pl011", Interrupt(33, "level"))
    assert hardware.timer is not None
    assert (hardware.timer.virtual, hardware.timer.hypervisor_physical) == (27, 26)
    assert hardware.psci == Psci("smc", ("arm,psci-1.0", "arm,psci-0.2", "arm,psci"))


def test_qemu_virt_devices(virt: fdt.Tree) -> None:
    nodes = architecture("aarch64").read_hardware(virt).nodes
    clock = nodes["/pl031@9010000"]
    assert (clock.windows, clock.interrupts) == ((Range(0x901_0000, 0x1000),), (Interrupt(34),))
    disk = nodes["/virtio_mmio@a000200"]
    assert disk.interrupts == (Interrupt(49, "edge"),)
    assert disk.dma
    assert not clock.dma


def test_qemu_virt_board() -> None:
    board = read_board(BOARDS / "qemu-virt-aarch64.toml")
    assert board.hypervisor == Range(0x4020_0000, 16 << 20)
    assert board.boot_area == Range(0x4000_0000, 2 << 20)
    assert board.qemu is not None
    assert board.qemu.binary == "qemu-system-aarch64"


CPUS = """
/ {
    #address-cells = <2>; #size-cells = <1>;
    memory@0 { device_type = "memory"; reg = <0 0x80000000 0x1000>, <0 0x80001000 0x1000>; };
    memory@1 { device_type = "memory"; reg = <1 0 0x1000>; };
    cpus {
        #address-cells = <2>; #size-cells = <0>;
        cpu@101 { device_type = "cpu"; reg = <0x0 0x101>; };
        cpu@1 { device_type = "cpu"; reg = <0x1 0x3>; };
        cpu@2 { device_type = "cpu"; reg = <0x0 0x2>; status = "fail"; };
    };
};
"""


def test_cpus_keep_the_order_of_the_tree(tmp_path: Path) -> None:
    hardware = architecture("aarch64").read_hardware(tree(tmp_path, CPUS))
    assert [(cpu.index, cpu.hardware_id) for cpu in hardware.cpus] == [
        (0, 0x101),
        (1, 0x1_0000_0003),
    ]
    assert hardware.ram == (Range(0x8000_0000, 0x2000), Range(0x1_0000_0000, 0x1000))


def test_affinity_with_other_bits_is_refused(tmp_path: Path) -> None:
    with pytest.raises(fdt.TreeError, match="bits that are no affinity"):
        text = CPUS.replace("<0x0 0x101>", "<0x0 0x80000101>")
        architecture("aarch64").read_hardware(tree(tmp_path, text))


# x86 machines have no tree to compare with.
@pytest.mark.parametrize("name", sorted(path.stem for path in BOARDS.glob("qemu-virt-*.toml")))
def test_committed_tree_is_that_of_the_emulator(name: str, tmp_path: Path) -> None:
    board = read_board(BOARDS / f"{name}.toml")
    assert board.qemu is not None
    arguments = list(board.qemu.args)
    machine = arguments.index("-machine") + 1
    arguments[machine] += f",dumpdtb={tmp_path}/virt.dtb"
    arguments[arguments.index("-chardev") + 1] = "null,id=console"
    subprocess.run([board.qemu.binary, *arguments], check=True, capture_output=True, timeout=60)
    real = architecture(board.arch).read_hardware(fdt.read(tmp_path / "virt.dtb"))
    # Other devices may differ from one version of QEMU to the next.
    for part in vars(real).keys() - {"nodes"}:
        assert getattr(real, part) == getattr(board.hardware, part), part

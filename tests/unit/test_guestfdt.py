# SPDX-License-Identifier: Apache-2.0
"""Guest device trees: blob and source say the same, and say what the VM has."""

from __future__ import annotations

import string
import subprocess
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gen import fdt, guestfdt
from gen.fdt import FdtNode
from gen.model import Interrupt
from gen.plan.aarch64_tree import GuestMachine, guest_tree
from gen.plan.devices import GuestDevice
from gen.ranges import Range

MACHINE = GuestMachine(
    name="alpha",
    memory=(Range(0x4000_0000, 0x1000_0000), Range(0x1_0000_0000, 0x4000_0000)),
    cpus=(0, 1, 2, 3),
    gicd=Range(0x800_0000, 0x1_0000),
    gicr=Range(0x80A_0000, 4 * 0x2_0000),
    timer=(29, 30, 27, 26),
    uart=(Range(0x900_0000, 0x1000), 33),
    devices=(),
    cmdline='console=ttyAMA0 quoted="a \\ b"',
    initrd=Range(0x4200_0000, 0x1234),
)
Flat = dict[str, dict[str, bytes]]


def compiled(source: str) -> bytes:
    command = ["dtc", "-q", "-I", "dts", "-O", "dtb", "-o", "-", "-"]
    return subprocess.run(command, input=source.encode(), capture_output=True, check=True).stdout


def flat(blob: bytes) -> Flat:
    return {path: node.properties for path, node in fdt.parse(blob).nodes.items()}


def generated(machine: GuestMachine) -> Flat:
    """The tree of a machine, after a look that its two forms agree."""
    root = guest_tree(machine)
    result = flat(guestfdt.blob(root))
    assert flat(compiled(guestfdt.source(root, "test"))) == result
    return result


def test_whole_machine() -> None:
    nodes = generated(MACHINE)
    assert list(nodes)[:3] == ["/", "/chosen", "/hypervisor"]
    chosen = nodes["/chosen"]
    assert chosen["bootargs"] == MACHINE.cmdline.encode() + b"\0"
    assert chosen["linux,initrd-start"] == (0x4200_0000).to_bytes(8, "big")
    assert chosen["linux,initrd-end"] == (0x4200_1234).to_bytes(8, "big")
    assert nodes[chosen["stdout-path"][:-1].decode()]["compatible"].startswith(b"arm,pl011\0")
    assert nodes["/hypervisor"] == {"compatible": b"ashlar,vm\0", "vm-name": b"alpha\0"}
    assert [path for path in nodes if path.startswith("/memory@")] == [
        "/memory@40000000",
        "/memory@100000000",
    ]
    assert len([path for path in nodes if path.startswith("/cpus/cpu@")]) == 4
    assert nodes["/psci"]["method"] == b"hvc\0"
    assert "kaslr-seed" not in chosen


def test_is_read_back_as_hardware() -> None:
    """The reader that boards go through finds the same machine in it."""
    from gen.arch.aarch64 import ARCHITECTURE

    blob = guestfdt.blob(guest_tree(MACHINE))
    hardware = ARCHITECTURE.read_hardware(fdt.parse(blob))
    assert hardware.ram == MACHINE.memory
    assert [cpu.hardware_id for cpu in hardware.cpus] == [0, 1, 2, 3]
    assert hardware.gic is not None and hardware.timer is not None and hardware.uart is not None
    assert hardware.gic.distributor == MACHINE.gicd
    assert hardware.gic.regions == (MACHINE.gicr,)
    assert hardware.timer.virtual == 27 and hardware.timer.hypervisor_physical == 26
    assert hardware.uart.interrupt.number == 33 and hardware.uart.interrupt.trigger == "level"


def test_without_console() -> None:
    nodes = generated(replace(MACHINE, uart=None, initrd=None, cmdline=""))
    assert nodes["/chosen"] == {}
    assert not [path for path in nodes if "serial" in path or "pclk" in path]


def test_size_does_not_depend_on_the_initrd() -> None:
    """The tree is measured before the initrd is placed."""
    sizes = {
        len(guestfdt.blob(guest_tree(replace(MACHINE, initrd=Range(base, 4096)))))
        for base in (0, 0x4000_0000, 0x7F_0000_0000)
    }
    assert len(sizes) == 1


BOARD = """/dts-v1/;
/ { #address-cells = <2>; #size-cells = <2>;
    clk: clk { compatible = "fixed-clock"; #clock-cells = <0>; clock-frequency = <1>; };
    pl031@9010000 {
        compatible = "arm,pl031", "arm,primecell";
        reg = <0 0x9010000 0 0x1000>;
        clocks = <&clk>;
        clock-names = "apb_pclk";
        gpios = <&clk 3 0>;
        reg-shift = <2>;
    };
};"""


def test_device_of_the_board_stands_alone() -> None:
    board = fdt.parse(compiled(BOARD))
    device = GuestDevice(
        "rtc",
        board.find("/pl031@9010000"),
        (Range(0xB00_0000, 0x1000),),
        (Interrupt(34), Interrupt(50, "edge")),
    )
    nodes = generated(replace(MACHINE, uart=None, devices=(device,)))
    # At the guest's address, clocked by the guest's own clock, without the board's references.
    assert nodes["/pl031@b000000"] == {
        "compatible": b"arm,pl031\0arm,primecell\0",
        "reg-shift": guestfdt.cells(2),
        "reg": guestfdt.reg([Range(0xB00_0000, 0x1000)]),
        "interrupts": guestfdt.cells(0, 2, 4, 0, 18, 1),
        "clocks": nodes["/apb-pclk"]["phandle"],
        "clock-names": b"apb_pclk\0",
    }


def test_device_without_node() -> None:
    device = GuestDevice("fifo", None, (Range(0xB00_0000, 0x1000),), ())
    nodes = generated(replace(MACHINE, devices=(device,)))
    assert nodes["/fifo@b000000"]["compatible"] == b"ashlar,fifo\0"
    assert "interrupts" not in nodes["/fifo@b000000"]


@pytest.mark.parametrize("initrd", [None, Range(0x4200_0000, 4096)])
def test_given_tree_is_only_completed(initrd: Range | None) -> None:
    source = '/dts-v1/; / { a = "b"; chosen { bootargs = "old"; x; }; node { deep = <1>; }; };'
    tree = fdt.parse(compiled(source))
    nodes = flat(guestfdt.blob(guestfdt.completed(tree, "new", initrd)))
    assert nodes["/"] == {"a": b"b\0"} and nodes["/node"] == {"deep": guestfdt.cells(1)}
    assert nodes["/chosen"]["bootargs"] == b"new\0" and nodes["/chosen"]["x"] == b""
    assert ("linux,initrd-start" in nodes["/chosen"]) is (initrd is not None)


# Names that dtc knows (`name`, `phandle`) it wants to have certain values.
NAMES = st.text(string.ascii_lowercase + string.digits + "-,", max_size=12).map(lambda n: f"x{n}")
VALUES = st.one_of(
    st.binary(max_size=24),
    st.lists(st.text(max_size=8), max_size=3).map(lambda texts: guestfdt.strings(*texts)),
    st.lists(st.integers(0, 2**32 - 1), max_size=8).map(lambda numbers: guestfdt.cells(*numbers)),
)


@given(
    properties=st.dictionaries(
        st.one_of(NAMES, st.sampled_from(("reg", "interrupts", "bootargs"))), VALUES, max_size=6
    )
)
@settings(deadline=None, max_examples=80)
def test_any_value_survives_as_text(properties: dict[str, bytes]) -> None:
    root = FdtNode("", "/", None, {})
    child = FdtNode("node", "/node", root, properties)
    root.children.append(child)
    assert flat(compiled(guestfdt.source(root, "test")))["/node"] == properties
    assert flat(guestfdt.blob(root))["/node"] == properties

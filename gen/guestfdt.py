# SPDX-License-Identifier: Apache-2.0
"""The device tree of a guest: what the VM has, and nothing that it has not.

`guest_tree` builds the nodes of a VM; `blob` makes a .dtb of them through libfdt, `source` a .dts
that a person can read.  A tree that the user gave is only completed under /chosen (`completed`).

Sources: Devicetree Specification 0.4; the Linux bindings arm,gic-v3, arm,armv8-timer, arm,psci,
arm,pl011; Linux Documentation/arch/arm64/booting.rst.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import libfdt

from gen.fdt import FdtNode, Tree
from gen.ranges import Range

_GIC_PHANDLE = 1
_CLOCK_PHANDLE = 2

# Interrupt specifiers of arm,gic-v3.
_SPI, _PPI = 0, 1
_EDGE_RISING, _LEVEL_HIGH = 1, 4


@dataclass(frozen=True)
class GuestDevice:
    """A passed-through device.

    node: of the board's tree, None for a device given by its window alone.
    windows: guest addresses.  interrupts: (INTID, is_edge).
    """

    name: str
    node: FdtNode | None
    windows: tuple[Range, ...]
    interrupts: tuple[tuple[int, bool], ...]


@dataclass(frozen=True)
class GuestMachine:
    """What an aarch64 VM's tree tells.

    timer: INTIDs of the secure, non-secure, virtual and hypervisor timer.
    uart: window and INTID, None without a console.  cpus: affinities.
    """

    name: str
    memory: tuple[Range, ...]
    cpus: tuple[int, ...]
    gicd: Range
    gicr: Range
    timer: tuple[int, ...]
    uart: tuple[Range, int] | None
    devices: tuple[GuestDevice, ...]
    cmdline: str
    initrd: Range | None


def guest_tree(machine: GuestMachine) -> FdtNode:
    """The tree of a VM.

    Returns:
        The root node; its size does not depend on where the initrd lies.
    """
    root = _node(None, "")
    root.properties.update(
        {
            "#address-cells": cells(2),
            "#size-cells": cells(2),
            "compatible": strings("ashlar,guest", "linux,dummy-virt"),
            "model": strings(f"Ashlar VM {machine.name}"),
            "interrupt-parent": cells(_GIC_PHANDLE),
        }
    )
    stdout = f"/serial@{machine.uart[0].base:x}" if machine.uart else None
    _add_chosen(root, machine.cmdline, machine.initrd, stdout)
    _node(root, "hypervisor").properties.update(
        {"compatible": strings("ashlar,vm"), "vm-name": strings(machine.name)}
    )
    for region in machine.memory:
        _node(root, f"memory@{region.base:x}").properties.update(
            {"device_type": strings("memory"), "reg": reg([region])}
        )
    _add_cpus(root, machine.cpus)
    _node(root, "psci").properties.update(
        {"compatible": strings("arm,psci-1.0", "arm,psci-0.2"), "method": strings("hvc")}
    )
    _node(root, "timer").properties.update(
        {
            "compatible": strings("arm,armv8-timer"),
            "interrupts": _interrupts((intid, False) for intid in machine.timer),
            "always-on": b"",
        }
    )
    _node(root, f"interrupt-controller@{machine.gicd.base:x}").properties.update(
        {
            "compatible": strings("arm,gic-v3"),
            "#interrupt-cells": cells(3),
            "#redistributor-regions": cells(1),
            "interrupt-controller": b"",
            "reg": reg([machine.gicd, machine.gicr]),
            "phandle": cells(_GIC_PHANDLE),
        }
    )
    if machine.uart is not None or any(_has_clock(device) for device in machine.devices):
        _node(root, "apb-pclk").properties.update(
            {
                "compatible": strings("fixed-clock"),
                "#clock-cells": cells(0),
                "clock-frequency": cells(24_000_000),
                "clock-output-names": strings("clk24mhz"),
                "phandle": cells(_CLOCK_PHANDLE),
            }
        )
    if machine.uart is not None:
        window, intid = machine.uart
        _node(root, f"serial@{window.base:x}").properties.update(
            {
                "compatible": strings("arm,pl011", "arm,primecell"),
                "reg": reg([window]),
                "interrupts": _interrupts([(intid, False)]),
                "clocks": cells(_CLOCK_PHANDLE, _CLOCK_PHANDLE),
                "clock-names": strings("uartclk", "apb_pclk"),
            }
        )
    for device in machine.devices:
        _add_device(root, device)
    return root


def completed(tree: Tree, cmdline: str, initrd: Range | None) -> FdtNode:
    """A tree that the user gave, with the command line and the initrd's place under /chosen.

    What the tree says there itself stays, unless the VM says otherwise.
    """
    _add_chosen(tree.root, cmdline, initrd, None)
    return tree.root


# ---- property values -----------------------------------------------------------------------------


def cells(*values: int) -> bytes:
    """A list of 32-bit cells."""
    return struct.pack(f">{len(values)}I", *values)


def strings(*values: str) -> bytes:
    """A list of strings."""
    return b"".join(value.encode() + b"\0" for value in values)


def reg(ranges: Iterable[Range]) -> bytes:
    """Addresses and sizes of two cells each."""
    return b"".join(struct.pack(">QQ", item.base, item.size) for item in ranges)


def _interrupts(items: Iterable[tuple[int, bool]]) -> bytes:
    result = b""
    for intid, is_edge in items:
        kind, number = (_SPI, intid - 32) if intid >= 32 else (_PPI, intid - 16)
        result += cells(kind, number, _EDGE_RISING if is_edge else _LEVEL_HIGH)
    return result


# ---- nodes ---------------------------------------------------------------------------------------


def _node(parent: FdtNode | None, name: str) -> FdtNode:
    path = "/" if parent is None else f"{parent.path.rstrip('/')}/{name}"
    node = FdtNode(name, path, parent, {})
    if parent is not None:
        parent.children.append(node)
    return node


def _add_chosen(root: FdtNode, cmdline: str, initrd: Range | None, stdout: str | None) -> None:
    chosen = root.child("chosen") or _node(root, "chosen")
    if cmdline:
        chosen.properties["bootargs"] = strings(cmdline)
    if stdout is not None:
        chosen.properties["stdout-path"] = strings(stdout)
    if initrd is not None:
        chosen.properties["linux,initrd-start"] = struct.pack(">Q", initrd.base)
        chosen.properties["linux,initrd-end"] = struct.pack(">Q", initrd.end)


def _add_cpus(root: FdtNode, affinities: Sequence[int]) -> None:
    parent = _node(root, "cpus")
    parent.properties.update({"#address-cells": cells(1), "#size-cells": cells(0)})
    for affinity in affinities:
        _node(parent, f"cpu@{affinity:x}").properties.update(
            {
                "device_type": strings("cpu"),
                "compatible": strings("arm,armv8"),
                "reg": cells(affinity),
                "enable-method": strings("psci"),
            }
        )


# Properties of a board's node that mean the same in a guest: no reference to another node.
_COPIED = (
    "compatible",
    "reg-names",
    "interrupt-names",
    "reg-shift",
    "reg-io-width",
    "bank-width",
    "dma-coherent",
    "status",
)


def _has_clock(device: GuestDevice) -> bool:
    return device.node is not None and "clocks" in device.node.properties


def _add_device(root: FdtNode, device: GuestDevice) -> None:
    base_name = device.node.name.partition("@")[0] if device.node is not None else device.name
    unit = f"@{device.windows[0].base:x}" if device.windows else ""
    node = _node(root, f"{base_name}{unit}")
    if device.node is not None:
        for name in _COPIED:
            if name in device.node.properties:
                node.properties[name] = device.node.properties[name]
    else:
        node.properties["compatible"] = strings(f"ashlar,{device.name}")
    if device.windows:
        node.properties["reg"] = reg(device.windows)
    if device.interrupts:
        node.properties["interrupts"] = _interrupts(device.interrupts)
    # Clocks of the board are not the guest's: a fixed one, always on, stands in for each.
    if _has_clock(device):
        assert device.node is not None
        names = device.node.strings("clock-names")
        node.properties["clocks"] = cells(*[_CLOCK_PHANDLE] * max(1, len(names)))
        if names:
            node.properties["clock-names"] = strings(*names)


# ---- output --------------------------------------------------------------------------------------


def blob(root: FdtNode) -> bytes:
    """The flattened tree (.dtb)."""
    writer = libfdt.FdtSw()
    writer.INC_SIZE = 65536
    writer.finish_reservemap()
    _write(writer, root)
    fdt = writer.as_fdt()
    fdt.pack()
    return bytes(fdt.as_bytearray()[: fdt.totalsize()])


def _write(writer: libfdt.FdtSw, node: FdtNode) -> None:
    writer.begin_node(node.name)
    for name, value in node.properties.items():
        writer.property(name, value)
    for child in node.children:
        _write(writer, child)
    writer.end_node()


def source(root: FdtNode, title: str) -> str:
    """The tree as .dts text, with `title` as its first comment."""
    lines = ["/dts-v1/;", f"/* {title} */", ""]
    _print(root, 0, lines)
    return "\n".join(lines) + "\n"


def _print(node: FdtNode, depth: int, lines: list[str]) -> None:
    indent = "\t" * depth
    lines.append(f"{indent}{node.name or '/'} {{")
    for name, value in node.properties.items():
        lines.append(f"{indent}\t{name}{_value(name, value)};")
    for child in node.children:
        lines.append("")
        _print(child, depth + 1, lines)
    lines.append(f"{indent}}};")


def _value(name: str, data: bytes) -> str:
    if not data:
        return ""
    if _is_text(name, data):
        parts = data[:-1].decode("ascii").split("\0")
        return " = " + ", ".join(f'"{_escaped(part)}"' for part in parts)
    if len(data) % 4 == 0:
        numbers = struct.unpack(f">{len(data) // 4}I", data)
        if name == "reg" and len(numbers) > 4 and len(numbers) % 4 == 0:
            groups = [numbers[at : at + 4] for at in range(0, len(numbers), 4)]
        elif name == "interrupts" and len(numbers) % 3 == 0:
            groups = [numbers[at : at + 3] for at in range(0, len(numbers), 3)]
        else:
            groups = [numbers]
        return " = " + ", ".join(_cell_list(name, group) for group in groups)
    return " = [" + " ".join(f"{byte:02x}" for byte in data) + "]"


_DECIMAL = ("interrupts", "#address-cells", "#size-cells", "clock-frequency")


def _cell_list(name: str, numbers: tuple[int, ...]) -> str:
    texts = (str(n) if name in _DECIMAL or n < 10 else f"{n:#x}" for n in numbers)
    return "<" + " ".join(texts) + ">"


# Text as dtc itself would guess it: printable strings, none empty, with a zero at the end.
def _is_text(name: str, data: bytes) -> bool:
    if name in ("bootargs", "vm-name", "model"):
        return data.endswith(b"\0") and all(32 <= byte < 127 or byte == 0 for byte in data)
    parts = data.split(b"\0")
    return (
        parts[-1] == b""
        and all(parts[:-1])
        and all(32 <= byte < 127 for part in parts for byte in part)
    )


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"')

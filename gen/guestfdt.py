# SPDX-License-Identifier: Apache-2.0
"""Device trees for guests: nodes that are alike on all architectures, and both written forms.

`blob` makes a .dtb through libfdt, `source` a .dts that a person can read; both say the same. What
an architecture adds (CPUs, interrupt controller, timer, firmware, UART) is in its module of
gen/plan. A tree that the user gave is only completed under /chosen.

Source: Devicetree Specification 0.4.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable

import libfdt

from gen.fdt import FdtNode, Tree
from gen.ranges import Range

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


def timeout(longest_us: int) -> bytes:
    """Whole seconds for which a guest shall set a watchdog that counts so long at most."""
    return cells(max(1, longest_us // 1_000_000))


# ---- nodes ---------------------------------------------------------------------------------------


def add_node(parent: FdtNode | None, name: str, **properties: bytes) -> FdtNode:
    """A new last child of `parent` (None: a root), with the properties whose names allow it."""
    path = "/" if parent is None else f"{parent.path.rstrip('/')}/{name}"
    node = FdtNode(name, path, parent, dict(properties))
    if parent is not None:
        parent.children.append(node)
    return node


def new_root(vm: str) -> FdtNode:
    """The root of a VM's tree, with addresses and sizes of two cells."""
    root = add_node(None, "")
    root.properties["#address-cells"] = cells(2)
    root.properties["#size-cells"] = cells(2)
    root.properties["compatible"] = strings("ashlar,guest", "linux,dummy-virt")
    root.properties["model"] = strings(f"Ashlar VM {vm}")
    return root


def add_chosen(root: FdtNode, cmdline: str, initrd: Range | None, stdout: str | None) -> None:
    """Fills in /chosen, which may be there already.

    Args:
        root: the tree.
        cmdline: "" leaves what is there.
        initrd: its guest addresses, None without one.
        stdout: path of the console's node, None leaves what is there.
    """
    chosen = root.child("chosen") or add_node(root, "chosen")
    if cmdline:
        chosen.properties["bootargs"] = strings(cmdline)
    if stdout is not None:
        chosen.properties["stdout-path"] = strings(stdout)
    if initrd is not None:
        chosen.properties["linux,initrd-start"] = struct.pack(">Q", initrd.base)
        chosen.properties["linux,initrd-end"] = struct.pack(">Q", initrd.end)


def add_hypervisor(root: FdtNode, vm: str) -> None:
    """/hypervisor, by which a guest knows where it runs and what it is called."""
    node = add_node(root, "hypervisor", compatible=strings("ashlar,vm"))
    node.properties["vm-name"] = strings(vm)


def add_memory(root: FdtNode, regions: Iterable[Range]) -> None:
    """One memory node for each region."""
    for region in regions:
        node = add_node(root, f"memory@{region.base:x}")
        node.properties["device_type"] = strings("memory")
        node.properties["reg"] = reg([region])


def add_clock(root: FdtNode, phandle: int) -> None:
    """A fixed clock, for devices that want to know one."""
    add_node(root, "apb-pclk").properties.update(
        {
            "compatible": strings("fixed-clock"),
            "#clock-cells": cells(0),
            "clock-frequency": cells(24_000_000),
            "clock-output-names": strings("clk24mhz"),
            "phandle": cells(phandle),
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


def add_device(
    root: FdtNode,
    name: str,
    board_node: FdtNode | None,
    windows: tuple[Range, ...],
    interrupts: bytes,
    clock: int,
) -> FdtNode:
    """A passed-through device, as far as it stands alone.

    Args:
        root: the tree, or the bus that it is on.
        name: the device's name, where it has no node.
        board_node: the node that describes it on the board.
        windows: guest addresses.
        interrupts: the property of that name, as the guest's controller wants it.
        clock: phandle of a fixed clock that stands in for each clock of the board's.

    Returns:
        Its node.
    """
    base_name = board_node.name.partition("@")[0] if board_node is not None else name
    node = add_node(root, f"{base_name}@{windows[0].base:x}" if windows else base_name)
    given = board_node.properties if board_node is not None else {}
    node.properties["compatible"] = strings(f"ashlar,{name}")
    node.properties.update({key: given[key] for key in _COPIED if key in given})
    if windows:
        node.properties["reg"] = reg(windows)
    if interrupts:
        node.properties["interrupts"] = interrupts
    if board_node is not None and "clocks" in given:
        names = board_node.strings("clock-names")
        node.properties["clocks"] = cells(*[clock] * max(1, len(names)))
        if names:
            node.properties["clock-names"] = strings(*names)
    return node


def completed(tree: Tree, cmdline: str, initrd: Range | None) -> FdtNode:
    """A tree that the user gave, with the command line and the initrd's place under /chosen."""
    add_chosen(tree.root, cmdline, initrd, None)
    return tree.root


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


_DECIMAL = ("interrupts", "#address-cells", "#size-cells", "clock-frequency", "timeout-sec")


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

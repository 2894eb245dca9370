# SPDX-License-Identifier: Apache-2.0
"""Reading of flattened device trees: nodes, properties, addresses, interrupt specifiers.

The blob is read once, with libfdt, into plain objects.  A .dts is compiled by dtc first.  What
specifiers and bindings mean is left to gen/arch.  This module and the writer of guest trees are the
only ones that import libfdt.

Source: Devicetree Specification 0.4, 2.3 (standard properties) and 2.4 (interrupts).
"""

from __future__ import annotations

import struct
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import libfdt

from gen.ranges import Range


class TreeError(Exception):
    """The device tree cannot be read, or breaks the specification; the message says how."""


@dataclass(eq=False)
class FdtNode:
    """A node.  path: "/" or "/a/b@1".  properties: raw big-endian bytes by name."""

    name: str
    path: str
    parent: FdtNode | None
    properties: dict[str, bytes]
    children: list[FdtNode] = field(default_factory=list, repr=False)

    def walk(self) -> Iterator[FdtNode]:
        """This node and all below it, in the order of the tree."""
        yield self
        for child in self.children:
            yield from child.walk()

    def child(self, name: str) -> FdtNode | None:
        """The child of that full name, or None."""
        return next((item for item in self.children if item.name == name), None)

    def cells(self, name: str) -> tuple[int, ...]:
        """A property as 32-bit numbers; () if it is absent.

        Raises:
            TreeError: its length is not a multiple of 4.
        """
        data = self.properties.get(name, b"")
        if len(data) % 4:
            raise TreeError(f'{self.path}: "{name}" is not a list of 32-bit cells')
        return struct.unpack(f">{len(data) // 4}I", data)

    def cell(self, name: str, default: int) -> int:
        """A property of one cell, or the default if it is absent or empty."""
        cells = self.cells(name)
        return cells[0] if cells else default

    def strings(self, name: str) -> tuple[str, ...]:
        """A property as a list of strings; () if it is absent."""
        data = self.properties.get(name, b"")
        if not data:
            return ()
        return tuple(data.rstrip(b"\0").decode("utf-8", "replace").split("\0"))

    def string(self, name: str) -> str:
        """The first string of a property, or ""."""
        strings = self.strings(name)
        return strings[0] if strings else ""

    @property
    def compatible(self) -> tuple[str, ...]:
        """The property `compatible`."""
        return self.strings("compatible")

    @property
    def enabled(self) -> bool:
        """Whether `status` is absent, "okay" or "ok"."""
        return self.string("status") in ("", "okay", "ok")

    def reg(self) -> tuple[Range, ...]:
        """`reg` in the address space of the parent's bus; () where sizes have no cells.

        Raises:
            TreeError: the length does not fit #address-cells and #size-cells.
        """
        if self.parent is None:
            return ()
        address_cells, size_cells = self.parent.cell_counts
        cells = self.cells("reg")
        step = address_cells + size_cells
        if not cells or not size_cells:
            return ()
        if len(cells) % step:
            raise TreeError(
                f'{self.path}: "reg" has {len(cells)} cells, not a multiple of #address-cells'
                f" ({address_cells}) + #size-cells ({size_cells})"
            )
        return tuple(
            Range(
                _number(cells[at : at + address_cells]),
                _number(cells[at + address_cells : at + step]),
            )
            for at in range(0, len(cells), step)
        )

    @property
    def cell_counts(self) -> tuple[int, int]:
        """#address-cells and #size-cells for the children (2 and 1 by default)."""
        return self.cell("#address-cells", 2), self.cell("#size-cells", 1)

    def windows(self) -> tuple[Range, ...]:
        """`reg` as physical addresses: translated through the `ranges` of all buses above.

        A register that no bus forwards is left out.
        """
        result = []
        for window in self.reg():
            translated = self._translated(window)
            if translated is not None:
                result.append(translated)
        return tuple(result)

    def _translated(self, window: Range) -> Range | None:
        bus = self.parent
        while bus is not None and bus.parent is not None:
            if "ranges" not in bus.properties:
                return None
            cells = bus.cells("ranges")
            if cells:
                child_cells, size_cells = bus.cell_counts
                parent_cells, _ = bus.parent.cell_counts
                step = child_cells + parent_cells + size_cells
                if len(cells) % step:
                    raise TreeError(
                        f'{bus.path}: "ranges" has {len(cells)} cells, not a multiple of {step}'
                    )
                for at in range(0, len(cells), step):
                    child = _number(cells[at : at + child_cells])
                    parent = _number(cells[at + child_cells : at + child_cells + parent_cells])
                    size = _number(cells[at + child_cells + parent_cells : at + step])
                    if Range(child, size).contains(window):
                        window = window.moved(parent - child)
                        break
                else:
                    return None
            bus = bus.parent
        return window


@dataclass(frozen=True)
class Specifier:
    """An interrupt as a node states it: the controller and the cells that it defines."""

    controller: FdtNode
    cells: tuple[int, ...]


@dataclass(frozen=True, eq=False)
class Tree:
    """A device tree.  reserved: the memory reservation block."""

    root: FdtNode
    reserved: tuple[Range, ...]
    nodes: dict[str, FdtNode] = field(repr=False)
    phandles: dict[int, FdtNode] = field(repr=False)

    def find(self, path: str) -> FdtNode | None:
        """The node of a full path, or of an alias; None if there is none."""
        if path.startswith("/"):
            return self.nodes.get(path.rstrip("/") or "/")
        aliases = self.nodes.get("/aliases")
        alias, _, rest = path.partition("/")
        if aliases is None or alias not in aliases.properties:
            return None
        return self.find(aliases.string(alias) + (f"/{rest}" if rest else ""))

    def compatible_with(self, *names: str) -> list[FdtNode]:
        """Enabled nodes that are compatible with one of the names, in the order of the tree."""
        wanted = set(names)
        return [n for n in self.nodes.values() if n.enabled and wanted & set(n.compatible)]

    def specifiers(self, node: FdtNode) -> tuple[Specifier, ...]:
        """The interrupts of a node: `interrupts-extended`, or `interrupts` and an inherited parent.

        Raises:
            TreeError: no interrupt parent, a dangling phandle, or a wrong number of cells.
        """
        result = []
        cells = node.cells("interrupts-extended")
        if cells:
            at = 0
            while at < len(cells):
                controller = self._controller(node, cells[at])
                count = controller.cell("#interrupt-cells", 1)
                if at + 1 + count > len(cells):
                    raise TreeError(f'{node.path}: "interrupts-extended" ends within a specifier')
                result.append(Specifier(controller, cells[at + 1 : at + 1 + count]))
                at += 1 + count
            return tuple(result)
        cells = node.cells("interrupts")
        if not cells:
            return ()
        controller = self.interrupt_parent(node)
        count = controller.cell("#interrupt-cells", 1)
        if count == 0 or len(cells) % count:
            raise TreeError(
                f'{node.path}: "interrupts" has {len(cells)} cells, not a multiple of the'
                f" {count} of {controller.path}"
            )
        return tuple(
            Specifier(controller, cells[at : at + count]) for at in range(0, len(cells), count)
        )

    def interrupt_parent(self, node: FdtNode) -> FdtNode:
        """The controller (or nexus) that a node's interrupts go to; inherited from above.

        Raises:
            TreeError: there is none, or the phandle is dangling.
        """
        current: FdtNode | None = node
        while current is not None:
            parent = current.cells("interrupt-parent")
            if parent:
                return self._controller(current, parent[0])
            if current is not node and "#interrupt-cells" in current.properties:
                return current
            current = current.parent
        raise TreeError(f"{node.path}: has interrupts, but no interrupt parent")

    def _controller(self, node: FdtNode, phandle: int) -> FdtNode:
        controller = self.phandles.get(phandle)
        if controller is None:
            raise TreeError(f"{node.path}: interrupt parent {phandle:#x} is no node's phandle")
        return controller


def _number(cells: tuple[int, ...]) -> int:
    value = 0
    for cell in cells:
        value = value << 32 | cell
    return value


def read(path: Path) -> Tree:
    """Reads a .dtb, or a .dts through dtc.

    Raises:
        TreeError: the file cannot be read or compiled, or is not a device tree.
    """
    try:
        data = _compiled(path) if path.suffix == ".dts" else path.read_bytes()
    except OSError as error:
        raise TreeError(f"cannot read {path.name}: {error.strerror}") from None
    return parse(data)


# dtc's messages name the file as it was passed: run in its folder they are the same anywhere.
def _compiled(path: Path) -> bytes:
    path.read_bytes()[:1]  # a missing file is reported by the system's words, not by dtc's
    command = ["dtc", "-q", "-I", "dts", "-O", "dtb", "-o", "-", path.name]
    try:
        done = subprocess.run(command, cwd=path.parent, capture_output=True, check=False)
    except FileNotFoundError:
        raise TreeError("dtc (package device-tree-compiler) is not installed") from None
    if done.returncode:
        lines = done.stderr.decode("utf-8", "replace").strip().splitlines()
        raise TreeError(f"dtc: {lines[0].removeprefix('Error: ') if lines else 'failed'}")
    return done.stdout


def parse(data: bytes) -> Tree:
    """Reads a device tree blob.

    Raises:
        TreeError: it is not one, or is damaged.
    """
    try:
        # The binding's own accessors trust sizes and offsets: check all of them before.
        libfdt.check_err(libfdt.fdt_check_full(bytearray(data), len(data)))
        fdt = libfdt.FdtRo(data)
        nodes: dict[str, FdtNode] = {}
        root = _read_node(fdt, 0, None, nodes)
        reserved = tuple(Range(*fdt.get_mem_rsv(index)[-2:]) for index in range(fdt.num_mem_rsv()))
    except (libfdt.FdtException, ValueError) as error:
        raise TreeError(f"not a device tree blob: {error}") from None
    phandles = {}
    for node in nodes.values():
        phandle = node.cell("phandle", node.cell("linux,phandle", 0))
        if phandle:
            phandles[phandle] = node
    return Tree(root, reserved, nodes, phandles)


def _read_node(
    fdt: libfdt.FdtRo, offset: int, parent: FdtNode | None, nodes: dict[str, FdtNode]
) -> FdtNode:
    quiet = (libfdt.NOTFOUND,)
    name = fdt.get_name(offset)
    path = "/" if parent is None else f"{parent.path.rstrip('/')}/{name}"
    node = FdtNode(name, path, parent, {})
    nodes[path] = node
    at = fdt.first_property_offset(offset, quiet)
    while at >= 0:
        prop = fdt.get_property_by_offset(at)
        node.properties[prop.name] = bytes(prop)
        at = fdt.next_property_offset(at, quiet)
    child = fdt.first_subnode(offset, quiet)
    while child >= 0:
        node.children.append(_read_node(fdt, child, node, nodes))
        child = fdt.next_subnode(child, quiet)
    return node

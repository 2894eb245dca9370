# SPDX-License-Identifier: Apache-2.0
"""What device trees say alike on all architectures: RAM, reservations, devices, the console.

Source: Devicetree Specification 0.4, 3.4 (/memory), 3.5 (/reserved-memory), 3.6 (/chosen).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from gen.fdt import FdtNode, Specifier, Tree, TreeError
from gen.model import Hardware, Interrupt, Node
from gen.ranges import PAGE_SIZE, Range, align_up, merged

# Properties that only devices have which reach memory by themselves.
_DMA_SIGNS = ("dma-coherent", "dma-noncoherent", "dma-ranges", "iommus", "iommu-map")


def ram(tree: Tree) -> tuple[Range, ...]:
    """RAM, disjoint, sorted by base.

    Raises:
        TreeError: there is none.
    """
    nodes = [n for n in tree.root.children if n.string("device_type") == "memory" and n.enabled]
    result = merged(window for node in nodes for window in node.reg())
    if not result:
        raise TreeError('/: no memory node (device_type = "memory") with a size')
    return tuple(result)


def reserved(tree: Tree) -> tuple[Range, ...]:
    """RAM that firmware keeps, disjoint, sorted by base; dynamic reservations have no address."""
    parent = tree.root.child("reserved-memory")
    nodes = parent.children if parent is not None else []
    return tuple(merged([*tree.reserved, *(window for node in nodes for window in node.windows())]))


def console_path(tree: Tree) -> str | None:
    """Path of the node that /chosen names as stdout-path; None if it names none."""
    chosen = tree.find("/chosen")
    text = chosen.string("stdout-path") if chosen is not None else ""
    node = tree.find(text.partition(":")[0]) if text else None
    return node.path if node is not None else None


def devices(
    tree: Tree,
    decode: Callable[[Specifier], Interrupt | None],
    ports_of: Callable[[FdtNode], tuple[Range, ...]] = lambda _: (),
) -> Mapping[str, Node]:
    """Every enabled node with windows, ports or interrupts, by path, in the order of the tree.

    Args:
        tree: the tree.
        decode: makes an Interrupt of a specifier; None where another controller handles it.
        ports_of: the I/O ports of a node.
    """
    result = {}
    for node in tree.nodes.values():
        if not node.enabled or node.string("device_type") in ("memory", "cpu"):
            continue
        # One broken device must not make the whole board unusable: it has nothing to give then.
        try:
            windows, ports = node.windows(), ports_of(node)
            decoded = [decode(item) for item in tree.specifiers(node)]
        except TreeError:
            continue
        interrupts = tuple(item for item in decoded if item is not None)
        if windows or ports or interrupts:
            dma = any(name in node.properties for name in _DMA_SIGNS)
            result[node.path] = Node(node.path, node.compatible, windows, interrupts, dma, ports)
    return result


def unused_pages(hardware: Hardware, start: int, count: int) -> Range:
    """The first `count` pages from an address on where the board has nothing.

    For an emulated device that no board has: so it is in nobody's way.
    """
    windows = [window for node in hardware.nodes.values() for window in node.windows]
    place = Range(align_up(start, PAGE_SIZE), count * PAGE_SIZE)
    for taken in merged((*windows, *hardware.ram)):
        if taken.overlaps(place):
            place = Range(align_up(taken.end, PAGE_SIZE), place.size)
    return place


def unused_interrupt(hardware: Hardware, numbers: Iterable[int]) -> int:
    """The first of some numbers by which nothing on the board interrupts."""
    taken = {item.number for node in hardware.nodes.values() for item in node.interrupts}
    return next(number for number in numbers if number not in taken)

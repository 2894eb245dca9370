# SPDX-License-Identifier: Apache-2.0
"""Passed-through devices, as the guest's interrupt numbers and device tree have them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from gen.fdt import FdtNode, Tree
from gen.model import Interrupt, Vm
from gen.plan.types import HwIrq
from gen.ranges import Range


@dataclass(frozen=True)
class GuestDevice:
    """A passed-through device.

    node: of the board's tree, None for a device given by its window alone.
    windows: guest addresses.  ports: I/O ports.
    """

    name: str
    node: FdtNode | None
    windows: tuple[Range, ...]
    interrupts: tuple[Interrupt, ...]
    ports: tuple[Range, ...] = ()


def hw_irqs(vm: Vm) -> tuple[HwIrq, ...]:
    """The physical interrupts of a VM's devices, by number; the guest sees the same numbers."""
    result = [
        HwIrq(device.name, item.number, item.number, item.trigger == "edge")
        for device in vm.devices
        for item in device.interrupts
    ]
    return tuple(sorted(result, key=lambda irq: irq.intid))


def guest_devices(vm: Vm, board_tree: Tree | None) -> tuple[GuestDevice, ...]:
    """The devices of a VM; board_tree: None if no VM has devices."""
    return tuple(
        GuestDevice(
            device.name,
            board_tree.find(device.node) if board_tree is not None and device.node else None,
            tuple(window.guest_range for window in device.windows),
            device.interrupts,
            device.ports,
        )
        for device in vm.devices
    )


def any_clock(devices: Iterable[GuestDevice]) -> bool:
    """Whether a device's node names a clock, so that the guest needs one that stands in for it."""
    return any(item.node is not None and "clocks" in item.node.properties for item in devices)

# SPDX-License-Identifier: Apache-2.0
"""The device tree of an aarch64 guest: what the VM has, and nothing that it has not.

Sources: the Linux bindings arm,gic-v3, arm,armv8-timer, arm,psci, arm,pl011, arm,cpus,
arm,sbsa-gwdt.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from gen import guestfdt
from gen.arch.aarch64 import PPI_BASE, SPI_BASE, GuestWatchdog
from gen.fdt import FdtNode
from gen.guestfdt import add_node, cells, strings
from gen.model import Interrupt
from gen.plan.devices import GuestDevice, any_clock
from gen.ranges import Range

_GIC_PHANDLE = 1
_CLOCK_PHANDLE = 2

# Cells of an interrupt specifier.
_SPI, _PPI = 0, 1
_EDGE_RISING, _LEVEL_HIGH = 1, 4


@dataclass(frozen=True)
class GuestMachine:
    """What a VM's tree tells.

    timer: INTIDs of the secure, non-secure, virtual and hypervisor timer (guests want all four).
    uart: window and INTID, None without a console.  cpus: affinities.
    watchdog: None without one.  watchdog_us: the longest time that it counts.
    initrd: where it lies in the VM, None without one.
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
    watchdog: GuestWatchdog | None = None
    watchdog_us: int = 0


def guest_tree(machine: GuestMachine) -> FdtNode:
    """The tree of a VM.

    Returns:
        The root node; its size does not depend on where the initrd lies.
    """
    root = guestfdt.new_root(machine.name)
    root.properties["interrupt-parent"] = cells(_GIC_PHANDLE)
    stdout = f"/serial@{machine.uart[0].base:x}" if machine.uart else None
    guestfdt.add_chosen(root, machine.cmdline, machine.initrd, stdout)
    guestfdt.add_hypervisor(root, machine.name)
    guestfdt.add_memory(root, machine.memory)
    _add_cpus(root, machine.cpus)
    _add_timer(root, machine.timer)
    _add_gic(root, machine.gicd, machine.gicr)
    if machine.uart is not None or any_clock(machine.devices):
        guestfdt.add_clock(root, _CLOCK_PHANDLE)
    if machine.uart is not None:
        _add_uart(root, *machine.uart)
    if machine.watchdog is not None:
        _add_watchdog(root, machine.watchdog, machine.watchdog_us)
    for device in machine.devices:
        interrupts = _interrupts(device.interrupts)
        guestfdt.add_device(
            root, device.name, device.node, device.windows, interrupts, _CLOCK_PHANDLE
        )
    return root


def _interrupts(items: Iterable[Interrupt]) -> bytes:
    result = b""
    for item in items:
        spi = item.number >= SPI_BASE
        kind, number = (_SPI, item.number - SPI_BASE) if spi else (_PPI, item.number - PPI_BASE)
        result += cells(kind, number, _EDGE_RISING if item.trigger == "edge" else _LEVEL_HIGH)
    return result


def _add_cpus(root: FdtNode, affinities: Iterable[int]) -> None:
    parent = add_node(root, "cpus")
    parent.properties.update({"#address-cells": cells(1), "#size-cells": cells(0)})
    for affinity in affinities:
        add_node(parent, f"cpu@{affinity:x}").properties.update(
            {
                "device_type": strings("cpu"),
                "compatible": strings("arm,armv8"),
                "reg": cells(affinity),
                "enable-method": strings("psci"),
            }
        )
    add_node(
        root, "psci", compatible=strings("arm,psci-1.0", "arm,psci-0.2"), method=strings("hvc")
    )


def _add_timer(root: FdtNode, intids: Iterable[int]) -> None:
    add_node(root, "timer").properties.update(
        {
            "compatible": strings("arm,armv8-timer"),
            "interrupts": _interrupts(map(Interrupt, intids)),
            "always-on": b"",
        }
    )


def _add_gic(root: FdtNode, gicd: Range, gicr: Range) -> None:
    add_node(root, f"interrupt-controller@{gicd.base:x}").properties.update(
        {
            "compatible": strings("arm,gic-v3"),
            "#interrupt-cells": cells(3),
            "#redistributor-regions": cells(1),
            "interrupt-controller": b"",
            "reg": guestfdt.reg([gicd, gicr]),
            "phandle": cells(_GIC_PHANDLE),
        }
    )


def _add_uart(root: FdtNode, window: Range, intid: int) -> None:
    add_node(root, f"serial@{window.base:x}").properties.update(
        {
            "compatible": strings("arm,pl011", "arm,primecell"),
            "reg": guestfdt.reg([window]),
            "interrupts": _interrupts([Interrupt(intid)]),
            "clocks": cells(_CLOCK_PHANDLE, _CLOCK_PHANDLE),
            "clock-names": strings("uartclk", "apb_pclk"),
        }
    )


# The control frame comes first.
def _add_watchdog(root: FdtNode, watchdog: GuestWatchdog, longest_us: int) -> None:
    node = add_node(root, f"watchdog@{watchdog.control.base:x}")
    node.properties.update(
        {
            "compatible": strings("arm,sbsa-gwdt"),
            "reg": guestfdt.reg([watchdog.control, watchdog.refresh]),
            "interrupts": _interrupts([Interrupt(watchdog.interrupt)]),
            "timeout-sec": guestfdt.timeout(longest_us),
        }
    )

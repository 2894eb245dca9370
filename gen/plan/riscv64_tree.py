# SPDX-License-Identifier: Apache-2.0
"""The device tree of a riscv64 guest: what the VM has, and nothing that it has not.

The root has no interrupt-parent: the harts' own controllers would inherit it and never come up.

Sources: the Linux bindings riscv/cpus, riscv,cpu-intc, sifive,plic-1.0.0, riscv,aplic,
riscv,imsics, 8250, allwinner,sun4i-a10-wdt.
"""

from __future__ import annotations

from dataclasses import dataclass

from gen import guestfdt
from gen.arch.riscv64 import SUPERVISOR_EXTERNAL
from gen.fdt import FdtNode
from gen.guestfdt import add_node, cells, strings
from gen.model import Interrupt
from gen.plan.devices import GuestDevice, any_clock
from gen.ranges import Range

_CONTROLLER_PHANDLE = 1
_CLOCK_PHANDLE = 2
_IMSIC_PHANDLE = 3
_HART_PHANDLES = 16  # of the controllers of the harts, from here on

# Second cell of an interrupt at an APLIC.
_EDGE_RISING, _LEVEL_HIGH = 1, 4

# Input clock of the UART in hertz: any will do, no baud rate is emulated.
_UART_CLOCK = 3_686_400

# The longest interval of the watchdog of Allwinner's D1, and the size of its registers.
_WATCHDOG_LONGEST_US = 16_000_000
_WATCHDOG_SIZE = 0x20


@dataclass(frozen=True)
class GuestMachine:
    """What a VM's tree tells.

    isa: riscv,isa of each hart.  mmu_type: "" leaves it out.
    controller: window of the PLIC, or of the APLIC where has_aplic.  imsic: window of the interrupt
    files to which the APLIC sends messages, one page for each hart; None: it delivers itself.
    source_count: sources are 1 to this number.  id_count: the same of interrupt identities.
    uart: window and source, None without a console.
    watchdog: window, None without one.  watchdog_us: the longest time that it counts.
    initrd: where it lies in the VM, None without one.
    """

    name: str
    memory: tuple[Range, ...]
    vcpu_count: int
    isa: str
    mmu_type: str
    timebase_frequency: int
    has_aplic: bool
    controller: Range
    source_count: int
    imsic: Range | None
    id_count: int
    uart: tuple[Range, int] | None
    devices: tuple[GuestDevice, ...]
    cmdline: str
    initrd: Range | None
    watchdog: Range | None = None
    watchdog_us: int = 0


def guest_tree(machine: GuestMachine) -> FdtNode:
    """The tree of a VM.

    Returns:
        The root node; its size does not depend on where the initrd lies.
    """
    root = guestfdt.new_root(machine.name)
    stdout = f"/soc/serial@{machine.uart[0].base:x}" if machine.uart else None
    guestfdt.add_chosen(root, machine.cmdline, machine.initrd, stdout)
    guestfdt.add_hypervisor(root, machine.name)
    guestfdt.add_memory(root, machine.memory)
    _add_cpus(root, machine)
    if any_clock(machine.devices):
        guestfdt.add_clock(root, _CLOCK_PHANDLE)
    soc = add_node(root, "soc", compatible=strings("simple-bus"), ranges=b"")
    soc.properties.update({"#address-cells": cells(2), "#size-cells": cells(2)})
    if machine.imsic is not None:
        _add_imsic(soc, machine, machine.imsic)
    if machine.has_aplic:
        _add_aplic(soc, machine)
    else:
        _add_plic(soc, machine)
    if machine.uart is not None:
        _add_uart(soc, machine, *machine.uart)
    if machine.watchdog is not None:
        _add_watchdog(soc, machine.watchdog, machine.watchdog_us)
    for device in machine.devices:
        interrupts = b"".join(_interrupt(machine, item) for item in device.interrupts)
        node = guestfdt.add_device(
            soc, device.name, device.node, device.windows, interrupts, _CLOCK_PHANDLE
        )
        if interrupts:
            node.properties["interrupt-parent"] = cells(_CONTROLLER_PHANDLE)
    return root


def _interrupt(machine: GuestMachine, item: Interrupt) -> bytes:
    if not machine.has_aplic:
        return cells(item.number)
    return cells(item.number, _EDGE_RISING if item.trigger == "edge" else _LEVEL_HIGH)


def _add_cpus(root: FdtNode, machine: GuestMachine) -> None:
    parent = add_node(root, "cpus")
    parent.properties.update({"#address-cells": cells(1), "#size-cells": cells(0)})
    parent.properties["timebase-frequency"] = cells(machine.timebase_frequency)
    for hart in range(machine.vcpu_count):
        node = add_node(parent, f"cpu@{hart:x}")
        node.properties.update(
            {
                "device_type": strings("cpu"),
                "compatible": strings("riscv"),
                "reg": cells(hart),
                "status": strings("okay"),
                "riscv,isa": strings(machine.isa),
            }
        )
        if machine.mmu_type:
            node.properties["mmu-type"] = strings(machine.mmu_type)
        add_node(node, "interrupt-controller").properties.update(
            {
                "compatible": strings("riscv,cpu-intc"),
                "#interrupt-cells": cells(1),
                "interrupt-controller": b"",
                "phandle": cells(_HART_PHANDLES + hart),
            }
        )


# The supervisor external interrupt of each hart, as targets of a controller.
def _targets(machine: GuestMachine) -> bytes:
    return b"".join(
        cells(_HART_PHANDLES + hart, SUPERVISOR_EXTERNAL) for hart in range(machine.vcpu_count)
    )


def _add_plic(soc: FdtNode, machine: GuestMachine) -> None:
    add_node(soc, f"interrupt-controller@{machine.controller.base:x}").properties.update(
        {
            "compatible": strings("sifive,plic-1.0.0", "riscv,plic0"),
            "#interrupt-cells": cells(1),
            "#address-cells": cells(0),
            "interrupt-controller": b"",
            "reg": guestfdt.reg([machine.controller]),
            "interrupts-extended": _targets(machine),
            "riscv,ndev": cells(machine.source_count),
            "phandle": cells(_CONTROLLER_PHANDLE),
        }
    )


def _add_imsic(soc: FdtNode, machine: GuestMachine, window: Range) -> None:
    add_node(soc, f"interrupt-controller@{window.base:x}").properties.update(
        {
            "compatible": strings("riscv,imsics"),
            "#interrupt-cells": cells(0),
            "#msi-cells": cells(0),
            "interrupt-controller": b"",
            "msi-controller": b"",
            "reg": guestfdt.reg([window]),
            "interrupts-extended": _targets(machine),
            "riscv,num-ids": cells(machine.id_count),
            "phandle": cells(_IMSIC_PHANDLE),
        }
    )


def _add_aplic(soc: FdtNode, machine: GuestMachine) -> None:
    node = add_node(soc, f"interrupt-controller@{machine.controller.base:x}")
    node.properties.update(
        {
            "compatible": strings("riscv,aplic"),
            "#interrupt-cells": cells(2),
            "#address-cells": cells(0),
            "interrupt-controller": b"",
            "reg": guestfdt.reg([machine.controller]),
        }
    )
    if machine.imsic is not None:
        node.properties["msi-parent"] = cells(_IMSIC_PHANDLE)
    else:
        node.properties["interrupts-extended"] = _targets(machine)
    node.properties["riscv,num-sources"] = cells(machine.source_count)
    node.properties["phandle"] = cells(_CONTROLLER_PHANDLE)


def _add_uart(soc: FdtNode, machine: GuestMachine, window: Range, source: int) -> None:
    add_node(soc, f"serial@{window.base:x}").properties.update(
        {
            "compatible": strings("ns16550a"),
            "reg": guestfdt.reg([window]),
            "interrupt-parent": cells(_CONTROLLER_PHANDLE),
            "interrupts": _interrupt(machine, Interrupt(source)),
            "clock-frequency": cells(_UART_CLOCK),
        }
    )


def _add_watchdog(soc: FdtNode, window: Range, longest_us: int) -> None:
    add_node(soc, f"watchdog@{window.base:x}").properties.update(
        {
            "compatible": strings("allwinner,sun20i-d1-wdt"),
            "reg": guestfdt.reg([Range(window.base, _WATCHDOG_SIZE)]),
            "timeout-sec": guestfdt.timeout(min(longest_us, _WATCHDOG_LONGEST_US)),
        }
    )

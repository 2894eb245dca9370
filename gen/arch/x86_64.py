# SPDX-License-Identifier: Apache-2.0
"""x86_64: CPUs, APICs, HPET, serial port and power switch, as the board's device tree states them.

x86 firmware gives no device tree: a board's is written by hand, with the bindings that Linux has
for x86. The guests of this architecture get none, but ACPI tables; their interrupt controllers and
ports are those of every PC, whatever the board has.

Sources: the Linux bindings intel,ce4100-ioapic, intel,ce4100-lapic, intel,ce4100-hpet, 8250; the
ISA bus binding (IEEE 1275) for addresses of ports; AMD64 APM vol. 2, 15.16 (ASIDs), 16.3 (local
APIC). Ours: ashlar,asid-count in /cpus, ashlar,acpi-pm1-control.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from gen.arch import Architecture, common
from gen.fdt import FdtNode, Specifier, Tree, TreeError
from gen.model import Cpu, Hardware, Interrupt, System, Uart, Vm
from gen.ranges import MIB, PAGE_SIZE, Owned, Range

#: Guest addresses are below it: 48 bits, what four levels of tables translate.
GUEST_LIMIT = 1 << 48
#: Pins of an I/O APIC, a VM's or the board's: Global System Interrupts 0 to 23.
IOAPIC_PINS = 24
#: Where every PC, and so every VM, has its I/O APIC and local APICs.
GUEST_IOAPIC = Range(0xFEC0_0000, PAGE_SIZE)
GUEST_LAPIC = Range(0xFEE0_0000, PAGE_SIZE)
#: The first serial port of a PC.
GUEST_UART_PORTS = Range(0x3F8, 8)
GUEST_UART_PIN = 4

#: A VM's reset register, its first port, and sleep registers, its last two.
GUEST_POWER_PORTS = Range(0x600, 6)
#: A VM's watchdog, three registers of 32 bits (arch/vwdat.h).
GUEST_WATCHDOG_PORTS = Range(0x608, 12)
#: Pin of the machine's I/O APIC that the HPET's first timer interrupts by (arch/time.h).
_HPET_PIN = 20
#: Ports that a PC has whatever its tree says, and that nobody is to have: who writes them has the
#: machine.
_PC_PORTS = (
    Owned(Range(0x20, 2), "the first 8259"),
    Owned(Range(0xA0, 2), "the second 8259"),
    Owned(Range(0xCF8, 8), "PCI's configuration and the reset register"),
)

#: The first megabyte of a VM, in it what it boots from, and what a PC's firmware keeps at its end.
GUEST_LOW = Range(0, 1 * MIB)
GUEST_BOOT_DATA = Range(0x1000, 0xA000)
GUEST_FIRMWARE = Range(0x9_F000, GUEST_LOW.end - 0x9_F000)

_EM_X86_64 = 62
# Second cell of an interrupt at the I/O APIC: rising and falling edges.
_EDGES = (0, 3)
# First cell of an address on an ISA bus: a port.
_IO_SPACE = 1
_PORT_LIMIT = 0x1_0000


@dataclass(frozen=True)
class PowerSwitch:
    """An I/O port of 16 bits and the word that turns the machine off."""

    port: int
    value: int


@dataclass(frozen=True)
class X86Hardware(Hardware):
    """What x86_64 adds.  The window of `uart` are I/O ports.

    ioapic, lapic, hpet: registers; None where the tree has none.
    asid_count: address spaces that the TLB tells apart, the hypervisor's included; 0 where the
    tree does not say.
    """

    ioapic: Range | None
    lapic: Range | None
    hpet: Range | None
    power: PowerSwitch | None
    asid_count: int


def hardware_of(hardware: Hardware) -> X86Hardware:
    """The hardware of an x86_64 board, as its own class."""
    assert isinstance(hardware, X86Hardware)
    return hardware


class X86(Architecture):
    """See gen.arch.Architecture."""

    name = "x86_64"
    elf_machine = _EM_X86_64
    max_vcpus = 64
    exit_bound_us = 100
    boot_area_use = "firmware, and where the other CPUs start"
    image_floor = GUEST_LOW.size
    boot_areas = (
        Owned(GUEST_BOOT_DATA, "boot data"),
        Owned(GUEST_FIRMWARE, "ACPI tables"),
    )

    def read_hardware(self, tree: Tree, console: str | None = None) -> X86Hardware:
        """See gen.arch.Architecture."""
        ioapic = next(iter(tree.compatible_with("intel,ce4100-ioapic")), None)

        def decode(specifier: Specifier) -> Interrupt | None:
            return _interrupt(specifier) if specifier.controller is ioapic else None

        parent = tree.find("/cpus")
        if parent is None:
            raise TreeError("/: no node /cpus")
        return X86Hardware(
            ram=common.ram(tree),
            reserved=common.reserved(tree),
            cpus=tuple(_cpus(parent)),
            uart=_uart(tree, ioapic, console or common.console_path(tree)),
            nodes=common.devices(tree, decode, _ports),
            ioapic=_window(tree, "intel,ce4100-ioapic"),
            lapic=_window(tree, "intel,ce4100-lapic"),
            hpet=_window(tree, "intel,ce4100-hpet"),
            power=_power(tree),
            asid_count=parent.cell("ashlar,asid-count", 0),
        )

    def board_shortcomings(self, hardware: Hardware) -> tuple[str, ...]:
        """See gen.arch.Architecture."""
        return tuple(_shortcomings(hardware_of(hardware)))

    def guest_limit(self, hardware: Hardware) -> int:  # noqa: ARG002
        """See gen.arch.Architecture."""
        return GUEST_LIMIT

    def vm_limit(self, hardware: Hardware) -> int | None:
        """See gen.arch.Architecture.  ASID 0 is the hypervisor's."""
        return hardware_of(hardware).asid_count - 1

    def claimed_windows(self, hardware: Hardware) -> tuple[Owned[str], ...]:
        """See gen.arch.Architecture."""
        board = hardware_of(hardware)
        parts = (
            (board.ioapic, "the I/O APIC"),
            (board.hpet, "the HPET"),
            (board.lapic, "the local APICs"),
        )
        return tuple(Owned(window, what) for window, what in parts if window is not None)

    def claimed_ports(self, hardware: Hardware) -> tuple[Owned[str], ...]:
        """See gen.arch.Architecture."""
        uart, power = hardware.uart, hardware_of(hardware).power
        return (
            *_PC_PORTS,
            *([Owned(uart.window, "the console UART")] if uart is not None else []),
            *([Owned(Range(power.port, 2), "the power switch")] if power is not None else []),
            Owned(GUEST_UART_PORTS, "the VM's own UART"),
            Owned(GUEST_POWER_PORTS, "the VM's own reset and sleep registers"),
            Owned(GUEST_WATCHDOG_PORTS, "the VM's own watchdog"),
        )

    def claimed_interrupts(self, hardware: Hardware) -> Mapping[int, str]:
        """See gen.arch.Architecture."""
        uart = hardware.uart
        claimed = {GUEST_UART_PIN: "that of the VM's own UART", _HPET_PIN: "the HPET's"}
        return claimed | ({uart.interrupt.number: "the console UART's"} if uart is not None else {})

    def guest_windows(self, system: System, vm: Vm) -> tuple[Owned[str], ...]:  # noqa: ARG002
        """See gen.arch.Architecture."""
        return Owned(GUEST_IOAPIC, "virtual I/O APIC"), Owned(GUEST_LAPIC, "virtual local APIC")

    def is_assignable(self, hardware: Hardware, number: int) -> bool:  # noqa: ARG002
        """See gen.arch.Architecture."""
        return 0 < number < IOAPIC_PINS

    def interrupt_rule(self, hardware: Hardware) -> str:  # noqa: ARG002
        """See gen.arch.Architecture."""
        return f"only pins of the I/O APIC, 1 to {IOAPIC_PINS - 1}"

    def interrupt_help(self) -> str:
        """See gen.arch.Architecture."""
        return "the number is the first cell that a device tree writes in `interrupts`"

    def interrupt_name(self, number: int) -> str:
        """See gen.arch.Architecture."""
        return f"GSI {number}"

    def guest_tree_conflicts(self, guest: Hardware, system: System, vm: Vm) -> tuple[str, ...]:  # noqa: ARG002
        """See gen.arch.Architecture."""
        return ("x86_64 guests are told of their machine by ACPI tables, not by a device tree",)


def _shortcomings(board: X86Hardware) -> Iterator[str]:
    parts = (board.ioapic, "ioapic"), (board.lapic, "lapic"), (board.hpet, "hpet")
    for window, name in parts:
        if window is None:
            yield f'it has no node with registers compatible with "intel,ce4100-{name}"'
    if board.uart is None:
        yield "/chosen names no console that is an ns16550a at an I/O port with an interrupt"
    if board.power is None:
        yield 'it has no "ashlar,acpi-pm1-control" with a port and a value'
    if shutil.which("iasl") is None:
        yield "iasl (package acpica-tools), which its guests' ACPI tables need, is not installed"
    if board.asid_count < 2:
        yield "/cpus has no ashlar,asid-count of at least 2"


# ---- nodes ---------------------------------------------------------------------------------------


def _cpus(parent: FdtNode) -> Iterator[Cpu]:
    nodes = (n for n in parent.children if n.string("device_type") == "cpu" and n.enabled)
    for index, node in enumerate(nodes):
        yield Cpu(index, node.cell("reg", 0), node.path, node.compatible)


# Cells: the pin, and how it is signalled.
def _interrupt(specifier: Specifier) -> Interrupt:
    pin, *kind = specifier.cells
    return Interrupt(pin, "edge" if kind and kind[0] in _EDGES else "level")


def _window(tree: Tree, name: str) -> Range | None:
    windows = [window for node in tree.compatible_with(name) for window in node.windows()]
    return windows[0] if windows else None


# The ports of a node on an ISA bus.
def _ports(node: FdtNode) -> tuple[Range, ...]:
    if node.parent is None or "isa" not in node.parent.compatible:
        return ()
    return tuple(
        Range(item.base & 0xFFFF_FFFF, item.size)
        for item in node.reg()
        if item.base >> 32 == _IO_SPACE and item.base & 0xFFFF_FFFF <= _PORT_LIMIT - item.size
    )


def _uart(tree: Tree, ioapic: FdtNode | None, path: str | None) -> Uart | None:
    node = tree.find(path) if path is not None else None
    if node is None or not node.enabled or "ns16550a" not in node.compatible:
        return None
    ports = next(iter(_ports(node)), None)
    lines = [_interrupt(item) for item in tree.specifiers(node) if item.controller is ioapic]
    return Uart("ns16550", node.path, ports, lines[0]) if ports and lines else None


def _power(tree: Tree) -> PowerSwitch | None:
    for node in tree.compatible_with("ashlar,acpi-pm1-control"):
        ports, value = _ports(node), node.cells("value")
        if ports and value:
            return PowerSwitch(ports[0].base, value[0])
    return None


ARCHITECTURE = X86()

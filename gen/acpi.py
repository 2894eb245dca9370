# SPDX-License-Identifier: Apache-2.0
"""ACPI tables for guests of x86_64: from templates/x86_64/acpi through Intel's compiler, iasl.

The tables lie one after another from the RSDP on; each is compiled when the addresses that it names
are known. The compiler's own version, which it writes into their headers, is replaced: the same
input makes the same bytes with any version.

Sources: ACPI 6.5, 5.2 (ACPI system description tables); Microsoft, Hardware Watchdog Timers Design
Specification 1.01 (WDAT).
"""

from __future__ import annotations

import struct
import subprocess
import tempfile
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from gen import template
from gen.model import Interrupt
from gen.ranges import Range, align_up

_ALIGNMENT = 64
_HEADER_SIZE = 36
_CREATOR = b"ASHL" + struct.pack("<I", 1)


class AcpiError(Exception):
    """The tables cannot be compiled; the text says why."""


@dataclass(frozen=True)
class Device:
    """A device that drivers of device trees know: by the names in `compatible`.

    windows: registers, guest addresses.  interrupts: Global System Interrupts, active high.
    ports: I/O ports.
    """

    compatible: tuple[str, ...]
    windows: tuple[Range, ...]
    interrupts: tuple[Interrupt, ...]
    ports: tuple[Range, ...] = ()


@dataclass(frozen=True)
class WatchdogAction:
    """What a guest does for an action: a number of each in WDAT; the register is an I/O port."""

    action: int
    instruction: int
    port: int
    value: int
    mask: int
    what: str


# Instructions of WDAT.
_READ_VALUE, _READ_COUNTDOWN, _WRITE_VALUE, _WRITE_COUNTDOWN = range(4)
_ALL = 0xFFFF_FFFF


@dataclass(frozen=True)
class Watchdog:
    """A watchdog whose registers are those of arch/vwdat.h.

    base: the first I/O port.  longest_ms: what it counts down from at most.
    """

    base: int
    longest_ms: int

    @property
    def actions(self) -> tuple[WatchdogAction, ...]:
        """What WDAT lists."""
        period, count, control = self.base, self.base + 4, self.base + 8
        return (
            WatchdogAction(0x01, _WRITE_VALUE, count, 1, _ALL, "restart the count"),
            WatchdogAction(0x04, _READ_COUNTDOWN, count, 0, _ALL, "what is left"),
            WatchdogAction(0x05, _READ_COUNTDOWN, period, 0, _ALL, "what it counts down from"),
            WatchdogAction(0x06, _WRITE_COUNTDOWN, period, 0, _ALL, "set that"),
            WatchdogAction(0x08, _READ_VALUE, control, 1, 1, "is it running?"),
            WatchdogAction(0x09, _WRITE_VALUE, control, 1, 1, "start"),
            WatchdogAction(0x0A, _READ_VALUE, control, 0, 1, "is it stopped?"),
            WatchdogAction(0x0B, _WRITE_VALUE, control, 0, 1, "stop"),
        )


@dataclass(frozen=True)
class Machine:
    """What the tables tell.

    vcpu_count: APIC ids are 0 to one less.  lapic, ioapic: addresses.
    uart_ports: of a 16550 that interrupts at uart_pin; None without one.
    reset_port, reset_value: what resets the VM.
    sleep_control_port, sleep_status_port: for sleep type `sleep_type`, which turns the VM off.
    """

    vcpu_count: int
    lapic: int
    ioapic: int
    uart_ports: Range | None
    uart_pin: int
    reset_port: int
    reset_value: int
    sleep_control_port: int
    sleep_status_port: int
    sleep_type: int
    watchdog: Watchdog | None = None
    devices: tuple[Device, ...] = ()


@dataclass(frozen=True)
class Tables:
    """All tables, RSDP first, as they lie in memory; the sources they were compiled from."""

    data: bytes
    source: str


def tables(machine: Machine, base: int) -> Tables:
    """The tables of a machine, for a guest address, a multiple of 64.

    Raises:
        AcpiError: iasl is not there, or refuses a template.
    """
    data = bytearray(_ALIGNMENT)  # the RSDP, which is compiled last
    sources = []

    def add(name: str, **values: object) -> int:
        source = (
            template.environment()
            .get_template(f"x86_64/acpi/{name}.j2")
            .render(machine=machine, **values)
        )
        sources.append(f"/* ---- {name} ---- */\n\n{source}")
        table = compiled(source, Path(name).suffix)
        if name == "rsdp.dsl":
            data[: len(table)] = table
            return base
        address = base + len(data)
        data.extend(_signed(table).ljust(align_up(len(table), _ALIGNMENT), b"\0"))
        return address

    dsdt = add("dsdt.asl")
    listed = [add("facp.dsl", dsdt=dsdt), add("apic.dsl")]
    if machine.watchdog is not None:
        listed.append(add("wdat.dsl"))
    add("rsdp.dsl", xsdt=add("xsdt.dsl", tables=listed))
    return Tables(bytes(data), "\n".join(sources))


@cache
def compiled(source: str, suffix: str) -> bytes:
    """A table that iasl made of a source, "asl" or data table.

    Raises:
        AcpiError: iasl is not there, or refuses it.
    """
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, f"table{suffix}")
        path.write_text(source)
        command = ["iasl", "-va", "-p", "table", path.name]
        try:
            done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
        except FileNotFoundError:
            raise AcpiError("iasl (package acpica-tools) is not installed") from None
        result = Path(folder, "table.aml")
        if done.returncode or not result.is_file():
            raise AcpiError(f"iasl: {(done.stderr or done.stdout).strip()}")
        return result.read_bytes()


# The table with our name as its creator's.
def _signed(table: bytes) -> bytes:
    data = bytearray(table)
    data[_HEADER_SIZE - len(_CREATOR) : _HEADER_SIZE] = _CREATOR
    data[9] = 0
    data[9] = -sum(data) & 0xFF
    return bytes(data)

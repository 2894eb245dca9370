# SPDX-License-Identifier: Apache-2.0
"""ACPI tables: found from the RSDP as a guest finds them, with right sums, and what they tell."""

from __future__ import annotations

import struct
from dataclasses import replace

import pytest

from gen import acpi
from gen.model import Interrupt
from gen.ranges import Range

BASE = 0xE_0000
MACHINE = acpi.Machine(
    vcpu_count=3,
    lapic=0xFEE0_0000,
    ioapic=0xFEC0_0000,
    uart_ports=Range(0x3F8, 8),
    uart_pin=4,
    reset_port=0x600,
    reset_value=1,
    sleep_control_port=0x604,
    sleep_status_port=0x605,
    sleep_type=5,
)


def table(data: bytes, address: int) -> bytes:
    """The table at an address, after a look at its header."""
    at = address - BASE
    (size,) = struct.unpack_from("<I", data, at + 4)
    found = data[at : at + size]
    assert len(found) == size and sum(found) % 256 == 0, "checksum"
    assert found[10:16] == b"ASHLAR"
    assert found[28:36] == b"ASHL\x01\0\0\0", "not what a compiler's version writes"
    return found


def found(machine: acpi.Machine) -> dict[str, bytes]:
    """All tables by signature: RSDP, XSDT, and on from there."""
    data = acpi.tables(machine, BASE).data
    assert data[:8] == b"RSD PTR " and data[15] == 2
    assert sum(data[:20]) % 256 == 0 and sum(data[:36]) % 256 == 0
    (address,) = struct.unpack_from("<Q", data, 24)
    xsdt = table(data, address)
    assert xsdt[:4] == b"XSDT"
    listed = [table(data, item) for (item,) in struct.iter_unpack("<Q", xsdt[36:])]
    result = {item[:4].decode(): item for item in listed}
    facp = result["FACP"]
    (dsdt,) = struct.unpack_from("<Q", facp, 140)
    assert struct.unpack_from("<I", facp, 40) == (dsdt,)
    result["DSDT"] = table(data, dsdt)
    return result


def test_tables() -> None:
    assert sorted(found(MACHINE)) == ["APIC", "DSDT", "FACP"]


def test_fixed_hardware() -> None:
    facp = found(MACHINE)["FACP"]
    assert (len(facp), facp[8], facp[131]) == (276, 6, 5)
    (flags,) = struct.unpack_from("<I", facp, 112)
    assert flags >> 20 & 1, "hardware-reduced"
    assert flags >> 10 & 1, "reset register"
    (boot,) = struct.unpack_from("<H", facp, 109)
    assert boot >> 5 & 1, "no CMOS clock"
    io_byte = (1, 8, 0, 1)
    assert struct.unpack_from("<4BQ", facp, 116) == (*io_byte, 0x600)
    assert facp[128] == 1
    assert struct.unpack_from("<4BQ", facp, 244) == (*io_byte, 0x604)
    assert struct.unpack_from("<4BQ", facp, 256) == (*io_byte, 0x605)
    assert not any(facp[148:244]), "no PM1, PM2, timer or event blocks"


@pytest.mark.parametrize("count", (1, 3, 64))
def test_interrupt_controllers(count: int) -> None:
    apic = found(replace(MACHINE, vcpu_count=count))["APIC"]
    assert struct.unpack_from("<II", apic, 36) == (0xFEE0_0000, 0)
    at, cpus, others = 44, [], []
    while at < len(apic):
        kind, size = apic[at], apic[at + 1]
        entry = apic[at + 2 : at + size]
        if kind == 0:
            cpus.append(struct.unpack("<BBI", entry))
        else:
            others.append((kind, struct.unpack("<BBII", entry)))
        at += size
    assert cpus == [(number, number, 1) for number in range(count)]
    assert others == [(1, (0, 0, 0xFEC0_0000, 0))]


def test_serial_port() -> None:
    dsdt = found(MACHINE)["DSDT"]
    # EISA id PNP0501; I/O and IRQ descriptors (ACPI 6.5, 6.4.2.5 and 6.4.2.1).
    assert b"COM1" in dsdt
    assert bytes.fromhex("0c41d00501") in dsdt
    assert b"\x47\x01\xf8\x03\xf8\x03\x01\x08" in dsdt
    assert b"\x23\x10\x00\x01" in dsdt, "pin 4, rising edge"
    assert b"COM1" not in found(replace(MACHINE, uart_ports=None))["DSDT"]


def test_devices_passed_through() -> None:
    """Named as in a device tree; with QWord memory and extended interrupts (ACPI 6.5, 6.4.3)."""
    device = acpi.Device(
        ("vendor,card-2", "vendor,card"),
        (Range(0x12_3456_7000, 0x2000),),
        (Interrupt(10), Interrupt(11, "edge")),
        (Range(0x70, 2),),
    )
    dsdt = found(replace(MACHINE, devices=(device, device)))["DSDT"]
    assert b"D000" in dsdt and b"D001" in dsdt and b"COM1" in dsdt
    assert dsdt.count(b"PRP0001\0") == 2
    assert b"vendor,card-2\0\x0dvendor,card\0" in dsdt
    assert struct.pack("<QQQQ", 0x12_3456_7000, 0x12_3456_8FFF, 0, 0x2000) in dsdt
    assert b"\x47\x01\x70\x00\x70\x00\x01\x02" in dsdt, "I/O ports"
    for flags, number in ((0b0001, 10), (0b0011, 11)):  # consumer; edge
        assert struct.pack("<BHBBI", 0x89, 6, flags, 1, number) in dsdt
    alone = found(replace(MACHINE, devices=(device,), uart_ports=None))["DSDT"]
    assert b"D000" in alone and b"COM1" not in alone


def test_turning_off() -> None:
    assert b"_S5_\x12\x07\x04\x0a\x05" in found(MACHINE)["DSDT"]


def test_a_source_with_a_mistake_is_refused() -> None:
    with pytest.raises(acpi.AcpiError, match="iasl"):
        acpi.compiled("DefinitionBlock {", ".asl")


def test_watchdog() -> None:
    wdat = found(replace(MACHINE, watchdog=acpi.Watchdog(0x608, 10_000)))["WDAT"]
    size, segment, bus, device, function = struct.unpack_from("<IHBBB", wdat, 36)
    assert (size, segment, bus, device, function) == (32, 0xFF, 0xFF, 0xFF, 0xFF), "not on PCI"
    period, most, least, flags = struct.unpack_from("<IIIB", wdat, 48)
    assert (period, most, least, flags) == (1, 10_000, 1, 1)
    (count,) = struct.unpack_from("<I", wdat, 64)
    assert len(wdat) == 68 + 24 * count
    actions = {}
    for at in range(68, len(wdat), 24):
        action, instruction, _, *place, port, value, mask = struct.unpack_from(
            "<BBH4BQII", wdat, at
        )
        assert place == [1, 32, 0, 3], "an I/O port, read and written in 32 bits"
        actions[action] = (instruction, port, value, mask)
    assert actions == {
        0x01: (2, 0x60C, 1, 0xFFFF_FFFF),  # restart
        0x04: (1, 0x60C, 0, 0xFFFF_FFFF),  # left
        0x05: (1, 0x608, 0, 0xFFFF_FFFF),  # period
        0x06: (3, 0x608, 0, 0xFFFF_FFFF),  # set it
        0x08: (0, 0x610, 1, 1),  # running?
        0x09: (2, 0x610, 1, 1),  # run
        0x0A: (0, 0x610, 0, 1),  # stopped?
        0x0B: (2, 0x610, 0, 1),  # stop
    }

# SPDX-License-Identifier: Apache-2.0
"""What an x86_64 guest finds in its low memory: boot parameters or PVH start info, and the rest.

Everything is data, made here and copied with the image. A guest that is started in long mode runs
on the GDT and the page tables until it has its own.

Sources: Xen's PVH boot protocol (docs/misc/pvh.pandoc, public/arch-x86/hvm/start_info.h); Linux
Documentation/arch/x86/boot.rst, "64-bit Boot Protocol", and zero-page.rst; AMD64 APM vol. 2, 4.8
(descriptors).
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from gen.arch.x86_64 import GUEST_FIRMWARE
from gen.pagetables import x86
from gen.plan.guest import digest
from gen.plan.types import Piece
from gen.ranges import GIB, KIB, MIB, PAGE_SIZE, Range, holes

# Places in guest memory.
BOOT_PARAMS = 0x1000
START_INFO = 0x2000
CMDLINE = 0x3000
GDT = 0x4000
PAGE_TABLES = 0x5000
ACPI = 0xE_0000
RESET_VECTOR = 0xF_FFF0

_START_INFO_MAGIC = 0x336E_C578
_MEMORY_MAP = START_INFO + 64
_SETUP_HEADER = 0x1F1
_LOW = 0xFFFF_FFFF


@dataclass(frozen=True)
class MapEntry:
    """An entry of the memory map.  kind: as in an E820 map, 1 is RAM, 2 is reserved."""

    where: Range
    kind: int


def memory_map(ram: Iterable[Range]) -> tuple[MapEntry, ...]:
    """The memory of a VM as its guest is told of it, by address."""
    usable = [MapEntry(item, 1) for item in holes(list(ram), [GUEST_FIRMWARE])]
    return tuple(sorted([*usable, MapEntry(GUEST_FIRMWARE, 2)], key=lambda entry: entry.where))


def boot_params(
    header: bytes, entries: Sequence[MapEntry], initrd: Range | None, rsdp: int
) -> Piece:
    """What Linux calls struct boot_params, the "zero page".

    Args:
        header: the kernel's own setup header.
        entries: the memory map.
        initrd: where it lies, None without one.
        rsdp: address of the ACPI tables' root.
    """
    page = bytearray(PAGE_SIZE)
    page[_SETUP_HEADER : _SETUP_HEADER + len(header)] = header
    ramdisk = initrd or Range(0, 0)
    struct.pack_into("<Q", page, 0x70, rsdp)
    struct.pack_into("<II", page, 0xC0, ramdisk.base >> 32, ramdisk.size >> 32)
    page[0x1E8] = len(entries)
    page[0x210] = 0xFF  # type_of_loader: one without a number of its own
    struct.pack_into("<II", page, 0x218, ramdisk.base & _LOW, ramdisk.size & _LOW)
    struct.pack_into("<I", page, 0x228, CMDLINE)
    for number, item in enumerate(entries):
        entry = item.where.base, item.where.size, item.kind
        struct.pack_into("<QQI", page, 0x2D0 + 20 * number, *entry)
    return piece("boot parameters", BOOT_PARAMS, bytes(page))


def start_info(entries: Iterable[MapEntry], rsdp: int) -> Piece:
    """What PVH calls hvm_start_info, of version 1, and the memory map behind it; no modules."""
    table = b"".join(struct.pack("<QQII", e.where.base, e.where.size, e.kind, 0) for e in entries)
    head = struct.pack(
        "<IIIIQQQQII",
        _START_INFO_MAGIC,
        1,
        0,
        0,
        0,
        CMDLINE,
        rsdp,
        _MEMORY_MAP,
        len(table) // 24,
        0,
    )
    data = head.ljust(_MEMORY_MAP - START_INFO, b"\0") + table
    return piece("start info", START_INFO, data)


def cmdline(text: str) -> Piece:
    """The command line, with its final zero."""
    return piece("command line", CMDLINE, text.encode() + b"\0")


def gdt() -> Piece:
    """Flat segments of long mode: code at 0x10, data at 0x18."""
    return piece(
        "GDT", GDT, struct.pack("<4Q", 0, 0, 0x00AF_9B00_0000_FFFF, 0x00CF_9300_0000_FFFF), "all"
    )


def page_tables() -> Piece:
    """The first 4 GiB one to one, in pages of 2 MiB: PML4, PDPT, four page directories."""
    directories = range(PAGE_TABLES + 2 * PAGE_SIZE, PAGE_TABLES + 6 * PAGE_SIZE, PAGE_SIZE)
    pointer = x86.PRESENT | x86.WRITABLE
    root = struct.pack("<Q", PAGE_TABLES + PAGE_SIZE | pointer)
    middle = struct.pack("<4Q", *(directory | pointer for directory in directories))
    pages = [base | pointer | x86.LARGE for base in range(0, 4 * GIB, 2 * MIB)]
    data = root.ljust(4 * KIB, b"\0") + middle.ljust(4 * KIB, b"\0")
    return piece("page tables", PAGE_TABLES, data + struct.pack(f"<{len(pages)}Q", *pages), "all")


def reset_vector(port: int, value: int) -> Piece:
    """What a PC's firmware begins with: here it resets the VM, as kernels that jump there expect.

    In real mode: mov dx, port; mov al, value; out dx, al; hlt; jmp back to the hlt.
    """
    code = struct.pack("<BHBB", 0xBA, port, 0xB0, value) + bytes((0xEE, 0xF4, 0xEB, 0xFD))
    return piece("reset vector", RESET_VECTOR, code, "all")


def piece(what: str, guest: int, data: bytes, owner: Literal["vm", "all"] = "vm") -> Piece:
    """A piece of data at its place.  owner: see Piece."""
    size = len(data)
    return Piece(what, guest, data, size, size, digest(data), owner)

# SPDX-License-Identifier: Apache-2.0
"""Small image files for the tests of the generator, made where they are needed and never committed.

They carry true headers and no code: enough to be recognised, measured and placed.  All lie in
out/test-data, so that the system files of the tests can name them by a relative path; those for
systems that several architectures have are in a folder of the architecture.
"""

from __future__ import annotations

import gzip
import lzma
import os
import struct
from collections.abc import Callable
from pathlib import Path

import zstandard

ROOT = Path(__file__).resolve().parent.parent
FOLDER = ROOT / "out" / "test-data"

KIB = 1 << 10
MIB = 1 << 20
EM_X86_64, EM_AARCH64, EM_RISCV = 62, 183, 243
ET_REL, ET_EXEC, ET_DYN = 1, 2, 3


def arm64_image(size: int, image_size: int, text_offset: int = 0, flags: int = 0b1010) -> bytes:
    """An arm64 kernel's header, then zeros up to `size` bytes.

    flags: as the header has them; 0b1010 is little-endian, 4 KiB pages, anywhere in memory.
    """
    header = struct.pack("<IIQQQ", 0x91005A4D, 0x14000000, text_offset, image_size, flags)
    return (header.ljust(56, b"\0") + b"ARM\x64" + bytes(4)).ljust(size, b"\0")


def riscv_image(size: int, image_size: int) -> bytes:
    """A riscv64 kernel's header, then zeros."""
    header = struct.pack("<IIQQQI", 0, 0, 2 * MIB, image_size, 0, 2)
    return (header.ljust(48, b"\0") + b"RISCV\0\0\0RSC\x05").ljust(size, b"\0")


def x86_image(
    size: int,
    memory_size: int = 1 * MIB,
    *,
    preferred: int = 2 * MIB,
    version: int = 0x20F,
    loadflags: int = 1,
    xloadflags: int = 0b11,
    movable: bool = True,
    alignment: int = 2 * MIB,
) -> bytes:
    """An x86_64 kernel: three sectors of real-mode code with the setup header, then 0x90.

    The arguments are fields of the header, but for `size`, of the file.
    """
    data = bytearray(b"\0" * 2048)
    data[0x1F1] = 3
    data[0x1FE:0x200] = b"\x55\xaa"
    data[0x200:0x202] = b"\xeb\x6a"  # a jump behind the header, which so tells its size
    data[0x202:0x206] = b"HdrS"
    struct.pack_into("<H", data, 0x206, version)
    data[0x211] = loadflags
    struct.pack_into("<IBBHI", data, 0x230, alignment, movable, 21, xloadflags, 2047)
    struct.pack_into("<QI", data, 0x258, preferred, memory_size)
    return bytes(data[:size].ljust(size, b"\x90"))


def zboot(payload: bytes, kind: str) -> bytes:
    """An EFI zboot executable round packed bytes; kind as the header says it: "gzip", "zstd22"."""
    header = b"MZ\0\0zimg" + struct.pack("<II", 64, len(payload)) + bytes(8)
    return (header + kind.encode()).ljust(64, b"\0") + payload + bytes(16)


def elf(
    segments: list[tuple[int, bytes, int]],
    entry: int,
    machine: int = EM_AARCH64,
    kind: int = ET_EXEC,
    pvh_entry: int | None = None,
) -> bytes:
    """A little-endian ELF64 file.

    segments: of each the address (virtual and physical), the bytes, and the size in memory.
    pvh_entry: what a note of Xen's says; None for a file without notes.
    """
    note = b"" if pvh_entry is None else struct.pack("<III4sQ", 4, 8, 18, b"Xen", pvh_entry)
    count = len(segments) + bool(note)
    header = b"\x7fELF\x02\x01\x01".ljust(16, b"\0")
    header += struct.pack(
        "<HHIQQQIHHHHHH", kind, machine, 1, entry, 64, 0, 0, 64, 56, count, 64, 0, 0
    )
    offset = 64 + 56 * count
    table, body = b"", b""
    for address, data, memory_size in segments:
        table += struct.pack(
            "<IIQQQQQQ", 1, 7, offset + len(body), address, address, len(data), memory_size, 4096
        )
        body += data
    if note:
        size = len(note)
        table += struct.pack("<IIQQQQQQ", 4, 4, offset + len(body), 0, 0, size, size, 4)
    return header + table + body + note


_RAM = 0x4000_0000
_CODE = b"\x00\x00\x00\x14" * 16  # an endless loop, 16 times
_KERNEL = arm64_image(64 * KIB, 1 * MIB)
_RISCV_KERNEL = riscv_image(64 * KIB, 1 * MIB)

FILES: dict[str, Callable[[], bytes]] = {
    "linux": lambda: _KERNEL,
    "linux.gz": lambda: gzip.compress(_KERNEL, mtime=0),
    "linux.xz": lambda: lzma.compress(_KERNEL),
    "linux.zst": lambda: zstandard.compress(_KERNEL),
    "linux.efi": lambda: zboot(gzip.compress(_KERNEL, mtime=0), "gzip"),
    "linux-zstd.efi": lambda: zboot(zstandard.compress(_KERNEL), "zstd22"),
    # A small file with much .bss: what a kernel takes is not what its file weighs.
    "linux-bss": lambda: arm64_image(64 * KIB, 15 * MIB),
    "linux-offset": lambda: arm64_image(64 * KIB, 1 * MIB, text_offset=0x80000),
    "linux-riscv64": lambda: riscv_image(4 * KIB, 1 * MIB),
    "linux-x86": lambda: x86_image(4 * KIB),
    "linux-x86-32": lambda: x86_image(4 * KIB, xloadflags=0),
    "linux-x86-old": lambda: x86_image(4 * KIB, version=0x20B),
    "linux-x86-low": lambda: x86_image(4 * KIB, loadflags=0),
    "linux-x86-alignment": lambda: x86_image(4 * KIB, alignment=3 * MIB),
    "linux-x86-short": lambda: x86_image(2 * KIB),
    "linux-x86-fixed": lambda: x86_image(4 * KIB, movable=False, preferred=16 * MIB),
    "initrd": lambda: bytes(range(256)) * 16,
    "initrd-large": lambda: bytes(2 * MIB),
    "hello.elf": lambda: elf([(_RAM, _CODE, 4096), (_RAM + 4096, b"data", 64 * KIB)], _RAM),
    "hello-pie.elf": lambda: elf([(0, _CODE, 4096)], 0, kind=ET_DYN),
    "hello-high.elf": lambda: elf([(0x6000_0000, _CODE, 4096)], 0x6000_0000),
    "hello-end.elf": lambda: elf([(_RAM, _CODE, 4096), (_RAM + 16 * MIB - 4096, b"", 4096)], _RAM),
    "hello-entry.elf": lambda: elf([(_RAM, _CODE, 4096)], 0x5000_0000),
    "hello-x86.elf": lambda: elf([(_RAM, _CODE, 4096)], _RAM, machine=EM_X86_64),
    "hello-x86-low.elf": lambda: elf([(0xA_0000, _CODE, 4096)], 0xA_0000, machine=EM_X86_64),
    "hello.o": lambda: elf([(_RAM, _CODE, 4096)], 0, kind=ET_REL),
    "firmware.bin": lambda: _CODE,
    "aarch64/linux.gz": lambda: gzip.compress(_KERNEL, mtime=0),
    "riscv64/linux": lambda: _RISCV_KERNEL,
    "riscv64/linux.gz": lambda: gzip.compress(_RISCV_KERNEL, mtime=0),
    "riscv64/linux-bss": lambda: riscv_image(64 * KIB, 15 * MIB),
    "riscv64/hello.elf": lambda: elf(
        [(2 * _RAM, _CODE, 4096), (2 * _RAM + 4096, b"data", 64 * KIB)], 2 * _RAM, machine=EM_RISCV
    ),
    "riscv64/hello-pie.elf": lambda: elf([(0, _CODE, 4096)], 0, machine=EM_RISCV, kind=ET_DYN),
    "x86_64/linux.gz": lambda: gzip.compress(x86_image(64 * KIB), mtime=0),
    "x86_64/hello.elf": lambda: elf([(2 * MIB, _CODE, 4096)], 2 * MIB, machine=EM_X86_64),
    "x86_64/hello-pvh.elf": lambda: elf(
        [(1 * MIB, _CODE, 4096)], 1 * MIB, machine=EM_X86_64, pvh_entry=1 * MIB + 16
    ),
}


def make_all() -> None:
    """Writes all files; safe to call from several processes at once."""
    for name, make in FILES.items():
        path, data = FOLDER / name, make()
        path.parent.mkdir(parents=True, exist_ok=True)
        if not path.is_file() or path.read_bytes() != data:
            part = path.with_name(f"{path.name}.{os.getpid()}")
            part.write_bytes(data)
            part.replace(path)

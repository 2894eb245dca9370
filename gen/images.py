# SPDX-License-Identifier: Apache-2.0
"""Image files: which form they have, for which architecture, how much memory they take.

`inspect` reads headers only, so that a check of a system costs milliseconds whatever its kernels
weigh; `contents` unpacks.  Kernels may be packed with gzip, zstd, xz, lzma, lz4 or bzip2, alone or
within an EFI zboot executable.

Sources: Linux Documentation/arch/arm64/booting.rst, arch/riscv/boot-image-header.rst,
arch/x86/boot.rst; drivers/firmware/efi/libstub/zboot-header.S; RFC 1952 (gzip); ELF-64 Object File
Format 1.5; Xen public/elfnote.h (PVH).
"""

from __future__ import annotations

import io
import mmap
import struct
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Literal, Protocol

from gen import bzimage
from gen.model import Payload, Problem, Segment
from gen.ranges import BLOCK_SIZE, MIB, PAGE_SIZE, align_up

_HEADER_SIZE = 4096
_ARM64_MAGIC = b"ARM\x64"
_RISCV_MAGIC = b"RSC\x05"
_MACHINES = {
    3: "x86 (32 bits)",
    8: "mips",
    20: "powerpc",
    21: "powerpc64",
    22: "s390",
    40: "arm (32 bits)",
}
_MACHINES |= {62: "x86_64", 183: "aarch64", 243: "riscv64", 258: "loongarch64"}
_ET_EXEC, _ET_DYN, _EM_RISCV = 2, 3, 243
_PHYS32_ENTRY = 18  # XEN_ELFNOTE_PHYS32_ENTRY
_ENTRY_64 = 0x200  # of an x86_64 kernel, from its start


class ImageError(Exception):
    """The file cannot be used as what it is said to be; `problem` says why."""

    def __init__(self, code: str, message: str, help_text: str = "") -> None:
        super().__init__(message)
        self.problem = Problem(code, message, help_text or "give another file, or make it anew")


def inspect(path: Path, kind: Literal["linux", "elf", "raw"]) -> Payload:
    """What the header of an image file says.

    Args:
        path: the file.
        kind: what the system file says it is.

    Raises:
        ImageError: image-missing or image-format.
    """
    try:
        size = path.stat().st_size
        with path.open("rb") as file:
            head = file.read(_HEADER_SIZE)
    except OSError as error:
        reason = error.strerror or "unreadable"
        raise ImageError(
            "image-missing", f"{path.name}: {reason[:1].lower()}{reason[1:]}"
        ) from None
    if not head:
        raise ImageError("image-format", f"{path.name} is empty")
    if kind == "raw":
        return Payload(
            path, "raw", None, (), size, True, (Segment(0, 0, size, size),), 0, 0, size, PAGE_SIZE
        )
    packing = _packing(path, head)
    if packing:
        head, size = _unpacked_head(path, packing, size)
    if kind == "elf":
        return _elf(path, packing, head)
    return _kernel(path, packing, head, size)


def contents(payload: Payload) -> bytes:
    """The unpacked bytes of a payload; segments count their offsets in them.

    Raises:
        ImageError: image-missing (the file has gone) or image-format (the packed data is damaged).
    """
    data = _unpacked(payload.path, payload.packing)
    if len(data) != payload.size:
        reason = ValueError(f"it has {len(data)} bytes unpacked, not the {payload.size} it says")
        raise _damaged(payload.path, (*payload.packing, payload.kind)[-1], reason)
    return data


# ---- packing -------------------------------------------------------------------------------------

_MAGICS = {
    b"\x1f\x8b": "gzip",
    b"\x28\xb5\x2f\xfd": "zstd",
    b"\xfd7zXZ\0": "xz",
    b"\x5d\0\0": "lzma",
    b"\x04\x22\x4d\x18": "lz4",
    b"\x02\x21\x4c\x18": "lz4-legacy",
    b"BZh": "bzip2",
}
# How the kernel's makefiles call them in a zboot header.
_ZBOOT_TYPES = {"xzkern": "xz", "zstd22": "zstd", "lz4": "lz4-legacy"}


def _packing(path: Path, head: bytes) -> tuple[str, ...]:
    for magic, name in _MAGICS.items():
        if head.startswith(magic):
            return (name,)
    if head[:2] == b"MZ" and head[4:8] == b"zimg":
        name = head[24:56].split(b"\0")[0].decode("ascii", "replace")
        name = _ZBOOT_TYPES.get(name, name)
        if name not in _MAGICS.values():
            raise ImageError(
                "image-format", f'{path.name} is an EFI zboot kernel of unknown packing "{name}"'
            )
        return ("zboot", name)
    return ()


# The packed bytes themselves: all of the file, or the payload of a zboot executable.
def _packed_data(path: Path, packing: tuple[str, ...]) -> bytes:
    data = path.read_bytes()
    if packing[:1] != ("zboot",):
        return data
    offset, size = struct.unpack_from("<II", data, 8)
    if offset + size > len(data):
        raise ImageError(
            "image-format",
            f"{path.name} is cut short: its zboot header promises {offset + size} bytes,"
            f" the file has {len(data)}",
        )
    return data[offset : offset + size]


# The first bytes of the unpacked contents and its whole size.  gzip says its size at its end and is
# unpacked no further than the header; the others are unpacked as a whole.
def _unpacked_head(path: Path, packing: tuple[str, ...], file_size: int) -> tuple[bytes, int]:
    if packing == ("gzip",) and file_size > 18:
        with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as view:
            try:
                head = zlib.decompressobj(31).decompress(view[: 16 * _HEADER_SIZE], _HEADER_SIZE)
            except zlib.error as error:
                raise _damaged(path, "gzip", error) from None
            return head, int.from_bytes(view[-4:], "little")
    data = _unpacked(path, packing)
    return data[:_HEADER_SIZE], len(data)


def _unpacked(path: Path, packing: tuple[str, ...]) -> bytes:
    try:
        if not packing:
            return path.read_bytes()
        data = _packed_data(path, packing)
    except OSError as error:
        raise ImageError("image-missing", f"{path.name}: {error.strerror}") from None
    name = packing[-1]
    try:
        return _UNPACKERS[name](data)
    except ImportError as error:
        raise ImageError(
            "image-format",
            f"{path.name} is packed with {name}, which needs the Python package {error.name}",
        ) from None
    except Exception as error:  # each library has errors of its own
        raise _damaged(path, name, error) from None


def _damaged(path: Path, name: str, error: Exception) -> ImageError:
    return ImageError("image-format", f"{path.name} is damaged: {name}: {error}")


class _Decompressor(Protocol):
    # What the objects of zlib, lzma, bz2 and zstandard have in common.
    @property
    def eof(self) -> bool: ...
    def decompress(self, data: bytes, /) -> bytes: ...


# These libraries return what they have when the data ends too early.
def _whole(decompressor: _Decompressor, data: bytes) -> bytes:
    result = decompressor.decompress(data)
    if not decompressor.eof:
        raise ValueError("the data is cut short")
    return result


def _gunzip(data: bytes) -> bytes:
    return _whole(zlib.decompressobj(31), data)


def _unzstd(data: bytes) -> bytes:
    import zstandard

    return _whole(zstandard.ZstdDecompressor().decompressobj(), data)


def _unxz(data: bytes) -> bytes:
    import lzma

    return _whole(lzma.LZMADecompressor(lzma.FORMAT_AUTO), data)


def _unbzip2(data: bytes) -> bytes:
    import bz2

    return _whole(bz2.BZ2Decompressor(), data)


def _unlz4(data: bytes) -> bytes:
    import lz4.frame

    result: bytes = lz4.frame.decompress(data)
    return result


# The old form, which the kernel's build makes: blocks of at most 8 MiB, each after its packed size.
def _unlz4_legacy(data: bytes) -> bytes:
    import lz4.block

    result, at = [], 4
    while at + 4 <= len(data):
        (size,) = struct.unpack_from("<I", data, at)
        if size == 0 or data[at : at + 4] == data[:4]:
            break
        if at + 4 + size > len(data):
            raise ValueError("the data is cut short")
        result.append(lz4.block.decompress(data[at + 4 : at + 4 + size], uncompressed_size=8 * MIB))
        at += 4 + size
    return b"".join(result)


_UNPACKERS: dict[str, Callable[[bytes], bytes]] = {
    "gzip": _gunzip,
    "zstd": _unzstd,
    "xz": _unxz,
    "lzma": _unxz,
    "lz4": _unlz4,
    "lz4-legacy": _unlz4_legacy,
    "bzip2": _unbzip2,
}


# ---- kernels -------------------------------------------------------------------------------------


def _kernel(path: Path, packing: tuple[str, ...], head: bytes, size: int) -> Payload:
    if head[:4] == b"\x7fELF":
        raise ImageError(
            "image-format",
            f'{path.name} is an ELF file, not a kernel with a boot header (such as "Image")',
            'for the kernel\'s vmlinux give arch/*/boot/Image; for other programs say type = "elf"',
        )
    if len(head) >= 64 and head[56:60] == _ARM64_MAGIC:
        text_offset, image_size, flags = struct.unpack_from("<QQQ", head, 8)
        if image_size == 0:  # before Linux 3.17 the header did not say, and the offset was fixed
            text_offset = 0x80000
        arch = "aarch64" if not flags & 1 else "aarch64 (big-endian)"
    elif len(head) >= 64 and head[56:60] == _RISCV_MAGIC:
        text_offset, image_size = struct.unpack_from("<QQ", head, 8)
        # arch/riscv/mm/init.c, setup_bootmem(): the kernel takes whole blocks for itself, and
        # refuses an initrd in the last one
        image_size = align_up(image_size, BLOCK_SIZE)
        arch = "riscv64"
    elif bzimage.is_kernel(head):
        return _x86_kernel(path, packing, head, size)
    else:
        raise ImageError(
            "image-format",
            f"{path.name} is no Linux kernel: it has no boot header of any known architecture",
            'give the "Image" file of a kernel, or say type = "elf" or type = "raw"',
        )
    memory_size = max(image_size, size)
    return Payload(
        path=path,
        kind="linux",
        arch=arch,
        packing=packing,
        size=size,
        movable=True,
        segments=(Segment(0, 0, size, memory_size),),
        entry=0,
        text_offset=text_offset,
        image_size=memory_size,
        alignment=2 * MIB,
    )


# Of such a file only what follows the real-mode code is loaded.
def _x86_kernel(path: Path, packing: tuple[str, ...], head: bytes, size: int) -> Payload:
    try:
        header = bzimage.read(head)
    except ValueError as error:
        raise ImageError("image-format", f"{path.name} {error}") from None
    loaded = size - header.offset
    if loaded <= _ENTRY_64:
        raise ImageError(
            "image-format",
            f"{path.name} is cut short: it has {size} bytes, and its kernel starts at byte"
            f" {header.offset}",
        )
    memory_size = max(header.memory_size, loaded)
    base = 0 if header.movable else header.preferred
    return Payload(
        path=path,
        kind="linux",
        arch="x86_64" if header.is_64bit else "x86 (32 bits)",
        packing=packing,
        size=size,
        movable=header.movable,
        segments=(Segment(base, header.offset, loaded, memory_size),),
        entry=_ENTRY_64,
        text_offset=0,
        image_size=memory_size,
        alignment=header.alignment,
        preferred=header.preferred,
        setup_header=header.data,
    )


# ---- ELF -----------------------------------------------------------------------------------------


def _elf(path: Path, packing: tuple[str, ...], head: bytes) -> Payload:
    if head[:4] != b"\x7fELF":
        raise ImageError(
            "image-format",
            f"{path.name} is no ELF file",
            'a kernel with a boot header is type = "linux", plain bytes are type = "raw"',
        )
    from elftools.elf.elffile import ELFFile

    stream = io.BytesIO(_unpacked(path, packing)) if packing else path.open("rb")
    try:
        with stream:
            size = stream.seek(0, io.SEEK_END)
            return _elf_payload(path, packing, ELFFile(stream), size)
    except ImageError:
        raise
    except Exception as error:  # of the parser, its helpers, and of seeking where it is told to
        raise _damaged(path, "ELF", error) from None


def _elf_payload(path: Path, packing: tuple[str, ...], elf: object, size: int) -> Payload:
    header = elf.header  # type: ignore[attr-defined]
    loads = [item.header for item in elf.iter_segments("PT_LOAD")]  # type: ignore[attr-defined]
    loads = [item for item in loads if item.p_memsz]
    if not loads:
        raise ImageError("image-format", f"{path.name} has no loadable segment")
    kinds = {"ET_EXEC": _ET_EXEC, "ET_DYN": _ET_DYN}
    if header.e_type not in kinds:
        raise ImageError(
            "image-format", f"{path.name} is no executable (it is {header.e_type}): link it first"
        )
    for item in loads:
        if item.p_offset + item.p_filesz > size:
            raise ImageError(
                "image-format",
                f"{path.name} is cut short: a segment ends at byte {item.p_offset + item.p_filesz},"
                f" the file has {size}",
            )
    entry = header.e_entry
    for item in loads:
        if item.p_vaddr <= entry < item.p_vaddr + item.p_memsz:
            entry = entry - item.p_vaddr + item.p_paddr
            break
    base = min(item.p_paddr for item in loads)
    pvh_entry = _pvh_entry(elf)
    return Payload(
        path=path,
        kind="elf",
        # The protocol starts executables of both classes in 32-bit mode.
        arch=_elf_arch(elf) if pvh_entry is None else "x86_64",
        packing=packing,
        size=size,
        movable=kinds[header.e_type] == _ET_DYN,
        segments=tuple(
            Segment(item.p_paddr, item.p_offset, item.p_filesz, item.p_memsz) for item in loads
        ),
        entry=entry if pvh_entry is None else pvh_entry,
        text_offset=0,
        image_size=max(item.p_paddr + item.p_memsz for item in loads) - base,
        alignment=max(PAGE_SIZE, *(item.p_align for item in loads)),
        pvh=pvh_entry is not None,
    )


# The physical address of a PVH entry point, None where no note of Xen's names one (an x86
# executable of either class).
def _pvh_entry(elf: object) -> int | None:
    if elf.header.e_machine not in ("EM_386", "EM_X86_64"):  # type: ignore[attr-defined]
        return None
    for segment in elf.iter_segments("PT_NOTE"):  # type: ignore[attr-defined]
        for note in segment.iter_notes():
            data: bytes = note.n_descdata
            if note.n_name == "Xen" and note.n_type == _PHYS32_ENTRY and len(data) in (4, 8):
                return int.from_bytes(data, "little")
    return None


def _elf_arch(elf: object) -> str:
    from elftools.elf.enums import ENUM_E_MACHINE

    number = ENUM_E_MACHINE.get(elf.header.e_machine, elf.header.e_machine)  # type: ignore[attr-defined]
    name = _MACHINES.get(number, f"machine {number}")
    bits: int = elf.elfclass  # type: ignore[attr-defined]
    if bits == 32 and "bits" not in name:
        name = "riscv32" if number == _EM_RISCV else f"{name} (32 bits)"
    if not elf.little_endian:  # type: ignore[attr-defined]
        name += " (big-endian)"
    return name

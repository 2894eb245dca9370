# SPDX-License-Identifier: Apache-2.0
"""The header of an x86 Linux kernel, the "bzImage".

Source: Linux Documentation/arch/x86/boot.rst (The Real-Mode Kernel Header; 64-bit Boot Protocol).
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

#: Bytes of a file's start that may hold the header: as many as the boot parameters have for it.
SIZE = 0x290
_SECTOR = 512
_HEADER = 0x1F1  # where the header begins, in a file and in the boot parameters
_MAGIC = b"HdrS"
_OLDEST = 0x020C  # the protocol that names a 64-bit entry, of Linux 3.8
_LOADED_HIGH = 1 << 0
_KERNEL_64 = 1 << 0


@dataclass(frozen=True)
class SetupHeader:
    """What it says.

    data: the header itself, for the boot parameters.
    offset: of the part of the file that is loaded.
    is_64bit: whether it has the entry for long mode, 0x200 behind its start.
    movable: whether it runs at any multiple of `alignment`; if not, only at `preferred`.
    memory_size: bytes that it needs from its start on, until it knows the memory map.
    """

    data: bytes
    offset: int
    is_64bit: bool
    movable: bool
    alignment: int
    preferred: int
    memory_size: int


def is_kernel(head: bytes) -> bool:
    """Whether a file that begins so is such a kernel."""
    return len(head) >= SIZE and head[0x202:0x206] == _MAGIC


def read(head: bytes) -> SetupHeader:
    """The header of a kernel.

    Raises:
        ValueError: it cannot be used; the text says why, as the end of a sentence.
    """
    (version,) = struct.unpack_from("<H", head, 0x206)
    if version < _OLDEST:
        raise ValueError(
            f"has boot protocol {version >> 8}.{version & 0xFF:02}, and is too old:"
            f" 2.{_OLDEST & 0xFF} of Linux 3.8 is the first with a 64-bit entry"
        )
    if not head[0x211] & _LOADED_HIGH:
        raise ValueError("is a zImage, which is loaded low: give the kernel's bzImage")
    alignment, movable, _, flags = struct.unpack_from("<IBBH", head, 0x230)
    preferred, memory_size = struct.unpack_from("<QI", head, 0x258)
    if not alignment or alignment & (alignment - 1):
        raise ValueError(f"is damaged: it asks for an alignment of {alignment:#x}")
    if preferred % alignment:
        raise ValueError(f"is damaged: {preferred:#x}, which it prefers, is not so aligned")
    return SetupHeader(
        data=head[_HEADER : min(0x202 + head[0x201], SIZE)],
        offset=((head[_HEADER] or 4) + 1) * _SECTOR,
        is_64bit=bool(flags & _KERNEL_64),
        movable=bool(movable),
        alignment=alignment,
        preferred=preferred,
        memory_size=memory_size,
    )

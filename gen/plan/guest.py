# SPDX-License-Identifier: Apache-2.0
"""Where the parts of an image lie in a VM: kernel or segments, initrd.

Sources: Linux Documentation/arch/arm64/booting.rst (Image header, initrd outside the kernel's
image_size).
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from pathlib import Path

from gen import images
from gen.arch import architecture
from gen.model import Image, Payload, System, Vm
from gen.plan.types import Piece
from gen.ranges import PAGE_SIZE, Range, align_up


@dataclass(frozen=True)
class Placed:
    """An image in a VM, but for what it is told of its machine, which follows from this.

    initrd: its guest addresses, None without one.
    """

    entry: int
    pieces: tuple[Piece, ...]
    initrd: Range | None


class Contents:
    """The bytes of image files, each read and unpacked once."""

    def __init__(self) -> None:
        self._unpacked: dict[Path, bytes] = {}
        self._files: dict[Path, tuple[int, str]] = {}

    def payload(self, payload: Payload) -> bytes:
        """What gen.images.contents says."""
        if payload.path not in self._unpacked:
            self._unpacked[payload.path] = images.contents(payload)
        return self._unpacked[payload.path]

    def file(self, path: Path) -> tuple[int, str]:
        """Size and SHA-256 of a file."""
        if path not in self._files:
            data = path.read_bytes()
            self._files[path] = len(data), digest(data)
        return self._files[path]


def digest(data: bytes) -> str:
    """SHA-256 in hexadecimal."""
    return hashlib.sha256(data).hexdigest()


def place(system: System, vm: Vm, contents: Contents) -> Placed:
    """Places a VM's image.  The system has been checked."""
    image = system.image_of(vm)
    payload = image.header
    ram = vm.memory[0].guest_range
    load = image.load_address(ram, architecture(system.board.arch).image_floor)
    if payload.kind == "elf":
        return _place_elf(image, payload, load, contents)
    what = "kernel" if payload.kind == "linux" else "program"
    kernel = _whole(what, load, payload, contents)
    pieces = [kernel]
    initrd = None
    if image.initrd is not None and image.initrd.path is not None:
        size, sha = contents.file(image.initrd.path)
        base = align_up(load + kernel.memory_size, PAGE_SIZE)
        initrd = Range(base, size)
        pieces.append(Piece("initrd", base, image.initrd.path, size, size, sha))
    entry = image.entry if image.entry is not None else load + payload.entry
    return Placed(entry, tuple(pieces), initrd)


def in_regions(vm: Vm, piece: Piece) -> list[Piece]:
    """A piece as parts that each lie in one memory region.

    Regions that touch for the guest may be far apart in the machine.
    """
    whole = Range(piece.guest, piece.size)
    regions = sorted(region.guest_range for region in vm.memory)
    if any(region.contains(whole) for region in regions):
        return [piece]
    data = piece.contents if isinstance(piece.contents, bytes) else piece.contents.read_bytes()
    result: list[Piece] = []
    for region in (item for item in regions if item.overlaps(whole)):
        first = max(region.base, whole.base) - whole.base
        end = min(region.end, whole.end) - whole.base
        rest = piece.memory_size - first if end == piece.size else end - first
        part = data[first:end]
        result.append(
            replace(
                piece,
                what=f"{piece.what} part {len(result)}",
                guest=piece.guest + first,
                contents=part,
                size=len(part),
                memory_size=rest,
                digest=digest(part),
                file="",
            )
        )
    return result


# A file that holds the bytes as they are is used itself; one that has to be unpacked or of which
# only a part is loaded is not.
def _whole(what: str, load: int, payload: Payload, contents: Contents) -> Piece:
    (segment,) = payload.segments
    if not payload.packing and not segment.offset:
        size, sha = contents.file(payload.path)
        return Piece(what, load, payload.path, size, max(size, payload.image_size), sha)
    data = contents.payload(payload)[segment.offset : segment.offset + segment.file_size]
    return Piece(what, load, data, len(data), max(len(data), payload.image_size), digest(data))


def _place_elf(image: Image, payload: Payload, load: int, contents: Contents) -> Placed:
    data = contents.payload(payload)
    offset = load - min(segment.address for segment in payload.segments)
    pieces = []
    for number, segment in enumerate(payload.segments):
        if segment.file_size == 0:
            continue  # all zero, as memory is
        part = data[segment.offset : segment.offset + segment.file_size]
        name = f"segment {number}"
        address = segment.address + offset
        pieces.append(Piece(name, address, part, len(part), segment.memory_size, digest(part)))
    entry = image.entry if image.entry is not None else payload.entry + offset
    return Placed(entry, tuple(pieces), None)

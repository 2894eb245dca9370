# SPDX-License-Identifier: Apache-2.0
"""Where the parts of an image lie in a VM: kernel or segments, initrd, device tree.

Sources: Linux Documentation/arch/arm64/booting.rst (Image header, device tree below 2 MiB that
crosses no 2 MiB boundary, initrd outside the kernel's image_size).
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

from gen import images
from gen.model import Image, Payload, System, Vm
from gen.plan.types import Piece
from gen.ranges import BLOCK_SIZE, PAGE_SIZE, Range, align_down, align_up


@dataclass(frozen=True)
class Placed:
    """An image in a VM, but for the device tree, whose contents follow from this.

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
    load = load_address(image, ram)
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


def load_address(image: Image, ram: Range) -> int:
    """Guest address of an image: where it was linked for, as given, or the lowest it allows."""
    payload = image.header
    if not payload.movable:
        return min(segment.address for segment in payload.segments)
    if image.load is not None:
        return image.load
    return align_up(ram.base, payload.alignment) + payload.text_offset


def place_tree(system: System, vm: Vm, blob: bytes) -> Piece:
    """The device tree: at the start or the end of the VM's first region, as the image wants it.

    At the end it crosses no 2 MiB boundary.
    """
    ram = vm.memory[0].guest_range
    base = align_down(ram.end - len(blob), PAGE_SIZE)
    if system.image_of(vm).device_tree_at == "start":
        base = ram.base
    elif base // BLOCK_SIZE != (base + len(blob) - 1) // BLOCK_SIZE:
        base = align_down(ram.end - 1, BLOCK_SIZE) - align_up(len(blob), PAGE_SIZE)
    return Piece("device tree", base, blob, len(blob), len(blob), digest(blob))


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
        what = f"{piece.what} part {len(result)}"
        result.append(Piece(what, piece.guest + first, part, len(part), rest, digest(part)))
    return result


# A file that holds the bytes as they are is used itself; one that had to be unpacked is not.
def _whole(what: str, load: int, payload: Payload, contents: Contents) -> Piece:
    if not payload.packing:
        size, sha = contents.file(payload.path)
        return Piece(what, load, payload.path, size, max(size, payload.image_size), sha)
    data = contents.payload(payload)
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

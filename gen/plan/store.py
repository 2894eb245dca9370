# SPDX-License-Identifier: Apache-2.0
"""The bytes that are linked into the hypervisor's file.

Pieces of VMs that are copied at boot are kept pristine, each distinct content once however many VMs
use it. Pieces of a VM linked in place stand in that VM's memory and are its own.
"""

from __future__ import annotations

from collections.abc import Sequence

from gen.model import System, Vm
from gen.plan.memory import Placement, place_images
from gen.plan.origin import ident
from gen.plan.types import Piece, StoredImage
from gen.ranges import Range

#: The pieces of each VM, by index of the VM.
Pieces = Sequence[tuple[Piece, ...]]


def pristine(system: System, pieces: Pieces) -> tuple[StoredImage, ...]:
    """The images that copies are made from, placed behind the hypervisor.

    Raises:
        Refused: memory-full.
    """
    distinct: dict[str, tuple[Vm, Piece]] = {}
    for vm, parts in zip(system.vms, pieces, strict=True):
        for piece in parts:
            if not vm.in_place:
                distinct.setdefault(piece.digest, (vm, piece))
    bases = place_images(system, [piece.size for _, piece in distinct.values()])
    return tuple(
        _stored(vm, piece, base, in_place=False)
        for (vm, piece), base in zip(distinct.values(), bases, strict=True)
    )


def in_place(system: System, pieces: Pieces, placement: Placement) -> tuple[StoredImage, ...]:
    """The images that are linked where their VMs find them."""
    return tuple(
        _stored(vm, piece, physical(vm, Range(piece.guest, piece.size), placement), in_place=True)
        for vm, parts in zip(system.vms, pieces, strict=True)
        for piece in parts
        if vm.in_place
    )


def physical(vm: Vm, guest: Range, placement: Placement) -> int:
    """The physical address of a piece of a VM's memory, which lies in one region."""
    for index, region in enumerate(vm.memory):
        if region.guest_range.contains(guest):
            return placement[vm.index, index] + guest.base - region.guest
    raise AssertionError(f"vm {vm.name}: {guest} is in no region, the checks let it pass")


# Names of images and VMs have no underscore, so that symbols cannot collide.
def _stored(vm: Vm, piece: Piece, base: int, *, in_place: bool) -> StoredImage:
    suffix = piece.what.replace(" ", "-")
    owner, title = f"image-{vm.image}", f'image "{vm.image}" {piece.what}'
    if piece.owner == "vm":
        owner, title = f"vm-{vm.name}", f'{piece.what} of vm "{vm.name}"'
    elif in_place:
        owner, title = f"vm-{vm.name}", f'vm "{vm.name}" {piece.what}'
    elif piece.owner == "all":
        owner, title = "guest", f"{piece.what} of every VM"
    of = vm.image if piece.owner == "image" else owner
    file = piece.file or f"images/{of}-{suffix}.bin"
    symbol = ident(f"{owner}-{suffix}")
    where = Range(base, piece.size)
    return StoredImage(symbol, file, where, in_place, piece.contents, piece.digest, title)

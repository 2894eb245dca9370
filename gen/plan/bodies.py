# SPDX-License-Identifier: Apache-2.0
"""What each VM is made of: first what does not depend on addresses in the machine, then the rest.

A `Draft` is a VM with its image and all that it is told placed in guest memory; a `Body` adds where
its memory lies and what is copied where.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from gen import fdt
from gen.model import MemoryRegion, System, Vm
from gen.plan import store
from gen.plan.devices import hw_irqs
from gen.plan.guest import Contents, Placed, in_regions, place
from gen.plan.isa import isa
from gen.plan.memory import Placement, place_memory
from gen.plan.origin import origin
from gen.plan.types import (
    ArchVm,
    Boot,
    DeviceWindow,
    HwIrq,
    ImageCopy,
    MemRegion,
    Piece,
    StoredImage,
)
from gen.ranges import Range
from gen.source import Span


@dataclass(frozen=True)
class Draft:
    """A VM before physical addresses are known.  pieces: the image's, then those of `boot`."""

    vm: Vm
    placed: Placed
    boot: Boot
    pieces: tuple[Piece, ...]
    arch: ArchVm
    hw_irqs: tuple[HwIrq, ...]


@dataclass(frozen=True)
class Body:
    """A VM with its place in the machine.  memory, devices: sorted by guest address."""

    draft: Draft
    memory: tuple[MemRegion, ...]
    devices: tuple[DeviceWindow, ...]
    copies: tuple[ImageCopy, ...]


def drafts(system: System) -> tuple[Draft, ...]:
    """All VMs with what lies in their memory, in the order of the file.

    Raises:
        ImageError: an image file's packed data is damaged.
    """
    arch = isa(system.board.arch)
    contents = Contents()
    board_tree = None
    if any(device.node for vm in system.vms for device in vm.devices):
        board_tree = fdt.read(system.board.tree)
    result = []
    for vm in system.vms:
        placed = place(system, vm, contents)
        part = arch.vm(system, vm)
        boot = arch.boot(system, vm, part, board_tree, placed.initrd)
        whole = (*placed.pieces, *boot.pieces)
        pieces = tuple(half for piece in whole for half in in_regions(vm, piece))
        result.append(Draft(vm, placed, boot, pieces, part, hw_irqs(vm)))
    return tuple(result)


def placed(
    system: System, items: Sequence[Draft]
) -> tuple[tuple[StoredImage, ...], tuple[Body, ...]]:
    """Gives images and VM memory their physical addresses.

    Returns:
        The images that are linked, and the VMs, in the order of the file.

    Raises:
        Refused: memory-full.
    """
    pieces = [draft.pieces for draft in items]
    pristine = store.pristine(system, pieces)
    placement = place_memory(system, [image.where for image in pristine])
    images = (*pristine, *store.in_place(system, pieces, placement))
    bodies = tuple(
        Body(
            draft,
            _memory(draft.vm, placement),
            _devices(system, draft.vm),
            _copies(draft, pristine, placement),
        )
        for draft in items
    )
    return images, bodies


def _memory(vm: Vm, placement: Placement) -> tuple[MemRegion, ...]:
    result = [
        MemRegion(
            item.name,
            item.guest_range,
            placement[vm.index, index],
            item.permissions,
            origin(_place(vm, item), f"vm.{vm.name}.{item.name}"),
        )
        for index, item in enumerate(vm.memory)
    ]
    return tuple(sorted(result, key=lambda item: item.guest.base))


# `memory = "256 MiB"` has no table of its own.
def _place(vm: Vm, item: MemoryRegion) -> Span:
    return item.spans.of("size") if item.spans.given("size") else vm.spans.of("memory")


def _devices(system: System, vm: Vm) -> tuple[DeviceWindow, ...]:
    result = [
        *isa(system.board.arch).windows(system, vm),
        *(
            DeviceWindow(
                device.name,
                window.guest_range,
                window.physical.base,
                origin(device.spans.of("name"), f"vm.{vm.name}.{device.name}"),
            )
            for device in vm.devices
            for window in device.windows
        ),
    ]
    return tuple(sorted(result, key=lambda item: item.guest.base))


def _copies(
    draft: Draft, pristine: Sequence[StoredImage], placement: Placement
) -> tuple[ImageCopy, ...]:
    if draft.vm.in_place:
        return ()
    stored = {image.digest: image for image in pristine}
    result = []
    for piece in draft.pieces:
        guest = Range(piece.guest, piece.size)
        target = store.physical(draft.vm, guest, placement)
        digest = piece.digest if draft.vm.check_images else None
        result.append(ImageCopy(piece.what, stored[piece.digest], target, guest, digest))
    return tuple(result)

# SPDX-License-Identifier: Apache-2.0
"""Where images and VM memory lie in RAM.

Regions with an address of their own come first, then the pristine images, then the regions that the
generator places, first fit in the order of the file. Guest and physical address of a region are
congruent modulo the largest block that fits it, so that the page tables can use that block.
"""

from __future__ import annotations

from collections.abc import Iterable

from gen.diag import Diagnostic, Note, Refused
from gen.model import MemoryRegion, System, Vm
from gen.ranges import BLOCK_SIZE, GIB, PAGE_SIZE, Range, align_up, holes, size_text

#: (index of the VM, index of the region) -> physical address.
Placement = dict[tuple[int, int], int]


def congruence(size: int) -> int:
    """The largest block size of a region of that size: 1 GiB, 2 MiB or 4 KiB."""
    return next((block for block in (GIB, BLOCK_SIZE) if size >= block), PAGE_SIZE)


def fixed(system: System) -> list[Range]:
    """Physical memory whose place the input decides: hypervisor, reservations, fixed regions."""
    result = [system.board.hypervisor, system.board.boot_area]
    result += system.board.hardware.reserved
    for vm in system.vms:
        for region in vm.memory:
            if region.physical is not None:
                result.append(Range(region.physical, region.size))
    return result


def place_images(system: System, sizes: Iterable[int]) -> list[int]:
    """Addresses of the pristine images, page aligned, one after another behind the hypervisor.

    Raises:
        Refused: memory-full.
    """
    free = _behind_first(system, holes(system.board.ram, fixed(system)))
    result = []
    for size in sizes:
        room = align_up(size, PAGE_SIZE)
        hole = next((item for item in free if item.size >= room), None)
        if hole is None:
            problem = f"no RAM is left for the images: {size_text(room)} more are needed"
            raise Refused([Diagnostic("memory-full", problem, None, path=system.path)])
        result.append(hole.base)
        free[free.index(hole)] = Range(hole.base + room, hole.size - room)
    return result


def place_memory(system: System, images: Iterable[Range]) -> Placement:
    """The physical address of every region of every VM.

    Args:
        system: the system, checked.
        images: what place_images() decided.

    Raises:
        Refused: memory-full, for each region that finds no room.
    """
    used = [*fixed(system)]
    for image in images:
        used.append(Range(image.base, align_up(image.end, BLOCK_SIZE) - image.base))
    free = holes(system.board.ram, used)
    result: Placement = {}
    problems = []
    for vm in system.vms:
        for index, region in enumerate(vm.memory):
            if region.physical is not None:
                result[vm.index, index] = region.physical
                continue
            base = _fit(free, region)
            if base is None:
                problems.append(_no_room(vm, region, free))
                continue
            result[vm.index, index] = base
            free = holes(free, [Range(base, region.size)])
    if problems:
        raise Refused(problems)
    return result


# RAM behind the hypervisor's region first; what lies below it is taken last.
def _behind_first(system: System, free: list[Range]) -> list[Range]:
    end = system.board.hypervisor.end
    return sorted(free, key=lambda hole: (hole.base < end, hole.base))


# The lowest address that is congruent to the guest's modulo the largest block, or a smaller one.
def _fit(free: list[Range], region: MemoryRegion) -> int | None:
    block = congruence(region.size)
    while True:
        offset = region.guest % block
        for hole in free:
            base = align_up(hole.base - offset, block) + offset
            if base + region.size <= hole.end:
                return base
        if block == PAGE_SIZE:
            return None
        block = BLOCK_SIZE if block == GIB else PAGE_SIZE


def _no_room(vm: Vm, region: MemoryRegion, free: list[Range]) -> Diagnostic:
    largest = max((hole.size for hole in free), default=0) // PAGE_SIZE * PAGE_SIZE
    place = region.spans.of("size") if region.spans.given("size") else vm.spans.of("memory")
    return Diagnostic(
        "memory-full",
        f'vm "{vm.name}": no RAM is left for region "{region.name}" of {size_text(region.size)}',
        place,
        "make the VMs smaller, or take a board with more RAM",
        (Note(f"the largest piece of RAM that is left has {size_text(largest)}"),),
    )

# SPDX-License-Identifier: Apache-2.0
"""What each map shows: the hypervisor's own, the window onto each copied VM, each VM's view.

Decides only what is mapped and how; gen.pagetables makes tables of it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from gen.pagetables.build import Mapping, Pool
from gen.pagetables.format import Access, Format, Memory
from gen.plan.isa import Isa
from gen.plan.types import DeviceWindow, Layout, MemRegion, Stack, StoredImage
from gen.ranges import PAGE_SIZE, Range, align_up

_CODE = Access(execute=True)
_CONSTANT = Access()
_DATA = Access(write=True)
_REGISTERS = Access(write=True, memory=Memory.DEVICE)


@dataclass(frozen=True)
class VmView:
    """What the maps of a VM are made of.

    format: of its own view.  images: what is copied into it; empty if in place.
    """

    name: str
    format: Format
    in_place: bool
    memory: tuple[MemRegion, ...]
    devices: tuple[DeviceWindow, ...]
    images: tuple[StoredImage, ...]


@dataclass(frozen=True)
class Roots:
    """Addresses of a VM's root tables; window is 0 where there is none."""

    stage2: int
    window: int


def hypervisor_mappings(layout: Layout, registers: Iterable[tuple[Range, str]]) -> list[Mapping]:
    """What the hypervisor reaches: its sections, its stacks without guard pages, its devices."""
    result = [
        _identity(layout.text.area, _CODE, "hypervisor .text"),
        _identity(layout.rodata.area, _CONSTANT, "hypervisor .rodata"),
        _identity(layout.data.area, _DATA, "hypervisor .data"),
        *(_stack(stack) for stack in layout.stacks),
        _identity(layout.pagetables.area, _CONSTANT, "hypervisor .pagetables"),
    ]
    result += [_identity(window, _REGISTERS, name) for window, name in registers]
    return [mapping for mapping in result if mapping.input.size]


def add_maps(
    isa: Isa, pool: Pool, own: Sequence[Mapping], views: Sequence[VmView], base: int
) -> tuple[int, list[Roots]]:
    """Adds all maps of a system to the pool: the hypervisor's own, then those of each VM.

    Args:
        isa: how the tables are encoded.
        pool: empty.
        own: what hypervisor_mappings() said.
        views: the VMs.
        base: where the first table will lie.

    Returns:
        The number of the root table of the hypervisor's map, and the roots of each VM.
    """
    root = pool.add(isa.own_format, "hypervisor", own)
    numbers: list[tuple[int, int | None]] = []
    for view in views:
        window = None
        if not view.in_place or isa.reads_guests:
            shown = [*own, *_window(view)]
            window = pool.add(isa.own_format, f'window on vm "{view.name}"', shown)
        stage2 = pool.add(view.format, f'stage 2 of vm "{view.name}"', _stage2(view))
        numbers.append((stage2, window))
    at = pool.addresses(base)
    roots = [
        Roots(at[stage2], at[window] if window is not None else 0) for stage2, window in numbers
    ]
    return root, roots


def _window(view: VmView) -> list[Mapping]:
    result = [
        _identity(region.where, _DATA, f'vm "{view.name}" memory "{region.name}"')
        for region in view.memory
    ]
    for image in view.images:
        pages = Range(image.where.base, align_up(image.where.size, PAGE_SIZE))
        result.append(_identity(pages, _CONSTANT, image.title))
    return result


def _stage2(view: VmView) -> list[Mapping]:
    result = []
    for region in view.memory:
        access = Access("w" in region.permissions, "x" in region.permissions)
        result.append(Mapping(region.guest, region.physical, access, f'memory "{region.name}"'))
    for window in view.devices:
        owner = f'device "{window.device}"'
        result.append(Mapping(window.guest, window.physical, _REGISTERS, owner))
    return result


def _stack(stack: Stack) -> Mapping:
    return _identity(Range(stack.base, stack.top - stack.base), _DATA, f"stack of {stack.owner}")


def _identity(area: Range, access: Access, owner: str) -> Mapping:
    return Mapping(area, area.base, access, owner)

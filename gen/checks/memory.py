# SPDX-License-Identifier: Apache-2.0
"""Memory of the VMs, as guests see it and where it lies in the machine.

Whether the regions that the generator places find room is known when they are placed: see
gen/plan/memory.py (code memory-full).
"""

from __future__ import annotations

from collections.abc import Iterator

from gen.arch import architecture
from gen.checks import rule
from gen.checks.words import (
    guest_span,
    physical_span,
    region_text,
    size_span,
    vm_text,
)
from gen.diag import Diagnostic, Note
from gen.model import MemoryRegion, System, Vm
from gen.ranges import (
    BLOCK_SIZE,
    PAGE_SIZE,
    Owned,
    Range,
    align_up,
    holes,
    nearest_fit,
    overlapping,
    size_text,
)

Claim = tuple[Vm, MemoryRegion]


def _regions(system: System) -> Iterator[Claim]:
    for vm in system.vms:
        for region in vm.memory:
            yield vm, region


# Regions whose physical address the user decided.
def _placed(system: System) -> Iterator[tuple[Vm, MemoryRegion, Range]]:
    for vm, region in _regions(system):
        if region.physical_range is not None:
            yield vm, region, region.physical_range


@rule("mem-missing")
def mem_missing(system: System) -> Iterator[Diagnostic]:
    """A VM without memory cannot run."""
    for vm in system.vms:
        if not vm.memory:
            yield Diagnostic(
                "mem-missing",
                f"{vm_text(vm)} has no memory",
                vm.spans.of("memory"),
                'say memory = "256 MiB", or add a [[vm.memory]]',
            )


@rule("mem-unaligned")
def mem_unaligned(system: System) -> Iterator[Diagnostic]:
    """Page tables map whole pages."""
    for vm, region in _regions(system):
        values = [("size", region.size, size_span(region))]
        if region.spans.given("guest") or region.kind == "allocated":
            values.append(("guest address", region.guest, guest_span(region)))
        if region.kind == "fixed" and region.physical is not None:
            values.append(("physical address", region.physical, physical_span(region)))
        for what, value, span in values:
            if value % PAGE_SIZE:
                below, above = value // PAGE_SIZE * PAGE_SIZE, align_up(value, PAGE_SIZE)
                yield Diagnostic(
                    "mem-unaligned",
                    f"{region_text(vm, region)}: its {what} {value:#x} is not a multiple of 4 KiB",
                    span,
                    f"take {above:#x}" if not below else f"take {below:#x} or {above:#x}",
                )


@rule("mem-guest-limit")
def mem_guest_limit(system: System) -> Iterator[Diagnostic]:
    """Second-stage tables have a fixed number of levels at most."""
    limit = architecture(system.board.arch).guest_limit(system.board.hardware)
    for vm, region in _regions(system):
        if region.guest_range.end > limit:
            yield Diagnostic(
                "mem-guest-limit",
                f"{region_text(vm, region)} {region.guest_range} is beyond {limit:#x}, the"
                f" end of"
                " what a guest can address",
                guest_span(region),
                "give it a lower guest address",
            )


@rule("mem-overlap")
def mem_overlap(system: System) -> Iterator[Diagnostic]:
    """No two regions may share a byte, neither in a guest nor in the machine."""
    limit = architecture(system.board.arch).guest_limit(system.board.hardware)
    for vm in system.vms:
        seen = (Owned(region.guest_range, (vm, region)) for region in vm.memory)
        used = [region.guest_range for region in vm.memory]
        for first, second in overlapping(seen):
            yield _overlap(first, second, "guest", holes([Range(0, limit)], used))
    placed = [Owned(area, (vm, region)) for vm, region, area in _placed(system)]
    taken = [item.range for item in placed] + [system.board.hypervisor, system.board.boot_area]
    free = holes(system.board.ram, [*taken, *system.board.hardware.reserved])
    for first, second in overlapping(placed):
        yield _overlap(first, second, "physical", free)


# The region that stands later in the file is blamed.
def _overlap(one: Owned[Claim], two: Owned[Claim], side: str, free: list[Range]) -> Diagnostic:
    span_of = guest_span if side == "guest" else physical_span
    first, second = sorted((one, two), key=lambda item: span_of(item.owner[1]).start)
    vm, region = second.owner
    other_vm, other = first.owner
    alignment = BLOCK_SIZE if region.size >= BLOCK_SIZE else PAGE_SIZE
    base = nearest_fit(free, region.size, alignment, second.range.base)
    advice = f"move it to {base:#x}" if base is not None else "make one of them smaller"
    return Diagnostic(
        "mem-overlap",
        f'{vm_text(vm)}: region "{region.name}" {second.range} overlaps region "{other.name}" of'
        f" {vm_text(other_vm)} in {side} memory",
        span_of(region),
        advice,
        (Note(f"{region_text(other_vm, other)} is {first.range}", span_of(other)),),
    )


@rule("mem-outside-ram")
def mem_outside_ram(system: System) -> Iterator[Diagnostic]:
    """Memory at an address of the user's must be RAM, and RAM that firmware does not keep."""
    board = system.board
    usable = holes(board.ram, board.hardware.reserved)
    free = holes(usable, [board.hypervisor, board.boot_area])
    for vm, region, area in _placed(system):
        if any(item.contains(area) for item in usable):
            continue
        reserved = next((item for item in board.hardware.reserved if item.overlaps(area)), None)
        where = (
            f"overlaps {reserved}, which the board's device tree reserves"
            if reserved is not None
            else f"is not in RAM, which is {', '.join(str(item) for item in board.ram)}"
        )
        base = nearest_fit(free, area.size, PAGE_SIZE, area.base)
        help_text = 'say physical = "allocated"'
        if base is not None:
            help_text += f", or take {base:#x}"
        yield Diagnostic(
            "mem-outside-ram",
            f'{vm_text(vm)}: region "{region.name}" {area} {where}',
            physical_span(region),
            help_text,
        )


@rule("hv-overlap")
def hv_overlap(system: System) -> Iterator[Diagnostic]:
    """No VM may have memory of the hypervisor's, nor what is left to boot loader and firmware."""
    board = system.board
    kept = (
        (board.hypervisor, "the hypervisor"),
        (board.boot_area, f"the {architecture(board.arch).boot_area_use}"),
    )
    used = [area for _, _, area in _placed(system)]
    free = holes(board.ram, [board.hypervisor, board.boot_area, *board.hardware.reserved, *used])
    for vm, region, area in _placed(system):
        for own, what in kept:
            if not own.overlaps(area):
                continue
            base = nearest_fit(free, area.size, PAGE_SIZE, area.base)
            yield Diagnostic(
                "hv-overlap",
                f'{vm_text(vm)}: region "{region.name}" {area} overlaps {own}, kept for {what}',
                physical_span(region),
                f"move it to {base:#x}" if base is not None else "make it smaller",
                (_kept_note(system),),
            )
            break


def _kept_note(system: System) -> Note:
    board = system.board
    spans = board.spans
    key = ("hypervisor", "base") if spans.given("hypervisor", "base") else ("board", "device-tree")
    kept = f"{board.boot_area} and {board.hypervisor}"
    return Note(f'board "{board.name}" keeps {kept}', spans.of(*key))


@rule("mem-permissions", needs=("mem-missing",))
def mem_permissions(system: System) -> Iterator[Diagnostic]:
    """An image is started in the first region: the guest must be able to run and write there."""
    for vm in system.vms:
        region = vm.memory[0]
        if region.permissions != "rwx":
            yield Diagnostic(
                "mem-permissions",
                f'{vm_text(vm)}: its first region "{region.name}" has permissions'
                f' "{region.permissions}", but the image is placed and started there',
                region.spans.of("permissions"),
                'say "rwx", or put a region with "rwx" first',
            )


@rule("mem-small-pages", needs=("mem-unaligned",))
def mem_small_pages(system: System) -> Iterator[Diagnostic]:
    """Memory in whole 2 MiB blocks needs fewer table pages and fewer entries of the TLB."""
    for vm, region in _regions(system):
        if region.size < BLOCK_SIZE:
            continue
        if region.physical is not None and (region.guest - region.physical) % BLOCK_SIZE:
            yield Diagnostic(
                "mem-small-pages",
                f"{region_text(vm, region)}: guest address {region.guest:#x} and physical address"
                f" {region.physical:#x} differ by no multiple of 2 MiB, so that all of it is mapped"
                " with 4 KiB pages",
                physical_span(region),
                "let them agree in their lowest 21 bits",
                severity="warning",
            )
        elif region.size % BLOCK_SIZE:
            yield Diagnostic(
                "mem-small-pages",
                f"{region_text(vm, region)}: its size {region.size:#x} is no multiple of 2 MiB,"
                f" so that"
                " part of it is mapped with 4 KiB pages",
                size_span(region),
                f'take "{size_text(align_up(region.size, BLOCK_SIZE))}"',
                severity="warning",
            )

# SPDX-License-Identifier: Apache-2.0
"""Devices passed through: they exist, are whole pages, have one owner; so do their interrupts."""

from __future__ import annotations

from collections.abc import Iterator

from gen.arch import architecture
from gen.checks import rule
from gen.checks.words import (
    device_text,
    guest_span,
    interrupt_span,
    region_text,
    vm_text,
    window_guest_span,
    window_span,
)
from gen.diag import Diagnostic, Note
from gen.model import Device, Interrupt, MemoryRegion, System, Vm, Window
from gen.ranges import (
    PAGE_SIZE,
    Owned,
    Range,
    align_down,
    align_up,
    holes,
    nearest_fit,
    overlapping,
)
from gen.source import Span
from gen.validate import nearest


def _devices(system: System) -> Iterator[tuple[Vm, Device]]:
    for vm in system.vms:
        for device in vm.devices:
            yield vm, device


def _windows(system: System) -> Iterator[tuple[Vm, Device, Window]]:
    for vm, device in _devices(system):
        for window in device.windows:
            yield vm, device, window


@rule("device-unknown-node")
def device_unknown_node(system: System) -> Iterator[Diagnostic]:
    """A node must be in the board's tree and have something to give."""
    nodes = system.board.hardware.nodes
    for vm, device in _devices(system):
        if not device.known and device.node is not None:
            yield Diagnostic(
                "device-unknown-node",
                f'{vm_text(vm)}: device "{device.name}": the board\'s device tree has no node'
                f' "{device.node}" with registers or interrupts',
                device.spans.of("node"),
                nearest(device.node, nodes),
            )


@rule("device-unaligned")
def device_unaligned(system: System) -> Iterator[Diagnostic]:
    """A page is the least that can be given: what else lies in it would be given too."""
    for vm, device, window in _windows(system):
        area = window.physical
        if area.base % PAGE_SIZE or area.size % PAGE_SIZE:
            base, end = align_down(area.base, PAGE_SIZE), align_up(area.end, PAGE_SIZE)
            others = [
                node.path
                for node in system.board.hardware.nodes.values()
                if node.path != device.node
                and any(item.overlaps(Range(base, end - base)) for item in node.windows)
            ]
            rest = f" (it also holds {_few(others)})" if others else ""
            yield Diagnostic(
                "device-unaligned",
                f"{device_text(vm, device)}: its window {area} is not made of whole 4 KiB pages",
                window_span(device),
                f"to give all of the page{rest}: base = {base:#x}, size = {end - base:#x}",
            )
        elif window.guest % PAGE_SIZE:
            yield Diagnostic(
                "device-unaligned",
                f"{device_text(vm, device)}: its guest address {window.guest:#x} is not a"
                f" multiple of"
                " 4 KiB",
                device.spans.of("guest"),
                f"take {align_down(window.guest, PAGE_SIZE):#x}",
            )


def _few(names: list[str]) -> str:
    shown = ", ".join(names[:3])
    return f"{shown} and {len(names) - 3} more" if len(names) > 3 else shown


@rule("device-shared")
def device_shared(system: System) -> Iterator[Diagnostic]:
    """A device has one owner."""
    windows = [Owned(w.physical, (vm, device)) for vm, device, w in _windows(system)]
    ports = [Owned(item, (vm, device)) for vm, device in _devices(system) for item in device.ports]
    for one, two in (*overlapping(windows), *overlapping(ports)):
        first, second = sorted((one, two), key=lambda item: window_span(item.owner[1]).start)
        vm, device = second.owner
        other_vm, other = first.owner
        yield Diagnostic(
            "device-shared",
            f"{device_text(vm, device)} {second.range} overlaps {device_text(other_vm, other)}",
            window_span(device),
            "a device belongs to one VM: take it away from the other",
            (Note(f"{device_text(other_vm, other)} is {first.range}", window_span(other)),),
        )


@rule("device-reserved")
def device_reserved(system: System) -> Iterator[Diagnostic]:
    """The interrupt controller and the console are the hypervisor's; guests see emulated ones."""
    claimed = architecture(system.board.arch).claimed_windows(system.board.hardware)
    for vm, device, window in _windows(system):
        for own in claimed:
            if own.range.overlaps(window.physical):
                yield Diagnostic(
                    "device-reserved",
                    f"{device_text(vm, device)} {window.physical} overlaps {own.owner} {own.range},"
                    " which the hypervisor keeps for itself",
                    window_span(device),
                    'leave it out: a VM has an emulated one (for the UART: console = "uart")',
                )
                break
    yield from _reserved_ports(system)


# The same of I/O ports, which have the same numbers in a VM as in the machine.
def _reserved_ports(system: System) -> Iterator[Diagnostic]:
    claimed = architecture(system.board.arch).claimed_ports(system.board.hardware)
    for vm, device in _devices(system):
        for own in claimed:
            if any(own.range.overlaps(ports) for ports in device.ports):
                yield Diagnostic(
                    "device-reserved",
                    f"{device_text(vm, device)}: its I/O ports overlap those of {own.owner}"
                    f" {own.range}, which the hypervisor keeps for itself",
                    window_span(device),
                    'leave it out: a VM has an emulated one (for the UART: console = "uart")',
                )
                break


@rule("device-in-ram")
def device_in_ram(system: System) -> Iterator[Diagnostic]:
    """RAM given as a device would escape the bookkeeping of memory."""
    for vm, device, window in _windows(system):
        if any(item.overlaps(window.physical) for item in system.board.ram):
            yield Diagnostic(
                "device-in-ram",
                f"{device_text(vm, device)}: its window {window.physical} is RAM",
                window_span(device),
                "give memory with [[vm.memory]] and physical = an address",
            )


@rule("device-overlap")
def device_overlap(system: System) -> Iterator[Diagnostic]:
    """What a guest sees at an address is one thing: memory, a device, or an emulated device."""
    arch = architecture(system.board.arch)
    limit = arch.guest_limit(system.board.hardware)
    for vm in system.vms:
        items: list[Owned[MemoryRegion | Device | str]] = [
            *(Owned(region.guest_range, region) for region in vm.memory),
            *(Owned(w.guest_range, device) for device in vm.devices for w in device.windows),
            *arch.guest_windows(system, vm),
        ]
        free = holes([Range(0, limit)], (item.range for item in items))
        for one, two in overlapping(items):
            if isinstance(one.owner, MemoryRegion) and isinstance(two.owner, MemoryRegion):
                continue  # mem-overlap
            yield _guest_overlap(vm, one, two, free)


# Emulated devices cannot be moved, so the other is blamed; else the one later in the file.
def _guest_overlap(
    vm: Vm,
    one: Owned[MemoryRegion | Device | str],
    two: Owned[MemoryRegion | Device | str],
    free: list[Range],
) -> Diagnostic:
    def rank(item: Owned[MemoryRegion | Device | str]) -> int:
        span = _guest_place(item.owner)
        return -1 if span is None else span.start

    first, second = sorted((one, two), key=rank)
    span = _guest_place(second.owner)
    other = _guest_place(first.owner)
    name = _guest_name(vm, first.owner)
    base = nearest_fit(free, second.range.size, PAGE_SIZE, second.range.base)
    move = f"let the guest see it at {base:#x}: guest = {base:#x}" if base is not None else ""
    note = Note(f"{name} is at {first.range} for the guest", other)
    return Diagnostic(
        "device-overlap",
        f"{_guest_name(vm, second.owner)} {second.range} overlaps {name} {first.range} in guest"
        " addresses",
        span,
        move,
        (note,) if other is not None else (),
    )


def _guest_place(owner: MemoryRegion | Device | str) -> Span | None:
    if isinstance(owner, str):
        return None
    return guest_span(owner) if isinstance(owner, MemoryRegion) else window_guest_span(owner)


def _guest_name(vm: Vm, owner: MemoryRegion | Device | str) -> str:
    if isinstance(owner, str):
        return f"the {owner}"
    if isinstance(owner, MemoryRegion):
        return region_text(vm, owner)
    return device_text(vm, owner)


@rule("device-guest-limit")
def device_guest_limit(system: System) -> Iterator[Diagnostic]:
    """Second-stage tables have a fixed number of levels at most."""
    limit = architecture(system.board.arch).guest_limit(system.board.hardware)
    for vm, device, window in _windows(system):
        if not (window.guest >= 0 and window.guest_range.end <= limit):
            yield Diagnostic(
                "device-guest-limit",
                f"{device_text(vm, device)}: guest addresses [{window.guest:#x},"
                f" {window.guest_range.end:#x}) are not within [0x0, {limit:#x}), all that a"
                " guest can address",
                window_guest_span(device),
                "say at which lower address the guest sees it: guest = ...",
            )


@rule("device-dma")
def device_dma(system: System) -> Iterator[Diagnostic]:
    """Without an IOMMU a device that reaches memory by itself reaches all of it."""
    for vm, device in _devices(system):
        if device.dma:
            yield Diagnostic(
                "device-dma",
                f"{device_text(vm, device)} reads and writes memory by itself, and nothing"
                f" confines it:"
                " the guest can reach all of RAM through it",
                device.spans.of("node"),
                "give it only to a VM that you trust as much as the hypervisor",
                severity="warning",
            )


# ---- interrupts ----------------------------------------------------------------------------------


def _interrupts(system: System) -> Iterator[tuple[Vm, Device, int, Interrupt]]:
    for vm, device in _devices(system):
        for index, interrupt in enumerate(device.interrupts):
            yield vm, device, index, interrupt


@rule("irq-unknown")
def irq_unknown(system: System) -> Iterator[Diagnostic]:
    """Only interrupts that a device raises for the whole machine can be given away."""
    arch = architecture(system.board.arch)
    for vm, device, index, interrupt in _interrupts(system):
        if not arch.is_assignable(system.board.hardware, interrupt.number):
            yield Diagnostic(
                "irq-unknown",
                f"{device_text(vm, device)}: interrupt {interrupt.number} cannot be given to a VM:"
                f" {arch.interrupt_rule(system.board.hardware)}, can",
                interrupt_span(device, index),
                arch.interrupt_help(),
            )


@rule("irq-reserved", needs=("irq-unknown",))
def irq_reserved(system: System) -> Iterator[Diagnostic]:
    """Interrupts of the hypervisor's own devices stay with it."""
    arch = architecture(system.board.arch)
    claimed = arch.claimed_interrupts(system.board.hardware)
    for vm, device, index, interrupt in _interrupts(system):
        if interrupt.number in claimed:
            yield Diagnostic(
                "irq-reserved",
                f"{device_text(vm, device)}: interrupt {interrupt.number}"
                f" ({arch.interrupt_name(interrupt.number)}) is {claimed[interrupt.number]},"
                f" which the"
                " hypervisor keeps for itself",
                interrupt_span(device, index),
                "leave it out",
            )


@rule("irq-shared")
def irq_shared(system: System) -> Iterator[Diagnostic]:
    """An interrupt goes to one VM, and there to one device."""
    arch = architecture(system.board.arch)
    first: dict[int, tuple[Vm, Device, int]] = {}
    for vm, device, index, interrupt in _interrupts(system):
        owner = first.setdefault(interrupt.number, (vm, device, index))
        if owner == (vm, device, index):
            continue
        other_vm, other, other_index = owner
        yield Diagnostic(
            "irq-shared",
            f"{device_text(vm, device)}: interrupt {interrupt.number}"
            f" ({arch.interrupt_name(interrupt.number)}) is also that of"
            f" {device_text(other_vm, other)}",
            interrupt_span(device, index),
            "an interrupt belongs to one device of one VM: take it away from the other",
            (Note(f"{device_text(other_vm, other)} has it", interrupt_span(other, other_index)),),
        )

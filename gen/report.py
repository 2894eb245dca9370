# SPDX-License-Identifier: Apache-2.0
"""The plan for people (report.txt) and for programs (plan.json).

report.txt draws the machine: who has which physical memory, what each VM sees and where, who runs
on which CPU, whose interrupts are whose, what is stored. Nothing here computes an address.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

from gen.health import EVENTS
from gen.plan.types import Pcpu, Plan, Vm
from gen.ranges import Range, holes, size_text
from gen.schedule.words import share_text, time_text

_WIDTH = 56  # of a drawn map, between its borders


@dataclasses.dataclass(frozen=True)
class _Box:
    """One box of a drawn map.  side: what stands right of it."""

    where: Range
    label: str
    side: str = ""


def text(plan: Plan) -> str:
    """report.txt; ends with a line end."""
    parts = [
        _summary(plan),
        _physical(plan),
        *(_vm(plan, vm) for vm in plan.vms),
        _health(plan),
        _cpus(plan),
        *_time(plan),
        _interrupts(plan),
        _images(plan),
        _hypervisor(plan),
    ]
    return "\n".join("\n".join(line.rstrip() for line in part) + "\n" for part in parts)


def data(plan: Plan) -> dict[str, Any]:
    """plan.json: the plan's dataclasses as objects, without contents of files and page tables."""
    result: dict[str, Any] = _plain(plan)
    return result


def _summary(plan: Plan) -> Iterator[str]:
    yield f"System {plan.name} on board {plan.board_name} ({plan.arch})"
    yield "=" * 72
    total = sum(item.size for item in plan.ram)
    free = sum(item.size for item in _free(plan))
    counts = (len(plan.vms), "VM"), (len(plan.vcpus), "vCPU"), (len(plan.pcpus), "CPU")
    vms, vcpus, cpus = (f"{count} {name}{'s' if count != 1 else ''}" for count, name in counts)
    yield f"{vms} with {vcpus} on {cpus}"
    yield f"{_amount(total)} of RAM, {_amount(total - free)} used, {_amount(free)} free"


def _physical(plan: Plan) -> Iterator[str]:
    yield from _heading("Physical memory")
    boxes = [_Box(item.where, item.name) for item in (*plan.owners, *plan.kept)]
    boxes += [_Box(area, "free") for area in _free(plan)]
    yield from _drawn(boxes)


def _vm(plan: Plan, vm: Vm) -> Iterator[str]:
    yield from _heading(f"VM {vm.name} ({vm.origin.split()[0]})")
    vcpus = [item for item in plan.vcpus if item.vm == vm.index]
    yield from _facts(
        ("vCPUs", ", ".join(f"{item.index} on CPU {item.cpu}" for item in vcpus)),
        ("VMID", str(vm.vmid)),
        ("starts", "with the machine" if vm.autostart else "by hand"),
        ("at", f"{vm.entry:#x}, {vm.boot.what} at {vm.boot.argument:#x}"),
        ("images", _image_care(vm)),
        ("console", "virtual UART" if vm.console is not None else "none"),
        *([("counters", "granted")] if vm.pmu else []),
        ("cmdline", vm.cmdline or "none"),
    )
    yield ""
    yield "What the guest sees:"
    boxes = [_Box(item.guest, item.what, "emulated") for item in vm.mmio]
    boxes += [
        _Box(item.guest, f"device {item.device}", _at(item.physical, item.guest.base))
        for item in vm.devices
    ]
    for region in vm.memory:
        side = f"{region.permissions}, {_at(region.physical, region.guest.base)}"
        boxes += _inside(vm, region.guest, f"memory {region.name}", side)
    yield from _drawn(boxes)


def _image_care(vm: Vm) -> str:
    if vm.in_place:
        return "linked in place"
    is_checked = any(copy.digest is not None for copy in vm.copies)
    return "checked and copied at boot" if is_checked else "copied at boot"


# A memory region with the pieces of the image that lie in it.
def _inside(vm: Vm, area: Range, label: str, side: str) -> Iterator[_Box]:
    pieces = [
        _Box(Range(piece.guest, piece.memory_size), f"  {piece.what}")
        for piece in vm.pieces
        if area.overlaps(Range(piece.guest, piece.memory_size))
    ]
    rest = holes([area], [piece.where for piece in pieces])
    yield from pieces
    for hole in rest:
        first = hole.base == area.base or (not pieces or hole == rest[0])
        yield _Box(hole, label, side if first else "")


def _health(plan: Plan) -> Iterator[str]:
    yield from _heading("What follows what")
    rows = [(event, *(vm.health.actions[event] for vm in plan.vms)) for event in EVENTS]
    budget = [f"{vm.health.restarts} in {time_text(vm.health.within_us)}" for vm in plan.vms]
    names = ("event", *(vm.name for vm in plan.vms))
    yield from _table(names, (*rows, ("restarts", *budget)))


def _cpus(plan: Plan) -> Iterator[str]:
    yield from _heading("CPUs")
    yield from _table(
        ("CPU", "id", "tasks", "turn"),
        (
            (
                str(pcpu.cpu),
                f"{pcpu.hardware_id:#x}",
                _tasks(plan, pcpu),
                f"{pcpu.slice_us} us" if len(pcpu.vcpus) > 1 else "",
            )
            for pcpu in plan.pcpus
        ),
    )


def _tasks(plan: Plan, pcpu: Pcpu) -> str:
    seated = [plan.vcpus[number] for number in pcpu.vcpus]
    names = ", ".join(f"{item.vm_name}:{item.index}" for item in seated)
    if not seated:
        return "idle (the machine starts here)"
    return names if len(seated) > 1 else f"{names} alone"


# Sections on time, where CPUs are shared or VMs say what they need; a CPU of one's own has nothing
# to tell.
def _time(plan: Plan) -> Iterator[Iterator[str]]:
    shared = {pcpu.cpu for pcpu in plan.pcpus if len(pcpu.vcpus) > 1 or pcpu.plans}
    if any(item.cpu in shared or item.needs for item in plan.times):
        yield _guarantees(plan)
    for index in range(len(plan.frames)):
        yield _windows(plan, index)


def _guarantees(plan: Plan) -> Iterator[str]:
    yield from _heading("CPU time that is sure")
    head = (
        "vCPU",
        "CPU",
        "plan",
        "share",
        "longest without",
        "in its period",
        "interrupt",
        "needs",
    )
    rows = [
        (
            item.vcpu,
            str(item.cpu),
            item.plan,
            share_text(item.share),
            "no limit" if item.gap_us is None else time_text(item.gap_us),
            "" if item.least_us is None else time_text(item.least_us),
            "no limit" if item.response_us is None else time_text(item.response_us),
            item.needs,
        )
        for item in plan.times
    ]
    yield from _table(head, rows)
    exit_us = max(item.exit_us for item in plan.times)
    yield f"An interrupt waits for its vCPU, and up to {time_text(exit_us)} for an exit (assumed)."


def _windows(plan: Plan, index: int) -> Iterator[str]:
    frame = plan.frames[index]
    first = ", the machine starts with it" if index == 0 else ""
    yield from _heading(f"Plan {frame.name}, every {time_text(frame.frame_us)}{first}")
    rows = []
    for pcpu in plan.pcpus:
        start = 0
        for window in pcpu.plans[index] if pcpu.plans else ():
            length = window.end_us - start
            rows.append((str(pcpu.cpu), time_text(start), time_text(length), window.what))
            start = window.end_us
    yield from _table(("CPU", "start", "length", "whose"), rows)


def _interrupts(plan: Plan) -> Iterator[str]:
    yield from _heading("Interrupts")
    yield from _table(
        ("number", "name", "trigger", "goes to"),
        (
            (
                str(route.intid),
                route.name,
                "edge" if route.is_edge else "level",
                route.what + (f", number {route.virq} there" if route.vm is not None else ""),
            )
            for route in plan.irqs
        ),
    )


def _images(plan: Plan) -> Iterator[str]:
    yield from _heading("Stored images")
    users: dict[str, list[str]] = {image.symbol: [] for image in plan.images}
    for vm in plan.vms:
        for copy in vm.copies:
            users[copy.stored.symbol].append(vm.name)
    yield from _table(
        ("address", "bytes", "sha256", "what", "copied to"),
        (
            (
                f"{image.where.base:#x}",
                str(image.where.size),
                image.digest[:16],
                image.title,
                "in place" if image.in_place else ", ".join(users[image.symbol]),
            )
            for image in plan.images
        ),
    )


def _hypervisor(plan: Plan) -> Iterator[str]:
    yield from _heading("Hypervisor")
    layout = plan.layout
    yield from _table(
        ("section", "address", "room"),
        (
            (section.name, f"{section.area.base:#x}", size_text(section.area.size))
            for section in layout.sections
        ),
    )
    tables = plan.pagetables.page_count
    yield f"{len(layout.stacks)} stacks, {tables} page tables; region {layout.region}"


# ---- drawing -------------------------------------------------------------------------------------


def _heading(title: str) -> Iterator[str]:
    yield title
    yield "-" * len(title)


def _facts(*facts: tuple[str, str]) -> Iterator[str]:
    for name, value in facts:
        yield f"  {name:<10} {value}"


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> Iterator[str]:
    lines = [head, *rows]
    widths = [max(len(line[column]) for line in lines) for column in range(len(head))]
    for line in lines:
        yield "  " + "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True))


# Boxes from low to high addresses; addresses that belong to nobody are shown as a tear.
def _drawn(boxes: Iterable[_Box]) -> Iterator[str]:
    line = "+" + "-" * _WIDTH + "+"
    tear = "~" + " " * _WIDTH + "~"
    end = None
    for box in sorted(boxes, key=lambda item: item.where):
        if end is not None and end != box.where.base:
            yield f"  {end:#014x} {line}"
            yield f"  {'':14} {tear}"
        size = _amount(box.where.size)
        room = _WIDTH - 2 - len(size) - 1
        yield f"  {box.where.base:#014x} {line}"
        yield f"  {'':14} | {box.label[:room]:<{room}} {size} | {box.side}"
        end = box.where.end
    if end is not None:
        yield f"  {end:#014x} {line}"


def _at(physical: int, guest: int) -> str:
    return "identical" if physical == guest else f"at {physical:#x}"


def _free(plan: Plan) -> list[Range]:
    return holes(plan.ram, [item.where for item in (*plan.owners, *plan.kept)])


# A size rounded to three digits, for reading; exact sizes stay exact.
def _amount(size: int) -> str:
    for shift, unit in ((30, "GiB"), (20, "MiB"), (10, "KiB")):
        if size >= 1 << shift:
            value = f"{size / (1 << shift):.2f}".rstrip("0").rstrip(".")
            return f"{value} {unit}"
    return f"{size} B"


def _plain(value: Any) -> Any:
    if isinstance(value, bytes | Path):
        return None
    if dataclasses.is_dataclass(value):
        return {
            field.name: _plain(getattr(value, field.name))
            for field in dataclasses.fields(value)
            if field.name not in ("sources", "contents", "tables")
        }
    if isinstance(value, Fraction):
        return float(value)
    if isinstance(value, tuple | list):
        return [_plain(item) for item in value]
    return value

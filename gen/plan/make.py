# SPDX-License-Identifier: Apache-2.0
"""The steps of planning, in their order.

Sizes come first (images, device trees), then addresses (images, VM memory, the hypervisor's
sections), then the page tables, whose number moves nothing but their own section, and at last the
tables that quote all of it.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from gen.arch import architecture
from gen.board import ROOT
from gen.model import System
from gen.pagetables.build import Pool, pages
from gen.plan import bodies, cpus, frames, maps, owners, region, times
from gen.plan.bodies import Body
from gen.plan.isa import isa
from gen.plan.limits import limits
from gen.plan.origin import ident, origin
from gen.plan.types import (
    ArchBoard,
    Console,
    IrqRoute,
    Layout,
    Owner,
    PagetableSet,
    Plan,
    Vm,
)
from gen.ranges import PAGE_SIZE, Range

#: The names of enum log_level, in its order.
LOG_LEVELS = ("error", "warn", "info", "debug")


def make(system: System) -> Plan:
    """Plans a system that gen.checks found no errors in.

    Reads the image files (their headers were read before).

    Raises:
        Refused: memory-full or hypervisor-full, which only planning finds out.
        ImageError: an image file's packed data is damaged.
    """
    arch = isa(system.board.arch)
    images, parts = bodies.placed(system, bodies.drafts(system))
    vcpu_seats, cpu_seats = cpus.seats(system)
    board = arch.board(system)
    irqs = _irqs(system, parts, board)
    consoles = _consoles(system)
    registers = arch.registers(system, [seat.cpu for seat in cpu_seats])
    counts = region.Counts(
        vms=len(parts),
        vcpus=len(vcpu_seats),
        pcpus=len(cpu_seats),
        consoles=len(consoles),
        irqs=irqs[-1].intid + 1,
        owners=sum(len(body.memory) + len(body.devices) for body in parts)
        + len(registers)
        + len(images),
        entries=sum(len(body.memory) + len(body.copies) for body in parts),
        windows=sum(len(plan) for seat in cpu_seats for plan in seat.plans),
        restarts=sum(vm.health.restarts for vm in system.vms),
        arch_rodata=board.rodata_size + sum(body.draft.arch.rodata_size for body in parts),
        arch_data=board.data_size + sum(body.draft.arch.data_size for body in parts),
    )
    stack_names = cpus.stack_names(vcpu_seats, cpu_seats)
    # The hypervisor writes into what the architecture passes through, too.
    shared = [
        (window.where, f'{window.device} of vm "{vm.name}"')
        for vm in system.vms
        for window in arch.windows(system, vm)
    ]
    reached = [*registers, *shared]
    layout, tables, roots = _mapped(system, counts, stack_names, reached, parts)
    return Plan(
        name=system.name,
        arch=system.board.arch,
        board_name=system.board.name,
        log_level=system.log_level,
        log_level_number=LOG_LEVELS.index(system.log_level),
        operator=system.operator,
        inputs=(system.path.name, system.board.path.name, system.board.tree.name),
        image_files=_image_files(system),
        qemu=system.board.qemu,
        ram=system.board.ram,
        kept=_kept(system, layout),
        layout=layout,
        notes=arch.notes,
        images=images,
        pagetables=tables,
        vms=_vms(system, parts, roots, consoles),
        vcpus=cpus.vcpus(system, vcpu_seats, cpu_seats, layout.stacks),
        pcpus=cpus.pcpus(system, cpu_seats, layout.stacks),
        frames=frames.frames(system),
        times=times.timings(system),
        consoles=consoles,
        irqs=irqs,
        owners=owners.owners(layout, registers, images, parts),
        board=board,
        limits=limits(arch),
    )


def _irqs(system: System, parts: Sequence[Body], board: ArchBoard) -> tuple[IrqRoute, ...]:
    name = architecture(system.board.arch).interrupt_name
    number = board.uart_irq
    uart = system.board.hardware.uart
    is_edge = uart is not None and uart.interrupt.trigger == "edge"
    result = [IrqRoute(number, name(number), "IRQ_OWNER_CONSOLE", None, 0, is_edge, "console UART")]
    for body in parts:
        vm = body.draft.vm
        for irq in body.draft.hw_irqs:
            result.append(
                IrqRoute(
                    irq.intid,
                    name(irq.intid),
                    "IRQ_OWNER_VM",
                    vm.index,
                    irq.virq,
                    irq.is_edge,
                    f'device "{irq.device}" of vm "{vm.name}"',
                )
            )
    return tuple(sorted(result, key=lambda route: route.intid))


def _consoles(system: System) -> tuple[Console, ...]:
    own = [Console(vm.name, vm.index) for vm in system.vms if vm.console == "uart"]
    return (Console("hv", None), *own)


# Sections and page tables. The tables map their own section, and more of them may need yet another
# table: so again until nothing moves.
def _mapped(
    system: System,
    counts: region.Counts,
    stack_names: tuple[str, ...],
    registers: Sequence[tuple[Range, str]],
    parts: Sequence[Body],
) -> tuple[Layout, PagetableSet, list[maps.Roots]]:
    arch = isa(system.board.arch)
    views = [
        maps.VmView(
            body.draft.vm.name,
            arch.vm_format(body.draft.vm),
            body.draft.vm.in_place,
            body.memory,
            body.devices,
            tuple(copy.stored for copy in body.copies),
        )
        for body in parts
    ]
    size = PAGE_SIZE * (2 + 5 * len(views))
    while True:
        layout = region.layout(system, counts, stack_names, size)
        pool = Pool()
        own = maps.hypervisor_mappings(layout, registers)
        base = layout.pagetables.area.base
        root, roots = maps.add_maps(arch, pool, own, views, base)
        if pool.size == size:
            tables = pages(pool.tables(base))
            hypervisor = pool.addresses(base)[root]
            found = PagetableSet(tables, size // PAGE_SIZE, pool.alignment, hypervisor)
            return layout, found, roots
        size = pool.size


# A set of VMs, as bits.
def _set(system: System, names: Sequence[str]) -> int:
    return sum(1 << vm.index for vm in system.vms if vm.name in names)


def _vms(
    system: System,
    parts: Sequence[Body],
    roots: Sequence[maps.Roots],
    consoles: Sequence[Console],
) -> tuple[Vm, ...]:
    arch = isa(system.board.arch)
    result = []
    vcpu_first = 0
    for body, root in zip(parts, roots, strict=True):
        draft, vm = body.draft, body.draft.vm
        name = ident(vm.name)
        console = next((n for n, item in enumerate(consoles) if item.vm == vm.index), None)
        result.append(
            Vm(
                index=vm.index,
                name=vm.name,
                ident=name,
                vmid=vm.index + 1,
                vcpu_first=vcpu_first,
                vcpu_count=len(vm.cpus),
                autostart=vm.autostart,
                health=vm.health,
                in_place=vm.in_place,
                after=_set(system, vm.after),
                manages=_set(system, vm.manages),
                manages_plans=vm.manages_plans,
                ready_within_us=vm.ready_within_us,
                watchdog_us=vm.watchdog_us,
                watchdog_at_boot=vm.watchdog_at_boot,
                pmu=vm.pmu,
                stage2_root=root.stage2,
                window_root=root.window,
                entry=draft.placed.entry,
                boot=draft.boot,
                memory=body.memory,
                pieces=draft.pieces,
                copies=body.copies,
                mmio=arch.mmio(draft.arch, name),
                devices=body.devices,
                hw_irqs=draft.hw_irqs,
                console=console,
                cmdline=vm.cmdline,
                arch=draft.arch,
                origin=origin(vm.spans.table, f"vm.{vm.name}"),
            )
        )
        vcpu_first += len(vm.cpus)
    return tuple(result)


# RAM that stays unused: for the boot loader, the rest of the hypervisor's region, and what the
# board's tree reserves.
def _kept(system: System, layout: Layout) -> tuple[Owner, ...]:
    boot = system.board.boot_area
    rest = Range(layout.end, layout.region.end - layout.end)
    result = [Owner(boot, architecture(system.board.arch).boot_area_use)]
    if rest.size:
        result.append(Owner(rest, "hypervisor, not used"))
    for area in system.board.hardware.reserved:
        if not boot.overlaps(area):
            result.append(Owner(area, "reserved by the device tree"))
    return tuple(result)


# The files that the images were made from, each once, in the order of the system file.
def _image_files(system: System) -> tuple[str, ...]:
    used = {vm.image for vm in system.vms}
    result: dict[str, None] = {}
    for image in system.images:
        for file in (image.kernel, image.initrd, image.device_tree):
            if image.name not in used or file is None or file.path is None:
                continue
            if file.catalogued:
                result[os.path.relpath(file.path, ROOT)] = None
            elif Path(file.written).is_absolute():
                result[str(file.path)] = None
            else:
                below = os.path.relpath(file.path, system.path.parent)
                result[f"$(dir $(SYSTEM)){below}"] = None
    return tuple(result)

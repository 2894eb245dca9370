# SPDX-License-Identifier: Apache-2.0
"""The steps of planning, in their order.

Sizes come first (images, device trees), then addresses (images, VM memory, the hypervisor's
sections), then the page tables, whose number moves nothing but their own section, and at last the
tables that quote all of it.
"""

from __future__ import annotations

import os
from dataclasses import dataclass

from gen import fdt, guestfdt
from gen.arch import Architecture, architecture
from gen.board import ROOT
from gen.fdt import FdtNode
from gen.model import MemoryRegion, System, Vm
from gen.pagetables.build import Pool
from gen.plan import aarch64, cpus, maps, memory, owners, region, store, types
from gen.plan.guest import Contents, Placed, place, place_tree
from gen.plan.origin import ident, origin
from gen.plan.types import (
    Aarch64Board,
    Console,
    DeviceWindow,
    HwIrq,
    ImageCopy,
    IrqRoute,
    Layout,
    MemRegion,
    PagetableSet,
    Piece,
    Plan,
    StoredImage,
)
from gen.ranges import PAGE_SIZE, Range
from gen.source import Span

#: The names of enum log_level, in its order.
LOG_LEVELS = ("error", "warn", "info", "debug")
TABLE_ENTRIES = 512


# What a VM is made of before addresses are known.
@dataclass(frozen=True)
class _Draft:
    vm: Vm
    placed: Placed
    tree: FdtNode
    pieces: tuple[Piece, ...]
    arch: types.Aarch64Vm
    hw_irqs: tuple[HwIrq, ...]

    @property
    def argument(self) -> int:
        return self.pieces[-1].guest


def make(system: System) -> Plan:
    """Plans a system that gen.checks found no errors in.

    Reads the image files (their headers were read before).

    Raises:
        Refused: memory-full or hypervisor-full, which only planning finds out.
        ImageError: an image file's packed data is damaged.
    """
    drafts = _drafts(system)
    pieces = [draft.pieces for draft in drafts]
    pristine = store.pristine(system, pieces)
    placement = memory.place_memory(system, [image.where for image in pristine])
    images = (*pristine, *store.in_place(system, pieces, placement))
    regions = [_regions(vm, placement) for vm in system.vms]
    devices = [_devices(vm) for vm in system.vms]
    copies = [_copies(draft, pristine, placement) for draft in drafts]

    vcpu_seats, cpu_seats = cpus.seats(system)
    stack_names = (
        *(f"CPU {seat.cpu}" for seat in cpu_seats),
        *(f'vm "{seat.vm_name}" vCPU {seat.index}' for seat in vcpu_seats),
    )
    board = aarch64.board(system)
    irqs = _irqs(architecture(system.board.arch), drafts, board)
    consoles = (
        Console("hv", None),
        *(Console(vm.name, vm.index) for vm in system.vms if vm.console == "uart"),
    )
    registers = [
        (board.gicd, "GIC distributor"),
        *(
            (aarch64.redistributor(system, seat.cpu), f"GIC redistributor of CPU {seat.cpu}")
            for seat in cpu_seats
        ),
        (board.uart, "console UART"),
    ]
    counts = region.Counts(
        vms=len(drafts),
        vcpus=len(vcpu_seats),
        pcpus=len(cpu_seats),
        consoles=len(consoles),
        irqs=irqs[-1].intid + 1,
        owners=sum(map(len, (registers, images, *regions, *devices))) + 5,
        spi_banks=sum(draft.arch.spi_banks for draft in drafts),
        entries=sum(map(len, (*regions, *copies))) + 3 * len(drafts),
    )
    views = [
        maps.VmView(
            draft.vm.name,
            draft.vm.in_place,
            regions[index],
            devices[index],
            tuple(copy.stored for copy in copies[index]),
        )
        for index, draft in enumerate(drafts)
    ]
    layout, tables, roots = _map(system, counts, stack_names, registers, views)
    cpu_count = len(cpu_seats)
    vcpus = tuple(
        types.Vcpu(
            **vars(seat),
            pcpu=next(item.number for item in cpu_seats if item.cpu == seat.cpu),
            stack_top=layout.stacks[cpu_count + seat.number].top,
            hardware_id=aarch64.affinity(seat.index),
        )
        for seat in vcpu_seats
    )
    pcpus = tuple(
        types.Pcpu(
            **vars(seat),
            path=system.board.cpus[seat.cpu].path,
            stack_top=layout.stacks[seat.number].top,
            hardware_id=system.board.cpus[seat.cpu].hardware_id,
            gicr=aarch64.redistributor(system, seat.cpu).base,
        )
        for seat in cpu_seats
    )
    first = 0
    vms = []
    for index, draft in enumerate(drafts):
        console = next((n for n, item in enumerate(consoles) if item.vm == index), None)
        vms.append(
            _vm(draft, first, roots[index], console, regions[index], devices[index], copies[index])
        )
        first += len(draft.vm.cpus)
    return Plan(
        name=system.name,
        arch=system.board.arch,
        board_name=system.board.name,
        log_level=system.log_level,
        log_level_number=LOG_LEVELS.index(system.log_level),
        inputs=(system.path.name, system.board.path.name, system.board.tree.name),
        image_files=_image_files(system),
        qemu=system.board.qemu,
        ram=system.board.ram,
        kept=_kept(system, layout),
        layout=layout,
        images=images,
        pagetables=tables,
        vms=tuple(vms),
        vcpus=vcpus,
        pcpus=pcpus,
        consoles=consoles,
        irqs=irqs,
        owners=owners.owners(
            layout,
            registers,
            images,
            [(vm.name, vm.memory, vm.devices) for vm in vms],
        ),
        board=board,
        limits=aarch64.limits(),
    )


def _drafts(system: System) -> list[_Draft]:
    contents = Contents()
    board_tree = None
    if any(device.node for vm in system.vms for device in vm.devices):
        board_tree = fdt.read(system.board.tree)
    result = []
    for vm in system.vms:
        placed = place(system, vm, contents)
        part = aarch64.vm_part(system, vm)
        given = system.image_of(vm).device_tree
        if given is not None and given.path is not None:
            tree = guestfdt.completed(fdt.read(given.path), vm.cmdline, placed.initrd)
        else:
            tree = guestfdt.guest_tree(aarch64.machine(system, vm, part, board_tree, placed.initrd))
        pieces = (*placed.pieces, place_tree(vm, guestfdt.blob(tree)))
        result.append(_Draft(vm, placed, tree, pieces, part, aarch64.hw_irqs(vm)))
    return result


# RAM that stays unused: for the boot loader, the rest of the hypervisor's region, and what the
# board's tree reserves.
def _kept(system: System, layout: Layout) -> tuple[types.Owner, ...]:
    boot = system.board.boot_area
    rest = Range(layout.end, layout.region.end - layout.end)
    result = [
        types.Owner(area, "reserved by the device tree")
        for area in system.board.hardware.reserved
        if not boot.overlaps(area)
    ]
    if rest.size:
        result.append(types.Owner(rest, "hypervisor, not used"))
    return (types.Owner(boot, "boot loader's device tree"), *result)


def _regions(vm: Vm, placement: memory.Placement) -> tuple[MemRegion, ...]:
    result = [
        MemRegion(
            item.name,
            item.guest_range,
            placement[vm.index, index],
            item.permissions,
            item.kind,
            origin(_place(vm, item), f"vm.{vm.name}.{item.name}"),
        )
        for index, item in enumerate(vm.memory)
    ]
    return tuple(sorted(result, key=lambda item: item.guest.base))


# `memory = "256 MiB"` has no table of its own.
def _place(vm: Vm, item: MemoryRegion) -> Span:
    return item.spans.of("size") if item.spans.given("size") else vm.spans.of("memory")


def _devices(vm: Vm) -> tuple[DeviceWindow, ...]:
    result = [
        DeviceWindow(
            device.name,
            window.guest_range,
            window.physical.base,
            origin(device.spans.of("name"), f"vm.{vm.name}.{device.name}"),
        )
        for device in vm.devices
        for window in device.windows
    ]
    return tuple(sorted(result, key=lambda item: item.guest.base))


def _copies(
    draft: _Draft, pristine: tuple[StoredImage, ...], placement: memory.Placement
) -> tuple[ImageCopy, ...]:
    if draft.vm.in_place:
        return ()
    stored = {image.digest: image for image in pristine}
    result = []
    for piece in draft.pieces:
        guest = Range(piece.guest, piece.size)
        target = store.physical(draft.vm, guest, placement)
        result.append(ImageCopy(piece.what, stored[piece.digest], target, guest))
    return tuple(result)


def _irqs(arch: Architecture, drafts: list[_Draft], board: Aarch64Board) -> tuple[IrqRoute, ...]:
    result = [
        IrqRoute(
            board.uart_intid,
            arch.interrupt_name(board.uart_intid),
            "IRQ_OWNER_CONSOLE",
            None,
            0,
            False,
            "console UART",
        )
    ]
    for draft in drafts:
        for irq in draft.hw_irqs:
            what = f'device "{irq.device}" of vm "{draft.vm.name}"'
            name = arch.interrupt_name(irq.intid)
            result.append(
                IrqRoute(
                    irq.intid, name, "IRQ_OWNER_VM", draft.vm.index, irq.virq, irq.is_edge, what
                )
            )
    return tuple(sorted(result, key=lambda route: route.intid))


# The tables map their own section: more tables may need yet another table, so until nothing moves.
def _map(
    system: System,
    counts: region.Counts,
    stack_names: tuple[str, ...],
    registers: list[tuple[Range, str]],
    views: list[maps.VmView],
) -> tuple[Layout, PagetableSet, list[tuple[int, int]]]:
    size = PAGE_SIZE * (2 + 5 * len(views))
    while True:
        layout = region.layout(system, counts, stack_names, size)
        pool = Pool()
        own = maps.hypervisor_mappings(layout, registers)
        root, roots = maps.add_maps(pool, own, views)
        if pool.size == size:
            break
        size = pool.size
    base = layout.pagetables.area.base
    addresses = pool.addresses(base)
    tables = PagetableSet(base, TABLE_ENTRIES, pool.tables(base), root)
    return (
        layout,
        tables,
        [
            (addresses[item.stage2], addresses[item.window] if item.window is not None else 0)
            for item in roots
        ],
    )


def _vm(
    draft: _Draft,
    vcpu_first: int,
    roots: tuple[int, int],
    console: int | None,
    regions: tuple[MemRegion, ...],
    devices: tuple[DeviceWindow, ...],
    copies: tuple[ImageCopy, ...],
) -> types.Vm:
    vm = draft.vm
    name = ident(vm.name)
    return types.Vm(
        index=vm.index,
        name=vm.name,
        ident=name,
        vmid=vm.index + 1,
        vcpu_first=vcpu_first,
        vcpu_count=len(vm.cpus),
        autostart=vm.autostart,
        on_crash=vm.on_crash,
        on_reboot=vm.on_reboot,
        in_place=vm.in_place,
        stage2_root=roots[0],
        window_root=roots[1],
        entry=draft.placed.entry,
        argument=draft.argument,
        memory=regions,
        pieces=draft.pieces,
        copies=copies,
        mmio=aarch64.mmio(draft.arch, name),
        devices=devices,
        hw_irqs=draft.hw_irqs,
        console=console,
        cmdline=vm.cmdline,
        tree=draft.tree,
        arch=draft.arch,
        origin=origin(vm.spans.table, f"vm.{vm.name}"),
    )


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
            else:
                below = os.path.relpath(file.path, system.path.parent)
                result[f"$(dir $(SYSTEM)){below}"] = None
    return tuple(result)

# SPDX-License-Identifier: Apache-2.0
"""Images in their VMs: whether they fit, where they start, what the guest is told.

The places are those that gen/plan/guest.py chooses: a kernel at the lowest address that its header
allows (or `load`), the initrd behind the kernel's real size, the device tree at the end of the
first region (or its start).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from gen import health
from gen.arch import architecture
from gen.checks import rule
from gen.checks.words import guest_span, region_text, size_span, vm_text
from gen.diag import Diagnostic, Note
from gen.model import Image, Payload, System, Vm
from gen.ranges import (
    BLOCK_SIZE,
    KIB,
    PAGE_SIZE,
    Owned,
    Range,
    align_down,
    align_up,
    overlapping,
    size_text,
    subtracted,
)
from gen.source import Span


@dataclass(frozen=True)
class _Placed:
    """An image that can be spoken of in a VM.  load: guest address at which its memory begins."""

    vm: Vm
    image: Image
    payload: Payload
    load: int

    @property
    def pieces(self) -> list[Range]:
        """Guest memory that the image takes, zeroed parts included."""
        if self.payload.kind != "elf":
            return [Range(self.load, self.payload.image_size)]
        base = min(segment.address for segment in self.payload.segments)
        return [
            Range(segment.address - base + self.load, segment.memory_size)
            for segment in self.payload.segments
        ]

    @property
    def initrd(self) -> Range | None:
        """Where the initrd goes, None without."""
        if self.image.initrd is None or self.image.initrd.size is None:
            return None
        return Range(align_up(self.pieces[-1].end, PAGE_SIZE), self.image.initrd.size)


# The VMs with such images; what is wrong with the others is reported elsewhere.
def _images(system: System) -> Iterator[_Placed]:
    floor = architecture(system.board.arch).image_floor
    for vm in system.vms:
        image = system.find_image(vm.image)
        if image is None or image.payload is None or not vm.memory:
            continue
        if image.payload.arch in (None, system.board.arch):
            load = image.load_address(vm.memory[0].guest_range, floor)
            yield _Placed(vm, image, image.payload, load)


# Those of them whose image lies in the VM's memory as a whole.
def _fitting_images(system: System) -> Iterator[_Placed]:
    for item in _images(system):
        memory = [region.guest_range for region in item.vm.memory]
        if not any(subtracted(area, memory) for area in item.pieces):
            yield item


# The most that the guest's device tree can need: a generated one grows with what it describes.
def _tree(vm: Vm, image: Image) -> Range:
    size = 8 * KIB + len(vm.cmdline.encode())
    if image.device_tree is not None and image.device_tree.size is not None:
        size += image.device_tree.size
    size += 512 * (len(vm.cpus) + len(vm.memory) + len(vm.devices))
    size = align_up(size, PAGE_SIZE)
    if image.device_tree_at == "start":
        return Range(vm.memory[0].guest, size)
    end = vm.memory[0].guest_range.end
    base = end - size
    if base // BLOCK_SIZE != (end - 1) // BLOCK_SIZE:
        base = align_down(end - 1, BLOCK_SIZE) - size
    return Range(base, end - base)


# How code of each kind is moved.
_MOVE = {
    "elf": "link the program for another address",
    "linux": "configure the kernel as relocatable (CONFIG_RELOCATABLE)",
    "raw": "",
}


@rule("load-fixed")
def load_fixed(system: System) -> Iterator[Diagnostic]:
    """An executable or kernel linked for fixed addresses cannot be moved."""
    for image in system.images:
        payload = image.payload
        if image.load is None or payload is None or payload.movable:
            continue
        base = min(segment.address for segment in payload.segments)
        if image.load != base:
            yield Diagnostic(
                "load-fixed",
                f"[images.{image.name}]: load is {image.load:#x}, but the"
                f" {'executable' if payload.kind == 'elf' else 'kernel'} is linked for {base:#x}",
                image.spans.of("load"),
                f'leave out "load", or {_MOVE[payload.kind]}',
            )


@rule("load-unaligned")
def load_unaligned(system: System) -> Iterator[Diagnostic]:
    """Kernels say in their header which addresses they can be loaded at."""
    for image in system.images:
        payload = image.payload
        if image.load is None or payload is None or not payload.movable:
            continue
        offset = image.load - payload.text_offset
        if offset % payload.alignment:
            below = align_down(offset, payload.alignment) + payload.text_offset
            above = below + payload.alignment
            plus = f" plus {payload.text_offset:#x}" if payload.text_offset else ""
            yield Diagnostic(
                "load-unaligned",
                f"[images.{image.name}]: load {image.load:#x} is not a multiple of"
                f" {size_text(payload.alignment)}{plus}, which the image asks for",
                image.spans.of("load"),
                f"take {below:#x} or {above:#x}" if below >= 0 else f"take {above:#x}",
            )


@rule("image-too-large")
def image_too_large(system: System) -> Iterator[Diagnostic]:
    """An image that its VM's memory cannot hold at any place."""
    for item in _images(system):
        vm, image, payload = item.vm, item.image, item.payload
        region = vm.memory[0]
        if payload.kind == "elf" or image.load is not None:
            continue  # load-outside
        area = Range(item.load, payload.image_size)
        if area.end > region.guest_range.end:
            need = area.end - region.guest
            yield Diagnostic(
                "image-too-large",
                f'{vm_text(vm)}: image "{image.name}" takes {area}, .bss included: more than'
                f' region "{region.name}" {region.guest_range}',
                size_span(region),
                f"give the region {size_text(align_up(need + BLOCK_SIZE, BLOCK_SIZE))} or more",
                (Note(f"its header says {payload.image_size:#x} bytes", image.spans.of("kernel")),),
            )


@rule("load-outside")
def load_outside(system: System) -> Iterator[Diagnostic]:
    """Every byte of an image must be placed in memory of the VM."""
    for item in _images(system):
        vm, image, payload = item.vm, item.image, item.payload
        if payload.kind != "elf" and image.load is None:
            continue  # image-too-large
        memory = [region.guest_range for region in vm.memory]
        for area in item.pieces:
            rest = subtracted(area, memory)
            if not rest:
                continue
            what = "a segment of image" if payload.kind == "elf" else "image"
            key = "load" if image.load is not None else "kernel"
            where = "which" if rest == [area] else f"of which {rest[0]}"
            yield Diagnostic(
                "load-outside",
                f'{vm_text(vm)}: {what} "{image.name}" goes to {area}, {where} is no memory of'
                f" the VM",
                image.spans.of(key),
                "memory of the VM: " + ", ".join(str(item) for item in memory),
                (Note(f"{vm_text(vm)} boots it", vm.spans.of("image")),),
            )


@rule("entry-outside", needs=("mem-permissions",))
def entry_outside(system: System) -> Iterator[Diagnostic]:
    """The first vCPU must start in memory of the VM, at an instruction."""
    for item in _fitting_images(system):
        vm, image, payload = item.vm, item.image, item.payload
        entry = image.entry
        if entry is None:
            entry = payload.entry + item.load
            if payload.kind == "elf":
                entry -= min(segment.address for segment in payload.segments)
        runnable = [region for region in vm.memory if "x" in region.permissions]
        if any(region.guest_range.contains(Range(entry, 4)) for region in runnable):
            continue
        yield Diagnostic(
            "entry-outside",
            f'{vm_text(vm)}: image "{image.name}" starts at {entry:#x}, which is no memory that the'
            " VM may run",
            image.spans.of("entry" if image.entry is not None else "kernel"),
            "memory that it may run: " + ", ".join(str(region.guest_range) for region in runnable),
            (Note(f"{vm_text(vm)} boots it", vm.spans.of("image")),),
        )


@rule("initrd-overlap")
def initrd_overlap(system: System) -> Iterator[Diagnostic]:
    """The initrd lies behind all that the kernel takes (its image_size, not its file's size)."""
    for item in _fitting_images(system):
        vm, image = item.vm, item.image
        initrd = item.initrd
        region = vm.memory[0]
        if initrd is None or initrd.end <= region.guest_range.end:
            continue
        kernel = item.pieces[-1]
        need = initrd.end - region.guest + BLOCK_SIZE
        yield Diagnostic(
            "initrd-overlap",
            f"{vm_text(vm)}: the initrd of {size_text(initrd.size)} does not fit into"
            f" {region_text(vm, region)} {region.guest_range} without overlapping the kernel"
            f" {kernel},"
            " .bss included",
            size_span(region),
            f"give the region {size_text(align_up(need, BLOCK_SIZE))} or more",
            (Note("this is the initrd", image.spans.of("initrd")),),
        )


@rule("dtb-overlap")
def dtb_overlap(system: System) -> Iterator[Diagnostic]:
    """The device tree lies at one end of the first region, where nothing else may be."""
    if architecture(system.board.arch).boot_areas:
        return  # boot-overlap
    for item in _fitting_images(system):
        vm, image = item.vm, item.image
        region = vm.memory[0]
        tree = _tree(vm, image)
        items = [Owned(area, "image") for area in item.pieces]
        initrd = item.initrd
        if initrd is not None and initrd.end > region.guest_range.end:
            continue  # initrd-overlap
        if initrd is not None:
            items.append(Owned(initrd, "initrd"))
        items = [item for item in items if item.range.overlaps(region.guest_range)]
        found = list(overlapping([*items, Owned(tree, "tree")]))
        bad = next(
            (a if b.owner == "tree" else b for a, b in found if "tree" in (a.owner, b.owner)), None
        )
        if bad is None and region.guest_range.contains(tree):
            continue
        at_start = image.device_tree_at == "start"
        what = f"the {'end' if at_start else 'start'} of the region"
        help_text = (
            f"give the region {size_text(align_up(region.size + tree.size, BLOCK_SIZE))} or more"
        )
        if bad is not None:
            what = f"the {bad.owner} {bad.range}"
            if at_start:
                help_text = f"load the image at {tree.end:#x} or above"
        yield Diagnostic(
            "dtb-overlap",
            f"{vm_text(vm)}: the device tree, up to {size_text(tree.size)} at the"
            f" {image.device_tree_at} of {region_text(vm, region)} {region.guest_range}, would"
            f" overlap {what}",
            image.spans.of("device-tree-at") if at_start else size_span(region),
            help_text,
        )


@rule("boot-overlap")
def boot_overlap(system: System) -> Iterator[Diagnostic]:
    """What a guest boots from has its own place in the VM's memory."""
    arch = architecture(system.board.arch)
    for item in _fitting_images(system):
        vm, image = item.vm, item.image
        memory = [region.guest_range for region in vm.memory if region.permissions == "rwx"]
        for area in arch.boot_areas:
            if subtracted(area.range, memory):
                yield Diagnostic(
                    "boot-overlap",
                    f"{vm_text(vm)}: {area.range} is no memory of the VM that it may read and"
                    f" write, but its {area.owner} lie there",
                    guest_span(vm.memory[0]),
                    f"let its first region begin at {system.board.guest_ram:#x} and have"
                    f" {size_text(arch.image_floor)} or more",
                )
                break
            hit = next((piece for piece in item.pieces if piece.overlaps(area.range)), None)
            if hit is not None:
                key = "load" if image.load is not None else "kernel"
                yield Diagnostic(
                    "boot-overlap",
                    f'{vm_text(vm)}: image "{image.name}" goes to {hit}, which overlaps'
                    f" {area.range}, where its {area.owner} lie",
                    image.spans.of(key),
                    f"load or link it at {system.board.guest_ram + arch.image_floor:#x} or above",
                    (Note(f"{vm_text(vm)} boots it", vm.spans.of("image")),),
                )
                break


@rule("dtb-contradicts")
def dtb_contradicts(system: System) -> Iterator[Diagnostic]:
    """A device tree given by the user must describe the VM that is built."""
    arch = architecture(system.board.arch)
    for vm in system.vms:
        image = system.find_image(vm.image)
        if image is None or image.guest_tree is None or image.device_tree is None:
            continue
        guest = image.guest_tree
        memory = [region.guest_range for region in vm.memory]
        conflicts = []
        for area in guest.ram:
            for rest in subtracted(area, memory):
                conflicts.append(f"it says that {rest} is memory, the VM has none there")
        conflicts += arch.guest_tree_conflicts(guest, system, vm)
        for text in conflicts:
            yield Diagnostic(
                "dtb-contradicts",
                f'{vm_text(vm)}: device tree "{image.device_tree.written}" contradicts the VM:'
                f" {text}",
                image.spans.of("device-tree"),
                'mend the tree, or leave out "device-tree": a fitting one is generated',
                (Note(f"{vm_text(vm)} boots with it", vm.spans.of("image")),),
            )


@rule("in-place-restart")
def in_place_restart(system: System) -> Iterator[Diagnostic]:
    """A guest changes the only copy of an image that is linked in place."""
    for vm in system.vms:
        wrong: dict[str, Span] = {}
        for event, action in vm.health.actions.items():
            if action == "restart":
                is_given = vm.spans.given("health", event)
                key = health.key_of(event, is_given=is_given)
                wrong[key] = vm.spans.of("health", event) if is_given else vm.spans.of(key)
        if not vm.in_place or not wrong:
            continue
        keys = " and ".join(f'{key} = "stop"' for key in wrong)
        notes = tuple(
            Note(f'{key} = "restart"', span)
            for key, span in wrong.items()
            if vm.spans.given(key) or vm.spans.given("health", key)
        )
        yield Diagnostic(
            "in-place-restart",
            f"{vm_text(vm)} cannot restart: with in-place = true no pristine image is kept, but"
            f' {" and ".join(wrong)} {"is" if len(wrong) == 1 else "are"} "restart"',
            vm.spans.of("in-place"),
            f"say {keys}, or leave out in-place",
            notes,
        )


@rule("in-place-check")
def in_place_check(system: System) -> Iterator[Diagnostic]:
    """An image that is linked in place is looked at by nobody before its guest runs."""
    for vm in system.vms:
        if vm.in_place and vm.check_images:
            yield Diagnostic(
                "in-place-check",
                f"{vm_text(vm)}: with in-place = true there is no pristine image to check",
                vm.spans.of("check-images"),
                "leave out check-images, or leave out in-place",
                (Note("its images are linked in place", vm.spans.of("in-place")),),
            )


@rule("console-none")
def console_none(system: System) -> Iterator[Diagnostic]:
    """A kernel that is told to print on a console which is not there prints nowhere."""
    wanted = f"console={system.board.console}"
    for vm in system.vms:
        if vm.console == "none" and any(
            word == wanted or word.startswith(f"{wanted},") for word in vm.cmdline.split()
        ):
            yield Diagnostic(
                "console-none",
                f'{vm_text(vm)} has console = "none", but its command line says {wanted}',
                vm.spans.of("console"),
                'say console = "uart", or give the VM another command line',
                severity="warning",
            )

# SPDX-License-Identifier: Apache-2.0
"""From a system file to a `model.System`, or to diagnostics.

Reads the TOML file, its board, the headers of its images and the device trees given for guests;
fills in the defaults that are facts of the input.  Files that cannot be used stay in the model with
their problem, so that the checks can report everything at once.  Codes raised here: those of
gen/validate.py and gen/board.py, and missing-key and bad-value for keys that depend on each other.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from gen import catalogue, fdt
from gen.arch import architecture
from gen.board import find_board, read_board
from gen.diag import Diagnostic, Refused, shown_path
from gen.health import resolve
from gen.images import ImageError, inspect
from gen.model import (
    Board,
    CpuPlan,
    CpuPolicy,
    Device,
    File,
    Hardware,
    Image,
    Interrupt,
    MemoryRegion,
    Needs,
    Payload,
    PhysicalKind,
    PlanWindow,
    Problem,
    System,
    Vm,
    Window,
)
from gen.ranges import Range
from gen.schema import DeviceTable, ImageTable, MemoryTable, PlanTable, SystemFile, VmTable
from gen.source import Document, Spans
from gen.validate import read_document, validate

DEFAULT_SLICE_US = 10_000
VARIABLE = re.compile(r"\$\{([^}]*)\}")


def load(path: Path, board: str | None = None, append_cmdline: str = "") -> System:
    """Reads a system.

    Args:
        path: the system file.
        board: name or path of the board to use in place of the file's.
        append_cmdline: text put behind every VM's command line.

    Raises:
        Refused: what is wrong, if the system cannot even be put together.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        reason = error.strerror or "cannot be read"
        message = f"cannot read the system file: {reason[:1].lower()}{reason[1:]}"
        help_text = "give the path of a system file, such as systems/dual-linux.toml"
        raise Refused([Diagnostic("system-missing", message, None, help_text, path=path)]) from None
    document = read_document(path, data)
    findings: list[Diagnostic] = []
    tables = None
    found = None
    try:
        tables = validate(document, SystemFile)
    except Refused as error:
        findings += error.diagnostics
    try:
        found = _board(document, board)
    except Refused as error:
        findings += error.diagnostics
    if tables is None or found is None:
        raise Refused(findings)
    findings += _dependent_keys(tables, Spans(document, ()))
    if findings:
        raise Refused(findings)
    return _system(path, document, tables, found, append_cmdline)


def _board(document: Document, override: str | None) -> Board:
    if override is not None:
        return read_board(find_board(override, Path(), None))
    spans = Spans(document, ("system",))
    table = document.values.get("system", {})
    name = table.get("board") if isinstance(table, dict) else None
    if name is None:
        message = 'no board is given: [system] lacks the key "board"'
        help_text = 'add board = "qemu-virt-aarch64", or pass --board (make: BOARD=)'
        raise Refused([Diagnostic("missing-key", message, spans.key(), help_text)])
    if not isinstance(name, str):
        raise Refused([])  # the schema has said so
    folder = document.file.path.parent
    return read_board(find_board(name, folder, spans.of("board")))


# ---- keys that depend on each other --------------------------------------------------------------


def _dependent_keys(tables: SystemFile, spans: Spans) -> Iterator[Diagnostic]:
    for name, image in tables.images.items():
        yield from _image_keys(name, image, Spans(spans.document, ("images", name)))
    for number, vm in enumerate(tables.vm):
        vm_spans = Spans(spans.document, ("vm", number))
        if isinstance(vm.memory, list):
            for index, region in enumerate(vm.memory):
                yield from _region_keys(vm, index, region, vm_spans)
        for index, device in enumerate(vm.device):
            here = Spans(spans.document, (*vm_spans.path, "device", index))
            yield from _device_keys(vm, device, here)
    for number, cpu in enumerate(tables.cpu):
        if cpu.slice is not None and cpu.schedule != "round-robin":
            yield Diagnostic(
                "bad-value",
                f'cpu {cpu.id} has a "slice", but its schedule is "{cpu.schedule}"',
                spans.of("cpu", number, "slice"),
                'say schedule = "round-robin", or leave out "slice"',
            )


def _image_keys(name: str, image: ImageTable, spans: Spans) -> Iterator[Diagnostic]:
    if image.type != "linux" and image.initrd is not None:
        yield Diagnostic(
            "bad-value",
            f'[images.{name}] has an "initrd", but type = "{image.type}" does not take one',
            spans.of("initrd"),
            'only type = "linux" does',
        )


def _region_keys(
    vm: VmTable, index: int, region: MemoryTable, spans: Spans
) -> Iterator[Diagnostic]:
    if region.guest is not None:
        return
    if region.physical == "identical" or (region.physical == "allocated" and index > 0):
        why = (
            'physical = "identical" means the same address as "guest"'
            if region.physical == "identical"
            else "only the first region has a default, the board's guest RAM base"
        )
        name = region.name or _region_name(index)
        yield Diagnostic(
            "missing-key",
            f'vm "{vm.name}": region "{name}" lacks the key "guest"',
            spans.key("memory", index),
            f"say at which address the guest sees it; {why}",
        )


def _device_keys(vm: VmTable, device: DeviceTable, spans: Spans) -> Iterator[Diagnostic]:
    what = f'vm "{vm.name}": device "{device.name}"'
    if device.node is not None:
        for key in ("base", "size"):
            if spans.given(key):
                yield Diagnostic(
                    "bad-value",
                    f'{what} gives both "node" and "{key}"',
                    spans.of(key),
                    f'leave out "{key}": windows are read from the node; or leave out "node"',
                )
        return
    if device.base is None and device.size is None and not device.interrupts:
        yield Diagnostic(
            "missing-key",
            f'{what} lacks the key "node"',
            spans.key(),
            'name a node of the board\'s device tree, or give "base" and "size"',
        )
    elif (device.base is None) != (device.size is None):
        key = "base" if device.base is None else "size"
        yield Diagnostic(
            "missing-key", f'{what} lacks the key "{key}"', spans.key(), "a window needs both"
        )


# ---- the model -----------------------------------------------------------------------------------


def _system(
    path: Path, document: Document, tables: SystemFile, board: Board, append: str
) -> System:
    images = tuple(
        _image(name, table, path.parent, board, Spans(document, ("images", name)))
        for name, table in tables.images.items()
    )
    by_name = {image.name: image for image in images}
    triggers = {
        interrupt.number: interrupt
        for node in board.hardware.nodes.values()
        for interrupt in node.interrupts
    }
    vms = []
    for number, table in enumerate(tables.vm):
        image = by_name.get(table.image)
        written = table.cmdline if table.cmdline is not None else image.cmdline if image else ""
        cmdline = _substituted(written, variables(board, table.name))
        cmdline = " ".join(part for part in (cmdline, append.strip()) if part)
        vms.append(_vm(number, table, board, cmdline, triggers, Spans(document, ("vm", number))))
    policies = tuple(
        CpuPolicy(
            table.id,
            table.schedule,
            table.slice if table.slice is not None else DEFAULT_SLICE_US,
            Spans(document, ("cpu", number)),
        )
        for number, table in enumerate(tables.cpu)
    )
    return System(
        name=tables.system.name if tables.system.name is not None else path.stem,
        path=path,
        log_level=tables.system.log_level,
        board=board,
        images=images,
        vms=tuple(vms),
        cpu_policies=policies,
        plans=tuple(
            _plan(table, Spans(document, ("plan", number)))
            for number, table in enumerate(tables.plan)
        ),
        operator=tables.system.operator,
        spans=Spans(document, ("system",)),
    )


def _plan(table: PlanTable, spans: Spans) -> CpuPlan:
    windows = tuple(
        PlanWindow(
            cpu=window.cpu,
            vm=window.vm,
            vcpu=window.vcpu,
            start_us=window.start,
            length_us=window.length,
            unused=None if window.unused == "idle" else window.unused,
            spans=Spans(spans.document, (*spans.path, "window", number)),
        )
        for number, window in enumerate(table.window)
    )
    return CpuPlan(table.name, table.frame, windows, spans)


def variables(board: Board, vm_name: str) -> dict[str, str]:
    """What `${...}` means in the command line of a VM."""
    return {"console": board.console, "vm": vm_name, "arch": board.arch}


# Unknown variables stay as they are; the checks report them.
def _substituted(cmdline: str, values: dict[str, str]) -> str:
    return VARIABLE.sub(lambda match: values.get(match[1], match[0]), cmdline)


def _image(name: str, table: ImageTable, folder: Path, board: Board, spans: Spans) -> Image:
    kernel = _file(table.kernel, folder, board.arch)
    payload: Payload | None = None
    if kernel.path is not None and kernel.problem is None:
        try:
            payload = inspect(kernel.path, table.type)
        except ImageError as error:
            kernel = File(**{**vars(kernel), "problem": error.problem})
    device_tree = None
    guest_tree: Hardware | None = None
    if table.device_tree is not None:
        device_tree = _file(table.device_tree, folder, board.arch)
        if device_tree.path is not None and device_tree.problem is None:
            try:
                tree = fdt.read(device_tree.path)
                guest_tree = architecture(board.arch).read_hardware(tree)
            except fdt.TreeError as error:
                help_text = 'mend it, or leave out "device-tree": a fitting one is generated'
                problem = Problem("dtb-format", f"{device_tree.written}: {error}", help_text)
                device_tree = File(**{**vars(device_tree), "problem": problem})
    return Image(
        name=name,
        kind=table.type,
        kernel=kernel,
        payload=payload,
        initrd=_file(table.initrd, folder, board.arch) if table.initrd is not None else None,
        device_tree=device_tree,
        guest_tree=guest_tree,
        device_tree_at=table.device_tree_at,
        cmdline=table.cmdline,
        load=table.load,
        entry=table.entry,
        spans=spans,
    )


def _file(written: str, folder: Path, arch: str) -> File:
    if catalogue.is_name(written):
        found = catalogue.find(written, arch)
        if isinstance(found, Problem):
            return File(written, True, None, None, found)
        if not found.is_file():
            problem = Problem(
                "image-missing",
                f'"{written}" has not been fetched: {shown_path(found)} does not exist',
                f"run `make images ARCHS={arch}`",
            )
            return File(written, True, found, None, problem)
        return File(written, True, found, found.stat().st_size, None)
    path = folder / written.replace("${arch}", arch)
    if not path.is_file():
        state = "is a folder" if path.is_dir() else "does not exist"
        problem = Problem(
            "image-missing",
            f'"{written}" {state}',
            f"looked for {shown_path(path)}; paths are relative to the folder of the system file",
        )
        return File(written, False, path, None, problem)
    return File(written, False, path, path.stat().st_size, None)


def _vm(
    number: int,
    table: VmTable,
    board: Board,
    cmdline: str,
    triggers: dict[int, Interrupt],
    spans: Spans,
) -> Vm:
    if isinstance(table.memory, list):
        memory = tuple(
            _region(index, region, board, Spans(spans.document, (*spans.path, "memory", index)))
            for index, region in enumerate(table.memory)
        )
    else:
        memory = (
            MemoryRegion(
                _region_name(0), table.memory, board.guest_ram, "allocated", None, "rwx", spans
            ),
        )
    return Vm(
        index=number,
        name=table.name,
        image=table.image,
        vcpu_count=table.vcpus if table.vcpus is not None else len(table.cpus),
        cpus=tuple(table.cpus),
        memory=memory,
        devices=tuple(
            _device(device, board, triggers, Spans(spans.document, (*spans.path, "device", index)))
            for index, device in enumerate(table.device)
        ),
        cmdline=cmdline,
        own_cmdline=table.cmdline,
        console=table.console,
        autostart=table.autostart,
        health=resolve(table),
        in_place=table.in_place,
        pmu=table.pmu,
        needs=Needs(table.priority, table.max_latency, table.min_share, table.period, table.budget),
        after=tuple(table.after),
        ready_within_us=table.ready_within,
        watchdog_us=table.watchdog or 0,
        watchdog_at_boot=table.watchdog_start == "boot",
        manages=tuple(table.manages),
        manages_plans=table.manages_plans,
        check_images=table.check_images,
        spans=spans,
    )


def _region_name(index: int) -> str:
    return "ram" if index == 0 else f"ram{index}"


def _region(index: int, table: MemoryTable, board: Board, spans: Spans) -> MemoryRegion:
    kind: PhysicalKind
    guest, physical = table.guest, None
    if isinstance(table.physical, int):
        kind, physical = "fixed", table.physical
        guest = guest if guest is not None else physical
    elif table.physical == "identical":
        kind, physical = "identical", guest
    else:
        kind = "allocated"
        guest = guest if guest is not None else board.guest_ram
    assert guest is not None  # _region_keys has refused the rest
    name = table.name if table.name is not None else _region_name(index)
    return MemoryRegion(name, table.size, guest, kind, physical, table.permissions, spans)


def _device(
    table: DeviceTable, board: Board, triggers: dict[int, Interrupt], spans: Spans
) -> Device:
    node = board.hardware.nodes.get(table.node) if table.node is not None else None
    physical: tuple[Range, ...] = ()
    if node is not None:
        physical = node.windows
    elif table.base is not None and table.size is not None:
        physical = (Range(table.base, table.size),)
    # All windows move by the same distance as the first.
    offset = table.guest - physical[0].base if table.guest is not None and physical else 0
    if table.interrupts is not None:
        interrupts = tuple(triggers.get(item, Interrupt(item)) for item in table.interrupts)
    else:
        interrupts = node.interrupts if node is not None else ()
    return Device(
        name=table.name,
        node=table.node,
        known=table.node is None or node is not None,
        compatible=node.compatible if node is not None else (),
        windows=tuple(Window(item, item.base + offset) for item in physical),
        interrupts=interrupts,
        dma=node is not None and node.dma,
        ports=node.ports if node is not None else (),
        spans=spans,
    )

# SPDX-License-Identifier: Apache-2.0
"""riscv64: harts, PLIC or AIA, NS16550 and the timer, as device trees state them.

The guests of this architecture see their interrupt controller and an NS16550 at the addresses where
the board has them. The firmware (OpenSBI) is not in the tree: every board is entered from it.

Sources: the Linux bindings riscv/cpus, riscv/extensions, sifive,plic-1.0.0, riscv,aplic,
riscv,imsics, sifive,clint, 8250; RISC-V PLIC specification 1.0.0; RISC-V AIA specification 1.0,
3.6 (arrangement of interrupt files) and 4.5 (APLIC registers).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from gen.arch import Architecture, common
from gen.fdt import FdtNode, Specifier, Tree, TreeError
from gen.model import Cpu, Hardware, Interrupt, System, Uart, Vm
from gen.ranges import KIB, MIB, PAGE_SIZE, Owned, Range, align_down, align_up

#: Causes of interrupts, which are the cells of a hart's own controller (Privileged Architecture,
#: table of scause).
SUPERVISOR_EXTERNAL = 9
#: Registers of a PLIC: those of all sources, then a page for each context (PLIC 1.0.0, 3).
PLIC_CONTEXTS = 2 * MIB
PLIC_CONTEXT_SIZE = 4 * KIB
#: Registers of an interrupt domain, and of one hart's delivery control after them (AIA 1.0, 4.5).
APLIC_SIZE = 16 * KIB
APLIC_IDC_SIZE = 32
#: One interrupt file (AIA 1.0, 3.5).
IMSIC_FILE_SIZE = 4 * KIB

#: Ends of the guest addresses that second-stage tables of three and of four levels reach
#: (Privileged Architecture, hgatp).
SV39X4_LIMIT = 1 << 41
SV48X4_LIMIT = 1 << 50

_EM_RISCV = 243
# Harts that have Sv48, and so Sv48x4 for their guests (Shgatpa; the runtime looks at each start).
_WIDE_MMUS = ("riscv,sv48", "riscv,sv57")
_UARTS = {"ns16550a": "ns16550", "ns16550": "ns16550"}
_PLICS = ("sifive,plic-1.0.0", "riscv,plic0")
_CLINTS = ("sifive,clint0", "riscv,clint0")


@dataclass(frozen=True)
class Plic:
    """A PLIC.

    source_count: sources are 1 to this number.
    contexts: of each hart, in CPU order, the number of the context for its supervisor level; None
    where it has none.
    """

    path: str
    window: Range
    source_count: int
    contexts: tuple[int | None, ...]


@dataclass(frozen=True)
class Imsic:
    """Interrupt files for the supervisor level of the harts.

    files: of each hart, in CPU order, the address of its supervisor file; the files for its guests
    follow, a page each; None where it has none.
    id_count: identities are 1 to this number.
    guest_bits, hart_bits: fields of a file's address, in bits.
    """

    path: str
    windows: tuple[Range, ...]
    files: tuple[int | None, ...]
    id_count: int
    guest_bits: int
    hart_bits: int

    @property
    def guest_count(self) -> int:
        """Files that a hart has for guests."""
        return (1 << self.guest_bits) - 1


@dataclass(frozen=True)
class Aplic:
    """The supervisor-level interrupt domain of wired interrupts.

    source_count: sources are 1 to this number.
    contexts: of each hart, in CPU order, the number of its interrupt delivery control, None where
    it has none; () for a domain that sends messages to an IMSIC.
    """

    path: str
    window: Range
    source_count: int
    contexts: tuple[int | None, ...]


@dataclass(frozen=True)
class Riscv64Hardware(Hardware):
    """What riscv64 adds.

    timebase_frequency: ticks of `time` in one second; 0 where the tree does not say.
    extensions: names of the extensions that every hart has, single letters included, in the order
    of the tree: "i", "m", ..., "h", "sstc".
    mmu_type: as the tree has it, "riscv,sv48"; "" where it does not say.
    plic, or aplic and, where it sends messages, imsic: each None where the tree has none.
    firmware: registers that the machine-level firmware uses, and their names.
    """

    timebase_frequency: int
    extensions: tuple[str, ...]
    mmu_type: str
    plic: Plic | None
    aplic: Aplic | None
    imsic: Imsic | None
    firmware: tuple[Owned[str], ...]


def hardware_of(hardware: Hardware) -> Riscv64Hardware:
    """The hardware of a riscv64 board, as its own class."""
    assert isinstance(hardware, Riscv64Hardware)
    return hardware


def plic_size(context_count: int) -> int:
    """Bytes of a PLIC's registers with that many contexts."""
    return PLIC_CONTEXTS + context_count * PLIC_CONTEXT_SIZE


class Riscv64(Architecture):
    """See gen.arch.Architecture."""

    name = "riscv64"
    elf_machine = _EM_RISCV
    max_vcpus = 64
    exit_bound_us = 100
    boot_area_use = "firmware"
    grants_pmu = True

    def read_hardware(self, tree: Tree, console: str | None = None) -> Riscv64Hardware:
        """See gen.arch.Architecture."""
        nodes = tuple(_cpu_nodes(tree))
        cpus = tuple(_cpus(nodes))
        # The interrupt lines of a hart, by the node that describes its own controller.
        harts = {
            child.path: cpu.index
            for cpu, node in zip(cpus, nodes, strict=True)
            for child in node.children
            if "riscv,cpu-intc" in child.compatible
        }
        plic_node = next(iter(tree.compatible_with(*_PLICS)), None)
        imsic_node = _imsic_node(tree)
        aplic_node = _aplic_node(tree, imsic_node)
        main = aplic_node if aplic_node is not None else plic_node

        def decode(specifier: Specifier) -> Interrupt | None:
            return _interrupt(specifier) if specifier.controller is main else None

        devices = common.devices(tree, decode)
        parent = tree.find("/cpus")
        assert parent is not None
        return Riscv64Hardware(
            ram=common.ram(tree),
            reserved=common.reserved(tree),
            cpus=cpus,
            uart=_uart(tree, devices, console or common.console_path(tree)),
            nodes=devices,
            timebase_frequency=parent.cell("timebase-frequency", 0),
            extensions=_extensions(nodes),
            mmu_type=nodes[0].string("mmu-type") if nodes else "",
            plic=_plic(tree, plic_node, harts, len(cpus)) if plic_node is not None else None,
            aplic=_aplic(tree, aplic_node, harts, len(cpus)) if aplic_node is not None else None,
            imsic=_imsic(tree, imsic_node, harts, len(cpus)) if imsic_node is not None else None,
            firmware=tuple(_firmware(tree, imsic_node, aplic_node)),
        )

    def board_shortcomings(self, hardware: Hardware) -> tuple[str, ...]:
        """See gen.arch.Architecture."""
        return tuple(_shortcomings(hardware_of(hardware)))

    def guest_limit(self, hardware: Hardware) -> int:
        """See gen.arch.Architecture."""
        return SV48X4_LIMIT if hardware_of(hardware).mmu_type in _WIDE_MMUS else SV39X4_LIMIT

    def claimed_windows(self, hardware: Hardware) -> tuple[Owned[str], ...]:
        """See gen.arch.Architecture."""
        board = hardware_of(hardware)
        result = []
        if board.plic is not None:
            result.append(Owned(board.plic.window, "the PLIC"))
        if board.aplic is not None:
            result.append(Owned(board.aplic.window, "the APLIC"))
        if board.imsic is not None:
            result += [Owned(item, "the IMSIC") for item in board.imsic.windows]
        if board.uart is not None:
            result.append(Owned(board.uart.window, "the console UART"))
        return (*result, *board.firmware)

    def claimed_interrupts(self, hardware: Hardware) -> Mapping[int, str]:
        """See gen.arch.Architecture."""
        uart = hardware.uart
        return {uart.interrupt.number: "the console UART's"} if uart is not None else {}

    def guest_windows(self, system: System, vm: Vm) -> tuple[Owned[str], ...]:
        """See gen.arch.Architecture."""
        board = hardware_of(system.board.hardware)
        name = "virtual APLIC" if board.imsic is not None else "virtual PLIC"
        result = [Owned(guest_controller(board, len(vm.cpus)), name)]
        if guest_files(system, vm):
            result.append(Owned(guest_imsic(board, len(vm.cpus)), "virtual IMSIC"))
        if vm.console == "uart" and board.uart is not None:
            result.append(Owned(whole_pages(board.uart.window), "virtual UART"))
        if vm.watchdog_us:
            result.append(Owned(guest_watchdog(board), "virtual watchdog"))
        return tuple(result)

    def is_assignable(self, hardware: Hardware, number: int) -> bool:
        """See gen.arch.Architecture."""
        return 0 < number <= _source_count(hardware_of(hardware))

    def interrupt_rule(self, hardware: Hardware) -> str:
        """See gen.arch.Architecture."""
        last = _source_count(hardware_of(hardware))
        return f"only sources of the interrupt controller, 1 to {last}"

    def interrupt_help(self) -> str:
        """See gen.arch.Architecture."""
        return "the number is the first cell that a device tree writes in `interrupts`"

    def interrupt_name(self, number: int) -> str:
        """See gen.arch.Architecture."""
        return f"source {number}"

    def guest_tree_conflicts(self, guest: Hardware, system: System, vm: Vm) -> tuple[str, ...]:
        """See gen.arch.Architecture."""
        seen, real = hardware_of(guest), hardware_of(system.board.hardware)
        return tuple(_conflicts(seen, real, vm, bool(guest_files(system, vm))))


# ---- what a board must have ----------------------------------------------------------------------


def _shortcomings(board: Riscv64Hardware) -> Iterator[str]:
    count = len(board.cpus)
    if "h" not in board.extensions:
        yield "its harts lack the hypervisor extension (riscv,isa has no h)"
    if not board.timebase_frequency:
        yield "/cpus has no timebase-frequency"
    if board.aplic is not None and board.imsic is not None:
        without = board.imsic.files.count(None)
        if without:
            yield f"the IMSIC has no supervisor-level file for {without} of {count} harts"
    elif board.plic is not None:
        without = board.plic.contexts.count(None)
        if without:
            yield f"the PLIC has no supervisor-level context for {without} of {count} harts"
    else:
        yield (
            'it has neither a PLIC (compatible with "sifive,plic-1.0.0") nor an APLIC that sends'
            ' messages to an IMSIC ("riscv,aplic", "riscv,imsics")'
        )
    if board.uart is None:
        yield "/chosen names no console that is an ns16550a with an interrupt"
    elif board.uart.io_width != 1:
        yield f"{board.uart.path} has registers of {board.uart.io_width} bytes, not of one"


# The virtual devices stand where the board's are.
def _conflicts(
    seen: Riscv64Hardware, real: Riscv64Hardware, vm: Vm, has_files: bool
) -> Iterator[str]:
    vcpu_count, has_uart = len(vm.cpus), vm.console == "uart"
    if len(seen.cpus) != vcpu_count:
        yield f"it has {len(seen.cpus)} CPUs, the VM {vcpu_count}"
    else:
        for cpu in seen.cpus:
            if cpu.hardware_id != cpu.index:
                own = cpu.index
                yield f"{cpu.path} has reg {cpu.hardware_id:#x}, vCPU {own} has {own:#x}"
    controller = guest_controller(real, vcpu_count)
    if has_files:
        yield from _aia_conflicts(seen, controller, guest_imsic(real, vcpu_count))
    elif real.imsic is not None:
        yield from _aplic_conflicts(seen, controller, vcpu_count)
    else:
        yield from _plic_conflicts(seen, controller, vcpu_count)
    if seen.uart is not None and not has_uart:
        yield f'its console is {seen.uart.path}, the VM has console = "none"'
    elif seen.uart is not None and real.uart is not None:
        if seen.uart.window.base != real.uart.window.base:
            yield (
                f"{seen.uart.path} is at {seen.uart.window.base:#x},"
                f" the VM's UART at {real.uart.window.base:#x}"
            )
        if seen.uart.interrupt.number != real.uart.interrupt.number:
            yield (
                f"{seen.uart.path} has source {seen.uart.interrupt.number},"
                f" the VM's UART {real.uart.interrupt.number}"
            )
        if seen.uart.reg_shift:
            yield f"{seen.uart.path} has reg-shift {seen.uart.reg_shift}, the VM's UART 0"
    if seen.timebase_frequency != real.timebase_frequency:
        yield (
            f"its timebase-frequency is {seen.timebase_frequency},"
            f" the VM's {real.timebase_frequency}"
        )
    for name in seen.extensions:
        if name not in (*guest_extensions(real, has_files), *_IMPLIED):
            yield f"its harts have the extension {name}, the VM's have not"


def _plic_conflicts(seen: Riscv64Hardware, controller: Range, vcpu_count: int) -> Iterator[str]:
    if seen.plic is None:
        yield 'it has no interrupt controller compatible with "sifive,plic-1.0.0"'
        return
    if seen.plic.window.base != controller.base:
        yield (
            f"{seen.plic.path} is at {seen.plic.window.base:#x},"
            f" the VM's PLIC at {controller.base:#x}"
        )
    if seen.plic.contexts != tuple(range(vcpu_count)):
        yield (
            f"{seen.plic.path} has other contexts than the VM's PLIC, which has one for the"
            " supervisor level of each vCPU"
        )


def _aplic_conflicts(seen: Riscv64Hardware, controller: Range, vcpu_count: int) -> Iterator[str]:
    if seen.aplic is None or seen.imsic is not None:
        yield 'it has no "riscv,aplic" that delivers to the harts itself, without an IMSIC'
        return
    if seen.aplic.window.base != controller.base:
        yield (
            f"{seen.aplic.path} is at {seen.aplic.window.base:#x},"
            f" the VM's APLIC at {controller.base:#x}"
        )
    if seen.aplic.contexts != tuple(range(vcpu_count)):
        yield (
            f"{seen.aplic.path} has other targets than the VM's APLIC, which has the supervisor"
            " level of each vCPU"
        )


def _aia_conflicts(seen: Riscv64Hardware, controller: Range, imsic: Range) -> Iterator[str]:
    if seen.aplic is None or seen.imsic is None or seen.aplic.contexts:
        yield 'it has no "riscv,aplic" that sends messages to a "riscv,imsics"'
        return
    if seen.aplic.window.base != controller.base:
        yield (
            f"{seen.aplic.path} is at {seen.aplic.window.base:#x},"
            f" the VM's APLIC at {controller.base:#x}"
        )
    if seen.imsic.files != tuple(range(imsic.base, imsic.end, IMSIC_FILE_SIZE)):
        yield (
            f"{seen.imsic.path} has other interrupt files than the VM, whose vCPUs have one page"
            f" each from {imsic.base:#x}"
        )


# ---- harts ---------------------------------------------------------------------------------------

#: Extensions whose state is switched or that have none: what a guest is offered where the harts
#: have it. The others are not, above all V; h is not emulated.
_OFFERED = (
    *("i", "m", "a", "f", "d", "c"),
    *("zicntr", "zicsr", "zifencei", "zihintpause", "zba", "zbb", "zbc", "zbs", "sstc"),
)
#: Once part of I, and named only since.
_IMPLIED = ("zicntr", "zicsr", "zifencei")


def guest_extensions(hardware: Riscv64Hardware, has_files: bool) -> tuple[str, ...]:
    """The extensions of a vCPU with or without an interrupt file, in the order of an ISA string."""
    aia = ("ssaia",) if has_files else ()
    return tuple(name for name in (*_OFFERED, *aia) if name in hardware.extensions)


def isa_string(extensions: tuple[str, ...]) -> str:
    """What a tree says as riscv,isa: "rv64imafdc_zba_sstc"."""
    letters = "".join(name for name in extensions if len(name) == 1)
    return "_".join((f"rv64{letters}", *(name for name in extensions if len(name) > 1)))


def _cpu_nodes(tree: Tree) -> Iterator[FdtNode]:
    parent = tree.find("/cpus")
    if parent is None:
        raise TreeError("/: no node /cpus")
    for node in parent.children:
        if node.string("device_type") == "cpu" and node.enabled:
            yield node


def _cpus(nodes: tuple[FdtNode, ...]) -> Iterator[Cpu]:
    for index, node in enumerate(nodes):
        hart = 0
        for cell in node.cells("reg"):
            hart = hart << 32 | cell
        yield Cpu(index, hart, node.path, node.compatible)


# What all harts have, in the order of the first.
def _extensions(nodes: tuple[FdtNode, ...]) -> tuple[str, ...]:
    lists = [_node_extensions(node) for node in nodes]
    if not lists:
        return ()
    return tuple(name for name in lists[0] if all(name in other for other in lists))


def _node_extensions(node: FdtNode) -> tuple[str, ...]:
    listed = node.strings("riscv,isa-extensions")
    if listed:
        return tuple(name.lower() for name in listed)
    text = node.string("riscv,isa").lower()
    base, *longer = text.split("_")
    if not base.startswith("rv64"):
        raise TreeError(f'{node.path}: riscv,isa "{text}" is no 64-bit ISA')
    letters = base.removeprefix("rv64").replace("g", "imafd")
    # A longer name may follow the letters without an underscore: rv64imafdczba.
    first = re.search(r"z[a-z]|s[a-z]{2}|x[a-z]", letters)
    if first is not None:
        longer.insert(0, letters[first.start() :])
        letters = letters[: first.start()]
    return tuple(dict.fromkeys((*letters, *longer)))


# ---- what guests see -----------------------------------------------------------------------------


def guest_files(system: System, vm: Vm) -> tuple[int, ...]:
    """The guest interrupt file of each vCPU of a VM among those of its CPU, from 1.

    () where the VM has none: on a board without IMSIC, or where the files of its CPUs run out, and
    its APLIC delivers directly. VMs with interrupts of devices come first, then they take files in
    the order of the file, each all that it needs or none.
    """
    imsic = hardware_of(system.board.hardware).imsic
    if imsic is None:
        return ()
    taken: dict[int, int] = {}
    for other in sorted(system.vms, key=lambda item: (not _has_lines(item), item.index)):
        count = dict(taken)
        files = []
        for cpu in other.cpus:
            count[cpu] = count.get(cpu, 0) + 1
            files.append(count[cpu])
        fits = max(files, default=0) <= imsic.guest_count
        if other.index == vm.index:
            return tuple(files) if fits else ()
        taken = count if fits else taken
    return ()


def _has_lines(vm: Vm) -> bool:
    return any(device.interrupts for device in vm.devices)


def guest_controller(board: Riscv64Hardware, vcpu_count: int) -> Range:
    """Where a VM sees its APLIC or PLIC: at the base of the board's, of which it has the kind."""
    if board.imsic is not None:
        assert board.aplic is not None
        size = APLIC_SIZE + vcpu_count * APLIC_IDC_SIZE
        return whole_pages(Range(board.aplic.window.base, max(board.aplic.window.size, size)))
    assert board.plic is not None
    return whole_pages(Range(board.plic.window.base, plic_size(vcpu_count)))


def guest_imsic(board: Riscv64Hardware, vcpu_count: int) -> Range:
    """Where a VM sees its interrupt files."""
    assert board.imsic is not None
    return Range(board.imsic.windows[0].base, vcpu_count * IMSIC_FILE_SIZE)


def guest_watchdog(board: Riscv64Hardware) -> Range:
    """Where a VM sees its watchdog: behind the UART, where the board has nothing."""
    return common.unused_pages(board, board.uart.window.end if board.uart is not None else 0, 1)


def whole_pages(window: Range) -> Range:
    """The pages that a window lies in."""
    base = align_down(window.base, PAGE_SIZE)
    return Range(base, align_up(window.end, PAGE_SIZE) - base)


# ---- interrupt controllers and UART --------------------------------------------------------------


# Cells: the source, and at an APLIC its kind (1, 2: edges, 4, 8: levels).
def _interrupt(specifier: Specifier) -> Interrupt:
    number, *kind = specifier.cells
    return Interrupt(number, "edge" if kind and kind[0] & 3 else "level")


# With messages, the hypervisor may take source n itself as identity n + 1 of its interrupt files.
def _source_count(hardware: Riscv64Hardware) -> int:
    if hardware.aplic is not None and hardware.imsic is not None:
        return min(hardware.aplic.source_count, hardware.imsic.id_count - 1)
    controller = hardware.aplic or hardware.plic
    return controller.source_count if controller is not None else 0


# Of each entry of a controller's `interrupts-extended`: the hart, None for a node that is no hart's
# controller, and the cause.
def _targets(tree: Tree, node: FdtNode, harts: Mapping[str, int]) -> list[tuple[int | None, int]]:
    return [(harts.get(item.controller.path), item.cells[0]) for item in tree.specifiers(node)]


def _plic(tree: Tree, node: FdtNode, harts: Mapping[str, int], count: int) -> Plic:
    windows = node.windows()
    if not windows:
        raise TreeError(f'{node.path}: no "reg"')
    contexts = _contexts(tree, node, harts, count)
    return Plic(node.path, windows[0], node.cell("riscv,ndev", 0), contexts)


# Of each hart, which entry of a controller's `interrupts-extended` is its supervisor level's.
def _contexts(
    tree: Tree, node: FdtNode, harts: Mapping[str, int], count: int
) -> tuple[int | None, ...]:
    contexts: list[int | None] = [None] * count
    for context, (hart, cause) in enumerate(_targets(tree, node, harts)):
        if hart is not None and cause == SUPERVISOR_EXTERNAL:
            contexts[hart] = context
    return tuple(contexts)


# The IMSIC of the supervisor level, which only its interrupts tell from that of the machine level.
def _imsic_node(tree: Tree) -> FdtNode | None:
    for node in tree.compatible_with("riscv,imsics"):
        if any(item.cells[:1] == (SUPERVISOR_EXTERNAL,) for item in tree.specifiers(node)):
            return node
    return None


# The interrupt domain that sends its messages there, or else delivers to the supervisor level.
def _aplic_node(tree: Tree, imsic: FdtNode | None) -> FdtNode | None:
    for node in tree.compatible_with("riscv,aplic"):
        parent = node.cells("msi-parent")
        if imsic is not None and parent and tree.phandles.get(parent[0]) is imsic:
            return node
    for node in tree.compatible_with("riscv,aplic"):
        if any(item.cells[:1] == (SUPERVISOR_EXTERNAL,) for item in tree.specifiers(node)):
            return node
    return None


def _aplic(tree: Tree, node: FdtNode, harts: Mapping[str, int], count: int) -> Aplic:
    windows = node.windows()
    if not windows:
        raise TreeError(f'{node.path}: no "reg"')
    contexts = () if "msi-parent" in node.properties else _contexts(tree, node, harts, count)
    return Aplic(node.path, windows[0], node.cell("riscv,num-sources", 0), contexts)


# Files lie one group of harts after another, each file as far from the next as the guest bits say.
def _imsic(tree: Tree, node: FdtNode, harts: Mapping[str, int], count: int) -> Imsic:
    targets = _targets(tree, node, harts)
    guest_bits = node.cell("riscv,guest-index-bits", 0)
    stride = IMSIC_FILE_SIZE << guest_bits
    windows = node.windows()
    places = [base for w in windows for base in range(w.base, w.end - stride + 1, stride)]
    if len(places) < len(targets):
        raise TreeError(f'{node.path}: "reg" has no room for the files of {len(targets)} harts')
    files: list[int | None] = [None] * count
    for place, (hart, cause) in zip(places, targets, strict=False):
        if hart is not None and cause == SUPERVISOR_EXTERNAL:
            files[hart] = place
    return Imsic(
        node.path,
        windows,
        tuple(files),
        node.cell("riscv,num-ids", 0),
        guest_bits,
        node.cell("riscv,hart-index-bits", (len(targets) - 1).bit_length()),
    )


# What OpenSBI drives at machine level: no guest may have it.
def _firmware(tree: Tree, imsic: FdtNode | None, aplic: FdtNode | None) -> Iterator[Owned[str]]:
    kinds = (
        (_CLINTS, "the firmware's timer (CLINT)"),
        (("riscv,imsics",), "the firmware's IMSIC"),
        (("riscv,aplic",), "the firmware's APLIC"),
        (("sifive,test0", "sifive,test1"), "the firmware's power switch"),
    )
    for names, what in kinds:
        for node in tree.compatible_with(*names):
            if node not in (imsic, aplic):
                yield from (Owned(window, what) for window in node.windows())


def _uart(tree: Tree, devices: Mapping[str, object], path: str | None) -> Uart | None:
    node = tree.find(path) if path is not None else None
    if node is None or path not in devices:
        return None
    kind = next((_UARTS[name] for name in node.compatible if name in _UARTS), None)
    windows = node.windows()
    lines = [_interrupt(item) for item in tree.specifiers(node)]
    if kind is None or not windows or not lines:
        return None
    shift, width = node.cell("reg-shift", 0), node.cell("reg-io-width", 1)
    return Uart(kind, node.path, windows[0], lines[0], shift, width)


ARCHITECTURE = Riscv64()

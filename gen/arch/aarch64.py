# SPDX-License-Identifier: Apache-2.0
"""aarch64: GICv3, architected timer, PSCI and PL011, as device trees state them.

The guests of this architecture see a GICv3 and a PL011 at the addresses where the board has them,
so that one kernel image and one tree serve with and without the hypervisor; a watchdog, where they
have one, is a generic watchdog as the BSA has it.

Sources: the Linux bindings arm,gic-v3, arm,armv8-timer, arm,psci; Arm IHI 0069H, 2.2 (INTIDs) and
12.10 (redistributor frames); Arm DDI 0487 (MPIDR_EL1).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from gen.arch import Architecture, common
from gen.fdt import FdtNode, Specifier, Tree, TreeError
from gen.model import Cpu, Hardware, Interrupt, System, Uart, Vm
from gen.ranges import KIB, PAGE_SIZE, Owned, Range

#: INTIDs: 0-15 SGI, 16-31 PPI, 32-1019 SPI (Arm IHI 0069H, 2.2).
PPI_BASE = 16
SPI_BASE = 32
SPI_END = 1020
#: A redistributor without GICv4 has two frames of 64 KiB for each CPU (Arm IHI 0069H, 12.10).
REDISTRIBUTOR_STRIDE = 128 * KIB
DISTRIBUTOR_SIZE = 64 * KIB
#: The affinity fields of MPIDR_EL1: Aff3 in bits 39:32, Aff2 to Aff0 in bits 23:0.
AFFINITY_MASK = 0xFF_00FF_FFFF

_EM_AARCH64 = 183
#: Implementer (bits 31:24, Arm) and part (15:4) of MIDR_EL1, from the models' technical reference
#: manuals, by what trees call them.
_MODELS = {
    f"arm,{name}": 0x41 << 24 | part << 4
    for name, part in {
        "cortex-a35": 0xD04,
        "cortex-a53": 0xD03,
        "cortex-a55": 0xD05,
        "cortex-a57": 0xD07,
        "cortex-a72": 0xD08,
        "cortex-a73": 0xD09,
        "cortex-a75": 0xD0A,
        "cortex-a76": 0xD0B,
        "cortex-a77": 0xD0D,
        "cortex-a78": 0xD41,
        "neoverse-n1": 0xD0C,
        "neoverse-n2": 0xD49,
        "neoverse-v1": 0xD40,
    }.items()
}
_UARTS = {"arm,pl011": "pl011"}
_TIMERS = ("secure physical", "physical", "virtual", "hypervisor physical")


@dataclass(frozen=True)
class GicV3:
    """A GICv3.

    distributor: GICD.  regions: the redistributor regions.
    redistributors: base of the frames of each CPU, in CPU order (the runtime compares GICR_TYPER).
    its: registers of interrupt translation services; guests get none.
    maintenance: INTID of the maintenance interrupt.
    """

    path: str
    distributor: Range
    regions: tuple[Range, ...]
    redistributors: tuple[int, ...]
    its: tuple[Range, ...]
    maintenance: int | None


@dataclass(frozen=True)
class ArmTimer:
    """The architected timer: INTIDs (PPIs) of its interrupts; None where the tree lists no more."""

    secure_physical: int
    physical: int
    virtual: int
    hypervisor_physical: int | None


@dataclass(frozen=True)
class Psci:
    """PSCI of the firmware.  method: the conduit, "smc" or "hvc"."""

    method: str
    compatible: tuple[str, ...]


@dataclass(frozen=True)
class Aarch64Hardware(Hardware):
    """What aarch64 adds; each is None where the tree has none (a board must have all)."""

    gic: GicV3 | None
    timer: ArmTimer | None
    psci: Psci | None


def hardware_of(hardware: Hardware) -> Aarch64Hardware:
    """The hardware of an aarch64 board, as its own class."""
    assert isinstance(hardware, Aarch64Hardware)
    return hardware


class Aarch64(Architecture):
    """See gen.arch.Architecture."""

    name = "aarch64"
    elf_machine = _EM_AARCH64
    max_vcpus = 64
    exit_bound_us = 100
    boot_area_use = "boot loader's device tree"

    def read_hardware(self, tree: Tree, console: str | None = None) -> Aarch64Hardware:
        """See gen.arch.Architecture."""
        gic_node = next(iter(tree.compatible_with("arm,gic-v3")), None)

        def decode(specifier: Specifier) -> Interrupt | None:
            return _interrupt(specifier) if specifier.controller is gic_node else None

        cpus = tuple(_cpus(tree))
        nodes = common.devices(tree, decode)
        path = console or common.console_path(tree)
        uart = None
        if path is not None and path in nodes:
            node = nodes[path]
            kind = next((_UARTS[name] for name in node.compatible if name in _UARTS), None)
            if kind and node.windows and node.interrupts:
                uart = Uart(kind, path, node.windows[0], node.interrupts[0])
        return Aarch64Hardware(
            ram=common.ram(tree),
            reserved=common.reserved(tree),
            cpus=cpus,
            uart=uart,
            nodes=nodes,
            gic=_gic(tree, gic_node, len(cpus)) if gic_node is not None else None,
            timer=_timer(tree),
            psci=_psci(tree),
        )

    def board_shortcomings(self, hardware: Hardware) -> tuple[str, ...]:
        """See gen.arch.Architecture."""
        board = hardware_of(hardware)
        result = []
        if board.gic is None:
            result.append('it has no GICv3 (no node compatible with "arm,gic-v3")')
        elif len(board.gic.redistributors) < len(board.cpus):
            result.append(
                f"the GIC has redistributors for {len(board.gic.redistributors)} CPUs of"
                f" {len(board.cpus)}"
            )
        elif board.gic.maintenance is None:
            result.append("the GIC's node lists no maintenance interrupt")
        if board.timer is None:
            result.append('it has no architected timer (no node compatible with "arm,armv8-timer")')
        elif board.timer.hypervisor_physical is None:
            result.append("the timer's node lists no hypervisor interrupt (the fourth)")
        if board.psci is None:
            result.append('it has no PSCI (no node compatible with "arm,psci-0.2" or newer)')
        elif board.psci.method != "smc":
            result.append("its PSCI is called by HVC, which from EL2 leads back to EL2")
        if board.uart is None:
            result.append("/chosen names no console that is an arm,pl011 with an interrupt")
        return tuple(result)

    def guest_limit(self, hardware: Hardware) -> int:  # noqa: ARG002
        """See gen.arch.Architecture."""
        return 1 << 39  # three levels of tables

    def claimed_windows(self, hardware: Hardware) -> tuple[Owned[str], ...]:
        """See gen.arch.Architecture."""
        board = hardware_of(hardware)
        result = []
        if board.gic is not None:
            result.append(Owned(board.gic.distributor, "the GIC's distributor"))
            result += [Owned(item, "the GIC's redistributors") for item in board.gic.regions]
            result += [Owned(item, "the GIC's translation service") for item in board.gic.its]
        if board.uart is not None:
            result.append(Owned(board.uart.window, "the console UART"))
        return tuple(result)

    def claimed_interrupts(self, hardware: Hardware) -> Mapping[int, str]:
        """See gen.arch.Architecture."""
        uart = hardware.uart
        claimed = {guest_watchdog(hardware).interrupt: "that of the VM's own watchdog"}
        return claimed | ({uart.interrupt.number: "the console UART's"} if uart is not None else {})

    def guest_windows(self, system: System, vm: Vm) -> tuple[Owned[str], ...]:
        """See gen.arch.Architecture."""
        board = hardware_of(system.board.hardware)
        result = []
        if board.gic is not None:
            result.append(
                Owned(
                    Range(board.gic.distributor.base, DISTRIBUTOR_SIZE), "virtual GIC distributor"
                )
            )
            frames = Range(board.gic.regions[0].base, len(vm.cpus) * REDISTRIBUTOR_STRIDE)
            result.append(Owned(frames, "virtual GIC redistributors"))
        if vm.console == "uart" and board.uart is not None:
            result.append(Owned(board.uart.window, "virtual UART"))
        if vm.watchdog_us:
            watchdog = guest_watchdog(board)
            frames = Range(watchdog.refresh.base, 2 * PAGE_SIZE)
            result.append(Owned(frames, "virtual watchdog"))
        return tuple(result)

    def is_assignable(self, hardware: Hardware, number: int) -> bool:  # noqa: ARG002
        """See gen.arch.Architecture."""
        return SPI_BASE <= number < SPI_END

    def interrupt_rule(self, hardware: Hardware) -> str:  # noqa: ARG002
        """See gen.arch.Architecture."""
        return f"only shared peripheral interrupts, INTID {SPI_BASE} to {SPI_END - 1}"

    def interrupt_help(self) -> str:
        """See gen.arch.Architecture."""
        return f"the SPI that a device tree writes as <0 n flags> is INTID {SPI_BASE} + n"

    def interrupt_name(self, number: int) -> str:
        """See gen.arch.Architecture."""
        if number >= SPI_BASE:
            return f"SPI {number - SPI_BASE}"
        return f"PPI {number - PPI_BASE}" if number >= PPI_BASE else f"SGI {number}"

    def guest_tree_conflicts(self, guest: Hardware, system: System, vm: Vm) -> tuple[str, ...]:
        """See gen.arch.Architecture."""
        seen, real = hardware_of(guest), hardware_of(system.board.hardware)
        return tuple(_conflicts(seen, real, len(vm.cpus), vm.console == "uart"))


def vcpu_affinity(index: int) -> int:
    """Affinity that vCPU `index` of a VM sees in MPIDR_EL1: an SGI's target list has 16 bits."""
    return index % 16 | index // 16 << 8


def model(cpu: Cpu) -> int:
    """What MIDR_EL1 says of a CPU's implementer and part; 0 for a model that is not known here."""
    return next((_MODELS[name] for name in cpu.compatible if name in _MODELS), 0)


@dataclass(frozen=True)
class GuestWatchdog:
    """A VM's generic watchdog.  refresh, control: its frames.  interrupt: INTID of WS0."""

    refresh: Range
    control: Range
    interrupt: int


def guest_watchdog(hardware: Hardware) -> GuestWatchdog:
    """Where a VM sees its generic watchdog: behind the UART, where the board has nothing."""
    start = hardware.uart.window.end if hardware.uart is not None else 0
    frames = common.unused_pages(hardware, start, 2)
    return GuestWatchdog(
        Range(frames.base, PAGE_SIZE),
        Range(frames.base + PAGE_SIZE, PAGE_SIZE),
        common.unused_interrupt(hardware, range(SPI_BASE, SPI_END)),
    )


# The virtual devices stand where the board's are.
def _conflicts(
    seen: Aarch64Hardware, real: Aarch64Hardware, vcpu_count: int, has_uart: bool
) -> Iterator[str]:
    if len(seen.cpus) != vcpu_count:
        yield f"it has {len(seen.cpus)} CPUs, the VM {vcpu_count}"
    else:
        for cpu in seen.cpus:
            own = vcpu_affinity(cpu.index)
            if cpu.hardware_id != own:
                yield f"{cpu.path} has reg {cpu.hardware_id:#x}, vCPU {cpu.index} has {own:#x}"
    if seen.gic is None:
        yield 'it has no interrupt controller compatible with "arm,gic-v3"'
    elif real.gic is not None:
        if seen.gic.distributor.base != real.gic.distributor.base:
            yield (
                f"{seen.gic.path} has the distributor at {seen.gic.distributor.base:#x},"
                f" the VM at {real.gic.distributor.base:#x}"
            )
        if seen.gic.regions[0].base != real.gic.regions[0].base:
            yield (
                f"{seen.gic.path} has the redistributors at {seen.gic.regions[0].base:#x},"
                f" the VM at {real.gic.regions[0].base:#x}"
            )
        if seen.gic.its:
            yield f"{seen.gic.path} has an interrupt translation service, the VM none"
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
                f"{seen.uart.path} has INTID {seen.uart.interrupt.number},"
                f" the VM's UART {real.uart.interrupt.number}"
            )
    if seen.timer is None:
        yield 'it has no timer compatible with "arm,armv8-timer"'
    elif real.timer is not None and seen.timer.virtual != real.timer.virtual:
        yield (f"its virtual timer has INTID {seen.timer.virtual}, the VM's {real.timer.virtual}")
    if vcpu_count > 1 and seen.psci is None:
        yield "it has no PSCI node: only the first vCPU would start"


def _cpus(tree: Tree) -> Iterator[Cpu]:
    parent = tree.find("/cpus")
    if parent is None:
        raise TreeError("/: no node /cpus")
    index = 0
    for node in parent.children:
        if node.string("device_type") != "cpu" or not node.enabled:
            continue
        value = 0
        for cell in node.cells("reg"):
            value = value << 32 | cell
        if value & ~AFFINITY_MASK:
            raise TreeError(
                f"{node.path}: reg {value:#x} has bits that are no affinity of MPIDR_EL1"
            )
        yield Cpu(index, value, node.path, node.compatible)
        index += 1


# Cells: kind (0 SPI, 1 PPI), number, flags (bits 3:0: 1 rising, 2 falling, 4 high, 8 low).
def _interrupt(specifier: Specifier) -> Interrupt:
    kind, number, flags = specifier.cells[:3]
    if kind not in (0, 1):
        raise TreeError(
            f"{specifier.controller.path}: interrupt kind {kind} is neither SPI nor PPI"
        )
    return Interrupt(
        number + (SPI_BASE if kind == 0 else PPI_BASE), "edge" if flags & 3 else "level"
    )


def _gic(tree: Tree, node: FdtNode, cpu_count: int) -> GicV3:
    windows = node.windows()
    region_count = node.cell("#redistributor-regions", 1)
    if node.cell("#interrupt-cells", 0) < 3:
        raise TreeError(f"{node.path}: #interrupt-cells must be 3 or more")
    if len(windows) < 1 + region_count:
        raise TreeError(f'{node.path}: "reg" lacks the distributor or a redistributor region')
    regions = windows[1 : 1 + region_count]
    stride = node.cells("redistributor-stride")
    step = stride[-1] if stride and stride[-1] else REDISTRIBUTOR_STRIDE
    frames = [base for r in regions for base in range(r.base, r.end - step + 1, step)]
    own = tree.specifiers(node) if "interrupts" in node.properties else ()
    return GicV3(
        node.path,
        windows[0],
        regions,
        tuple(frames[:cpu_count]),
        tuple(w for n in tree.compatible_with("arm,gic-v3-its") for w in n.windows()),
        _interrupt(own[0]).number if own else None,
    )


def _timer(tree: Tree) -> ArmTimer | None:
    node = next(iter(tree.compatible_with("arm,armv8-timer")), None)
    if node is None:
        return None
    numbers = [_interrupt(item).number for item in tree.specifiers(node)]
    if len(numbers) < 3:
        raise TreeError(
            f"{node.path}: lists {len(numbers)} interrupts, not those of the {', '.join(_TIMERS)}"
            f" timer"
        )
    return ArmTimer(numbers[0], numbers[1], numbers[2], numbers[3] if len(numbers) > 3 else None)


def _psci(tree: Tree) -> Psci | None:
    node = next(iter(tree.compatible_with("arm,psci-0.2", "arm,psci-1.0")), None)
    if node is None:
        return None
    method = node.string("method")
    if method not in ("smc", "hvc"):
        raise TreeError(f'{node.path}: method "{method}" is neither "smc" nor "hvc"')
    return Psci(method, node.compatible)


ARCHITECTURE = Aarch64()

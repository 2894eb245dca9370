# SPDX-License-Identifier: Apache-2.0
"""The system as the user described it, resolved and frozen.

gen/load.py makes these objects; checks read them, the planner turns them into numbers.  They hold
facts of the input only: what the TOML says, what the board's device tree says, what the headers of
the image files say.  No address is chosen here.

Every object keeps `spans`, the places of its keys in its TOML file: `vm.spans.of("memory")`.
Lists keep the order of the file.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from gen.ranges import BLOCK_SIZE, Range, align_up
from gen.source import Spans

Permissions = Literal["r", "rw", "rx", "rwx"]
PhysicalKind = Literal["allocated", "identical", "fixed"]


# ---- the board -----------------------------------------------------------------------------------


@dataclass(frozen=True)
class Interrupt:
    """An interrupt line.

    number: as the architecture counts (aarch64: INTID, so that SPI n is 32 + n, PPI n is 16 + n).
    trigger: how the device signals it.
    """

    number: int
    trigger: Literal["level", "edge"] = "level"


@dataclass(frozen=True)
class Node:
    """A device of a device tree.

    path: full path in the tree.
    windows: its registers as physical addresses, in the order of `reg`; empty where it has none.
    interrupts: lines to the board's main interrupt controller, in the order of the tree.
    dma: whether the tree shows that it reads or writes memory by itself.
    ports: its I/O ports, on x86_64.
    """

    path: str
    compatible: tuple[str, ...]
    windows: tuple[Range, ...]
    interrupts: tuple[Interrupt, ...]
    dma: bool = False
    ports: tuple[Range, ...] = ()


@dataclass(frozen=True)
class Cpu:
    """A CPU of the board.

    index: its number here, in the order of the tree; what `cpus = [...]` counts.
    hardware_id: what the hardware calls it (aarch64: the affinity bits of MPIDR_EL1;
    riscv64: the hart id; x86_64: the APIC id).
    """

    index: int
    hardware_id: int
    path: str
    compatible: tuple[str, ...]


@dataclass(frozen=True)
class Uart:
    """The UART that the board prints on.

    kind: name of the driver, "pl011".  window: of registers; on x86_64, of I/O ports.
    reg_shift: registers are 1 << reg_shift bytes apart.  io_width: bytes of one register.
    """

    kind: str
    path: str
    window: Range
    interrupt: Interrupt
    reg_shift: int = 0
    io_width: int = 1


@dataclass(frozen=True)
class Hardware:
    """What a device tree says of a machine, as far as every architecture has it.

    ram: disjoint, sorted by base.
    reserved: RAM that firmware keeps (/reserved-memory, /memreserve/).
    uart: None where the tree names no console, or one whose kind is unknown.
    nodes: every node that has windows, ports or interrupts, by path.

    gen/arch/<isa>.py adds what its architecture has (interrupt controller, timer, firmware).
    """

    ram: tuple[Range, ...]
    reserved: tuple[Range, ...]
    cpus: tuple[Cpu, ...]
    uart: Uart | None
    nodes: Mapping[str, Node] = field(repr=False)


@dataclass(frozen=True)
class Qemu:
    """How a board is emulated: the program, its oldest usable version, its arguments."""

    binary: str
    min_version: str
    args: tuple[str, ...]


@dataclass(frozen=True)
class Board:
    """A board: its file, and what its device tree says.

    tree: path of the device tree source or blob.
    hypervisor: the RAM kept for its code, tables, stacks and data (images lie outside).
    guest_ram: guest address of a VM's first memory region.
    console: what `${console}` means, such as "ttyAMA0".
    """

    name: str
    arch: str
    description: str
    path: Path
    tree: Path
    hardware: Hardware
    hypervisor: Range
    guest_ram: int
    console: str
    qemu: Qemu | None
    spans: Spans = field(repr=False, compare=False)

    @property
    def boot_area(self) -> Range:
        """The first 2 MiB of RAM: firmware, or the device tree that QEMU and boot loaders leave."""
        return Range(self.ram[0].base, min(BLOCK_SIZE, self.ram[0].size))

    @property
    def ram(self) -> tuple[Range, ...]:
        """RAM, disjoint, sorted by base."""
        return self.hardware.ram

    @property
    def cpus(self) -> tuple[Cpu, ...]:
        """CPUs in the order of the tree."""
        return self.hardware.cpus


# ---- images --------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Segment:
    """A piece of a payload that is placed in guest memory as a whole.

    address: guest address (ELF), or offset from the load address (others).
    offset, file_size: the bytes within `gen.images.contents(payload)`.
    memory_size: bytes occupied; those beyond file_size are zero.
    """

    address: int
    offset: int
    file_size: int
    memory_size: int


@dataclass(frozen=True)
class Payload:
    """What the header of an image file says.  `gen.images.contents` gives the bytes.

    kind: "linux" (a kernel with a header), "elf" or "raw".
    arch: architecture of the code; None where the form does not tell.
    packing: how the file is wrapped, outermost first: (), ("gzip",), ("zboot", "zstd"), ...
    size: bytes of the unpacked contents.
    movable: whether it runs at any aligned address; if not, segments have guest addresses.
    entry: guest address (elf) or offset from the load address (others).
    text_offset: offset of the kernel from a 2 MiB boundary (linux), else 0.
    image_size: bytes of memory from the load address on, .bss included.
    alignment: what the load address, less text_offset, must be a multiple of.
    preferred: address that it likes best, where that is free; 0 for the lowest possible one.
    pvh: whether it is started by the PVH protocol, in 32-bit mode, at `entry` (x86_64).
    setup_header: of an x86_64 kernel, for its boot parameters.
    """

    path: Path
    kind: Literal["linux", "elf", "raw"]
    arch: str | None
    packing: tuple[str, ...]
    size: int
    movable: bool
    segments: tuple[Segment, ...]
    entry: int
    text_offset: int
    image_size: int
    alignment: int
    preferred: int = 0
    pvh: bool = False
    setup_header: bytes = field(default=b"", repr=False)


@dataclass(frozen=True)
class Problem:
    """Why a file cannot be used: a diagnostic code, a sentence, and how to mend it."""

    code: str
    message: str
    help: str = ""


@dataclass(frozen=True)
class File:
    """A file named by the TOML.

    written: the name as the user wrote it.  catalogued: whether it is a name of the catalogue.
    path: where it lies; None where the catalogue does not know the name.
    size: bytes on disk; None where the file cannot be read.
    problem: why it cannot be used, or None.
    """

    written: str
    catalogued: bool
    path: Path | None
    size: int | None
    problem: Problem | None


@dataclass(frozen=True)
class Image:
    """`[images.NAME]`.

    payload: the kernel's header; None if the file has a problem (`kernel.problem` says which).
    guest_tree: what a device tree given by the user says, read like a board's; None if none is
    given or it has a problem.
    device_tree_at: end of a VM's first memory region where the tree lies, given or generated.
    load, entry: guest addresses given by the user, or None.
    """

    name: str
    kind: Literal["linux", "elf", "raw"]
    kernel: File
    payload: Payload | None
    initrd: File | None
    device_tree: File | None
    guest_tree: Hardware | None = field(repr=False)
    device_tree_at: Literal["end", "start"]
    cmdline: str
    load: int | None
    entry: int | None
    spans: Spans = field(repr=False, compare=False)

    @property
    def header(self) -> Payload:
        """The payload of an image that has been checked."""
        assert self.payload is not None, f"image {self.name} was not checked"
        return self.payload

    def load_address(self, ram: Range, floor: int) -> int:
        """Guest address of the image: where it was linked for, as given, or as its header likes.

        Args:
            ram: the VM's first memory region.
            floor: gen.arch.Architecture.image_floor.
        """
        payload = self.header
        if not payload.movable:
            return min(segment.address for segment in payload.segments)
        if self.load is not None:
            return self.load
        lowest = align_up(ram.base + floor, payload.alignment) + payload.text_offset
        return max(lowest, payload.preferred)


# ---- the VMs -------------------------------------------------------------------------------------


@dataclass(frozen=True)
class MemoryRegion:
    """One region of a VM's memory.

    guest: guest address.
    physical: address for "fixed" and "identical", None for "allocated".
    """

    name: str
    size: int
    guest: int
    kind: PhysicalKind
    physical: int | None
    permissions: Permissions
    spans: Spans = field(repr=False, compare=False)

    @property
    def guest_range(self) -> Range:
        """The region as the guest sees it."""
        return Range(self.guest, self.size)

    @property
    def physical_range(self) -> Range | None:
        """The region in the machine; None if the generator is to choose it."""
        return None if self.physical is None else Range(self.physical, self.size)


@dataclass(frozen=True)
class Window:
    """Registers of a device: at `physical` in the machine, at `guest` for the guest."""

    physical: Range
    guest: int

    @property
    def guest_range(self) -> Range:
        """The window as the guest sees it."""
        return Range(self.guest, self.physical.size)


@dataclass(frozen=True)
class Device:
    """A device passed through to a VM.

    node: the path the user gave, or None.  known: whether that node is in the board's tree.
    dma: whether the tree shows that it reads or writes memory by itself.
    ports: I/O ports, the same for the guest.
    """

    name: str
    node: str | None
    known: bool
    compatible: tuple[str, ...]
    windows: tuple[Window, ...]
    interrupts: tuple[Interrupt, ...]
    dma: bool
    ports: tuple[Range, ...]
    spans: Spans = field(repr=False, compare=False)


@dataclass(frozen=True)
class Health:
    """`[vm.health]`, with the defaults of `on-crash` and `on-reboot`.

    actions: what follows each event of gen.health.EVENTS; every event has one.
    restarts: allowed after failures in any time of `within_us` microseconds.
    """

    actions: Mapping[str, str]
    restarts: int
    within_us: int


@dataclass(frozen=True)
class Needs:
    """What a VM needs of its CPUs' time; None where it does not say.

    priority: of round robin, higher first.  Times in microseconds.
    """

    priority: int = 0
    max_latency_us: int | None = None
    min_share: float | None = None
    period_us: int | None = None
    budget_us: int | None = None


@dataclass(frozen=True)
class Vm:
    """`[[vm]]`.

    index: place in the file, from 0.
    image: name of its image; `System.image_of(vm)` is the image.
    cpus: the CPU of each vCPU.  vcpu_count: as the user said; the checks hold it to len(cpus).
    cmdline: the VM's own or the image's, with ${...} replaced and the appended text.
    own_cmdline: as written in the VM's table, or None.
    after, manages: names of VMs.  watchdog_us: 0 without a watchdog.
    """

    index: int
    name: str
    image: str
    vcpu_count: int
    cpus: tuple[int, ...]
    memory: tuple[MemoryRegion, ...]
    devices: tuple[Device, ...]
    cmdline: str
    own_cmdline: str | None
    console: Literal["uart", "none"]
    autostart: bool
    health: Health
    in_place: bool
    pmu: bool
    needs: Needs
    after: tuple[str, ...]
    ready_within_us: int
    watchdog_us: int
    watchdog_at_boot: bool
    manages: tuple[str, ...]
    manages_plans: bool
    check_images: bool
    spans: Spans = field(repr=False, compare=False)

    @property
    def ram(self) -> tuple[Range, ...]:
        """What its device tree calls memory, sorted by address: a guest writes to all of that."""
        return tuple(sorted(r.guest_range for r in self.memory if "w" in r.permissions))


@dataclass(frozen=True)
class CpuPolicy:
    """`[[cpu]]`: how a CPU is used.  slice_us: length of a turn in microseconds."""

    cpu: int
    schedule: Literal["exclusive", "round-robin", "plan"]
    slice_us: int
    spans: Spans = field(repr=False, compare=False)


@dataclass(frozen=True)
class PlanWindow:
    """`[[plan.window]]`.  vcpu: None for all of the VM's on that CPU.  unused: None for nobody.

    Times are microseconds from the begin of the frame.
    """

    cpu: int
    vm: str
    vcpu: int | None
    start_us: int
    length_us: int
    unused: str | None
    spans: Spans = field(repr=False, compare=False)

    @property
    def end_us(self) -> int:
        """Where it ends in the frame."""
        return self.start_us + self.length_us

    def names(self, vm: Vm, index: int) -> bool:
        """Whether it is time of a VM's vCPU."""
        is_there = self.vm == vm.name and self.cpu == vm.cpus[index]
        return is_there and self.vcpu in (None, index)


@dataclass(frozen=True)
class CpuPlan:
    """`[[plan]]`: windows in the order of the file."""

    name: str
    frame_us: int
    windows: tuple[PlanWindow, ...]
    spans: Spans = field(repr=False, compare=False)


@dataclass(frozen=True)
class System:
    """The whole: board, images, VMs, CPU policies.

    path: the system file.  images: in the order of the file.
    """

    name: str
    path: Path
    log_level: Literal["error", "warn", "info", "debug"]
    board: Board
    images: tuple[Image, ...]
    vms: tuple[Vm, ...]
    cpu_policies: tuple[CpuPolicy, ...]
    plans: tuple[CpuPlan, ...]
    operator: bool
    spans: Spans = field(repr=False, compare=False)

    def find_image(self, name: str) -> Image | None:
        """The image of that name, or None."""
        return next((image for image in self.images if image.name == name), None)

    def image_of(self, vm: Vm) -> Image:
        """The image that a VM boots; the VM has been checked."""
        image = self.find_image(vm.image)
        assert image is not None, f"vm {vm.name} was not checked"
        return image

    def find_vm(self, name: str) -> Vm | None:
        """The VM of that name, or None."""
        return next((vm for vm in self.vms if vm.name == name), None)

    def is_planned(self, cpu: int) -> bool:
        """Whether a CPU follows the plans."""
        policy = self.policy_of(cpu)
        return policy is not None and policy.schedule == "plan"

    def policy_of(self, cpu: int) -> CpuPolicy | None:
        """What `[[cpu]]` says of a CPU, or None."""
        return next((policy for policy in self.cpu_policies if policy.cpu == cpu), None)

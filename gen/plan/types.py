# SPDX-License-Identifier: Apache-2.0
"""What the planner decides, shaped like the tables of runtime/include/hv/tables.h.

Everything here is frozen data: numbers, names and the order of printing.  Templates and reports
only walk through it.  Addresses and sizes are bytes; "guest" addresses are what a VM sees, all
others are physical.  `origin` is the place in the TOML that an item comes from, for comments:
"dual-linux.toml:12 vm.alpha".
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Literal

from gen.model import Health, Permissions, Qemu
from gen.pagetables.build import ENTRY_SIZE, Table
from gen.ranges import PAGE_SIZE, Range


@dataclass(frozen=True)
class Section:
    """An output section of the hypervisor's image.

    name: as the linker calls it.  area: its address and the most it may take.
    """

    name: str
    area: Range


@dataclass(frozen=True)
class Stack:
    """A hypervisor stack: an unmapped guard page at `guard`, then [base, top)."""

    owner: str
    guard: int
    base: int
    top: int


@dataclass(frozen=True)
class Layout:
    """The hypervisor's region: sections in the order of their addresses.

    region: what the board keeps for it.  end: first address that no section uses.
    """

    region: Range
    text: Section
    rodata: Section
    data: Section
    stack_area: Section
    pagetables: Section
    stacks: tuple[Stack, ...]
    end: int

    @property
    def sections(self) -> tuple[Section, ...]:
        """All of them, by address."""
        return self.text, self.rodata, self.data, self.stack_area, self.pagetables


@dataclass(frozen=True)
class StoredImage:
    """Bytes that are linked into the hypervisor's file.

    symbol: C-like name, unique.  file: name below gen/images, or of a file beside it.
    where: address and size in bytes.  in_place: lies in its VM's memory.
    contents: the bytes, or the path of a file that holds exactly them.
    title: for people: `image "debian": kernel`.
    """

    symbol: str
    file: str
    where: Range
    in_place: bool
    contents: bytes | Path
    digest: str
    title: str


@dataclass(frozen=True)
class Piece:
    """Part of an image at its place in a VM, before it is known where its bytes are stored.

    what: "kernel", "program", "segment 0", "initrd", "device tree".  guest: address.
    memory_size: bytes that it occupies, zeroes behind the contents included.
    owner: whose it is: the image's, made for this VM, or the same for every VM.
    file: where emit writes it, "" for a file below gen/images named after it.
    """

    what: str
    guest: int
    contents: bytes | Path
    size: int
    memory_size: int
    digest: str
    owner: Literal["image", "vm", "all"] = "image"
    file: str = ""


@dataclass(frozen=True)
class Boot:
    """What a VM finds beside its image: the description of its machine, in the form of the ISA.

    pieces: in its memory.  argument: what the first vCPU finds in its first register, a guest
    address.  what: the name of what lies there, for people.
    sources: text of what was compiled, by name of file, for people.
    """

    pieces: tuple[Piece, ...]
    argument: int
    what: str
    sources: Mapping[str, str]


@dataclass(frozen=True)
class MemRegion:
    """struct mem_region."""

    name: str
    guest: Range
    physical: int
    permissions: Permissions
    origin: str

    @property
    def where(self) -> Range:
        """The region in the machine."""
        return Range(self.physical, self.guest.size)


@dataclass(frozen=True)
class ImageCopy:
    """struct image_copy.  stored: the pristine bytes.  guest: the target as the VM sees it.

    digest: SHA-256 that the bytes must have at each start, in hexadecimal; None: not looked at.
    """

    what: str
    stored: StoredImage
    target: int
    guest: Range
    digest: str | None


@dataclass(frozen=True)
class MmioRegion:
    """struct mmio_region.  device: a C expression."""

    guest: Range
    handle: str
    device: str
    what: str


@dataclass(frozen=True)
class DeviceWindow:
    """Registers of a passed-through device, in the VM's map."""

    device: str
    guest: Range
    physical: int
    origin: str

    @property
    def where(self) -> Range:
        """The window in the machine."""
        return Range(self.physical, self.guest.size)


@dataclass(frozen=True)
class HwIrq:
    """A physical interrupt that is linked to a virtual one."""

    device: str
    intid: int
    virq: int
    is_edge: bool


@dataclass(frozen=True)
class ArchVm:
    """struct arch_vm_config; each architecture's module adds what it has.

    data_size, rodata_size: most bytes that the VM's emulated devices take in .data and .rodata.
    """

    data_size: int
    rodata_size: int


@dataclass(frozen=True)
class ArchVcpu:
    """struct arch_vcpu_config, but for the vCPU's hardware_id; as above."""


@dataclass(frozen=True)
class ArchPcpu:
    """struct arch_pcpu_config, but for the CPU's hardware_id; as above."""


@dataclass(frozen=True)
class ArchBoard:
    """struct arch_board_config; as above, sizes of what belongs to no VM.

    uart_irq: the interrupt of the hypervisor's console.
    """

    data_size: int
    rodata_size: int
    uart_irq: int


@dataclass(frozen=True)
class Vm:
    """struct vm_config, and what belongs to it.

    ident: the name as part of a C name.  console: index in consoles[], None without.
    stage2_root, window_root: addresses of tables; window_root is 0 where there is none.
    after, manages: sets of VMs, a bit for each index.  watchdog_us: 0 for none.
    """

    index: int
    name: str
    ident: str
    vmid: int
    vcpu_first: int
    vcpu_count: int
    autostart: bool
    health: Health
    in_place: bool
    after: int
    manages: int
    manages_plans: bool
    ready_within_us: int
    watchdog_us: int
    watchdog_at_boot: bool
    pmu: bool
    stage2_root: int
    window_root: int
    entry: int
    boot: Boot
    memory: tuple[MemRegion, ...]
    pieces: tuple[Piece, ...]
    copies: tuple[ImageCopy, ...]
    mmio: tuple[MmioRegion, ...]
    devices: tuple[DeviceWindow, ...]
    hw_irqs: tuple[HwIrq, ...]
    console: int | None
    cmdline: str
    arch: ArchVm
    origin: str


@dataclass(frozen=True)
class VcpuSeat:
    """A vCPU and its place, before stacks are known.  Fields as in Vcpu."""

    number: int
    vm: int
    vm_name: str
    index: int
    cpu: int
    slot: int
    exclusive: bool
    origin: str


@dataclass(frozen=True)
class Vcpu:
    """struct vcpu_config and struct vcpu.

    number: index in vcpus[].  index: in its VM.  pcpu: index in pcpus[].  cpu: the board's number.
    hardware_id: what the guest sees (aarch64: affinity of MPIDR_EL1; riscv64: hart id; x86_64:
    APIC id).
    """

    number: int
    vm: int
    vm_name: str
    index: int
    cpu: int
    pcpu: int
    slot: int
    exclusive: bool
    stack_top: int
    hardware_id: int
    arch: ArchVcpu
    origin: str


@dataclass(frozen=True)
class PlanWindow:
    """struct plan_window: time of a CPU up to `end_us` of the frame.

    levels: sets of slots, from who comes first; none where the time is nobody's.
    what: whose it is, for people.
    """

    end_us: int
    levels: tuple[int, ...]
    what: str


@dataclass(frozen=True)
class Frame:
    """struct plan_config."""

    name: str
    frame_us: int
    origin: str


@dataclass(frozen=True)
class Pcpu:
    """struct pcpu_config and struct pcpu.

    number: index in pcpus[].  cpu: the board's number.  vcpus: indices in vcpus[], by slot.
    hardware_id: what the machine calls it.
    levels: sets of slots by priority, highest first; empty on a planned CPU.
    plans: its windows in each plan; empty on a CPU without plan.
    """

    number: int
    cpu: int
    path: str
    vcpus: tuple[int, ...]
    levels: tuple[int, ...]
    plans: tuple[tuple[PlanWindow, ...], ...]
    slice_us: int
    stack_top: int
    hardware_id: int
    arch: ArchPcpu


@dataclass(frozen=True)
class IrqRoute:
    """struct irq_route.  name: as the manuals have it, "SPI 1".  vm: None for the console."""

    intid: int
    name: str
    owner: Literal["IRQ_OWNER_CONSOLE", "IRQ_OWNER_VM"]
    vm: int | None
    virq: int
    is_edge: bool
    what: str


@dataclass(frozen=True)
class Owner:
    """struct owner."""

    where: Range
    name: str


@dataclass(frozen=True)
class Console:
    """struct console.  vm: index in vms[], None for the hypervisor's own."""

    name: str
    vm: int | None


@dataclass(frozen=True)
class Limit:
    """A `_Static_assert`: a C condition that must hold and the reason, for whoever it stops."""

    condition: str
    reason: str


@dataclass(frozen=True)
class PagetableSet:
    """All tables, one after another, as an array of pages.

    tables: each of one page, a larger one as its several pages; pages without entries are left out.
    page_count: pages of all tables.  alignment: bytes of the largest table.
    hypervisor_root: address of the root of the map that boot code switches on.
    """

    tables: tuple[Table, ...]
    page_count: int
    alignment: int
    hypervisor_root: int

    @property
    def entries(self) -> int:
        """Entries of a page."""
        return PAGE_SIZE // ENTRY_SIZE

    @property
    def hypervisor_table(self) -> int:
        """Index of the page of that root."""
        return next(t.index for t in self.tables if t.address == self.hypervisor_root)


@dataclass(frozen=True)
class Timing:
    """What a vCPU is sure to get of its CPU, at every moment of a run.

    vcpu: "alpha:0".  plan: name of the plan, "" on a CPU without.  share: of the CPU.
    gap_us: longest time without it.  least_us: time on it in any `period_us`, where the VM has one.
    exit_us: longest time that an exit takes.  response_us: until an interrupt is taken.
    None where there is no guarantee.  needs: what the VM asks for, for people; "" for nothing.
    """

    vcpu: str
    cpu: int
    plan: str
    share: Fraction
    gap_us: int | None
    period_us: int | None
    least_us: int | None
    exit_us: int
    response_us: int | None
    needs: str


@dataclass(frozen=True)
class Plan:
    """The whole machine.

    inputs: names of the files it was made from.  image_files: paths of the images' files as make
    reads them, relative to the checkout or to the folder of $(SYSTEM).
    log_level_number: enum log_level.  kept: RAM that nobody gets.
    notes: sections of notes for boot loaders.
    """

    name: str
    arch: str
    board_name: str
    log_level: str
    log_level_number: int
    operator: bool
    inputs: tuple[str, ...]
    image_files: tuple[str, ...]
    qemu: Qemu | None
    ram: tuple[Range, ...]
    kept: tuple[Owner, ...]
    layout: Layout
    notes: tuple[str, ...]
    images: tuple[StoredImage, ...]
    pagetables: PagetableSet
    vms: tuple[Vm, ...]
    vcpus: tuple[Vcpu, ...]
    pcpus: tuple[Pcpu, ...]
    frames: tuple[Frame, ...]
    times: tuple[Timing, ...]
    consoles: tuple[Console, ...]
    irqs: tuple[IrqRoute, ...]
    owners: tuple[Owner, ...]
    board: ArchBoard
    limits: tuple[Limit, ...]

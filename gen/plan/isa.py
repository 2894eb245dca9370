# SPDX-License-Identifier: Apache-2.0
"""What planning asks of an architecture.

One module per architecture in this package, each with one object `ISA` of the class below. All that
names an interrupt controller, a UART or a page table format is there.
"""

from __future__ import annotations

import importlib
from abc import ABC, abstractmethod
from collections.abc import Sequence
from functools import cache

from gen.fdt import Tree
from gen.model import System, Vm
from gen.pagetables.format import Format
from gen.plan.types import ArchBoard, ArchPcpu, ArchVcpu, ArchVm, Boot, DeviceWindow, MmioRegion
from gen.ranges import Range


class Isa(ABC):
    """The interface.  `part` arguments are what the same object's `vm` made.

    own_format: of the hypervisor's own page tables.
    table_alignment: bytes of the largest table, its own or a VM's.
    state_sizes: structures of emulated devices in .data: their names, and most bytes.
    notes: sections of notes by which boot loaders know the hypervisor.
    reads_guests: whether the hypervisor reads a VM's memory while it runs, and so needs a window on
        one that is linked in place, too.
    """

    own_format: Format
    table_alignment: int
    state_sizes: tuple[tuple[str, int], ...]
    notes: tuple[str, ...] = ()
    reads_guests: bool = False

    @abstractmethod
    def board(self, system: System) -> ArchBoard:
        """Facts that the runtime needs of the board."""

    @abstractmethod
    def registers(self, system: System, cpus: Sequence[int]) -> tuple[tuple[Range, str], ...]:
        """Registers that the hypervisor maps for itself on these CPUs, and their names."""

    @abstractmethod
    def pcpu(self, system: System, cpu: int) -> ArchPcpu:
        """A CPU of the board."""

    @abstractmethod
    def vcpu_id(self, index: int) -> int:
        """What vCPU `index` of a VM finds as its own hardware id."""

    @abstractmethod
    def vcpu(self, system: System, vm: Vm, index: int) -> ArchVcpu:
        """What a vCPU of a VM has, by its index there."""

    @abstractmethod
    def vm_format(self, vm: Vm) -> Format:
        """Of the second-stage page tables of a VM."""

    @abstractmethod
    def vm(self, system: System, vm: Vm) -> ArchVm:
        """The emulated devices of a VM."""

    @abstractmethod
    def mmio(self, part: ArchVm, ident: str) -> tuple[MmioRegion, ...]:
        """The emulated windows of a VM, sorted by address; ident: the VM's name in C names."""

    @abstractmethod
    def windows(self, system: System, vm: Vm) -> tuple[DeviceWindow, ...]:
        """Registers that the architecture itself passes through to a VM."""

    @abstractmethod
    def boot(
        self, system: System, vm: Vm, part: ArchVm, board_tree: Tree | None, initrd: Range | None
    ) -> Boot:
        """What the VM is told of its machine, and where that lies.

        Args:
            system: the system.
            vm: the VM.
            part: its emulated devices.
            board_tree: where the nodes of passed-through devices are; None if no VM has devices.
            initrd: where it lies in the VM, None without one.
        """


@cache
def isa(name: str) -> Isa:
    """The architecture of that name (one of gen.arch.NAMES)."""
    module = importlib.import_module(f"gen.plan.{name}")
    result: Isa = module.ISA
    return result

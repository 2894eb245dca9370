# SPDX-License-Identifier: Apache-2.0
"""What the generator must know of an architecture to read a board and check a system.

One module per architecture, each with one object `ARCHITECTURE` of the class below.  All that
names an interrupt controller, a timer or a CPU register is there and not in the common modules.
"""

from __future__ import annotations

import importlib
from abc import ABC, abstractmethod
from collections.abc import Mapping
from functools import cache

from gen.fdt import Tree
from gen.model import Hardware, System, Vm
from gen.ranges import Owned

#: Architectures that exist, by the name that board files use.
NAMES = ("aarch64", "riscv64", "x86_64")


class Architecture(ABC):
    """The interface.  `hardware` arguments are what the same object's `read_hardware` made.

    name: as in board files.
    elf_machine: e_machine of its executables, as a number.
    max_vcpus: most vCPUs that one VM can have.
    exit_bound_us: the longest time, in microseconds, until the hypervisor hears an interrupt and
    has put its vCPU on the CPU.  Not measured yet on any hardware: assumed from the longest piece
    of work with interrupts masked, the zeroing of 256 KiB (runtime/image.c) at 2.6 GB/s.
    boot_area_use: what the first 2 MiB of RAM are left to, for messages.
    image_floor: bytes at the start of a VM's memory that an image stays clear of, unless it says
    otherwise.
    boot_areas: guest memory where a VM is told of its machine, and names for messages; () where
    that is a device tree, which has no fixed place.
    grants_pmu: whether a VM can have the performance counters of its CPUs.
    """

    name: str
    elf_machine: int
    max_vcpus: int
    exit_bound_us: int
    boot_area_use: str
    image_floor: int = 0
    boot_areas: tuple[Owned[str], ...] = ()
    grants_pmu: bool = False

    @abstractmethod
    def read_hardware(self, tree: Tree, console: str | None = None) -> Hardware:
        """What a device tree says of a machine.

        Args:
            tree: of a board or of a guest.
            console: path of the console's node; None for that of /chosen.

        Raises:
            TreeError: something that every tree must have is absent or malformed.
        """

    @abstractmethod
    def board_shortcomings(self, hardware: Hardware) -> tuple[str, ...]:
        """Why the hypervisor cannot run on this hardware: sentences; () if it can."""

    @abstractmethod
    def guest_limit(self, hardware: Hardware) -> int:
        """Guest addresses are below it: the reach of the second-stage tables."""

    def vm_limit(self, hardware: Hardware) -> int | None:  # noqa: ARG002
        """Most VMs that the CPUs tell apart; None where that is more than the runtime's own limit.

        A method of the interface like the others, but one that most architectures need not have.
        """
        return None

    @abstractmethod
    def claimed_windows(self, hardware: Hardware) -> tuple[Owned[str], ...]:
        """Physical registers that the hypervisor keeps for itself, and their names."""

    def claimed_ports(self, hardware: Hardware) -> tuple[Owned[str], ...]:  # noqa: ARG002
        """I/O ports that the hypervisor keeps for itself or makes for guests, and their names."""
        return ()

    @abstractmethod
    def claimed_interrupts(self, hardware: Hardware) -> Mapping[int, str]:
        """Interrupts that the hypervisor keeps for itself or makes for guests, and their names."""

    @abstractmethod
    def guest_windows(self, system: System, vm: Vm) -> tuple[Owned[str], ...]:
        """Guest addresses of the devices that the hypervisor emulates for a VM, and their names."""

    @abstractmethod
    def is_assignable(self, hardware: Hardware, number: int) -> bool:
        """Whether an interrupt of that number can be given to a VM."""

    @abstractmethod
    def interrupt_rule(self, hardware: Hardware) -> str:
        """One clause for messages: which numbers can be given to a VM."""

    @abstractmethod
    def interrupt_help(self) -> str:
        """Help for messages: how the numbers of a device tree are counted here."""

    @abstractmethod
    def interrupt_name(self, number: int) -> str:
        """What the manuals call an interrupt: "SPI 2"."""

    @abstractmethod
    def guest_tree_conflicts(self, guest: Hardware, system: System, vm: Vm) -> tuple[str, ...]:
        """What a device tree given by the user says otherwise than the emulated hardware is.

        Sentences about CPUs, interrupt controller, UART, timer and firmware; memory is the same on
        all architectures and checked elsewhere.
        """


@cache
def architecture(name: str) -> Architecture:
    """The architecture of that name (one of NAMES)."""
    module = importlib.import_module(f"gen.arch.{name}")
    result: Architecture = module.ARCHITECTURE
    return result

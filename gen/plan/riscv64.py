# SPDX-License-Identifier: Apache-2.0
"""What is particular to riscv64: virtual PLIC or APLIC and NS16550 of each VM, board, guest tree.

A guest sees its interrupt controller and UART at the board's own addresses, and its interrupts
under their physical numbers. On a board with an AIA each vCPU has a guest interrupt file of its
CPU, which is mapped into its VM as the interrupt file of that virtual hart; a VM for which there
are no such files has an APLIC that delivers to its harts directly.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from gen import abi
from gen.arch.riscv64 import (
    IMSIC_FILE_SIZE,
    SV39X4_LIMIT,
    Imsic,
    Riscv64Hardware,
    guest_controller,
    guest_extensions,
    guest_files,
    guest_imsic,
    guest_watchdog,
    hardware_of,
    isa_string,
    whole_pages,
)
from gen.fdt import FdtNode, Tree
from gen.model import System, Uart, Vm
from gen.pagetables.riscv_sv39 import RiscvSv39
from gen.pagetables.riscv_sv39x4 import RiscvSv39x4
from gen.pagetables.riscv_sv48x4 import RiscvSv48x4
from gen.plan.devices import guest_devices, hw_irqs
from gen.plan.devicetree import TreeIsa
from gen.plan.origin import origin
from gen.plan.riscv64_tree import GuestMachine, guest_tree
from gen.plan.types import ArchBoard, ArchPcpu, ArchVcpu, ArchVm, DeviceWindow, MmioRegion
from gen.ranges import KIB, Range

#: Sources of one bank of the emulated controllers.
_BANK = 32


@dataclass(frozen=True)
class Riscv64Vm(ArchVm):
    """See ArchVm.

    stage2_mode: hgatp.MODE.
    controller: window of the PLIC, or of the APLIC where has_aplic.  imsic: window of the interrupt
    files, None without: an APLIC then delivers directly.
    uart: window, None without a console.  watchdog: the same, None without one.
    sources: which sources the VM has, in banks: bit i of word n is source 32 * n + i.
    """

    stage2_mode: int
    has_aplic: bool
    controller: Range
    imsic: Range | None
    uart: Range | None
    uart_virq: int
    watchdog: Range | None
    sources: tuple[int, ...]


@dataclass(frozen=True)
class Riscv64Vcpu(ArchVcpu):
    """See ArchVcpu.  vgein: its guest interrupt file on its CPU, 0 for none."""

    vgein: int


@dataclass(frozen=True)
class Riscv64Pcpu(ArchPcpu):
    """See ArchPcpu.  imsic: address of its supervisor interrupt file, 0 for none."""

    plic_context: int
    imsic: int


@dataclass(frozen=True)
class Riscv64Board(ArchBoard):
    """See ArchBoard.  What the board has not is 0."""

    timebase_frequency: int
    uart: int
    uart_reg_shift: int
    has_sstc: bool
    has_stateen: bool
    plic: int
    plic_source_count: int
    aplic: int
    aplic_source_count: int
    imsic_id_count: int
    imsic_guest_bits: int
    imsic_hart_bits: int


class Riscv64Isa(TreeIsa):
    """See gen.plan.isa.Isa."""

    own_format = RiscvSv39()
    table_alignment = 16 * KIB
    state_sizes = (
        ("vcontroller", abi.VCONTROLLER_SIZE_MAX),
        ("vplic_bank", abi.VPLIC_BANK_SIZE_MAX),
        ("vaplic_bank", abi.VAPLIC_BANK_SIZE_MAX),
        ("v16550", abi.V16550_SIZE_MAX),
        ("vwdog", abi.VWDOG_SIZE_MAX),
    )

    def board(self, system: System) -> Riscv64Board:
        """See Isa."""
        board = hardware_of(system.board.hardware)
        uart, plic, aplic, imsic = _uart(board), board.plic, board.aplic, board.imsic
        return Riscv64Board(
            data_size=0,
            rodata_size=0,
            uart_irq=uart.interrupt.number,
            timebase_frequency=board.timebase_frequency,
            uart=uart.window.base,
            uart_reg_shift=uart.reg_shift,
            has_sstc="sstc" in board.extensions,
            has_stateen=bool({"smstateen", "ssstateen"} & {*board.extensions}),
            plic=plic.window.base if plic else 0,
            plic_source_count=plic.source_count if plic else 0,
            aplic=aplic.window.base if aplic else 0,
            aplic_source_count=aplic.source_count if aplic else 0,
            imsic_id_count=imsic.id_count if imsic else 0,
            imsic_guest_bits=imsic.guest_bits if imsic else 0,
            imsic_hart_bits=imsic.hart_bits if imsic else 0,
        )

    def registers(self, system: System, cpus: Sequence[int]) -> tuple[tuple[Range, str], ...]:
        """See Isa."""
        board = hardware_of(system.board.hardware)
        result = [(whole_pages(_uart(board).window), "console UART")]
        if board.plic is not None:
            result.append((whole_pages(board.plic.window), "PLIC"))
        if board.aplic is not None:
            result.append((whole_pages(board.aplic.window), "APLIC"))
        if board.imsic is not None:
            for cpu in cpus:
                file = Range(_file(board.imsic, cpu), IMSIC_FILE_SIZE)
                result.append((file, f"interrupt file of CPU {cpu}"))
        return tuple(result)

    def pcpu(self, system: System, cpu: int) -> Riscv64Pcpu:
        """See Isa."""
        board = hardware_of(system.board.hardware)
        context = board.plic.contexts[cpu] if board.plic is not None else None
        return Riscv64Pcpu(
            plic_context=context or 0,
            imsic=_file(board.imsic, cpu) if board.imsic is not None else 0,
        )

    def vcpu_id(self, index: int) -> int:
        """See Isa."""
        return index

    def vcpu(self, system: System, vm: Vm, index: int) -> Riscv64Vcpu:
        """See Isa."""
        files = guest_files(system, vm)
        return Riscv64Vcpu(vgein=files[index] if files else 0)

    def vm_format(self, vm: Vm) -> RiscvSv39x4 | RiscvSv48x4:
        """See Isa.  Three levels, four where the VM has addresses that three do not reach."""
        areas = [region.guest_range for region in vm.memory]
        areas += [window.guest_range for device in vm.devices for window in device.windows]
        is_far = any(area.end > SV39X4_LIMIT for area in areas)
        return RiscvSv48x4() if is_far else RiscvSv39x4()

    def vm(self, system: System, vm: Vm) -> Riscv64Vm:
        """See Isa."""
        board = hardware_of(system.board.hardware)
        uart = _uart(board)
        has_uart = vm.console == "uart"
        numbers = [irq.virq for irq in hw_irqs(vm)] + [uart.interrupt.number] * has_uart
        sources = [0] * (max(numbers, default=0) // _BANK + 1)
        for number in numbers:
            sources[number // _BANK] |= 1 << number % _BANK
        has_aplic = board.imsic is not None
        bank = abi.VAPLIC_BANK_SIZE_MAX if has_aplic else abi.VPLIC_BANK_SIZE_MAX
        return Riscv64Vm(
            data_size=abi.VCONTROLLER_SIZE_MAX
            + abi.V16550_SIZE_MAX
            + abi.VWDOG_SIZE_MAX * bool(vm.watchdog_us)
            + len(sources) * bank,
            rodata_size=len(sources) * (_BANK * 2 + 4),
            stage2_mode=self.vm_format(vm).hgatp_mode,
            has_aplic=has_aplic,
            controller=guest_controller(board, len(vm.cpus)),
            imsic=guest_imsic(board, len(vm.cpus)) if guest_files(system, vm) else None,
            uart=whole_pages(uart.window) if has_uart else None,
            uart_virq=uart.interrupt.number if has_uart else 0,
            watchdog=guest_watchdog(board) if vm.watchdog_us else None,
            sources=tuple(sources),
        )

    def mmio(self, part: ArchVm, ident: str) -> tuple[MmioRegion, ...]:
        """See Isa."""
        assert isinstance(part, Riscv64Vm)
        handler, name = ("vaplic_access", "APLIC") if part.has_aplic else ("vplic_access", "PLIC")
        result = [MmioRegion(part.controller, handler, "NULL", name)]
        if part.uart is not None:
            result.append(MmioRegion(part.uart, "v16550_access", f"&uart_{ident}", "UART"))
        if part.watchdog is not None:
            device = f"&watchdog_{ident}"
            result.append(MmioRegion(part.watchdog, "vwdog_access", device, "watchdog"))
        return tuple(sorted(result, key=lambda region: region.guest.base))

    def windows(self, system: System, vm: Vm) -> tuple[DeviceWindow, ...]:
        """See Isa."""
        imsic = hardware_of(system.board.hardware).imsic
        files = guest_files(system, vm)
        if imsic is None or not files:
            return ()
        return tuple(
            DeviceWindow(
                f"interrupt file {index}",
                Range(imsic.windows[0].base + index * IMSIC_FILE_SIZE, IMSIC_FILE_SIZE),
                _file(imsic, cpu) + files[index] * IMSIC_FILE_SIZE,
                origin(vm.spans.of("cpus", index), f"vm.{vm.name}.cpus[{index}]"),
            )
            for index, cpu in enumerate(vm.cpus)
        )

    def tree(
        self, system: System, vm: Vm, part: ArchVm, board_tree: Tree | None, initrd: Range | None
    ) -> FdtNode:
        """See TreeIsa."""
        assert isinstance(part, Riscv64Vm)
        board = hardware_of(system.board.hardware)
        return guest_tree(
            GuestMachine(
                name=vm.name,
                memory=vm.ram,
                vcpu_count=len(vm.cpus),
                isa=isa_string(guest_extensions(board, part.imsic is not None)),
                mmu_type=board.mmu_type,
                timebase_frequency=board.timebase_frequency,
                has_aplic=part.has_aplic,
                controller=part.controller,
                source_count=len(part.sources) * _BANK - 1,
                imsic=part.imsic,
                id_count=board.imsic.id_count if board.imsic is not None else 0,
                uart=(part.uart, part.uart_virq) if part.uart is not None else None,
                watchdog=part.watchdog,
                watchdog_us=vm.watchdog_us,
                devices=guest_devices(vm, board_tree),
                cmdline=vm.cmdline,
                initrd=initrd,
            )
        )


# What every board has, by the checks of gen.board.
def _uart(board: Riscv64Hardware) -> Uart:
    assert board.uart is not None
    return board.uart


def _file(imsic: Imsic, cpu: int) -> int:
    file = imsic.files[cpu]
    assert file is not None
    return file


ISA = Riscv64Isa()

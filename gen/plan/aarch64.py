# SPDX-License-Identifier: Apache-2.0
"""What is particular to aarch64: virtual GICv3 and PL011 of each VM, board facts, guest tree.

A guest sees its distributor, redistributors and UART at the board's own addresses, and its
interrupts under their physical numbers.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from gen import abi
from gen.arch.aarch64 import (
    DISTRIBUTOR_SIZE,
    REDISTRIBUTOR_STRIDE,
    SPI_BASE,
    Aarch64Hardware,
    ArmTimer,
    GicV3,
    GuestWatchdog,
    Psci,
    guest_watchdog,
    hardware_of,
    model,
    vcpu_affinity,
)
from gen.fdt import FdtNode, Tree
from gen.model import System, Uart, Vm
from gen.pagetables.arm_el2_stage1 import ArmEl2Stage1
from gen.pagetables.arm_stage2 import ArmStage2
from gen.plan.aarch64_tree import GuestMachine, guest_tree
from gen.plan.devices import guest_devices, hw_irqs
from gen.plan.devicetree import TreeIsa
from gen.plan.types import ArchBoard, ArchPcpu, ArchVcpu, ArchVm, DeviceWindow, MmioRegion
from gen.ranges import PAGE_SIZE, Range

#: Interrupts of one struct vgic_bank.
_BANK = 32


@dataclass(frozen=True)
class Aarch64Vm(ArchVm):
    """See ArchVm.

    gicd, gicr, uart: windows that the guest sees; uart is None without a console.
    watchdog: None without one.
    spi_banks: number of struct vgic_bank.
    """

    gicd: Range
    gicr: Range
    uart: Range | None
    uart_virq: int
    watchdog: GuestWatchdog | None
    spi_banks: int


@dataclass(frozen=True)
class Aarch64Pcpu(ArchPcpu):
    """See ArchPcpu.  gicr: physical address of its redistributor.  midr: its model, 0: unknown."""

    gicr: int
    midr: int


@dataclass(frozen=True)
class Aarch64Board(ArchBoard):
    """See ArchBoard."""

    gicd: Range
    uart: Range
    vtimer_intid: int
    htimer_intid: int
    maintenance_intid: int


class Aarch64Isa(TreeIsa):
    """See gen.plan.isa.Isa."""

    own_format = ArmEl2Stage1()
    table_alignment = PAGE_SIZE
    state_sizes = (
        ("vgic", abi.VGIC_SIZE_MAX),
        ("vgic_bank", abi.VGIC_BANK_SIZE_MAX),
        ("vpl011", abi.VPL011_SIZE_MAX),
        ("vgwdt", abi.VGWDT_SIZE_MAX),
    )

    def board(self, system: System) -> Aarch64Board:
        """See Isa."""
        gic, timer, _, uart = _parts(hardware_of(system.board.hardware))
        assert timer.hypervisor_physical is not None
        return Aarch64Board(
            data_size=0,
            rodata_size=0,
            uart_irq=uart.interrupt.number,
            gicd=Range(gic.distributor.base, DISTRIBUTOR_SIZE),
            uart=Range(uart.window.base, PAGE_SIZE),
            vtimer_intid=timer.virtual,
            htimer_intid=timer.hypervisor_physical,
            maintenance_intid=gic.maintenance or 0,
        )

    def registers(self, system: System, cpus: Sequence[int]) -> tuple[tuple[Range, str], ...]:
        """See Isa."""
        own = self.board(system)
        return (
            (own.gicd, "GIC distributor"),
            *((_redistributor(system, cpu), f"GIC redistributor of CPU {cpu}") for cpu in cpus),
            (own.uart, "console UART"),
        )

    def pcpu(self, system: System, cpu: int) -> Aarch64Pcpu:
        """See Isa."""
        return Aarch64Pcpu(
            gicr=_redistributor(system, cpu).base,
            midr=model(system.board.hardware.cpus[cpu]),
        )

    def vcpu_id(self, index: int) -> int:
        """See Isa."""
        return vcpu_affinity(index)

    def vcpu(self, system: System, vm: Vm, index: int) -> ArchVcpu:  # noqa: ARG002
        """See Isa."""
        return ArchVcpu()

    def vm_format(self, vm: Vm) -> ArmStage2:  # noqa: ARG002
        """See Isa."""
        return ArmStage2()

    def vm(self, system: System, vm: Vm) -> Aarch64Vm:
        """See Isa."""
        gic, _, _, uart = _parts(hardware_of(system.board.hardware))
        has_uart = vm.console == "uart"
        watchdog = guest_watchdog(system.board.hardware) if vm.watchdog_us else None
        numbers = [irq.virq for irq in hw_irqs(vm)] + [uart.interrupt.number] * has_uart
        numbers += [watchdog.interrupt] if watchdog is not None else []
        banks = max((number - SPI_BASE) // _BANK + 1 for number in [SPI_BASE, *numbers])
        return Aarch64Vm(
            data_size=abi.VGIC_SIZE_MAX
            + abi.VPL011_SIZE_MAX
            + abi.VGWDT_SIZE_MAX * bool(vm.watchdog_us)
            + banks * abi.VGIC_BANK_SIZE_MAX,
            rodata_size=banks * _BANK * 2,
            gicd=Range(gic.distributor.base, DISTRIBUTOR_SIZE),
            gicr=Range(gic.regions[0].base, len(vm.cpus) * REDISTRIBUTOR_STRIDE),
            uart=Range(uart.window.base, PAGE_SIZE) if has_uart else None,
            uart_virq=uart.interrupt.number if has_uart else 0,
            watchdog=watchdog,
            spi_banks=banks,
        )

    def mmio(self, part: ArchVm, ident: str) -> tuple[MmioRegion, ...]:
        """See Isa."""
        assert isinstance(part, Aarch64Vm)
        result = [
            MmioRegion(part.gicd, "vgic_dist_access", f"&vgic_{ident}", "GIC distributor"),
            MmioRegion(part.gicr, "vgic_redist_access", f"&vgic_{ident}", "GIC redistributors"),
        ]
        if part.uart is not None:
            result.append(MmioRegion(part.uart, "vpl011_access", f"&uart_{ident}", "UART"))
        if part.watchdog is not None:
            device, frames = f"&watchdog_{ident}", part.watchdog
            result += [
                MmioRegion(frames.refresh, "vgwdt_refresh_access", device, "watchdog refresh"),
                MmioRegion(frames.control, "vgwdt_control_access", device, "watchdog control"),
            ]
        return tuple(sorted(result, key=lambda region: region.guest.base))

    def windows(self, system: System, vm: Vm) -> tuple[DeviceWindow, ...]:  # noqa: ARG002
        """See Isa."""
        return ()

    def tree(
        self, system: System, vm: Vm, part: ArchVm, board_tree: Tree | None, initrd: Range | None
    ) -> FdtNode:
        """See TreeIsa."""
        assert isinstance(part, Aarch64Vm)
        _, timer, _, _ = _parts(hardware_of(system.board.hardware))
        assert timer.hypervisor_physical is not None
        intids = (timer.secure_physical, timer.physical, timer.virtual, timer.hypervisor_physical)
        return guest_tree(
            GuestMachine(
                name=vm.name,
                memory=vm.ram,
                cpus=tuple(self.vcpu_id(index) for index in range(len(vm.cpus))),
                gicd=part.gicd,
                gicr=part.gicr,
                timer=intids,
                uart=(part.uart, part.uart_virq) if part.uart is not None else None,
                watchdog=part.watchdog,
                watchdog_us=vm.watchdog_us,
                devices=guest_devices(vm, board_tree),
                cmdline=vm.cmdline,
                initrd=initrd,
            )
        )


# What every board has, by the checks of gen.board.
def _parts(hardware: Aarch64Hardware) -> tuple[GicV3, ArmTimer, Psci, Uart]:
    gic, timer, psci, uart = hardware.gic, hardware.timer, hardware.psci, hardware.uart
    assert gic is not None and timer is not None and psci is not None and uart is not None
    return gic, timer, psci, uart


def _redistributor(system: System, cpu: int) -> Range:
    gic, *_ = _parts(hardware_of(system.board.hardware))
    return Range(gic.redistributors[cpu], REDISTRIBUTOR_STRIDE)


ISA = Aarch64Isa()

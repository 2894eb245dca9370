# SPDX-License-Identifier: Apache-2.0
"""What is particular to aarch64: virtual GICv3 and PL011 of each VM, board facts, guest tree.

A guest sees its distributor, redistributors and UART at the board's own addresses, and its
interrupts under their physical numbers.
"""

from __future__ import annotations

from collections.abc import Sequence

from gen import abi
from gen.arch.aarch64 import (
    DISTRIBUTOR_SIZE,
    REDISTRIBUTOR_STRIDE,
    SPI_BASE,
    Aarch64Hardware,
    ArmTimer,
    GicV3,
    Psci,
    hardware_of,
)
from gen.fdt import Tree
from gen.model import System, Uart, Vm
from gen.plan.aarch64_tree import GuestDevice, GuestMachine
from gen.plan.types import Aarch64Board, Aarch64Vm, HwIrq, Limit, MmioRegion
from gen.ranges import PAGE_SIZE, Range

#: Interrupts of one struct vgic_bank.
_BANK = 32
#: Aff0 of a virtual MPIDR counts to 16, as one SGI target list does; Aff1 goes on from there.
_AFF0_COUNT = 16


def parts(hardware: Aarch64Hardware) -> tuple[GicV3, ArmTimer, Psci, Uart]:
    """What every board has, by the checks of gen.board."""
    gic, timer, psci, uart = hardware.gic, hardware.timer, hardware.psci, hardware.uart
    assert gic is not None and timer is not None and psci is not None and uart is not None
    return gic, timer, psci, uart


def board(system: System) -> Aarch64Board:
    """Facts that the runtime needs of the board."""
    gic, timer, _, uart = parts(hardware_of(system.board.hardware))
    assert timer.hypervisor_physical is not None and gic.maintenance is not None
    return Aarch64Board(
        gicd=Range(gic.distributor.base, DISTRIBUTOR_SIZE),
        uart=Range(uart.window.base, PAGE_SIZE),
        uart_intid=uart.interrupt.number,
        vtimer_intid=timer.virtual,
        htimer_intid=timer.hypervisor_physical,
        maintenance_intid=gic.maintenance,
    )


def redistributor(system: System, cpu: int) -> Range:
    """The frames of a CPU's redistributor."""
    gic, *_ = parts(hardware_of(system.board.hardware))
    return Range(gic.redistributors[cpu], REDISTRIBUTOR_STRIDE)


def registers(system: System, cpus: Sequence[int]) -> tuple[tuple[Range, str], ...]:
    """Registers that the hypervisor maps for itself on these CPUs, and their names."""
    own = board(system)
    return (
        (own.gicd, "GIC distributor"),
        *((redistributor(system, cpu), f"GIC redistributor of CPU {cpu}") for cpu in cpus),
        (own.uart, "console UART"),
    )


def affinity(index: int) -> int:
    """Affinity that vCPU `index` of a VM sees in MPIDR_EL1."""
    return index % _AFF0_COUNT | index // _AFF0_COUNT << 8


def hw_irqs(vm: Vm) -> tuple[HwIrq, ...]:
    """The physical interrupts of a VM's devices, by number; the guest sees the same numbers."""
    result = [
        HwIrq(device.name, item.number, item.number, item.trigger == "edge")
        for device in vm.devices
        for item in device.interrupts
    ]
    return tuple(sorted(result, key=lambda irq: irq.intid))


def vm_part(system: System, vm: Vm) -> Aarch64Vm:
    """The virtual interrupt controller and UART of a VM."""
    gic, _, _, uart = parts(hardware_of(system.board.hardware))
    has_uart = vm.console == "uart"
    numbers = [irq.virq for irq in hw_irqs(vm)] + [uart.interrupt.number] * has_uart
    banks = max((number - SPI_BASE) // _BANK + 1 for number in [SPI_BASE, *numbers])
    return Aarch64Vm(
        gicd=Range(gic.distributor.base, DISTRIBUTOR_SIZE),
        gicr=Range(gic.regions[0].base, len(vm.cpus) * REDISTRIBUTOR_STRIDE),
        uart=Range(uart.window.base, PAGE_SIZE) if has_uart else None,
        uart_virq=uart.interrupt.number if has_uart else 0,
        spi_banks=banks,
    )


def mmio(part: Aarch64Vm, ident: str) -> tuple[MmioRegion, ...]:
    """The emulated windows of a VM, sorted by address."""
    result = [
        MmioRegion(part.gicd, "vgic_dist_access", f"&vgic_{ident}", "GIC distributor"),
        MmioRegion(part.gicr, "vgic_redist_access", f"&vgic_{ident}", "GIC redistributors"),
    ]
    if part.uart is not None:
        result.append(MmioRegion(part.uart, "vpl011_access", f"&uart_{ident}", "UART"))
    return tuple(sorted(result, key=lambda region: region.guest.base))


def machine(
    system: System, vm: Vm, part: Aarch64Vm, board_tree: Tree | None, initrd: Range | None
) -> GuestMachine:
    """What the VM's device tree has to tell.

    Args:
        system: the system.
        vm: the VM.
        part: what vm_part() said of it.
        board_tree: where the nodes of passed-through devices are; None if the VM has no devices.
        initrd: where it lies in the VM, None without one.
    """
    _, timer, _, _ = parts(hardware_of(system.board.hardware))
    assert timer.hypervisor_physical is not None
    devices = tuple(
        GuestDevice(
            device.name,
            board_tree.find(device.node) if board_tree is not None and device.node else None,
            tuple(window.guest_range for window in device.windows),
            tuple((irq.number, irq.trigger == "edge") for irq in device.interrupts),
        )
        for device in vm.devices
    )
    return GuestMachine(
        name=vm.name,
        memory=tuple(sorted(region.guest_range for region in vm.memory)),
        cpus=tuple(affinity(index) for index in range(len(vm.cpus))),
        gicd=part.gicd,
        gicr=part.gicr,
        timer=(timer.secure_physical, timer.physical, timer.virtual, timer.hypervisor_physical),
        uart=(part.uart, part.uart_virq) if part.uart is not None else None,
        devices=devices,
        cmdline=vm.cmdline,
        initrd=initrd,
    )


def limits() -> tuple[Limit, ...]:
    """What the generated C asserts of the runtime it is compiled with."""
    return (
        Limit(
            f"HV_TABLES_VERSION == {abi.TABLES_VERSION}",
            f"the tables were made for version {abi.TABLES_VERSION} of hv/tables.h",
        ),
        Limit(f"HV_PAGE_SIZE == {abi.PAGE_SIZE}", "sections and page tables were planned in 4 KiB"),
        Limit(
            f"HV_STACK_SIZE == {abi.STACK_SIZE}",
            f"stack addresses were planned {abi.STACK_SIZE} bytes apart, plus a guard page",
        ),
        *(
            Limit(
                f"sizeof(struct {name}) <= {size}",
                f"the budget of .data counts {size} bytes for each struct {name}",
            )
            for name, size in (
                ("vm", abi.VM_SIZE_MAX),
                ("vcpu", abi.VCPU_SIZE_MAX),
                ("pcpu", abi.PCPU_SIZE_MAX),
                ("console", abi.CONSOLE_SIZE_MAX),
                ("vgic", abi.VGIC_SIZE_MAX),
                ("vgic_bank", abi.VGIC_BANK_SIZE_MAX),
                ("vpl011", abi.VPL011_SIZE_MAX),
            )
        ),
        Limit(
            f"SCHED_VCPUS_PER_CPU == {abi.VCPUS_PER_CPU_MAX}",
            f"slots were given for {abi.VCPUS_PER_CPU_MAX} vCPUs on one CPU",
        ),
        Limit(
            f"WAIT_QUEUE_VCPUS == {abi.VCPUS_PER_VM_MAX}",
            f"VMs were allowed {abi.VCPUS_PER_VM_MAX} vCPUs",
        ),
    )

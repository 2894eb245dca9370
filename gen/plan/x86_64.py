# SPDX-License-Identifier: Apache-2.0
"""What is particular to x86_64: the virtual PC of each VM, its policies, board facts, boot data.

A guest's I/O APIC, local APICs and ports are where every PC has them. Its interrupts have their
physical numbers.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from gen import abi, acpi
from gen.arch.x86_64 import (
    GUEST_IOAPIC,
    GUEST_LAPIC,
    GUEST_POWER_PORTS,
    GUEST_UART_PIN,
    GUEST_UART_PORTS,
    GUEST_WATCHDOG_PORTS,
    PowerSwitch,
    X86Hardware,
    hardware_of,
)
from gen.fdt import Tree
from gen.model import System, Uart, Vm
from gen.pagetables.amd_npt import AmdNpt
from gen.pagetables.x86_long import X86Long
from gen.plan import x86_64_boot as boot
from gen.plan.devices import guest_devices
from gen.plan.isa import Isa
from gen.plan.origin import ident
from gen.plan.types import (
    ArchBoard,
    ArchPcpu,
    ArchVcpu,
    ArchVm,
    Boot,
    DeviceWindow,
    MmioRegion,
)
from gen.plan.x86_64_policy import (
    EOI,
    OWNED,
    PASSED_THROUGH,
    ByteRun,
    CpuidPolicy,
    MsrPolicy,
    cpuid_first,
    cpuid_policies,
    msr_permission_map,
    msr_policies,
    port_permission_map,
)
from gen.ranges import PAGE_SIZE, Range

# What a VM's ACPI tables say of its reset and sleep registers: 1 written to the first port resets,
# sleep type 5 (SLP_TYP 5, SLP_EN: 0x34) to the fifth one turns off.
_SLEEP_CONTROL, _SLEEP_STATUS = GUEST_POWER_PORTS.base + 4, GUEST_POWER_PORTS.base + 5
_RESET_VALUE, _SLEEP_TYPE_OFF = 1, 5

# Bytes of the tables' entries, and of the maps of ports and MSRs.
_CPUID_SIZE, _MSR_SIZE, _PORT_SIZE = 40, 16, 32
_IOPM_SIZE, _MSRPM_SIZE = 12 * 1024, 8 * 1024


@dataclass(frozen=True)
class PortRegion:
    """struct port_region.  device: a C expression."""

    ports: Range
    handle: str
    device: str
    what: str


@dataclass(frozen=True)
class CpuidTable:
    """The leaves of all VMs with so many vCPUs."""

    vcpu_count: int
    leaves: tuple[CpuidPolicy, ...]


@dataclass(frozen=True)
class X86Vm(ArchVm):
    """See ArchVm.

    start: enum guest_start.  uart_virq: 0 without a console.
    cpuid: those of X86Board.cpuid for its number of vCPUs.  cpuid_first: indices in it.
    iopm: the map of ports; () where all of them exit.
    """

    start: str
    boot_cr3: int
    boot_gdt: int
    cpuid: tuple[CpuidPolicy, ...]
    cpuid_first: tuple[int, ...]
    ports: tuple[PortRegion, ...]
    uart_virq: int
    iopm: tuple[ByteRun, ...]


@dataclass(frozen=True)
class X86Vcpu(ArchVcpu):
    """See ArchVcpu.  vmcb: a C expression."""

    vmcb: str


@dataclass(frozen=True)
class X86Board(ArchBoard):
    """See ArchBoard.

    uart, power_port: I/O ports.  iopm_size: bytes of the map of ports of VMs that have none of the
    machine's, 0 if there is no such VM.
    msrpm: the map of MSRs; msrpm_direct: of vCPUs that own their CPU's APIC; msrpm_eoi: whose EOIs
    exit.
    msrs: those that exit and exist.  pcpu_count: used CPUs.
    cpuid: one for each number of vCPUs that a VM has.
    """

    uart: int
    ioapic: int
    hpet: int
    power_port: int
    power_value: int
    iopm_size: int
    msrpm: tuple[ByteRun, ...]
    msrpm_direct: tuple[ByteRun, ...]
    msrpm_eoi: tuple[ByteRun, ...]
    msrs: tuple[MsrPolicy, ...]
    pcpu_count: int
    cpuid: tuple[CpuidTable, ...]


class X86Isa(Isa):
    """See gen.plan.isa.Isa."""

    own_format = X86Long()
    table_alignment = PAGE_SIZE
    reads_guests = True
    state_sizes = (
        ("vmcb", abi.VMCB_SIZE_MAX),
        ("vioapic", abi.VIOAPIC_SIZE_MAX),
        ("v16550", abi.V16550_SIZE_MAX),
        ("vwdat", abi.VWDAT_SIZE_MAX),
    )
    notes = (".note.pvh",)

    def board(self, system: System) -> X86Board:
        """See Isa."""
        board = hardware_of(system.board.hardware)
        uart, power, ioapic, hpet = _parts(board)
        msrs = msr_policies()
        pcpu_count = len({0, *(cpu for vm in system.vms for cpu in vm.cpus)})
        # The maps are aligned to a page, and so are the host save areas.
        maps = PAGE_SIZE + _IOPM_SIZE + 3 * _MSRPM_SIZE
        direct = {**PASSED_THROUGH, **OWNED}
        counts = sorted({len(vm.cpus) for vm in system.vms})
        cpuid = tuple(CpuidTable(count, cpuid_policies(count)) for count in counts)
        leaves = sum(len(table.leaves) for table in cpuid)
        return X86Board(
            data_size=(pcpu_count + 1) * PAGE_SIZE,
            rodata_size=maps + len(msrs) * _MSR_SIZE + leaves * _CPUID_SIZE,
            uart_irq=uart.interrupt.number,
            uart=uart.window.base,
            ioapic=ioapic.base,
            hpet=hpet.base,
            power_port=power.port,
            power_value=power.value,
            iopm_size=0 if all(_passed_ports(vm) for vm in system.vms) else _IOPM_SIZE,
            msrpm=msr_permission_map(PASSED_THROUGH),
            msrpm_direct=msr_permission_map(direct),
            msrpm_eoi=msr_permission_map({m: what for m, what in direct.items() if m != EOI}),
            msrs=msrs,
            pcpu_count=pcpu_count,
            cpuid=cpuid,
        )

    def registers(self, system: System, cpus: Sequence[int]) -> tuple[tuple[Range, str], ...]:  # noqa: ARG002
        """See Isa."""
        _, _, ioapic, hpet = _parts(hardware_of(system.board.hardware))
        return (ioapic, "I/O APIC"), (hpet, "HPET")

    def pcpu(self, system: System, cpu: int) -> ArchPcpu:  # noqa: ARG002
        """See Isa."""
        return ArchPcpu()

    def vcpu_id(self, index: int) -> int:
        """See Isa."""
        return index

    def vcpu(self, system: System, vm: Vm, index: int) -> X86Vcpu:  # noqa: ARG002
        """See Isa."""
        return X86Vcpu(vmcb=f"&vmcbs_{ident(vm.name)}[{index}]")

    def vm_format(self, vm: Vm) -> AmdNpt:  # noqa: ARG002
        """See Isa."""
        return AmdNpt()

    def vm(self, system: System, vm: Vm) -> X86Vm:
        """See Isa."""
        has_uart = vm.console == "uart"
        is_long = _is_long(system, vm)
        leaves = cpuid_policies(len(vm.cpus))
        ports = [PortRegion(GUEST_POWER_PORTS, "power_port_access", "NULL", "reset and sleep")]
        if has_uart:
            device = f"&uart_{ident(vm.name)}"
            ports.append(PortRegion(GUEST_UART_PORTS, "v16550_port", device, "UART"))
        if vm.watchdog_us:
            device = f"&watchdog_{ident(vm.name)}"
            ports.append(PortRegion(GUEST_WATCHDOG_PORTS, "vwdat_port", device, "watchdog"))
        passed = _passed_ports(vm)
        iopm_size = _IOPM_SIZE + PAGE_SIZE if passed else 0  # a page more for its alignment
        vmcbs = (len(vm.cpus) + 1) * PAGE_SIZE  # one more for their alignment
        return X86Vm(
            data_size=vmcbs
            + abi.VIOAPIC_SIZE_MAX
            + abi.V16550_SIZE_MAX
            + abi.VWDAT_SIZE_MAX * bool(vm.watchdog_us),
            rodata_size=len(ports) * _PORT_SIZE + iopm_size,
            start="START_LONG" if is_long else "START_PROTECTED",
            boot_cr3=boot.PAGE_TABLES if is_long else 0,
            boot_gdt=boot.GDT if is_long else 0,
            cpuid=leaves,
            cpuid_first=cpuid_first(leaves),
            ports=tuple(sorted(ports, key=lambda region: region.ports)),
            uart_virq=GUEST_UART_PIN if has_uart else 0,
            iopm=port_permission_map(passed) if passed else (),
        )

    def mmio(self, part: ArchVm, ident: str) -> tuple[MmioRegion, ...]:  # noqa: ARG002
        """See Isa."""
        return (
            MmioRegion(GUEST_IOAPIC, "vioapic_access", "NULL", "I/O APIC"),
            MmioRegion(GUEST_LAPIC, "vlapic_access", "NULL", "local APIC"),
        )

    def windows(self, system: System, vm: Vm) -> tuple[DeviceWindow, ...]:  # noqa: ARG002
        """See Isa."""
        return ()

    def boot(
        self,
        system: System,
        vm: Vm,
        part: ArchVm,  # noqa: ARG002
        board_tree: Tree | None,
        initrd: Range | None,
    ) -> Boot:
        """See Isa."""
        header = system.image_of(vm).header.setup_header
        memory = boot.memory_map(vm.ram)
        if header:
            first = boot.boot_params(header, memory, initrd, boot.ACPI)
        else:
            first = boot.start_info(memory, boot.ACPI)
        pieces = [first, boot.cmdline(vm.cmdline)]
        if _is_long(system, vm):
            pieces += [boot.gdt(), boot.page_tables()]
        tables = acpi.tables(_machine(vm, board_tree), boot.ACPI)
        pieces.append(boot.piece("ACPI tables", boot.ACPI, tables.data))
        pieces.append(boot.reset_vector(GUEST_POWER_PORTS.base, _RESET_VALUE))
        title = f'ACPI tables of vm "{vm.name}", system "{system.name}", each compiled by itself;'
        source = f"/* {title} generated by Ashlar, do not edit. */\n\n{tables.source}"
        return Boot(tuple(pieces), first.guest, first.what, {f"guest-{vm.name}-acpi.txt": source})


# What its ACPI tables tell a VM.
def _machine(vm: Vm, board_tree: Tree | None) -> acpi.Machine:
    return acpi.Machine(
        vcpu_count=len(vm.cpus),
        lapic=GUEST_LAPIC.base,
        ioapic=GUEST_IOAPIC.base,
        uart_ports=GUEST_UART_PORTS if vm.console == "uart" else None,
        uart_pin=GUEST_UART_PIN,
        reset_port=GUEST_POWER_PORTS.base,
        reset_value=_RESET_VALUE,
        sleep_control_port=_SLEEP_CONTROL,
        sleep_status_port=_SLEEP_STATUS,
        sleep_type=_SLEEP_TYPE_OFF,
        watchdog=acpi.Watchdog(GUEST_WATCHDOG_PORTS.base, vm.watchdog_us // 1000)
        if vm.watchdog_us
        else None,
        devices=tuple(
            acpi.Device(
                (device.node.compatible if device.node else ()) or (f"ashlar,{device.name}",),
                device.windows,
                device.interrupts,
                device.ports,
            )
            for device in guest_devices(vm, board_tree)
        ),
    )


# Whether the first vCPU starts in long mode; else by the PVH protocol.
def _is_long(system: System, vm: Vm) -> bool:
    return not system.image_of(vm).header.pvh


# The machine's ports that a VM has, and the names of their devices.
def _passed_ports(vm: Vm) -> list[tuple[Range, str]]:
    return [(item, device.name) for device in vm.devices for item in device.ports]


# What every board has, by the checks of gen.board.
def _parts(board: X86Hardware) -> tuple[Uart, PowerSwitch, Range, Range]:
    uart, power, ioapic, hpet = board.uart, board.power, board.ioapic, board.hpet
    assert uart is not None and power is not None and ioapic is not None and hpet is not None
    return uart, power, ioapic, hpet


ISA = X86Isa()

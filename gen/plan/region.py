# SPDX-License-Identifier: Apache-2.0
"""The hypervisor's own region: sections with budgets, stacks with guard pages.

All sections stand at fixed addresses, so that page tables and C tables can hold literal numbers;
the linker script asserts that nothing outgrew its place. Budgets follow from the counts of the
system; how much was really used is the linker's to say.
"""

from __future__ import annotations

from dataclasses import dataclass

from gen import abi
from gen.diag import Diagnostic, Refused
from gen.model import System
from gen.plan.isa import isa
from gen.plan.types import Layout, Section, Stack
from gen.ranges import PAGE_SIZE, Range, align_up, size_text

# Generous sizes of table entries; names, padding and the emulated windows of a VM included.
_RODATA_PER_VM = 1024
_RODATA_PER_VCPU = 64
_RODATA_PER_PCPU = 64
_RODATA_PER_IRQ = 16
_RODATA_PER_OWNER = 128
_RODATA_PER_WINDOW = 32
_DATA_PER_RESTART = 8


@dataclass(frozen=True)
class Counts:
    """How many of everything a system has; what the budgets are computed from.

    irqs: entries of irq_routes[].  owners: entries of owners[], without the sections.
    entries: rows of memory and image tables, of all VMs.
    windows: of plans, on all CPUs.  restarts: allowed within their times, of all VMs.
    arch_rodata, arch_data: bytes that the architecture needs for all VMs and for itself.
    """

    vms: int
    vcpus: int
    pcpus: int
    consoles: int
    irqs: int
    owners: int
    entries: int
    windows: int
    restarts: int
    arch_rodata: int
    arch_data: int


def layout(
    system: System, counts: Counts, stack_owners: tuple[str, ...], pagetable_size: int
) -> Layout:
    """Places the sections in the board's hypervisor region.

    Args:
        system: for the region and for the place of the complaint.
        counts: what the budgets are computed from.
        stack_owners: names of the stacks, in order.
        pagetable_size: bytes of all page tables.

    Raises:
        Refused: hypervisor-full, when the region is too small.
    """
    region = system.board.hypervisor
    text = Section(".text", Range(region.base, abi.TEXT_BUDGET))
    rodata = _after(text, ".rodata", rodata_budget(counts))
    data = _after(rodata, ".data", data_budget(counts))
    stacks = tuple(_stacks(stack_owners, data.area.end))
    stacks_end = align_up(stacks[-1].top, isa(system.board.arch).table_alignment)
    stack_area = _after(data, ".stacks", stacks_end - data.area.end)
    pagetables = _after(stack_area, ".pagetables", pagetable_size)
    if pagetables.area.end > region.end:
        need = pagetables.area.end - region.base
        raise Refused(
            [
                Diagnostic(
                    "hypervisor-full",
                    f"the hypervisor's tables and stacks need {size_text(need)},"
                    f" its region {region} has {size_text(region.size)}",
                    system.board.spans.of("hypervisor", "size"),
                    f'set size = "{size_text(align_up(need, 2 << 20))}" under [hypervisor]',
                )
            ]
        )
    sections = text, rodata, data, stack_area, pagetables
    return Layout(region, *sections, stacks, pagetables.area.end)


def rodata_budget(counts: Counts) -> int:
    """Bytes kept for .rodata: the runtime's own and the tables."""
    tables = (
        counts.vms * _RODATA_PER_VM
        + counts.vcpus * _RODATA_PER_VCPU
        + counts.pcpus * _RODATA_PER_PCPU
        + counts.irqs * _RODATA_PER_IRQ
        + (counts.owners + counts.entries) * _RODATA_PER_OWNER
        + counts.windows * _RODATA_PER_WINDOW
        + counts.arch_rodata
    )
    return align_up(abi.RODATA_BUDGET + tables, PAGE_SIZE)


def data_budget(counts: Counts) -> int:
    """Bytes kept for .data and .bss: the runtime's own and the state of VMs, vCPUs and CPUs."""
    state = (
        counts.vms * abi.VM_SIZE_MAX
        + counts.vcpus * abi.VCPU_SIZE_MAX
        + counts.pcpus * abi.PCPU_SIZE_MAX
        + counts.consoles * abi.CONSOLE_SIZE_MAX
        + counts.restarts * _DATA_PER_RESTART
        + counts.arch_data
    )
    return align_up(abi.DATA_BUDGET + state, PAGE_SIZE)


def _after(section: Section, name: str, size: int) -> Section:
    return Section(name, Range(section.area.end, size))


def _stacks(owners: tuple[str, ...], base: int) -> list[Stack]:
    result = []
    for owner in owners:
        top = base + PAGE_SIZE + abi.STACK_SIZE
        result.append(Stack(owner, base, base + PAGE_SIZE, top))
        base = top
    return result

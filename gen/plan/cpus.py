# SPDX-License-Identifier: Apache-2.0
"""vCPUs and CPUs: numbers, slots, who is alone, who runs where."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from gen.model import System
from gen.plan import frames
from gen.plan.isa import isa
from gen.plan.origin import origin
from gen.plan.types import Pcpu, PlanWindow, Stack, Vcpu, VcpuSeat

DEFAULT_SLICE_US = 10_000


@dataclass(frozen=True)
class CpuSeat:
    """A CPU that the hypervisor uses.  Fields as in types.Pcpu."""

    number: int
    cpu: int
    vcpus: tuple[int, ...]
    levels: tuple[int, ...]
    plans: tuple[tuple[PlanWindow, ...], ...]
    slice_us: int


def seats(system: System) -> tuple[tuple[VcpuSeat, ...], tuple[CpuSeat, ...]]:
    """Seats all vCPUs of a checked system.

    Returns:
        The vCPUs in the order of the file, and the used CPUs in the order of the board. The boot
        CPU (the first of the board) is among them even without vCPUs: the machine starts there.
    """
    runs: dict[int, list[int]] = {0: []}
    order: list[tuple[int, int, int]] = []
    for vm in system.vms:
        for index, cpu in enumerate(vm.cpus):
            runs.setdefault(cpu, []).append(len(order))
            order.append((vm.index, index, cpu))
    vcpus = []
    for number, (vm_index, index, cpu) in enumerate(order):
        vm = system.vms[vm_index]
        place = origin(vm.spans.of("cpus", index), f"vm.{vm.name}.cpus[{index}]")
        slot = runs[cpu].index(number)
        alone = len(runs[cpu]) == 1 and not system.is_planned(cpu)
        vcpus.append(VcpuSeat(number, vm_index, vm.name, index, cpu, slot, alone, place))
    cpus = []
    for number, cpu in enumerate(sorted(runs)):
        policy = system.policy_of(cpu)
        slice_us = policy.slice_us if policy is not None else DEFAULT_SLICE_US
        here = [vcpus[seat] for seat in runs[cpu]]
        is_planned = system.is_planned(cpu)
        levels = () if is_planned else frames.levels(system, here)
        plans = frames.plans(system, cpu, here) if is_planned else ()
        cpus.append(CpuSeat(number, cpu, tuple(runs[cpu]), levels, plans, slice_us))
    return tuple(vcpus), tuple(cpus)


def stack_names(vcpu_seats: Sequence[VcpuSeat], cpu_seats: Sequence[CpuSeat]) -> tuple[str, ...]:
    """Whose the hypervisor's stacks are, in their order: those of the CPUs first."""
    return (
        *(f"CPU {seat.cpu}" for seat in cpu_seats),
        *(f'vm "{seat.vm_name}" vCPU {seat.index}' for seat in vcpu_seats),
    )


def vcpus(
    system: System,
    vcpu_seats: Sequence[VcpuSeat],
    cpu_seats: Sequence[CpuSeat],
    stacks: Sequence[Stack],
) -> tuple[Vcpu, ...]:
    """The vCPUs with their stacks, which are in the order of stack_names()."""
    arch = isa(system.board.arch)
    numbers = {seat.cpu: seat.number for seat in cpu_seats}
    return tuple(
        Vcpu(
            number=seat.number,
            vm=seat.vm,
            vm_name=seat.vm_name,
            index=seat.index,
            cpu=seat.cpu,
            pcpu=numbers[seat.cpu],
            slot=seat.slot,
            exclusive=seat.exclusive,
            stack_top=stacks[len(cpu_seats) + seat.number].top,
            hardware_id=arch.vcpu_id(seat.index),
            arch=arch.vcpu(system, system.vms[seat.vm], seat.index),
            origin=seat.origin,
        )
        for seat in vcpu_seats
    )


def pcpus(
    system: System, cpu_seats: Sequence[CpuSeat], stacks: Sequence[Stack]
) -> tuple[Pcpu, ...]:
    """The CPUs with their stacks, which are in the order of stack_names()."""
    arch = isa(system.board.arch)
    return tuple(
        Pcpu(
            number=seat.number,
            cpu=seat.cpu,
            path=system.board.cpus[seat.cpu].path,
            vcpus=seat.vcpus,
            levels=seat.levels,
            plans=seat.plans,
            slice_us=seat.slice_us,
            stack_top=stacks[seat.number].top,
            hardware_id=system.board.cpus[seat.cpu].hardware_id,
            arch=arch.pcpu(system, seat.cpu),
        )
        for seat in cpu_seats
    )

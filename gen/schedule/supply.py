# SPDX-License-Identifier: Apache-2.0
"""What each vCPU of a system is sure to get, by the rules of its CPU.

A CPU of one's own is there always. By round robin, only vCPUs of the highest priority have a
guarantee: their share in turns; whoever is below runs when all of them wait, which nobody promises.
On a planned CPU the windows that name a vCPU count, and nothing else: what others leave unused is
theirs to use.  A window that names a VM with several vCPUs there is shared in turns.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction

from gen.arch import architecture
from gen.model import CpuPlan, System, Vm
from gen.schedule.request import Request
from gen.schedule.timetable import ALWAYS, NEVER, Segment, Timetable, in_turns


@dataclass(frozen=True)
class Supply:
    """The time of a vCPU, in one plan.

    plan: None on a CPU without plan.
    rivals: on a CPU with round robin, the vCPUs that it takes turns with, itself included; or, if
    there are any, only those that come before it.
    exit_us: the longest time until the hypervisor hears an interrupt.
    """

    vm: Vm
    vcpu: int
    cpu: int
    plan: CpuPlan | None
    rivals: int
    is_preempted: bool
    table: Timetable
    exit_us: int

    @property
    def response_us(self) -> int | None:
        """The longest time from an interrupt until the vCPU takes it; None if it may never."""
        gap = self.table.gap()
        return None if gap is None else gap.length + self.exit_us


def supplies(system: System) -> tuple[Supply, ...]:
    """All vCPUs in the order of the file; one on a planned CPU once for each plan.

    Args:
        system: its CPUs and plans have been checked.
    """
    return tuple(item for vm in system.vms for item in _of_vm(system, vm))


def request(supply: Supply) -> Request:
    """What the VM asks for each of its vCPUs."""
    return request_of(supply.vm, supply.vcpu, supply.exit_us)


def request_of(vm: Vm, vcpu: int, exit_us: int) -> Request:
    """The same of any vCPU.  A latency leaves room for the exit."""
    needs = vm.needs
    return Request(
        vm=vm.name,
        vcpu=vcpu,
        period=needs.period_us or 0,
        budget=needs.budget_us or 0,
        gap=None if needs.max_latency_us is None else needs.max_latency_us - exit_us,
        share=share_of(vm),
    )


def requests(system: System) -> dict[int, list[Request]]:
    """What the vCPUs of each planned CPU ask for, in the order of the file; by CPU, sorted."""
    exit_us = architecture(system.board.arch).exit_bound_us
    result: dict[int, list[Request]] = {}
    for vm in system.vms:
        for index, cpu in enumerate(vm.cpus):
            if system.is_planned(cpu):
                result.setdefault(cpu, []).append(request_of(vm, index, exit_us))
    return {cpu: result[cpu] for cpu in sorted(result)}


def share_of(vm: Vm) -> Fraction:
    """min-share as it is written: 0.3 is three tenths, not the nearest binary number."""
    return Fraction(repr(vm.needs.min_share or 0))


def _of_vm(system: System, vm: Vm) -> Iterator[Supply]:
    exit_us = architecture(system.board.arch).exit_bound_us
    for index, cpu in enumerate(vm.cpus):
        policy = system.policy_of(cpu)
        if policy is not None and policy.schedule == "plan":
            for plan in system.plans:
                table = _planned(vm, index, plan, policy.slice_us)
                yield Supply(vm, index, cpu, plan, 0, False, table, exit_us)
            continue
        others = [item.needs.priority for item in system.vms for where in item.cpus if where == cpu]
        above = sum(priority > vm.needs.priority for priority in others)
        equal = sum(priority == vm.needs.priority for priority in others)
        if policy is None or policy.schedule == "exclusive":
            yield Supply(vm, index, cpu, None, 1, False, ALWAYS, exit_us)
        elif above:
            yield Supply(vm, index, cpu, None, above, True, NEVER, exit_us)
        else:
            table = in_turns(equal, policy.slice_us)
            yield Supply(vm, index, cpu, None, equal, False, table, exit_us)


def _planned(vm: Vm, index: int, plan: CpuPlan, slice_us: int) -> Timetable:
    here = vm.cpus.count(vm.cpus[index])
    segments = [
        Segment(window.start_us, window.length_us, here if window.vcpu is None else 1, slice_us)
        for window in plan.windows
        if window.names(vm, index)
    ]
    return Timetable(plan.frame_us, tuple(sorted(segments, key=lambda item: item.start)))

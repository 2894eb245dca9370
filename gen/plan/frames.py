# SPDX-License-Identifier: Apache-2.0
"""Who may run when on a CPU, as sets of its slots."""

from __future__ import annotations

from collections.abc import Sequence

from gen.model import CpuPlan, PlanWindow, System
from gen.plan import types
from gen.plan.origin import origin
from gen.plan.types import VcpuSeat


def frames(system: System) -> tuple[types.Frame, ...]:
    """The plans of a checked system."""
    return tuple(
        types.Frame(plan.name, plan.frame_us, origin(plan.spans.table, f"plan.{plan.name}"))
        for plan in system.plans
    )


def levels(system: System, seats: Sequence[VcpuSeat]) -> tuple[int, ...]:
    """The sets of slots of a CPU without plan, by priority, highest first.

    Args:
        system: has been checked.
        seats: the vCPUs of the CPU.
    """
    by_priority: dict[int, int] = {}
    for seat in seats:
        priority = system.vms[seat.vm].needs.priority
        by_priority[priority] = by_priority.get(priority, 0) | 1 << seat.slot
    return tuple(by_priority[priority] for priority in sorted(by_priority, reverse=True))


def plans(
    system: System, cpu: int, seats: Sequence[VcpuSeat]
) -> tuple[tuple[types.PlanWindow, ...], ...]:
    """The windows of a planned CPU in each plan, without gaps.

    Args:
        system: has been checked.
        cpu: the board's number.
        seats: the vCPUs of the CPU.
    """
    return tuple(_windows(system, cpu, seats, plan) for plan in system.plans)


def _windows(
    system: System, cpu: int, seats: Sequence[VcpuSeat], plan: CpuPlan
) -> tuple[types.PlanWindow, ...]:
    result: list[types.PlanWindow] = []
    at = 0
    mine = (window for window in plan.windows if window.cpu == cpu)
    for window in sorted(mine, key=lambda item: item.start_us):
        if window.start_us > at:
            result.append(types.PlanWindow(window.start_us, (), "nobody"))
        result.append(_window(system, seats, window))
        at = window.end_us
    if at < plan.frame_us:
        result.append(types.PlanWindow(plan.frame_us, (), "nobody"))
    return tuple(result)


def _window(system: System, seats: Sequence[VcpuSeat], window: PlanWindow) -> types.PlanWindow:
    own = sum(1 << s.slot for s in seats if window.names(system.vms[s.vm], s.index))
    what = window.vm if window.vcpu is None else f"{window.vm}:{window.vcpu}"
    if window.unused is None:
        return types.PlanWindow(window.end_us, (own,), what)
    rest = sum(1 << seat.slot for seat in seats if seat.vm_name == window.unused)
    return types.PlanWindow(window.end_us, (own, rest), f"{what}, unused: {window.unused}")

# SPDX-License-Identifier: Apache-2.0
"""Who may run when on a CPU, as sets of its slots."""

from __future__ import annotations

from gen.model import CpuPlan, PlanWindow, System
from gen.plan import types
from gen.plan.origin import origin


def frames(system: System) -> tuple[types.Frame, ...]:
    """The plans of a checked system."""
    return tuple(
        types.Frame(plan.name, plan.frame_us, origin(plan.spans.table, f"plan.{plan.name}"))
        for plan in system.plans
    )


def levels(system: System, cpu: int) -> tuple[int, ...]:
    """The sets of slots of a CPU without plan, by priority, highest first."""
    if system.is_planned(cpu):
        return ()
    by_priority: dict[int, int] = {}
    for slot, (vm, _) in enumerate(_seated(system, cpu)):
        priority = system.vms[vm].needs.priority
        by_priority[priority] = by_priority.get(priority, 0) | 1 << slot
    return tuple(by_priority[priority] for priority in sorted(by_priority, reverse=True))


def plans(system: System, cpu: int) -> tuple[tuple[types.PlanWindow, ...], ...]:
    """The windows of a planned CPU in each plan, without gaps; nothing for another CPU."""
    if not system.is_planned(cpu):
        return ()
    return tuple(_windows(system, cpu, plan) for plan in system.plans)


# The index of the VM and of the vCPU in it, by slot.
def _seated(system: System, cpu: int) -> list[tuple[int, int]]:
    return [
        (vm.index, index)
        for vm in system.vms
        for index, where in enumerate(vm.cpus)
        if where == cpu
    ]


def _windows(system: System, cpu: int, plan: CpuPlan) -> tuple[types.PlanWindow, ...]:
    result: list[types.PlanWindow] = []
    at = 0
    mine = (window for window in plan.windows if window.cpu == cpu)
    for window in sorted(mine, key=lambda item: item.start_us):
        if window.start_us > at:
            result.append(types.PlanWindow(window.start_us, (), "nobody"))
        result.append(_window(system, cpu, window))
        at = window.end_us
    if at < plan.frame_us:
        result.append(types.PlanWindow(plan.frame_us, (), "nobody"))
    return tuple(result)


def _window(system: System, cpu: int, window: PlanWindow) -> types.PlanWindow:
    own = _slots(system, cpu, window.vm, window.vcpu)
    what = window.vm if window.vcpu is None else f"{window.vm}:{window.vcpu}"
    if window.unused is None:
        return types.PlanWindow(window.end_us, (own,), what)
    rest = _slots(system, cpu, window.unused, None)
    return types.PlanWindow(window.end_us, (own, rest), f"{what}, unused: {window.unused}")


def _slots(system: System, cpu: int, name: str, vcpu: int | None) -> int:
    result = 0
    for slot, (vm, index) in enumerate(_seated(system, cpu)):
        if system.vms[vm].name == name and vcpu in (None, index):
            result |= 1 << slot
    return result

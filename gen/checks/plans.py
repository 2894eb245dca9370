# SPDX-License-Identifier: Apache-2.0
"""Plans of CPU time: that their windows are there, fit, and belong to somebody."""

from __future__ import annotations

from collections.abc import Iterator

from gen.checks import rule
from gen.checks.words import plan_text, vm_text, window_text
from gen.diag import Diagnostic, Note
from gen.model import CpuPlan, PlanWindow, System, Vm
from gen.ranges import Owned, Range, overlapping
from gen.schedule.request import LEAST_WINDOW_US
from gen.schedule.supply import supplies
from gen.schedule.words import time_text
from gen.validate import nearest

_PROPOSE = "`ashlar plan SYSTEM` proposes one"


def _planned(system: System) -> list[int]:
    return [policy.cpu for policy in system.cpu_policies if policy.schedule == "plan"]


def _windows(system: System) -> Iterator[tuple[CpuPlan, PlanWindow]]:
    for plan in system.plans:
        for window in plan.windows:
            yield plan, window


@rule("plan-none")
def plan_none(system: System) -> Iterator[Diagnostic]:
    """A planned CPU needs a plan."""
    for policy in system.cpu_policies:
        if policy.schedule == "plan" and not system.plans:
            yield Diagnostic(
                "plan-none",
                f'CPU {policy.cpu} has schedule = "plan", but there is no [[plan]]',
                policy.spans.of("schedule"),
                f"add a [[plan]]; {_PROPOSE}",
            )


@rule("plan-unused")
def plan_unused(system: System) -> Iterator[Diagnostic]:
    """A plan needs a CPU that follows it."""
    if _planned(system):
        return
    for plan in system.plans:
        yield Diagnostic(
            "plan-unused",
            f'no CPU follows {plan_text(plan)}: none has schedule = "plan"',
            plan.spans.of("name"),
            'let the CPUs of its windows have a [[cpu]] with schedule = "plan", or leave it out',
        )


@rule("plan-cpu", needs=("plan-unused",))
def plan_cpu(system: System) -> Iterator[Diagnostic]:
    """A window lies on a CPU that follows plans."""
    planned = _planned(system)
    for plan, window in _windows(system):
        if window.cpu not in planned:
            known = ", ".join(str(cpu) for cpu in sorted(planned))
            yield Diagnostic(
                "plan-cpu",
                f"{plan_text(plan)}: the window is on CPU {window.cpu}, which does not follow"
                " plans",
                window.spans.of("cpu"),
                f"planned CPUs: {known}; another one needs a [[cpu]] with id = {window.cpu} and"
                ' schedule = "plan"',
            )


@rule("plan-vm", needs=("plan-cpu", "name-duplicate"))
def plan_vm(system: System) -> Iterator[Diagnostic]:
    """The time of a CPU goes to vCPUs that run on it."""
    for plan, window in _windows(system):
        names = {"vm": window.vm, "unused": window.unused}
        for key, name in names.items():
            if name is None:
                continue
            problem, help_text = _stranger(system, window, name, key)
            if problem:
                message = f"{plan_text(plan)}: {problem}"
                yield Diagnostic("plan-vm", message, window.spans.of(key), help_text)
        owner = system.find_vm(window.vm)
        if owner is not None and window.vcpu is not None and window.cpu in owner.cpus:
            yield from _wrong_vcpu(plan, window, owner, window.vcpu)


# What is wrong with the name of a VM in a window, and help; ("", "") if nothing.
def _stranger(system: System, window: PlanWindow, name: str, key: str) -> tuple[str, str]:
    here = [vm.name for vm in system.vms if window.cpu in vm.cpus]
    others = f"on CPU {window.cpu} run: " + (", ".join(f'"{item}"' for item in here) or "none")
    if system.find_vm(name) is None:
        valid = [vm.name for vm in system.vms] + (["idle"] if key == "unused" else [])
        return f'"{name}" is no VM', nearest(name, valid)
    if name not in here:
        return f'vm "{name}" has no vCPU on CPU {window.cpu}', others
    return "", ""


def _wrong_vcpu(plan: CpuPlan, window: PlanWindow, vm: Vm, vcpu: int) -> Iterator[Diagnostic]:
    if vcpu >= len(vm.cpus):
        problem = f"{vm_text(vm)} has no vCPU {vcpu}"
    elif vm.cpus[vcpu] != window.cpu:
        problem = f"vCPU {vcpu} of {vm_text(vm)} runs on CPU {vm.cpus[vcpu]}, not {window.cpu}"
    else:
        return
    here = [str(index) for index, cpu in enumerate(vm.cpus) if cpu == window.cpu]
    yield Diagnostic(
        "plan-vm",
        f"{plan_text(plan)}: {problem}",
        window.spans.of("vcpu"),
        f"its vCPUs on CPU {window.cpu}: {', '.join(here)}",
        (Note("the CPUs of its vCPUs are here", vm.spans.of("cpus")),),
    )


@rule("plan-length")
def plan_length(system: System) -> Iterator[Diagnostic]:
    """A window that is too short for two switches does nothing but switch."""
    least = time_text(LEAST_WINDOW_US)
    for plan, window in _windows(system):
        if window.length_us < LEAST_WINDOW_US:
            length = time_text(window.length_us)
            yield Diagnostic(
                "plan-length",
                f'{plan_text(plan)}: the window of vm "{window.vm}" lasts {length}; the'
                f" shortest one lasts {least}",
                window.spans.of("length"),
                f"give it at least {least}, or leave it out",
            )


@rule("plan-frame")
def plan_frame(system: System) -> Iterator[Diagnostic]:
    """All windows lie within their frame."""
    for plan in system.plans:
        if plan.frame_us < LEAST_WINDOW_US:
            yield Diagnostic(
                "plan-frame",
                f"{plan_text(plan)}: a frame of {time_text(plan.frame_us)} has no room for a"
                " window",
                plan.spans.of("frame"),
                f"give it at least {time_text(LEAST_WINDOW_US)}",
            )
            continue
        for window in plan.windows:
            if window.end_us > plan.frame_us:
                yield Diagnostic(
                    "plan-frame",
                    f"{plan_text(plan)}: {window_text(window)} ends at"
                    f" {time_text(window.end_us)}, but the frame at {time_text(plan.frame_us)}",
                    window.spans.of("length"),
                    f"let it end by {time_text(plan.frame_us)}, or make the frame longer: what"
                    " goes on over its end are two windows",
                    (Note("the frame is given here", plan.spans.of("frame")),),
                )


@rule("plan-overlap", needs=("plan-cpu", "plan-length"))
def plan_overlap(system: System) -> Iterator[Diagnostic]:
    """A CPU is one VM's at a time."""
    for plan in system.plans:
        for cpu in sorted({window.cpu for window in plan.windows}):
            areas = [
                Owned(Range(window.start_us, window.length_us), window)
                for window in plan.windows
                if window.cpu == cpu
            ]
            for one, two in overlapping(areas):
                yield Diagnostic(
                    "plan-overlap",
                    f"{plan_text(plan)}: {window_text(two.owner)} overlaps"
                    f" {window_text(one.owner)} on CPU {cpu}",
                    two.owner.spans.of("start"),
                    f"let it start at {time_text(one.owner.end_us)} or later",
                    (Note("the other one is here", one.owner.spans.of("start")),),
                )


@rule("plan-missing", needs=("plan-vm", "cpu-unknown", "cpu-count"))
def plan_missing(system: System) -> Iterator[Diagnostic]:
    """A vCPU without a window never runs; in the first plan, its VM does not even start."""
    planned = _planned(system)
    for plan in system.plans:
        for vm in system.vms:
            for index, cpu in enumerate(vm.cpus):
                has_one = any(window.names(vm, index) for window in plan.windows)
                if cpu not in planned or has_one:
                    continue
                first = plan is system.plans[0]
                yield Diagnostic(
                    "plan-missing",
                    f"{plan_text(plan)} has no window for vCPU {index} of {vm_text(vm)} on CPU"
                    f" {cpu}: it "
                    + ("would not start" if first else "stands still while the plan runs"),
                    plan.spans.of("name"),
                    f'add a [[plan.window]] with cpu = {cpu} and vm = "{vm.name}"',
                    (Note("it runs there", vm.spans.of("cpus", index)),),
                    severity="error" if first else "warning",
                )


@rule("plan-shared", needs=("plan-missing", "plan-frame", "plan-overlap", "cpu-shared"))
def plan_shared(system: System) -> Iterator[Diagnostic]:
    """Who shares a window takes turns as long as a slice; a shorter window has one turn."""
    for supply in supplies(system):
        plan, segments = supply.plan, supply.table.segments
        if plan is None or not segments or supply.table.gap() is not None:
            continue
        window = next(
            item
            for item in plan.windows
            if (item.cpu, item.vm) == (supply.cpu, supply.vm.name) and item.vcpu is None
        )
        yield Diagnostic(
            "plan-shared",
            f"{plan_text(plan)}: vCPU {supply.vcpu} of {vm_text(supply.vm)} is not sure of any"
            f" time: {segments[0].sharers} vCPUs share its windows on CPU {supply.cpu}, in turns"
            f" of {time_text(segments[0].slice)}",
            window.spans.of("vm"),
            f"give each vCPU a window of its own: vcpu = {supply.vcpu}",
            severity="warning",
        )

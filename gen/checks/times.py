# SPDX-License-Identifier: Apache-2.0
"""What VMs need of CPU time, against what their CPUs are sure to give.

Each finding shows a moment at which a need is not met: when the vCPU is out, or the interval in
which it gets too little.  docs/time.md has the formulas.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import permutations

from gen.checks import rule
from gen.checks.words import plan_text, vm_text
from gen.diag import Diagnostic, Note
from gen.model import System, Vm
from gen.schedule.request import Request
from gen.schedule.supply import Supply, request, share_of, supplies
from gen.schedule.timetable import gap_at_switch, worst_at_switch
from gen.schedule.words import share_text, time_text

# What must be right before times can be computed.
_SOUND = (
    *("cpu-unknown", "cpu-count", "cpu-duplicate", "cpu-shared", "name-duplicate"),
    *("plan-none", "plan-cpu", "plan-vm", "plan-length", "plan-frame", "plan-overlap"),
    *("plan-missing", "budget-period", "plan-overload"),
)


@rule("time-latency", needs=_SOUND)
def time_latency(system: System) -> Iterator[Diagnostic]:
    """The longest time without the CPU, and an exit, are within max-latency."""
    for supply in supplies(system):
        needed = supply.vm.needs.max_latency_us
        response = supply.response_us
        if needed is None or (response is not None and response <= needed):
            continue
        gap = supply.table.gap()
        exit_text = f"an interrupt waits up to {time_text(supply.exit_us)} for an exit"
        if gap is None:
            what = _never(supply)
        elif supply.plan is None:
            what = f"{_turns(supply)}; {exit_text}"
        else:
            what = (
                f"is out from {time_text(gap.start)} to {time_text(gap.end)}:"
                f" {time_text(gap.length)} without CPU, and {exit_text}"
            )
        yield _finding(
            "time-latency",
            supply,
            f"{what}; max-latency is {time_text(needed)}",
            "max-latency",
        )


@rule("time-share", needs=_SOUND)
def time_share(system: System) -> Iterator[Diagnostic]:
    """The time that is sure in the long run is at least min-share."""
    for supply in supplies(system):
        needed = share_of(supply.vm)
        if supply.table.share >= needed:
            continue
        has = f"is sure of {share_text(supply.table.share)} of CPU {supply.cpu}"
        what = _never(supply) if supply.table.gap() is None else has
        yield _finding(
            "time-share", supply, f"{what}; min-share is {share_text(needed)}", "min-share"
        )


@rule("time-budget", needs=_SOUND)
def time_budget(system: System) -> Iterator[Diagnostic]:
    """Any interval of the period holds the budget."""
    for supply in supplies(system):
        period, budget = supply.vm.needs.period_us, supply.vm.needs.budget_us
        if period is None or budget is None:
            continue
        worst = supply.table.worst(period)
        if worst.supply >= budget:
            continue
        if supply.table.gap() is None:
            what = _never(supply)
        elif supply.plan is None:
            what = f"{_turns(supply)}, and has {time_text(worst.supply)} in {time_text(period)}"
        else:
            what = (
                f"has only {time_text(worst.supply)} in [{time_text(worst.start)},"
                f" {time_text(worst.end)})"
            )
        needed = f"its budget is {time_text(budget)} in any {time_text(period)}"
        yield _finding("time-budget", supply, f"{what}; {needed}", "budget")


# A vCPU without any guarantee: why.
def _never(supply: Supply) -> str:
    if supply.plan is not None:
        return f"is not sure of any time on CPU {supply.cpu}"
    others = f"{supply.rivals} vCPU{'s' if supply.rivals > 1 else ''} of higher priority"
    return f"is not sure of any time on CPU {supply.cpu}, where {others} may keep it"


# How it gets a CPU that has no plan.
def _turns(supply: Supply) -> str:
    if supply.rivals == 1:
        return f"has CPU {supply.cpu} whenever it is ready"
    gap = supply.table.gap()
    assert gap is not None
    turn = gap.length // (supply.rivals - 1)
    return (
        f"is out for up to {time_text(gap.length)} while {supply.rivals - 1} more of its priority"
        f" have CPU {supply.cpu}, each for {time_text(turn)}"
    )


def _finding(code: str, supply: Supply, what: str, key: str) -> Diagnostic:
    where = f"in {plan_text(supply.plan)}, " if supply.plan is not None else ""
    notes: tuple[Note, ...] = ()
    if supply.plan is not None:
        help_text = "give it longer windows, or more of them; `ashlar plan SYSTEM` proposes a plan"
        notes = (Note("the plan is here", supply.plan.spans.of("name")),)
    elif supply.rivals == 1 and not supply.is_preempted:
        help_text = "ask for no more than the hypervisor can give"
    else:
        help_text = 'give it a higher priority or a CPU of its own, or let the CPU follow a "plan"'
    return Diagnostic(
        code,
        f"{vm_text(supply.vm)}: {where}vCPU {supply.vcpu} {what}",
        supply.vm.spans.of(key),
        help_text,
        notes,
    )


@dataclass(frozen=True)
class _Switch:
    """What a change of plans does to a vCPU at its worst."""

    before: Supply
    after: Supply
    what: str
    key: str


@rule("plan-switch", needs=(*_SOUND, "time-latency", "time-budget"))
def plan_switch(system: System) -> Iterator[Diagnostic]:
    """What holds in each of two plans need not hold across a switch from one to the other."""
    by_vcpu: dict[tuple[int, int], list[Supply]] = {}
    for supply in supplies(system):
        if supply.plan is not None:
            by_vcpu.setdefault((supply.vm.index, supply.vcpu), []).append(supply)
    for items in by_vcpu.values():
        for before, after in permutations(items, 2):
            for switch in _broken(before, after, request(before)):
                yield _switch_finding(before.vm, switch)


def _broken(before: Supply, after: Supply, asked: Request) -> Iterator[_Switch]:
    gap = gap_at_switch(before.table, after.table)
    if asked.gap is not None and gap is not None and gap > asked.gap:
        needed = before.vm.needs.max_latency_us or 0
        what = f"without CPU for {time_text(gap)}; max-latency is {time_text(needed)}"
        yield _Switch(before, after, what, "max-latency")
    if asked.period:
        supply = worst_at_switch(before.table, after.table, asked.period)
        if supply < asked.budget:
            what = (
                f"with only {time_text(supply)} in {time_text(asked.period)}; its budget is"
                f" {time_text(asked.budget)}"
            )
            yield _Switch(before, after, what, "budget")


def _switch_finding(vm: Vm, switch: _Switch) -> Diagnostic:
    one, two = switch.before.plan, switch.after.plan
    assert one is not None
    assert two is not None
    return Diagnostic(
        "plan-switch",
        f"{vm_text(vm)}: a switch from {plan_text(one)} to {plan_text(two)} leaves vCPU"
        f" {switch.before.vcpu} {switch.what}",
        vm.spans.of(switch.key),
        "let its windows lie at the same places of both frames",
        (
            Note(f"{plan_text(one)} is here", one.spans.of("name")),
            Note(f"{plan_text(two)} is here", two.spans.of("name")),
        ),
        severity="warning",
    )

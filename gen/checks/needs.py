# SPDX-License-Identifier: Apache-2.0
"""What VMs ask for of CPU time: that it makes sense, and that there is so much."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction

from gen.checks import rule
from gen.checks.words import vm_text
from gen.diag import Diagnostic
from gen.model import System
from gen.schedule.supply import requests
from gen.schedule.words import share_text, time_text


@rule("budget-period")
def budget_period(system: System) -> Iterator[Diagnostic]:
    """A budget is a time in each period."""
    for vm in system.vms:
        period, budget = vm.needs.period_us, vm.needs.budget_us
        if period is None and budget is not None:
            problem, key = "has a budget, but no period in which it must have it", "budget"
        elif budget is None and period is not None:
            problem, key = "has a period, but no budget that it must have in it", "period"
        elif period is None or budget is None or 0 < budget <= period:
            continue
        else:
            times = f"budget of {time_text(budget)} in each {time_text(period)}"
            problem, key = f"cannot have a {times}", "budget"
        yield Diagnostic(
            "budget-period",
            f"{vm_text(vm)} {problem}",
            vm.spans.of(key),
            'give both, such as period = "10 ms" and budget = "3 ms"',
        )


@rule("plan-overload", needs=("budget-period", "cpu-unknown", "cpu-count", "cpu-duplicate"))
def plan_overload(system: System) -> Iterator[Diagnostic]:
    """No plan gives more than there is."""
    for cpu, items in requests(system).items():
        load = sum((item.density for item in items), Fraction(0))
        policy = system.policy_of(cpu)
        if load <= 1 or policy is None:
            continue
        parts = [f"{item.vm}:{item.vcpu} {share_text(item.density)}" for item in items]
        yield Diagnostic(
            "plan-overload",
            f"CPU {cpu} is overloaded: its vCPUs ask for {share_text(load, up=True)} of it,"
            f" which is {share_text(load - 1, up=True)} too much",
            policy.spans.of("id"),
            f"let one ask for less or move to another CPU; here are {', '.join(parts)}",
        )

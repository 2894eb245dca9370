# SPDX-License-Identifier: Apache-2.0
"""What each vCPU is sure to get, for the report."""

from __future__ import annotations

from collections.abc import Iterator

from gen.model import System, Vm
from gen.plan.types import Timing
from gen.schedule.supply import Supply, share_of, supplies
from gen.schedule.words import share_text, time_text


def timings(system: System) -> tuple[Timing, ...]:
    """All vCPUs in the order of the file; one on a planned CPU once for each plan."""
    return tuple(_timing(supply) for supply in supplies(system))


def _timing(supply: Supply) -> Timing:
    gap = supply.table.gap()
    period = supply.vm.needs.period_us
    return Timing(
        vcpu=f"{supply.vm.name}:{supply.vcpu}",
        cpu=supply.cpu,
        plan=supply.plan.name if supply.plan is not None else "",
        share=supply.table.share,
        gap_us=None if gap is None else gap.length,
        period_us=period,
        least_us=None if period is None else supply.table.least(period),
        exit_us=supply.exit_us,
        response_us=supply.response_us,
        needs=", ".join(_needs(supply.vm)),
    )


def _needs(vm: Vm) -> Iterator[str]:
    needs = vm.needs
    if needs.period_us is not None and needs.budget_us is not None:
        yield f"{time_text(needs.budget_us)} in any {time_text(needs.period_us)}"
    if needs.max_latency_us is not None:
        yield f"interrupts within {time_text(needs.max_latency_us)}"
    if needs.min_share is not None:
        yield share_text(share_of(vm))

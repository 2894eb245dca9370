# SPDX-License-Identifier: Apache-2.0
"""From requests to reservations: periods that divide one another, and a time in each of them.

A request is about *any* interval of its period, wherever it begins.  Earliest deadline first over
the periods as they are would not do: a vCPU served early in one period and late in the next waits
for almost two.  What does is a schedule that is the same in every period of the vCPU.  It exists,
up to full load, if the periods are harmonic, each a multiple of the one before: who has a
shorter period is then placed alike in every longer one, and so is what he leaves (pinwheel
scheduling; Holte and others, 1989; Han and Lin, "Scheduling distance-constrained real-time tasks",
RTSS 1992).  So each request is served by a reservation of a period that is no longer than its own
and member of such a chain; a period that divides the request's costs no time, another one costs
some (Request.least).

Of all chains that are tried and whose load fits, the one with the fewest reservations a second is
taken: each is at least one switch.  One that costs time counts several times.  If all loads are at
most one half, a chain is always found: that of the shortest period times powers of two at worst
doubles each load (but for the rounding).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from math import gcd, isqrt

from gen.schedule.request import LEAST_WINDOW_US, Request

#: The period of a CPU on which no request has one.
DEFAULT_PERIOD_US = 10_000
# A request's own period is divided by up to so much.
_DIVISIONS = 8
# Reservations that cost time count so many times.
_LOSSY = 3
# Chains that are looked at; a bound for descriptions with very many different periods.
_TRIES = 20_000


@dataclass(frozen=True)
class Reservation:
    """`time` in each `period`, for the request."""

    request: Request
    period: int
    time: int

    @property
    def load(self) -> Fraction:
        """The part of the CPU that it takes."""
        return Fraction(self.time, self.period)


def reservations(
    cpus: Sequence[Sequence[Request]], quantum: int
) -> tuple[tuple[Reservation, ...], ...] | None:
    """Reservations for the requests of several CPUs, all of one chain of periods.

    Args:
        cpus: the requests of each CPU.
        quantum: what all times are multiples of, in microseconds.

    Returns:
        Those of each CPU, in the order of its requests, with a load of at most 1 for each CPU;
        None if no chain was found.
    """
    paces = [item.pace for requests in cpus for item in requests if item.pace]
    slowest = max(paces, default=DEFAULT_PERIOD_US)
    groups: dict[int, list[tuple[int, Request]]] = {}
    for cpu, requests in enumerate(cpus):
        for item in requests:
            groups.setdefault(item.pace or slowest, []).append((cpu, item))
    if not groups:
        return tuple(() for _ in cpus)
    search = _Search([(pace, groups[pace]) for pace in sorted(groups)], len(cpus), quantum)
    chain = search.run()
    if chain is None:
        return None
    periods = dict(zip(sorted(groups), chain, strict=True))
    return tuple(
        _filled(
            Reservation(item, period, item.least(period, quantum))
            for item in requests
            for period in [periods[item.pace or slowest]]
        )
        for requests in cpus
    )


# Who does not say how much it needs gets the time that is left, in equal parts, as far as it comes
# in whole windows.
def _filled(items: Iterable[Reservation]) -> tuple[Reservation, ...]:
    items = tuple(items)
    idle = 1 - sum(item.load for item in items)
    takers = sum(item.request.is_elastic for item in items)
    return tuple(
        Reservation(
            item.request,
            item.period,
            item.time + int(idle / takers * item.period) // LEAST_WINDOW_US * LEAST_WINDOW_US,
        )
        if item.request.is_elastic
        else item
        for item in items
    )


@dataclass
class _Search:
    # Depth first over the chains, from the shortest pace to the longest; a branch that is already
    # worse than the best chain, or overloads a CPU, is left.

    groups: list[tuple[int, list[tuple[int, Request]]]]
    cpu_count: int
    quantum: int
    best: tuple[Fraction, tuple[int, ...]] | None = None
    tries: int = 0
    loads: list[Fraction] = field(init=False)

    def run(self) -> tuple[int, ...] | None:
        self.loads = [Fraction(0)] * self.cpu_count
        for base in self._bases():
            self._extend((), base, Fraction(0))
        return self.best[1] if self.best is not None else None

    # Periods that a chain can begin with, longest first.
    def _bases(self) -> list[int]:
        paces = {pace for pace, _ in self.groups}
        periods = {item.period or pace for pace, items in self.groups for _, item in items}
        wishes = {time // part for time in paces | periods for part in range(1, _DIVISIONS + 1)}
        wishes |= {gcd(one, two) for one in periods for two in periods} | {gcd(*periods)}
        whole = {wish // self.quantum * self.quantum for wish in wishes}
        return sorted((w for w in whole if LEAST_WINDOW_US <= w <= min(paces)), reverse=True)

    def _extend(self, chain: tuple[int, ...], period: int, cost: Fraction) -> None:
        _, requests = self.groups[len(chain)]
        weight = sum(_LOSSY if item.period % period else 1 for _, item in requests)
        cost += Fraction(weight, period)
        self.tries += 1
        if self.tries > _TRIES or (self.best is not None and cost >= self.best[0]):
            return
        before = list(self.loads)
        for cpu, item in requests:
            self.loads[cpu] += Fraction(item.least(period, self.quantum), period)
        if max(self.loads) <= 1:
            chain = (*chain, period)
            if len(chain) == len(self.groups):
                self.best = (cost, chain)
            else:
                pace, following = self.groups[len(chain)]
                whole = {item.period or pace for _, item in following}
                for longer in _multiples(period, pace, whole):
                    self._extend(chain, longer, cost)
        self.loads = before


# Multiples of a period, up to a pace, that are worth trying, longest first: those that divide one
# of the requests' periods, the longest of all, and the longest by a power of two.
def _multiples(period: int, pace: int, whole: Iterable[int]) -> list[int]:
    most = pace // period
    factors = {most, 1 << (most.bit_length() - 1), 1}
    for item in whole:
        count, rest = divmod(item, period)
        if rest == 0:
            low = [n for n in range(1, isqrt(count) + 1) if count % n == 0]
            factors |= {n for n in (*low, *(count // n for n in low)) if n <= most}
    return [factor * period for factor in sorted(factors, reverse=True)]

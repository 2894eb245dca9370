# SPDX-License-Identifier: Apache-2.0
"""What a vCPU asks for, and how much of a periodic reservation that takes."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

from gen.schedule.timetable import Timetable

#: The shortest window that is worth two switches; the least slice of round robin, too.
LEAST_WINDOW_US = 100


@dataclass(frozen=True)
class Request:
    """The needs of one vCPU.

    period, budget: it must have `budget` in any interval of length `period`; 0: does not say.
    gap: the longest time without the CPU that it bears; None: does not say.
    share: the least part of the CPU.
    """

    vm: str
    vcpu: int
    period: int = 0
    budget: int = 0
    gap: int | None = None
    share: Fraction = Fraction(0)

    @property
    def is_elastic(self) -> bool:
        """Whether it does not say how much it needs: it takes what is left."""
        return not self.period and not self.share

    @property
    def density(self) -> Fraction:
        """The part of the CPU without which it cannot be satisfied."""
        rate = Fraction(self.budget, self.period) if self.period else Fraction(0)
        return max(rate, self.share)

    @property
    def pace(self) -> int:
        """The longest period of a reservation that serves it well; 0: any.

        A reservation of share u leaves gaps of up to 1 - u of its period.  Twice the gap is a
        period, too, if half of the CPU can be spared.
        """
        if self.gap is None:
            return self.period
        longest = max(2 * self.gap, LEAST_WINDOW_US)
        if self.density < 1:
            longest = max(longest, int(self.gap / (1 - self.density)))
        return min(self.period, longest) if self.period else longest

    def least(self, every: int, quantum: int) -> int:
        """The least time in each `every` microseconds that satisfies it, in whole quanta.

        The time may lie anywhere, but at the same places in every period of the reservation: then
        each interval of length `every` holds the time T exactly, a shorter one of length r at least
        r - (every - T).  So one of period = k * every + r holds at least
        k * T + max(0, r - (every - T)), and no gap is longer than every - T.  A whole `every` is
        enough for everything; the answer is not above it (but for the rounding).
        """
        times = [LEAST_WINDOW_US, -(-self.share * every // 1)]
        if self.period:
            times.append(self._for_budget(every))
        if self.gap is not None:
            times.append(every - self.gap)
        return -(-int(max(times)) // quantum) * quantum

    def _for_budget(self, every: int) -> int:
        rounds, rest = divmod(self.period, every)
        hole = every - rest
        # Either the rest of the interval counts for something, or it does not.
        with_rest = max(hole, -(-(self.budget + hole) // (rounds + 1)))
        if not rounds:
            return min(every, with_rest)
        return min(every, with_rest, -(-self.budget // rounds))

    def is_satisfied(self, table: Timetable) -> bool:
        """Whether a timetable gives all of it."""
        gap = table.gap()
        if gap is None:
            return False
        return (
            (self.gap is None or gap.length <= self.gap)
            and table.share >= self.share
            and (not self.period or table.least(self.period) >= self.budget)
        )

# SPDX-License-Identifier: Apache-2.0
"""Times and shares as people, and system files, write them."""

from __future__ import annotations

from fractions import Fraction

_UNITS = ((1_000_000, "s"), (1_000, "ms"))


def time_text(microseconds: int) -> str:
    """A time in the largest unit in which it is a whole number: "3 ms", "2500 us", "0 us"."""
    for size, unit in _UNITS:
        if microseconds and microseconds % size == 0:
            return f"{microseconds // size} {unit}"
    return f"{microseconds} us"


def share_text(share: Fraction, *, up: bool = False) -> str:
    """A share in percent, rounded down to a hundredth, or up: "25 %", "33.33 %"."""
    exact = share * 10_000
    hundredths = -(-exact // 1) if up else exact // 1
    return f"{int(hundredths) / 100:.2f}".rstrip("0").rstrip(".") + " %"

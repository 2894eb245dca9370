# SPDX-License-Identifier: Apache-2.0
"""Half-open ranges of addresses [base, end), and what can be asked of them.

All interval arithmetic of the generator is here: overlaps are found by sorting and sweeping, never
by comparing all pairs, so that large systems stay quick.  Pure functions, no knowledge of VMs.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

KIB = 1 << 10
MIB = 1 << 20
GIB = 1 << 30
PAGE_SIZE = 4 * KIB
BLOCK_SIZE = 2 * MIB

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)


@dataclass(frozen=True, order=True)
class Range:
    """The addresses [base, base + size), in bytes; size may be 0 (an empty range)."""

    base: int
    size: int

    @property
    def end(self) -> int:
        """The first address behind the range."""
        return self.base + self.size

    def contains(self, other: Range) -> bool:
        """Whether every byte of `other` lies in this range."""
        return self.base <= other.base and other.end <= self.end

    def overlaps(self, other: Range) -> bool:
        """Whether the two have a byte in common."""
        return max(self.base, other.base) < min(self.end, other.end)

    def moved(self, offset: int) -> Range:
        """The same size at base + offset."""
        return Range(self.base + offset, self.size)

    def __str__(self) -> str:
        return f"[{self.base:#x}, {self.end:#x})"


@dataclass(frozen=True)
class Owned(Generic[T_co]):
    """A range and whose it is."""

    range: Range
    owner: T_co


def align_up(value: int, alignment: int) -> int:
    """The lowest multiple of `alignment` (any positive number) that is not below `value`."""
    return -(-value // alignment) * alignment


def align_down(value: int, alignment: int) -> int:
    """The highest multiple of `alignment` (any positive number) that is not above `value`."""
    return value // alignment * alignment


def merged(ranges: Iterable[Range]) -> list[Range]:
    """The same addresses as disjoint ranges, sorted by base, touching ones joined."""
    result: list[Range] = []
    for item in sorted(ranges):
        if item.size == 0:
            continue
        if result and item.base <= result[-1].end:
            last = result[-1]
            result[-1] = Range(last.base, max(last.end, item.end) - last.base)
        else:
            result.append(item)
    return result


def holes(space: Iterable[Range], used: Iterable[Range]) -> list[Range]:
    """What is left of `space` without `used`: disjoint ranges, sorted by base."""
    result: list[Range] = []
    taken = merged(used)
    first = 0
    for area in merged(space):
        while first < len(taken) and taken[first].end <= area.base:
            first += 1
        base = area.base
        for item in taken[first:]:
            if item.base >= area.end:
                break
            if item.base > base:
                result.append(Range(base, item.base - base))
            base = max(base, item.end)
        if base < area.end:
            result.append(Range(base, area.end - base))
    return result


def subtracted(area: Range, used: Iterable[Range]) -> list[Range]:
    """The parts of `area` that no range of `used` covers, sorted by base."""
    return holes([area], used)


def first_fit(free: Sequence[Range], size: int, alignment: int) -> int | None:
    """The lowest aligned base at which `size` bytes fit into one of the free ranges, or None."""
    for hole in free:
        base = align_up(hole.base, alignment)
        if base + size <= hole.end:
            return base
    return None


def nearest_fit(free: Sequence[Range], size: int, alignment: int, wish: int) -> int | None:
    """The aligned base nearest to `wish` at which `size` bytes fit, or None; of two, the lower."""
    best: int | None = None
    for hole in free:
        low = align_up(hole.base, alignment)
        high = align_down(hole.end - size, alignment)
        if high < low:
            continue
        base = min(max(align_down(wish, alignment), low), high)
        if best is None or abs(base - wish) < abs(best - wish):
            best = base
    return best


def overlapping(items: Iterable[Owned[T]]) -> Iterator[tuple[Owned[T], Owned[T]]]:
    """Pairs that share a byte, found by one sweep.

    Each item is paired with the item of the furthest end among those that begin before it: every
    item that collides with an earlier one appears in exactly one pair, as the second of it.  The
    order is that of the bases; equal bases keep the order of `items`.
    """
    furthest: Owned[T] | None = None
    for item in sorted(items, key=lambda owned: owned.range.base):
        if item.range.size == 0:
            continue
        if furthest is not None and item.range.base < furthest.range.end:
            yield furthest, item
        if furthest is None or item.range.end > furthest.range.end:
            furthest = item


def size_text(size: int) -> str:
    """A size as a person writes it: "256 MiB", "4 KiB", "513 bytes"."""
    for unit, name in ((GIB, "GiB"), (MIB, "MiB"), (KIB, "KiB")):
        if size >= unit and size % unit == 0:
            return f"{size // unit} {name}"
    return f"{size} bytes" if size != 1 else "1 byte"

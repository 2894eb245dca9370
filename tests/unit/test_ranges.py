# SPDX-License-Identifier: Apache-2.0
"""gen/ranges.py, against the definition: sets of single addresses."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from gen.ranges import (
    Owned,
    Range,
    align_down,
    align_up,
    first_fit,
    holes,
    merged,
    nearest_fit,
    overlapping,
    size_text,
    subtracted,
)

_ranges = st.lists(st.builds(Range, st.integers(0, 60), st.integers(0, 20)), max_size=8)


def addresses(ranges: list[Range]) -> set[int]:
    return {address for item in ranges for address in range(item.base, item.end)}


@given(_ranges)
def test_merged(ranges: list[Range]) -> None:
    result = merged(ranges)
    assert addresses(result) == addresses(ranges)
    assert all(a.end < b.base for a, b in pairwise(result))


@given(_ranges, _ranges)
def test_holes(space: list[Range], used: list[Range]) -> None:
    result = holes(space, used)
    assert addresses(result) == addresses(space) - addresses(used)
    assert all(a.end <= b.base for a, b in pairwise(result))


@given(st.builds(Range, st.integers(0, 60), st.integers(0, 20)), _ranges)
def test_subtracted(area: Range, used: list[Range]) -> None:
    assert addresses(subtracted(area, used)) == addresses([area]) - addresses(used)


@given(_ranges)
def test_overlapping_names_every_range_that_collides_with_an_earlier_one(
    ranges: list[Range],
) -> None:
    items = [Owned(item, number) for number, item in enumerate(ranges)]
    pairs = list(overlapping(items))
    assert all(a.range.overlaps(b.range) for a, b in pairs)
    order = sorted((item for item in items if item.range.size), key=lambda item: item.range.base)
    late = {
        item.owner
        for number, item in enumerate(order)
        if any(item.range.overlaps(other.range) for other in order[:number])
    }
    assert [b.owner for _, b in pairs] == [item.owner for item in order if item.owner in late]


@given(_ranges, st.integers(1, 12), st.sampled_from([1, 2, 4]), st.integers(0, 80))
def test_fits(ranges: list[Range], size: int, alignment: int, wish: int) -> None:
    free = merged(ranges)
    fitting = [
        base
        for base in range(0, 100, alignment)
        if any(item.contains(Range(base, size)) for item in free)
    ]
    assert first_fit(free, size, alignment) == (fitting[0] if fitting else None)
    found = nearest_fit(free, size, alignment, wish)
    if not fitting:
        assert found is None
        return
    assert found in fitting
    # Nearest up to the alignment of the wish itself.
    assert abs(found - wish) < min(abs(base - wish) for base in fitting) + alignment


@given(st.integers(0, 10**6), st.integers(1, 5000))
def test_alignment(value: int, alignment: int) -> None:
    down, up = align_down(value, alignment), align_up(value, alignment)
    assert down <= value <= up
    assert down % alignment == up % alignment == 0
    assert up - down in (0, alignment)


def test_size_text() -> None:
    sizes = {1: "1 byte", 513: "513 bytes", 4096: "4 KiB", 3 << 20: "3 MiB", 1 << 30: "1 GiB"}
    assert {size: size_text(size) for size in sizes} == sizes


def test_range_text() -> None:
    assert str(Range(0x4000_0000, 0x1000)) == "[0x40000000, 0x40001000)"

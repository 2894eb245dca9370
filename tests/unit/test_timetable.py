# SPDX-License-Identifier: Apache-2.0
"""gen/schedule/timetable: by hand, by counting microseconds, and against a scheduler."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gen.schedule.timetable import (
    ALWAYS,
    NEVER,
    Interval,
    Segment,
    Timetable,
    gap_at_switch,
    in_turns,
    worst_at_switch,
)
from gen.schedule.words import share_text, time_text

ONE = Timetable(10, (Segment(0, 3),))
TWO = Timetable(10, (Segment(0, 2), Segment(5, 1)))
SHARED = Timetable(100, (Segment(0, 40, sharers=2, slice=10),))


def test_one_window() -> None:
    assert ONE.share == Fraction(3, 10)
    assert ONE.gap() == Interval(3, 7, 0)
    assert [ONE.least(time) for time in (0, 7, 8, 10, 13, 17, 18, 20)] == [0, 0, 1, 3, 3, 3, 4, 6]


def test_two_windows() -> None:
    assert TWO.share == Fraction(3, 10)
    assert TWO.gap() == Interval(6, 4, 0)
    # Of 5, [6, 11) has 1; of 7 and 8, [2, 10) is worse than any that begins in the longest gap.
    assert [TWO.least(time) for time in (4, 5, 7, 8, 9, 10)] == [0, 1, 1, 1, 2, 3]
    assert TWO.worst(8) == Interval(2, 8, 1)


def test_gap_over_the_end_of_the_frame() -> None:
    table = Timetable(10, (Segment(2, 1), Segment(4, 1)))
    assert table.gap() == Interval(5, 7, 0)
    assert table.gap().end == 12  # type: ignore[union-attr]


def test_gap_that_begins_with_the_frame() -> None:
    assert Timetable(10, (Segment(6, 4),)).gap() == Interval(0, 6, 0)


def test_window_that_goes_on_in_the_next_frame() -> None:
    table = Timetable(10, (Segment(0, 2), Segment(7, 3)))
    assert table.gap() == Interval(2, 5, 0)
    assert table.least(10) == 5


def test_shared_window() -> None:
    # Its turn comes for certain in two of the four slices, but not before the other's.
    assert SHARED.share == Fraction(1, 5)
    assert SHARED.gap() == Interval(30, 80, 0)
    assert [SHARED.least(time) for time in (80, 81, 90, 100)] == [0, 1, 10, 10]
    assert SHARED.least(200) == 30


def test_shared_window_without_a_turn() -> None:
    # As long as a slice: who is second in each window never runs.
    table = Timetable(100, (Segment(0, 10, sharers=2, slice=10),))
    assert table.share == 0
    assert table.gap() is None
    assert table.least(1000) == 0


def test_round_robin() -> None:
    table = in_turns(3, 10)
    assert table.share == Fraction(1, 3)
    gap = table.gap()
    assert gap is not None
    assert gap.length == 20
    assert [table.least(time) for time in (20, 25, 30, 50, 55)] == [0, 5, 10, 10, 15]
    assert in_turns(1, 10) == ALWAYS


def test_extremes() -> None:
    assert ALWAYS.share == 1
    assert ALWAYS.least(7) == 7
    assert ALWAYS.gap() == Interval(0, 0, 0)
    assert NEVER.share == 0
    assert NEVER.least(7) == 0
    assert NEVER.gap() is None


def test_switch_between_tables() -> None:
    early, late = Timetable(10, (Segment(0, 5),)), Timetable(20, (Segment(10, 10),))
    assert gap_at_switch(early, late) == 15
    assert gap_at_switch(late, early) == 0
    assert gap_at_switch(early, NEVER) is None
    assert [worst_at_switch(early, late, time) for time in (15, 16, 20, 25)] == [0, 1, 5, 5]
    assert worst_at_switch(late, early, 10) == 5


@pytest.mark.parametrize(
    ("microseconds", "text"),
    [(0, "0 us"), (3000, "3 ms"), (2500, "2500 us"), (2_000_000, "2 s"), (1, "1 us")],
)
def test_time_text(microseconds: int, text: str) -> None:
    assert time_text(microseconds) == text


def test_share_text() -> None:
    shares = (Fraction(1, 4), Fraction(1, 3), Fraction(1), Fraction(0), Fraction(2, 3))
    texts = ["25 %", "33.33 %", "100 %", "0 %", "66.66 %"]
    assert [share_text(share) for share in shares] == texts
    assert share_text(Fraction(2, 3), up=True) == "66.67 %"


# ---- properties ----------------------------------------------------------------------------------


@st.composite
def timetables(draw: st.DrawFn, sharers: int = 1) -> Timetable:
    """Small ones, of integers that can be counted."""
    lengths = draw(st.lists(st.integers(1, 6), min_size=1, max_size=9))
    at = 0
    segments = []
    for number, length in enumerate(lengths):
        if number % 2 == draw(st.integers(0, 1)):
            count = draw(st.integers(1, sharers))
            turn = draw(st.integers(1, 3)) if count > 1 else 0
            segments.append(Segment(at, length, count, turn))
        at += length
    return Timetable(at, tuple(segments))


exclusive = timetables()
shared = timetables(sharers=3)
times = st.integers(0, 120)
long_times = st.integers(0, 600)


@given(exclusive, times)
def test_least_is_what_counting_says(table: Timetable, time: int) -> None:
    owned = [
        any(item.start <= at % table.frame < item.end for item in table.segments)
        for at in range(2 * table.frame + time)
    ]
    counted = min(sum(owned[start : start + time]) for start in range(table.frame))
    assert table.least(time) == counted


@given(shared, times)
def test_least_is_monotone_and_no_faster_than_time(table: Timetable, time: int) -> None:
    assert 0 <= table.least(time + 1) - table.least(time) <= 1


@given(shared, times, times)
def test_least_of_two_intervals_is_no_more_than_of_both(
    table: Timetable, one: int, two: int
) -> None:
    assert table.least(one) + table.least(two) <= table.least(one + two)


@given(exclusive, st.integers(1, 4))
def test_least_of_whole_frames_is_the_share(table: Timetable, frames: int) -> None:
    assert table.least(frames * table.frame) == table.share * table.frame * frames


@given(shared, st.integers(1, 4))
def test_least_never_exceeds_the_share(table: Timetable, frames: int) -> None:
    assert table.least(frames * table.frame) <= table.share * table.frame * frames


@given(shared)
def test_gap_is_the_longest_time_without_supply(table: Timetable) -> None:
    gap = table.gap()
    if gap is None:
        assert table.least(10 * table.frame) == 0
        return
    assert table.least(gap.length) == 0
    assert table.least(gap.length + 1) == 1
    assert table.supply(gap.start, gap.end) == 0
    assert 0 <= gap.start < table.frame


@given(shared, times)
def test_worst_interval_is_an_example(table: Timetable, time: int) -> None:
    worst = table.worst(time)
    assert table.supply(worst.start, worst.end) == worst.supply
    assert 0 <= worst.start < table.frame


@given(exclusive, exclusive, long_times)
def test_worst_at_switch_is_what_counting_says(
    before: Timetable, after: Timetable, time: int
) -> None:
    counted = min(
        before.supply(-part, 0) + after.supply(0, time - part) for part in range(time + 1)
    )
    assert worst_at_switch(before, after, time) == counted
    gap = gap_at_switch(before, after)
    if gap is not None:
        assert worst_at_switch(before, after, gap) == 0
        assert worst_at_switch(before, after, gap - 1 if gap else 0) == 0


@given(exclusive)
def test_switch_to_the_same_table_is_no_switch(table: Timetable) -> None:
    gap = table.gap()
    at_switch = gap_at_switch(table, table)
    if gap is not None:
        assert at_switch is not None
        assert at_switch <= gap.length


@given(shared, st.data())
def test_scheduler_gives_at_least_that(table: Timetable, data: st.DataObject) -> None:
    """Round robin as in runtime/sched.c, with siblings that come and go as they like.

    The vCPU looked at is slot 0, and always ready; who is first in a window is anybody.
    """
    ran: list[bool] = []
    for frame in range(3):
        for item in (*table.segments, Segment(table.frame, 0)):
            ran += [False] * (frame * table.frame + item.start - len(ran))
            running = data.draw(st.integers(0, item.sharers - 1))
            left = item.slice
            for _ in range(item.length):
                ready = {0} | {n for n in range(1, item.sharers) if data.draw(st.booleans())}
                if item.sharers > 1 and (left == 0 or running not in ready):
                    ring = [(running + step) % item.sharers for step in range(1, item.sharers + 1)]
                    running = next(n for n in ring if n in ready)
                    left = item.slice
                ran.append(running == 0)
                left -= 1
    for length in range(1, len(ran)):
        fewest = min(sum(ran[at : at + length]) for at in range(len(ran) - length + 1))
        assert fewest >= table.least(length)

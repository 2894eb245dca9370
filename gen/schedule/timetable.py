# SPDX-License-Identifier: Apache-2.0
"""When a CPU is a vCPU's, frame after frame, and what that guarantees.

A timetable lists the parts of a frame that are a vCPU's own; it repeats for ever.  Everything that
is asked of it is about the worst place in it, so the answers hold for every moment of a run:

    share       of the CPU's time, in the long run
    gap         the longest time without the CPU (blackout)
    least(t)    the least time on the CPU in any interval of length t: the supply bound function of
                real-time theory, sbf(t) (Shin and Lee, "Periodic resource model for compositional
                real-time guarantees", RTSS 2003), here exact for the given windows

A segment that several vCPUs share in turn counts for each only as far as it is sure: one that has
just missed its turn waits until every other one has used up a whole slice.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from itertools import accumulate
from math import lcm


@dataclass(frozen=True)
class Segment:
    """A part of the frame, [start, start + length), in which a vCPU can run.

    sharers: vCPUs that take turns in it, this one included.  slice: of one turn, if there are more.
    """

    start: int
    length: int
    sharers: int = 1
    slice: int = 0

    @property
    def end(self) -> int:
        """Where it ends."""
        return self.start + self.length

    @property
    def wait(self) -> int:
        """The longest wait for a turn: what all the others take together."""
        return (self.sharers - 1) * self.slice

    def least(self, time: int) -> int:
        """What is sure of any `time` microseconds within the segment."""
        if self.sharers == 1:
            return time
        rounds, rest = divmod(time, self.sharers * self.slice)
        return rounds * self.slice + max(0, rest - self.wait)

    @property
    def corners(self) -> range:
        """The times at which `least` begins to rise."""
        if self.sharers == 1:
            return range(1)
        return range(self.wait, self.length + 1, self.sharers * self.slice)


@dataclass(frozen=True)
class Interval:
    """An interval of the worst kind.  start: in the frame.  supply: time on the CPU within it."""

    start: int
    length: int
    supply: int

    @property
    def end(self) -> int:
        """Where it ends; beyond the frame's end if it goes on in the next one."""
        return self.start + self.length


@dataclass(frozen=True)
class Timetable:
    """Segments of a frame, sorted, disjoint, within [0, frame).  frame: more than 0."""

    frame: int
    segments: tuple[Segment, ...]

    @property
    def share(self) -> Fraction:
        """The part of the CPU that is sure in the long run."""
        return Fraction(self._sums[-1], self.frame)

    def gap(self) -> Interval | None:
        """The longest time without the CPU, of several the first; None if it never ends."""
        sure = [item for item in self.segments if item.length > item.wait]
        if not sure:
            return None
        gaps = []
        for one, two in zip(sure, (*sure[1:], sure[0]), strict=True):
            begin, end = one.end - one.wait, two.start + two.wait
            end += self.frame if two is sure[0] else 0
            gaps.append(Interval(begin % self.frame, end - begin, 0))
        return max(gaps, key=lambda item: item.length)

    def supply(self, start: int, end: int) -> int:
        """What is sure of [start, end); any times, start <= end.

        Each segment is taken at its worst by itself.
        """
        first, head = divmod(start, self.frame)
        last, tail = divmod(end, self.frame)
        if first == last:
            return self._within(head, tail)
        whole = (last - first - 1) * self._sums[-1]
        return self._within(head, self.frame) + whole + self._within(0, tail)

    # The same for times of one frame.
    def _within(self, head: int, tail: int) -> int:
        one = bisect_right(self._ends, head)
        two = bisect_left(self._starts, tail) - 1
        if one > two:
            return 0
        first, last = self.segments[one], self.segments[two]
        begin, stop = max(head, first.start), min(tail, last.end)
        if one == two:
            return first.least(stop - begin)
        between = self._sums[two] - self._sums[one + 1]
        return first.least(first.end - begin) + between + last.least(stop - last.start)

    @cached_property
    def _starts(self) -> list[int]:
        return [item.start for item in self.segments]

    @cached_property
    def _ends(self) -> list[int]:
        return [item.end for item in self.segments]

    # What is sure of the first n segments.
    @cached_property
    def _sums(self) -> list[int]:
        return [0, *accumulate(item.least(item.length) for item in self.segments)]

    def worst(self, length: int) -> Interval:
        """The interval of that length with the least supply, of several the first.

        Supply over a sliding interval is made of straight pieces.  It can only turn from falling to
        rising where the interval's begin leaves what a segment surely gives, or where its end
        comes to that: one of those places is the minimum.
        """
        starts = {0}
        for item in self.segments:
            for corner in item.corners:
                starts.add((item.end - corner) % self.frame)
                starts.add((item.start + corner - length) % self.frame)
        found = [
            Interval(start, length, self.supply(start, start + length)) for start in sorted(starts)
        ]
        return min(found, key=lambda item: item.supply)

    def least(self, length: int) -> int:
        """The least time on the CPU in any interval of that length."""
        return self.worst(length).supply


#: A CPU of one's own.
ALWAYS = Timetable(1, (Segment(0, 1),))

#: No guarantee at all.
NEVER = Timetable(1, ())


def in_turns(sharers: int, slice_us: int) -> Timetable:
    """Round robin among vCPUs of one priority and none above: the worst is a fixed cycle of turns.

    Who has just missed a turn waits until every other one has used up its slice.
    """
    return Timetable(sharers * slice_us, (Segment(0, slice_us),)) if sharers > 1 else ALWAYS


def gap_at_switch(before: Timetable, after: Timetable) -> int | None:
    """The longest time without the CPU across a frame's end where another timetable takes over.

    None if one of them never gives the CPU.
    """
    last = [item for item in before.segments if item.length > item.wait]
    first = [item for item in after.segments if item.length > item.wait]
    if not last or not first:
        return None
    return before.frame - last[-1].end + last[-1].wait + first[0].start + first[0].wait


def worst_at_switch(before: Timetable, after: Timetable, length: int) -> int:
    """The least supply of any interval of that length that lies across such a frame's end.

    As in Timetable.worst, the minimum is where supply turns from falling to rising, at the begin
    of the interval or at its end.  Of two intervals that differ by a common multiple of the
    frames, the difference is a multiple of that of the shares: the first or the last is the worst.
    """
    span = lcm(before.frame, after.frame)
    parts = {0, length}
    for item in before.segments:
        for corner in item.corners:
            parts |= _repeated(before.frame - item.end + corner, before.frame, length, span)
    for item in after.segments:
        for corner in item.corners:
            rests = _repeated(item.start + corner, after.frame, length, span)
            parts |= {length - rest for rest in rests}
    return min(before.supply(-part, 0) + after.supply(0, length - part) for part in parts)


# first, first + step, ... up to `length`, but only in the first and in the last `span` of it.
def _repeated(first: int, step: int, length: int, span: int) -> set[int]:
    later = first + max(0, -(-(length - span - first) // step)) * step
    return {
        *range(first, min(length, span) + 1, step),
        *range(later, length + 1, step),
    }

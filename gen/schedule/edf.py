# SPDX-License-Identifier: Apache-2.0
"""Reservations to the slots of one CPU's frame: earliest deadline first, then fewer switches.

Earliest deadline first meets every deadline on one CPU that can be met at all, and with deadlines
at the ends of the periods that is up to a load of 1 (Liu and Layland, 1973).  Of equal deadlines
the shorter period comes first; with harmonic periods (gen/schedule/reserve.py) the schedule is then
the same in every period of each reservation, which is what their requests rely on.

Afterwards slots of the same vCPU are joined where a neighbour can move out from between them, as
long as every request is still satisfied, which is asked of the timetables themselves.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from gen.schedule.request import Request
from gen.schedule.reserve import Reservation
from gen.schedule.timetable import Segment, Timetable

# A CPU with more slots than this is left as it is.
_JOINED_AT_MOST = 200


@dataclass(frozen=True)
class Slot:
    """A piece of the frame.  owner: index of the reservation; None for nobody."""

    owner: int | None
    length: int


def frame_of(reservations: Sequence[Reservation]) -> int:
    """The frame of harmonic reservations: the longest period."""
    return max(item.period for item in reservations)


def slots(reservations: Sequence[Reservation]) -> tuple[Slot, ...]:
    """The frame of one CPU, without gaps.

    Args:
        reservations: of harmonic periods, with a load of at most 1; at least one.
    """
    requests = [item.request for item in reservations]
    return _joined(_earliest_deadline_first(reservations), requests)


def timetable(slots: Sequence[Slot], owner: int) -> Timetable:
    """When the CPU is one owner's."""
    at = 0
    segments = []
    for slot in slots:
        if slot.owner == owner:
            segments.append(Segment(at, slot.length))
        at += slot.length
    return Timetable(at, tuple(segments))


def _earliest_deadline_first(reservations: Sequence[Reservation]) -> tuple[Slot, ...]:
    frame = frame_of(reservations)
    remaining = [0] * len(reservations)
    result: list[Slot] = []
    now = 0
    while now < frame:
        for index, item in enumerate(reservations):
            if now % item.period == 0:
                assert remaining[index] == 0, "a deadline is missed: the load is above 1"
                remaining[index] = item.time
        following = min(now - now % item.period + item.period for item in reservations)
        ready = [index for index in range(len(reservations)) if remaining[index]]
        if ready:
            owner = min(ready, key=lambda index: _rank(reservations[index], now))
            length = min(remaining[owner], following - now)
            remaining[owner] -= length
            result.append(Slot(owner, length))
        else:
            length = following - now
            result.append(Slot(None, length))
        now += length
    return _merged(result)


# The end of the current period is the deadline.
def _rank(item: Reservation, now: int) -> tuple[int, int]:
    return now - now % item.period + item.period, item.period


def _merged(slots: Sequence[Slot]) -> tuple[Slot, ...]:
    result: list[Slot] = []
    for slot in slots:
        if result and result[-1].owner == slot.owner:
            result[-1] = Slot(slot.owner, result[-1].length + slot.length)
        else:
            result.append(slot)
    return tuple(result)


# Tries every pair of a vCPU's slots that follow each other, from the first on, until none can be
# joined any more.
def _joined(slots: tuple[Slot, ...], requests: Sequence[Request]) -> tuple[Slot, ...]:
    first = 0
    while first < len(slots) <= _JOINED_AT_MOST:
        better = _joined_at(slots, first, requests)
        if better is None:
            first += 1
        else:
            slots, first = better, 0
    return slots


# The slots with the one at `first` joined to the owner's next one, or None.
def _joined_at(
    slots: tuple[Slot, ...], first: int, requests: Sequence[Request]
) -> tuple[Slot, ...] | None:
    owner = slots[first].owner
    second = next((n for n in range(first + 1, len(slots)) if slots[n].owner == owner), None)
    if second is None or owner is None:
        return None
    one, between, two = slots[first], slots[first + 1 : second], slots[second]
    for middle in ((one, two, *between), (*between, one, two)):
        trial = _merged((*slots[:first], *middle, *slots[second + 1 :]))
        moved = {slot.owner for slot in middle if slot.owner is not None}
        if len(trial) < len(slots) and all(
            requests[index].is_satisfied(timetable(trial, index)) for index in moved
        ):
            return trial
    return None

# SPDX-License-Identifier: Apache-2.0
"""A plan for all planned CPUs of a system, from what the vCPUs ask for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from math import lcm

from gen.schedule.edf import Slot, frame_of, slots, timetable
from gen.schedule.request import LEAST_WINDOW_US, Request
from gen.schedule.reserve import Reservation, reservations
from gen.schedule.timetable import Timetable
from gen.schedule.words import share_text, time_text

#: A plan beyond these is not proposed.
LONGEST_FRAME_US = 1_000_000
MOST_WINDOWS = 1_000
#: Up to so many windows, CPUs keep periods of their own.
EASY_WINDOWS = 64


@dataclass(frozen=True)
class Window:
    """A window of the proposal; times from the begin of the frame."""

    cpu: int
    vm: str
    vcpu: int
    start: int
    length: int


@dataclass(frozen=True)
class Proposal:
    """A plan.  windows: by CPU and time.  timetables: what each request gets, by CPU."""

    frame: int
    windows: tuple[Window, ...]
    timetables: tuple[tuple[int, Request, Timetable], ...]


class Infeasible(Exception):  # noqa: N818 (it is an answer, not a failure)
    """There is no plan; the message says why, `cpu` where (None: everywhere)."""

    def __init__(self, cpu: int | None, message: str) -> None:
        super().__init__(message)
        self.cpu = cpu


def propose(requests: Mapping[int, Sequence[Request]]) -> Proposal:
    """A plan that satisfies all requests.

    CPUs are planned one by one, and the frame is the least common multiple of theirs; where that
    makes a long plan, all of them take their periods from one chain, if that makes a shorter one.
    Windows begin and end at whole multiples of the shortest useful window, so that none is shorter;
    only if the load does not leave room for that, at any microsecond.

    Args:
        requests: of each planned CPU, at least one.

    Raises:
        Infeasible: a CPU is overloaded, or no plan was found.
    """
    for cpu, items in requests.items():
        _check_load(cpu, items)
    cpus = list(requests)
    for quantum in (LEAST_WINDOW_US, 1):
        alone = _planned(requests, [[cpu] for cpu in cpus], quantum)
        if alone is not None and len(alone.windows) <= EASY_WINDOWS:
            return alone
        common = _planned(requests, [cpus], quantum)
        found = [item for item in (alone, common) if item is not None]
        if found:
            return min(found, key=lambda item: len(item.windows))
    lost = [cpu for cpu in cpus if _planned({cpu: requests[cpu]}, [[cpu]], 1) is None]
    raise Infeasible(
        lost[0] if lost else None,
        "no plan was found whose windows are worth a switch: let periods be multiples of one"
        " another, or ask for less",
    )


# A plan in which the CPUs of each group have one chain of periods, or None.
def _planned(
    requests: Mapping[int, Sequence[Request]], groups: Sequence[Sequence[int]], quantum: int
) -> Proposal | None:
    found: dict[int, tuple[Reservation, ...]] = {}
    for group in groups:
        result = reservations([requests[cpu] for cpu in group], quantum)
        if result is None:
            return None
        found |= dict(zip(group, result, strict=True))
    return _proposal(found)


def _check_load(cpu: int, items: Sequence[Request]) -> None:
    for item in items:
        if item.gap is not None and item.gap < 0:
            raise Infeasible(
                cpu,
                f'vm "{item.vm}": its max-latency is shorter than an exit by'
                f" {time_text(-item.gap)}",
            )
    load = sum((item.density for item in items), Fraction(0))
    if load > 1:
        raise Infeasible(
            cpu,
            f"CPU {cpu} is overloaded: its vCPUs ask for {share_text(load, up=True)} of it,"
            f" {share_text(load - 1, up=True)} too much",
        )


# None if it would be out of measure, or had a window that is too short.
def _proposal(found: Mapping[int, tuple[Reservation, ...]]) -> Proposal | None:
    frame = lcm(*(frame_of(items) for items in found.values()))
    if frame > LONGEST_FRAME_US and frame > max(frame_of(items) for items in found.values()):
        return None
    if sum(frame // item.period for items in found.values() for item in items) > MOST_WINDOWS:
        return None
    windows: list[Window] = []
    tables: list[tuple[int, Request, Timetable]] = []
    for cpu, items in found.items():
        plan = slots(items)
        repeated = plan * (frame // frame_of(items))
        windows += _windows(cpu, repeated, items)
        for index, item in enumerate(items):
            table = timetable(plan, index)
            if not item.request.is_satisfied(table):
                return None
            tables.append((cpu, item.request, table))
    if any(window.length < LEAST_WINDOW_US for window in windows):
        return None
    return Proposal(frame, tuple(windows), tuple(tables))


def _windows(cpu: int, plan: Sequence[Slot], items: Sequence[Reservation]) -> list[Window]:
    result: list[Window] = []
    at = 0
    for slot in plan:
        if slot.owner is not None:
            request = items[slot.owner].request
            last = result[-1] if result else None
            if last and (last.vm, last.vcpu) == (request.vm, request.vcpu) and _end(last) == at:
                # The frame was repeated: the end of one goes on in the next.
                result[-1] = Window(cpu, last.vm, last.vcpu, last.start, last.length + slot.length)
            else:
                result.append(Window(cpu, request.vm, request.vcpu, at, slot.length))
        at += slot.length
    return result


def _end(window: Window) -> int:
    return window.start + window.length

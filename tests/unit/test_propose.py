# SPDX-License-Identifier: Apache-2.0
"""gen/schedule/propose and what it is made of: plans give what was asked for, or there is none."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fractions import Fraction
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gen.schedule.edf import Slot, slots
from gen.schedule.propose import Infeasible, Proposal, Window, propose
from gen.schedule.request import LEAST_WINDOW_US, Request
from gen.schedule.reserve import Reservation, reservations
from gen.schedule.timetable import Segment, Timetable

MS = 1_000


def asked(vm: str, period: int, budget: int) -> Request:
    return Request(vm, 0, period=period * MS, budget=budget * MS)


def timetable_of(proposal: Proposal, cpu: int, request: Request) -> Timetable:
    """From the windows alone, as a system file would have them."""
    mine = [
        Segment(item.start, item.length)
        for item in proposal.windows
        if (item.cpu, item.vm, item.vcpu) == (cpu, request.vm, request.vcpu)
    ]
    return Timetable(proposal.frame, tuple(mine))


def check(proposal: Proposal, requests: Mapping[int, Sequence[Request]]) -> None:
    for cpu, items in requests.items():
        windows = [item for item in proposal.windows if item.cpu == cpu]
        assert all(one.start + one.length <= two.start for one, two in pairwise(windows))
        assert windows[-1].start + windows[-1].length <= proposal.frame
        assert all(item.length >= LEAST_WINDOW_US for item in windows)
        for request in items:
            table = timetable_of(proposal, cpu, request)
            assert request.is_satisfied(table)
            if request.period:
                assert table.least(request.period) >= request.budget
            if request.gap is not None:
                gap = table.gap()
                assert gap is not None
                assert gap.length <= request.gap


def test_two_harmonic_requests() -> None:
    proposal = propose({1: [asked("fast", 10, 3), asked("slow", 20, 5)]})
    assert proposal.frame == 20 * MS
    assert proposal.windows == (
        Window(1, "fast", 0, 0, 3 * MS),
        Window(1, "slow", 0, 3 * MS, 5 * MS),
        Window(1, "fast", 0, 10 * MS, 3 * MS),
    )


def test_full_load() -> None:
    requests = {0: [asked("a", 10, 5), asked("b", 20, 5), asked("c", 40, 10)]}
    proposal = propose(requests)
    check(proposal, requests)
    assert sum(item.length for item in proposal.windows) == proposal.frame == 40 * MS


def test_earliest_deadline_first_on_periods_that_are_not_harmonic_would_not_do() -> None:
    # Served in [0, 3) and [17, 20), with deadlines at 10 and 20: out for 14 in between.
    table = Timetable(20 * MS, (Segment(0, 3 * MS), Segment(17 * MS, 3 * MS)))
    assert table.least(10 * MS) == 0
    requests = {0: [asked("a", 10, 3), asked("b", 15, 6)]}
    check(propose(requests), requests)


def test_slots_are_joined_where_requests_allow() -> None:
    # Without joining, "slow" is cut in two by the second turn of "fast".
    wide = Request("fast", 0, period=20 * MS, budget=4 * MS)
    items = [
        Reservation(wide, 10 * MS, 2 * MS),
        Reservation(asked("slow", 20, 10), 20 * MS, 10 * MS),
    ]
    assert slots(items) == (
        Slot(0, 4 * MS),
        Slot(1, 10 * MS),
        Slot(None, 6 * MS),
    )


def test_slots_are_not_joined_where_that_breaks_a_request() -> None:
    items = [
        Reservation(asked("fast", 10, 2), 10 * MS, 2 * MS),
        Reservation(asked("slow", 20, 10), 20 * MS, 10 * MS),
    ]
    assert [item.owner for item in slots(items)] == [0, 1, 0, 1, None]


def test_rest_goes_to_who_asks_for_nothing() -> None:
    requests = {2: [asked("rt", 10, 4), Request("linux", 0), Request("linux", 1)]}
    proposal = propose(requests)
    check(proposal, requests)
    shares = [table.share for _, _, table in proposal.timetables]
    assert shares == [Fraction(4, 10), Fraction(3, 10), Fraction(3, 10)]


def test_gap_alone() -> None:
    requests = {0: [Request("quick", 0, gap=4_900), asked("slow", 50, 20)]}
    proposal = propose(requests)
    check(proposal, requests)
    # It does not say how much it needs, so it has what "slow" leaves.
    assert sum(item.length for item in proposal.windows) == proposal.frame


def test_periods_divide_what_is_asked() -> None:
    # 7.8 ms, twice the shortest gap, would be fewer turns, but 5 ms cost "rt" nothing.
    linux = Request("linux", 0, gap=3_900)
    rt = Request("rt", 0, period=10 * MS, budget=3 * MS, gap=4_900)
    requests = {0: [linux, rt], 1: [linux]}
    proposal = propose(requests)
    check(proposal, requests)
    assert proposal.frame == 5 * MS
    assert [item.length for item in proposal.windows] == [3_500, 1_500, 5 * MS]


def test_share_alone() -> None:
    requests = {0: [Request("half", 0, share=Fraction(1, 2)), asked("rt", 8, 4)]}
    proposal = propose(requests)
    check(proposal, requests)
    assert proposal.frame == 8 * MS


def test_cpus_have_one_frame() -> None:
    requests = {1: [asked("a", 10, 3)], 3: [asked("b", 15, 5), asked("c", 30, 9)]}
    proposal = propose(requests)
    check(proposal, requests)
    assert proposal.frame == 30 * MS
    assert [item.start for item in proposal.windows if item.cpu == 1] == [0, 10 * MS, 20 * MS]


def test_cpus_whose_periods_have_nothing_in_common() -> None:
    requests = {
        1: [Request("a", 0, period=10_007, budget=2_000)],
        2: [Request("b", 0, period=10_009, budget=2_000)],
    }
    proposal = propose(requests)
    check(proposal, requests)
    assert proposal.frame <= 1_000_000


def test_overload_is_named() -> None:
    with pytest.raises(Infeasible) as refused:
        propose({0: [asked("a", 10, 3)], 1: [asked("b", 10, 8), asked("c", 20, 5)]})
    assert refused.value.cpu == 1
    assert str(refused.value) == (
        "CPU 1 is overloaded: its vCPUs ask for 105 % of it, 5 % too much"
    )


def test_no_room_for_useful_windows() -> None:
    # 97 % of the CPU, but only 100 us are common to the periods: windows of 67 and 30 us.
    requests = {
        0: [
            Request("a", 0, period=300, budget=200),
            Request("b", 0, period=500, budget=150),
        ]
    }
    with pytest.raises(Infeasible, match="no plan was found") as refused:
        propose(requests)
    assert refused.value.cpu == 0


def test_least_time_of_a_reservation() -> None:
    request = asked("a", 10, 3)
    # 5 ms divide 10 ms: half the budget.  Of 4 ms, two are in any 10 ms, and at least 2 - (4 - T)
    # of a third: 1.5 ms each, of which the third gives nothing.
    assert request.least(10 * MS, 1) == 3 * MS
    assert request.least(5 * MS, 1) == 1_500
    assert request.least(4 * MS, 1) == 1_500
    # 7 ms: one whole, and T - 4 of the rest; or all of one.
    assert request.least(7 * MS, 1) == 3 * MS
    assert Request("b", 0, gap=2 * MS).least(5 * MS, 1) == 3 * MS
    assert Request("c", 0, share=Fraction(1, 3)).least(1 * MS, 1) == 334
    assert Request("c", 0, share=Fraction(1, 3)).least(1 * MS, 100) == 400


def test_harmonic_periods() -> None:
    found = reservations([[asked("a", 10, 1), asked("b", 25, 1), asked("c", 60, 1)]], 100)
    assert found is not None
    periods = [item.period for item in found[0]]
    assert all(two % one == 0 for one, two in pairwise(periods))


# ---- properties ----------------------------------------------------------------------------------


@st.composite
def loads(draw: st.DrawFn, periods: st.SearchStrategy[int], most: Fraction) -> list[Request]:
    """Requests of one CPU with a load of `most` at the most; budgets of at least 100 us."""
    result: list[Request] = []
    left = most
    for number in range(draw(st.integers(1, 6))):
        period = draw(periods)
        room = int(left * period) // LEAST_WINDOW_US
        if room < 1:
            break
        budget = draw(st.integers(1, room)) * LEAST_WINDOW_US
        left -= Fraction(budget, period)
        result.append(Request(f"vm{number}", 0, period=period, budget=budget))
    return result or [Request("vm0", 0, period=10 * MS, budget=LEAST_WINDOW_US)]


harmonic = loads(st.sampled_from([5 * MS, 10 * MS, 20 * MS, 40 * MS, 200 * MS]), Fraction(1))
half = loads(st.integers(50, 500).map(lambda n: n * 100), Fraction(45, 100))
any_load = loads(st.integers(1, 60).map(lambda n: n * MS), Fraction(1))


@given(harmonic)
@settings(deadline=None)
def test_harmonic_requests_are_satisfied_up_to_full_load(requests: list[Request]) -> None:
    check(propose({0: requests}), {0: requests})


@given(half, half)
@settings(deadline=None)
def test_half_loads_are_satisfied_whatever_the_periods(
    one: list[Request], two: list[Request]
) -> None:
    requests = {0: one, 1: two}
    try:
        check(propose(requests), requests)
    except Infeasible:
        # Only a frame in common can be out of reach; each CPU by itself is not.
        check(propose({0: one}), {0: one})
        check(propose({1: two}), {1: two})


@given(any_load)
@settings(deadline=None)
def test_any_plan_satisfies_every_request(requests: list[Request]) -> None:
    try:
        proposal = propose({0: requests})
    except Infeasible:
        return
    check(proposal, {0: requests})


@given(harmonic, st.integers(1, 50))
@settings(deadline=None)
def test_overload_is_refused(requests: list[Request], excess: int) -> None:
    load = sum(Fraction(item.budget, item.period) for item in requests)
    rest = int((1 - load) * 100 * MS) + excess
    more = [*requests, Request("more", 0, period=100 * MS, budget=rest)]
    with pytest.raises(Infeasible, match="overloaded"):
        propose({0: more})

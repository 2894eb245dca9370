# SPDX-License-Identifier: Apache-2.0
"""Page tables: what the hardware finds in them is what was asked for, no more and no less."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gen.pagetables.arm_el2_stage1 import ArmEl2Stage1
from gen.pagetables.arm_stage2 import ArmStage2
from gen.pagetables.build import Mapping as Wanted
from gen.pagetables.build import Pool
from gen.pagetables.format import Access, Format, Memory
from gen.ranges import GIB, KIB, MIB, PAGE_SIZE, Range
from tests.unit import arm_walk

BASE = 0x4020_0000
Walk = Callable[[Mapping[int, int], int, int], arm_walk.Result | None]
WALKS: tuple[tuple[Format, Walk], ...] = (
    (ArmStage2(), arm_walk.stage2),
    (ArmEl2Stage1(), arm_walk.el2_stage1),
)
RW, RX, RO = Access(write=True), Access(execute=True), Access()
DEVICE = Access(write=True, memory=Memory.DEVICE)


def memory_of(pool: Pool) -> dict[int, int]:
    """The tables as the words that a CPU would read."""
    result = {}
    for table in pool.tables(BASE):
        for run in table.runs:
            for index, value in enumerate(run.values, run.first):
                assert index < table.entries
                address = table.address + 8 * index
                assert address not in result, "an entry is set twice"
                result[address] = value
    return result


def build(format_: Format, wanted: list[Wanted]) -> tuple[dict[int, int], int]:
    pool = Pool()
    number = pool.add(format_, "test", wanted)
    return memory_of(pool), pool.addresses(BASE)[number]


@st.composite
def maps(draw: st.DrawFn) -> list[Wanted]:
    """Disjoint mappings, of sizes and alignments round the block sizes; outputs may coincide."""
    result: list[Wanted] = []
    at = 0
    for number in range(draw(st.integers(1, 6))):
        gap = draw(st.sampled_from((0, PAGE_SIZE, 2 * MIB, 2 * MIB + PAGE_SIZE, GIB - 8 * KIB)))
        block = draw(st.sampled_from((PAGE_SIZE, 2 * MIB, GIB)))
        sizes = [draw(st.integers(1, 1200)) * PAGE_SIZE, 2 * MIB, 6 * MIB]
        if block == GIB:  # with smaller blocks such a size takes too many entries for a quick test
            sizes += [GIB, GIB + 2 * MIB]
        size = draw(st.sampled_from(sizes))
        base = at + gap
        output = draw(st.integers(0, 200)) * block + base % block
        access = draw(st.sampled_from((RW, RX, RO, DEVICE)))
        result.append(Wanted(Range(base, size), output, access, f"owner {number}"))
        at = base + size
    return result


def probes(wanted: list[Wanted]) -> list[int]:
    """Addresses worth a look: the edges of all ranges and of all blocks near them."""
    result = set()
    for item in wanted:
        for edge in (item.input.base, item.input.end):
            for span in (PAGE_SIZE, 2 * MIB, GIB):
                floor = edge // span * span
                result |= {edge - 1, edge, floor - 1, floor, floor + span - 1, floor + span}
        result.add(random.Random(item.input.base).randrange(item.input.base, item.input.end))
    return [address for address in result if 0 <= address < 1 << 39]


@pytest.mark.parametrize(("format_", "walk"), WALKS, ids=("stage2", "el2"))
@given(wanted=maps())
@settings(deadline=None, max_examples=60)
def test_both_ways(format_: Format, walk: Walk, wanted: list[Wanted]) -> None:
    memory, root = build(format_, wanted)
    for address in probes(wanted):
        found = walk(memory, root, address)
        item = next((item for item in wanted if item.input.contains(Range(address, 1))), None)
        if item is None:
            assert found is None, f"{address:#x} is mapped, nobody asked for it"
            continue
        assert found is not None, f"{address:#x} of {item.owner} is not mapped"
        assert found.output == item.output + address - item.input.base
        assert (found.read, found.write, found.execute, found.device) == (
            item.access.read,
            item.access.write,
            item.access.execute,
            item.access.memory is Memory.DEVICE,
        )
        assert found.shareable is (item.access.memory is Memory.NORMAL)
        assert found.span == largest_block(item, address)


def largest_block(item: Wanted, address: int) -> int:
    """The largest block round an address that lies in the mapping with both sides aligned."""
    for span in (GIB, 2 * MIB):
        block = Range(address // span * span, span)
        output = item.output + block.base - item.input.base
        if item.input.contains(block) and output % span == 0:
            return span
    return PAGE_SIZE


@given(wanted=maps())
@settings(deadline=None, max_examples=30)
def test_nothing_besides(wanted: list[Wanted]) -> None:
    """Counted from the entries: all leaves together cover exactly what was asked for."""
    pool = Pool()
    pool.add(ArmStage2(), "test", wanted)
    covered = 0
    for table in pool.tables(BASE):
        for run in table.runs:
            if "table" not in run.comment.split():
                covered += run.input.size
    assert covered == sum(item.input.size for item in wanted)


def test_equal_tables_are_shared() -> None:
    own = Wanted(Range(BASE, 64 * KIB), BASE, RX, "code")
    guest = Wanted(Range(0x8000_0000, 4 * MIB), 0x8000_0000, RW, "guest")
    pool = Pool()
    first = pool.add(ArmEl2Stage1(), "one", [own])
    alone = len(pool.addresses(0))
    second = pool.add(ArmEl2Stage1(), "two", [own, guest])
    # A root and the table for the guest's gigabyte; the code's two tables are the ones of before.
    assert len(pool.addresses(0)) == alone + 2
    memory = memory_of(pool)
    addresses = pool.addresses(BASE)
    for root in (first, second):
        found = arm_walk.el2_stage1(memory, addresses[root], BASE + PAGE_SIZE)
        assert found is not None and found.output == BASE + PAGE_SIZE
    assert arm_walk.el2_stage1(memory, addresses[first], 0x8000_0000) is None


def test_same_addresses_in_other_formats_are_not_shared() -> None:
    wanted = [Wanted(Range(BASE, 64 * KIB), BASE, RW, "data")]
    pool = Pool()
    assert pool.add(ArmEl2Stage1(), "one", wanted) != pool.add(ArmStage2(), "two", wanted)


def test_runs_name_their_owner_once() -> None:
    pool = Pool()
    pool.add(ArmStage2(), "guest", [Wanted(Range(4 * MIB, 8 * MIB), 16 * MIB, RW, "ram")])
    _, lower = pool.tables(BASE)
    assert lower.title == "guest: [0x0, 0x40000000)"
    (run,) = lower.runs
    assert (run.first, len(run.values)) == (2, 4)
    assert run.comment == "[0x400000, 0xc00000) -> 0x1000000 ram, rw-"


@pytest.mark.parametrize(("format_", "walk"), WALKS, ids=("stage2", "el2"))
def test_input_is_39_bits(format_: Format, walk: Walk) -> None:
    assert format_.input_bits == 39
    end = 1 << 39
    memory, root = build(format_, [Wanted(Range(end - PAGE_SIZE, PAGE_SIZE), 0, RW, "last")])
    found = walk(memory, root, end - 1)
    assert found is not None and found.output == PAGE_SIZE - 1
    with pytest.raises(AssertionError):
        build(format_, [Wanted(Range(end, PAGE_SIZE), 0, RW, "beyond")])
    with pytest.raises(AssertionError):
        build(format_, [Wanted(Range(0, PAGE_SIZE), 1 << 40, RW, "beyond")])


def test_the_hypervisor_has_no_writable_code() -> None:
    with pytest.raises(AssertionError):
        build(ArmEl2Stage1(), [Wanted(Range(0, PAGE_SIZE), 0, Access(True, True), "both")])

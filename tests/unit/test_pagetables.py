# SPDX-License-Identifier: Apache-2.0
"""Page tables: what the hardware finds in them is what was asked for, no more and no less."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gen.pagetables.amd_npt import AmdNpt
from gen.pagetables.arm_el2_stage1 import ArmEl2Stage1
from gen.pagetables.arm_stage2 import ArmStage2
from gen.pagetables.build import Mapping as Wanted
from gen.pagetables.build import Pool, pages
from gen.pagetables.format import Access, Format, Memory
from gen.pagetables.riscv_sv39 import RiscvSv39
from gen.pagetables.riscv_sv39x4 import RiscvSv39x4
from gen.pagetables.riscv_sv48x4 import RiscvSv48x4
from gen.pagetables.x86_long import X86Long
from gen.ranges import GIB, KIB, MIB, PAGE_SIZE, Range
from tests.unit import arm_walk, riscv_walk, x86_walk
from tests.unit.walk import Result

BASE = 0x4020_0000  # of the tables: a multiple of the largest
Walk = Callable[[Mapping[int, int], int, int], Result | None]
WALKS: tuple[tuple[Format, Walk, int], ...] = (
    (ArmStage2(), arm_walk.stage2, 39),
    (ArmEl2Stage1(), arm_walk.el2_stage1, 39),
    (RiscvSv39x4(), riscv_walk.sv39x4, 41),
    (RiscvSv48x4(), riscv_walk.sv48x4, 50),
    (RiscvSv39(), riscv_walk.sv39, 38),
    (AmdNpt(), x86_walk.nested, 48),
    (X86Long(), x86_walk.long_mode, 47),
)
each_format = pytest.mark.parametrize(
    ("format_", "walk", "bits"),
    WALKS,
    ids=("stage2", "el2", "sv39x4", "sv48x4", "sv39", "npt", "long"),
)
own_format = pytest.mark.parametrize(
    "format_", (ArmEl2Stage1(), RiscvSv39(), X86Long()), ids=("el2", "sv39", "long")
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


def probes(wanted: list[Wanted], bits: int) -> list[int]:
    """Addresses worth a look: the edges of all ranges and of all blocks near them."""
    result = set()
    for item in wanted:
        for edge in (item.input.base, item.input.end):
            for span in (PAGE_SIZE, 2 * MIB, GIB):
                floor = edge // span * span
                result |= {edge - 1, edge, floor - 1, floor, floor + span - 1, floor + span}
        result.add(random.Random(item.input.base).randrange(item.input.base, item.input.end))
    return [address for address in result if 0 <= address < 1 << bits]


@each_format
@given(wanted=maps())
@settings(deadline=None, max_examples=60)
def test_both_ways(format_: Format, walk: Walk, bits: int, wanted: list[Wanted]) -> None:
    memory, root = build(format_, wanted)
    for address in probes(wanted, bits):
        found = walk(memory, root, address)
        item = next((item for item in wanted if item.input.contains(Range(address, 1))), None)
        if item is None:
            assert found is None, f"{address:#x} is mapped, nobody asked for it"
            continue
        assert found is not None, f"{address:#x} of {item.owner} is not mapped"
        assert found.output == item.output + address - item.input.base
        access = item.access
        rights = access.read, access.write, access.execute
        assert (found.read, found.write, found.execute) == rights
        if found.device is not None:
            assert found.device is (access.memory is Memory.DEVICE)
            assert found.shareable is not found.device
        assert found.span == largest_block(item, address)


def largest_block(item: Wanted, address: int) -> int:
    """The largest block round an address that lies in the mapping with both sides aligned."""
    for span in (GIB, 2 * MIB):
        block = Range(address // span * span, span)
        output = item.output + block.base - item.input.base
        if item.input.contains(block) and output % span == 0:
            return span
    return PAGE_SIZE


@each_format
@given(wanted=maps())
@settings(deadline=None, max_examples=30)
def test_nothing_besides(format_: Format, walk: Walk, bits: int, wanted: list[Wanted]) -> None:
    """Counted from the entries: all leaves together cover exactly what was asked for."""
    pool = Pool()
    pool.add(format_, "test", wanted)
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


@each_format
def test_input_bits(format_: Format, walk: Walk, bits: int) -> None:
    assert format_.input_bits == bits
    end = 1 << bits
    memory, root = build(format_, [Wanted(Range(end - PAGE_SIZE, PAGE_SIZE), 0, RW, "last")])
    found = walk(memory, root, end - 1)
    assert found is not None and found.output == PAGE_SIZE - 1
    with pytest.raises(AssertionError):
        build(format_, [Wanted(Range(end, PAGE_SIZE), 0, RW, "beyond")])
    with pytest.raises(AssertionError):
        build(format_, [Wanted(Range(0, PAGE_SIZE), 1 << format_.output_bits, RW, "beyond")])


def test_blocks_of_the_highest_level() -> None:
    """512 GiB in one entry, at the first address that only a root of more than a page reaches."""
    half = 1 << 48
    wanted = [Wanted(Range(half, 512 * GIB), 0, RW, "much")]
    memory, root = build(RiscvSv48x4(), wanted)
    assert len(memory) == 1
    found = riscv_walk.sv48x4(memory, root, half + 5)
    assert found is not None and (found.output, found.span) == (5, 512 * GIB)


def test_roots_of_several_pages_come_first() -> None:
    """Each table lies at a multiple of its size, and none where another is."""
    pool = Pool()
    own = pool.add(RiscvSv39(), "own", [Wanted(Range(BASE, PAGE_SIZE), BASE, RX, "code")])
    guest = pool.add(RiscvSv39x4(), "guest", [Wanted(Range(BASE, PAGE_SIZE), 0, RW, "ram")])
    assert pool.alignment == 16 * KIB
    addresses = pool.addresses(BASE)
    assert addresses[guest] == BASE and addresses[own] == BASE + 16 * KIB
    tables = pool.tables(BASE)
    assert [table.index for table in tables] == [0, 4, 5, 6, 7, 8]
    assert pool.size == 9 * PAGE_SIZE


def test_pages_hold_the_same_entries() -> None:
    """What is printed: tables cut into pages."""
    pool = Pool()
    wanted = [Wanted(Range(500 * GIB, 20 * GIB), 0, RW, "ram"), Wanted(Range(0, 4096), 0, RX, "x")]
    pool.add(RiscvSv39x4(), "guest", wanted)
    whole = memory_of(pool)
    cut = {
        table.address + 8 * index: value
        for table in pages(pool.tables(BASE))
        for run in table.runs
        for index, value in enumerate(run.values, run.first)
        if index < 512
    }
    assert cut == whole
    first, second, *_ = pages(pool.tables(BASE))
    assert (first.title, second.title) == ("guest: root, page 1 of 4", "guest: root, page 2 of 4")
    assert second.index == 1 and second.runs[0].first == 0


@own_format
def test_the_hypervisor_has_no_writable_code(format_: Format) -> None:
    with pytest.raises(AssertionError):
        build(format_, [Wanted(Range(0, PAGE_SIZE), 0, Access(True, True), "both")])


@pytest.mark.parametrize("format_", (RiscvSv39x4(), AmdNpt()), ids=("sv39x4", "npt"))
def test_there_is_no_write_only_memory(format_: Format) -> None:
    with pytest.raises(AssertionError):
        access = Access(write=True, read=False)
        build(format_, [Wanted(Range(0, PAGE_SIZE), 0, access, "blind")])

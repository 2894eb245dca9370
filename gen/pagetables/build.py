# SPDX-License-Identifier: Apache-2.0
"""From what shall be mapped to tables of entries, with the largest blocks that fit.

Works in two steps, because table entries hold table addresses that depend on how many tables there
are: `Pool.add` turns a map into a tree of tables without addresses and keeps equal tables once;
`Pool.tables` then gives every table its place, in the order in which they were first needed.
Knows no format beyond gen.pagetables.format.Format.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from gen.pagetables.format import Access, Format, Level
from gen.ranges import PAGE_SIZE, Range, align_down, align_up, subtracted

ENTRY_SIZE = 8
_PAGE_ENTRIES = PAGE_SIZE // ENTRY_SIZE


@dataclass(frozen=True)
class Mapping:
    """`input` is translated to the same number of bytes at `output`.

    Both are multiples of 4 KiB.  owner: whose memory this is, for the comments.
    """

    input: Range
    output: int
    access: Access
    owner: str


@dataclass(frozen=True)
class Run:
    """Entries first, first + 1, ... of one table that map neighbours of one owner.

    values: the entries.  input: the input addresses that they translate.
    comment: what a reader wants to know.
    """

    first: int
    values: tuple[int, ...]
    input: Range
    comment: str


@dataclass(frozen=True)
class Table:
    """One table.

    index: its place in the pool, in pages of 4 KiB.  address: physical.  entries: how many it has.
    title: whose map and which input addresses it was first made for.
    runs: the entries that are not zero, by index.
    """

    index: int
    address: int
    entries: int
    title: str
    runs: tuple[Run, ...]


# Entries first ... first + count - 1 map neighbours, from `output` on.
@dataclass(frozen=True)
class _Leaves:
    first: int
    count: int
    output: int
    access: Access
    owner: str


# Entry `first` leads to the table of that number.
@dataclass(frozen=True)
class _Lower:
    first: int
    number: int


# A table without address: what its entries are, by index.
@dataclass(frozen=True)
class _Draft:
    format: Format
    level: int
    title: str
    base: int
    slots: tuple[_Leaves | _Lower, ...]


class Pool:
    """The tables of one system, equal ones kept once.

    Tables take their places one after another from `base` on, the larger ones first, so that each
    lies at a multiple of its size when `base` is one of `alignment`.
    """

    def __init__(self) -> None:
        self._drafts: list[_Draft] = []
        self._known: dict[object, int] = {}

    @property
    def size(self) -> int:
        """Bytes that all tables take."""
        return sum(_table_size(draft) for draft in self._drafts)

    @property
    def alignment(self) -> int:
        """Bytes of the largest table, where there is one."""
        return max((_table_size(draft) for draft in self._drafts), default=PAGE_SIZE)

    def add(self, format_: Format, title: str, mappings: Iterable[Mapping]) -> int:
        """Adds a map.

        Args:
            format_: how its entries are encoded.
            title: whose map it is, for the comments.
            mappings: disjoint in their input addresses, below 2**format_.input_bits.

        Returns:
            The number of its root table, for `Pool.address`.
        """
        wanted = sorted(mappings, key=lambda mapping: mapping.input.base)
        for mapping in wanted:
            assert mapping.input.end <= 1 << format_.input_bits, f"{mapping.owner} does not fit"
            assert mapping.output + mapping.input.size <= 1 << format_.output_bits, mapping.owner
        return self._table(format_, title, 0, 0, wanted)

    def _table(
        self, format_: Format, title: str, level: int, base: int, parts: list[Mapping]
    ) -> int:
        key = (type(format_), level, base, tuple(parts))
        if key in self._known:
            return self._known[key]
        shape = format_.levels[level]
        slots: list[_Leaves | _Lower] = []
        pending: dict[int, list[Mapping]] = {}
        for part in parts:
            whole = _whole_entries(part, shape)
            if whole.size:
                first = (whole.base - base) >> shape.shift
                output = part.output + whole.base - part.input.base
                count = whole.size >> shape.shift
                slots.append(_Leaves(first, count, output, part.access, part.owner))
            for rest in subtracted(part.input, [whole]) if whole.size else [part.input]:
                first, last = (
                    (rest.base - base) >> shape.shift,
                    (rest.end - 1 - base) >> shape.shift,
                )
                for index in range(first, last + 1):
                    slot = Range(base + (index << shape.shift), shape.span)
                    pending.setdefault(index, []).append(_cut(part, rest, slot))
        # A table takes its number before its children, so that roots come before what they lead to.
        number = len(self._drafts)
        self._known[key] = number
        self._drafts.append(_Draft(format_, level, title, base, ()))
        for index, pieces in pending.items():
            child_base = base + (index << shape.shift)
            child = self._table(format_, title, level + 1, child_base, pieces)
            slots.append(_Lower(index, child))
        slots.sort(key=lambda slot: slot.first)
        self._drafts[number] = _Draft(format_, level, title, base, tuple(slots))
        return number

    def addresses(self, base: int) -> list[int]:
        """The address of each table, when the first lies at `base`."""
        result = [0] * len(self._drafts)
        sizes = [_table_size(draft) for draft in self._drafts]
        for number in sorted(range(len(sizes)), key=lambda number: -sizes[number]):
            result[number] = base
            base += sizes[number]
        return result

    def tables(self, base: int) -> tuple[Table, ...]:
        """All tables with their entries, by address, when the first lies at `base`."""
        addresses = self.addresses(base)
        result = [
            Table(
                (addresses[number] - base) // PAGE_SIZE,
                addresses[number],
                draft.format.levels[draft.level].entries,
                _title(draft),
                tuple(_runs(draft, addresses, base)),
            )
            for number, draft in enumerate(self._drafts)
        ]
        return tuple(sorted(result, key=lambda table: table.index))


def pages(tables: Iterable[Table]) -> tuple[Table, ...]:
    """The same entries as tables of one page each, for printing; pages without entries left out."""
    result = []
    for table in tables:
        count = table.entries // _PAGE_ENTRIES
        for number in range(count):
            first = number * _PAGE_ENTRIES
            part = f", page {number + 1} of {count}" if count > 1 else ""
            runs = tuple(_cut_run(run, first) for run in table.runs if _meets(run, first))
            if runs or number == 0:
                address = table.address + number * PAGE_SIZE
                title = f"{table.title}{part}"
                result.append(Table(table.index + number, address, _PAGE_ENTRIES, title, runs))
    return tuple(result)


def _meets(run: Run, first: int) -> bool:
    return run.first < first + _PAGE_ENTRIES and first < run.first + len(run.values)


# The entries of a run that lie in the page of entries from `first` on, counted in that page.
def _cut_run(run: Run, first: int) -> Run:
    begin = max(run.first, first)
    end = min(run.first + len(run.values), first + _PAGE_ENTRIES)
    values = run.values[begin - run.first : end - run.first]
    return Run(begin - first, values, run.input, run.comment)


def _table_size(draft: _Draft) -> int:
    return draft.format.levels[draft.level].entries * ENTRY_SIZE


def _title(draft: _Draft) -> str:
    shape = draft.format.levels[draft.level]
    covered = Range(draft.base, shape.entries << shape.shift)
    return f"{draft.title}: root" if draft.level == 0 else f"{draft.title}: {covered}"


# The part of a mapping that entries of a level can map as a whole; empty if there is none.
def _whole_entries(part: Mapping, shape: Level) -> Range:
    first = align_up(part.input.base, shape.span)
    last = align_down(part.input.end, shape.span)
    congruent = (part.output - part.input.base) % shape.span == 0
    return Range(first, last - first if shape.leaf and congruent and first < last else 0)


# The part of a mapping that lies in `rest` and in `slot`.
def _cut(mapping: Mapping, rest: Range, slot: Range) -> Mapping:
    base = max(rest.base, slot.base)
    end = min(rest.end, slot.end)
    output = mapping.output + base - mapping.input.base
    return Mapping(Range(base, end - base), output, mapping.access, mapping.owner)


def _runs(draft: _Draft, addresses: list[int], base_address: int) -> Iterable[Run]:
    encode, shape = draft.format, draft.format.levels[draft.level]
    for slot in draft.slots:
        base = draft.base + (slot.first << shape.shift)
        if isinstance(slot, _Lower):
            entry = encode.table(addresses[slot.number])
            covered = Range(base, shape.span)
            place = (addresses[slot.number] - base_address) // PAGE_SIZE
            yield Run(slot.first, (entry,), covered, f"{covered} table {place}")
            continue
        covered = Range(base, slot.count << shape.shift)
        target = "" if slot.output == base else f" -> {slot.output:#x}"
        values = tuple(
            encode.leaf(draft.level, slot.output + (number << shape.shift), slot.access)
            for number in range(slot.count)
        )
        comment = f"{covered}{target} {slot.owner}, {slot.access}"
        yield Run(slot.first, values, covered, comment)

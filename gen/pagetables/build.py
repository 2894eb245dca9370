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

from gen.pagetables.format import Access, Format, input_bits
from gen.ranges import Range

ENTRY_SIZE = 8


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

    index: its place in the pool.  address: physical.  entries: how many it has.
    title: whose map and which input addresses it was first made for.
    runs: the entries that are not zero, by index.
    """

    index: int
    address: int
    entries: int
    title: str
    runs: tuple[Run, ...]


@dataclass(frozen=True)
class _Leaf:
    level: int
    output: int
    access: Access
    owner: str


# A table without address: its slots by index, each a leaf or the number of a lower table.
@dataclass(frozen=True)
class _Draft:
    format: Format
    level: int
    title: str
    base: int
    slots: tuple[tuple[int, _Leaf | int], ...]


class Pool:
    """The tables of one system, equal ones kept once.

    Tables take their places one after another from `base` on, a multiple of their size.
    """

    def __init__(self) -> None:
        self._drafts: list[_Draft] = []
        self._known: dict[object, int] = {}

    @property
    def size(self) -> int:
        """Bytes that all tables take."""
        return sum(_table_size(draft) for draft in self._drafts)

    def add(self, format_: Format, title: str, mappings: Iterable[Mapping]) -> int:
        """Adds a map.

        Args:
            format_: how its entries are encoded.
            title: whose map it is, for the comments.
            mappings: disjoint in their input addresses, below 2**input_bits(format_).

        Returns:
            The number of its root table, for `Pool.address`.
        """
        wanted = sorted(mappings, key=lambda mapping: mapping.input.base)
        for mapping in wanted:
            assert mapping.input.end <= 1 << input_bits(format_), f"{mapping.owner} does not fit"
            assert mapping.output + mapping.input.size <= 1 << format_.output_bits, mapping.owner
        return self._table(format_, title, 0, 0, wanted)

    def _table(
        self, format_: Format, title: str, level: int, base: int, parts: list[Mapping]
    ) -> int:
        key = (type(format_), level, base, tuple(parts))
        if key in self._known:
            return self._known[key]
        shape = format_.levels[level]
        slots: list[tuple[int, _Leaf | int]] = []
        pending: dict[int, list[Mapping]] = {}
        for part in parts:
            first = (part.input.base - base) >> shape.shift
            last = (part.input.end - 1 - base) >> shape.shift
            for index in range(first, last + 1):
                slot = Range(base + (index << shape.shift), shape.span)
                piece = _cut(part, slot)
                if shape.leaf and piece.input == slot and piece.output % shape.span == 0:
                    slots.append((index, _Leaf(level, piece.output, piece.access, piece.owner)))
                else:
                    pending.setdefault(index, []).append(piece)
        # A table takes its number before its children, so that roots come before what they lead to.
        number = len(self._drafts)
        self._drafts.append(_Draft(format_, level, title, base, ()))
        for index, pieces in pending.items():
            child_base = base + (index << shape.shift)
            slots.append((index, self._table(format_, title, level + 1, child_base, pieces)))
        slots.sort(key=lambda slot: slot[0])
        self._drafts[number] = _Draft(format_, level, title, base, tuple(slots))
        self._known[key] = number
        return number

    def addresses(self, base: int) -> list[int]:
        """The address of each table, when the first lies at `base`."""
        result: list[int] = []
        for draft in self._drafts:
            result.append(base)
            base += _table_size(draft)
        return result

    def tables(self, base: int) -> tuple[Table, ...]:
        """All tables with their entries, when the first lies at `base`."""
        addresses = self.addresses(base)
        return tuple(
            Table(
                number,
                addresses[number],
                draft.format.levels[draft.level].entries,
                _title(draft),
                tuple(_runs(draft, addresses)),
            )
            for number, draft in enumerate(self._drafts)
        )


def _table_size(draft: _Draft) -> int:
    return draft.format.levels[draft.level].entries * ENTRY_SIZE


def _title(draft: _Draft) -> str:
    shape = draft.format.levels[draft.level]
    covered = Range(draft.base, shape.entries << shape.shift)
    return f"{draft.title}: root" if draft.level == 0 else f"{draft.title}: {covered}"


# The part of a mapping that lies in `slot`.
def _cut(mapping: Mapping, slot: Range) -> Mapping:
    base = max(mapping.input.base, slot.base)
    end = min(mapping.input.end, slot.end)
    output = mapping.output + base - mapping.input.base
    return Mapping(Range(base, end - base), output, mapping.access, mapping.owner)


# Neighbouring leaves of one owner with one access become a run; a lower table is one of its own.
def _runs(draft: _Draft, addresses: list[int]) -> Iterable[Run]:
    shape = draft.format.levels[draft.level]
    group: list[tuple[int, _Leaf]] = []

    def flush() -> Iterable[Run]:
        if group:
            first, leaf = group[0]
            covered = Range(draft.base + (first << shape.shift), len(group) << shape.shift)
            values = tuple(
                draft.format.leaf(item.level, item.output, item.access) for _, item in group
            )
            target = "" if leaf.output == covered.base else f" -> {leaf.output:#x}"
            yield Run(first, values, covered, f"{covered}{target} {leaf.owner}, {leaf.access}")
            group.clear()

    for index, slot in draft.slots:
        if isinstance(slot, int):
            yield from flush()
            covered = Range(draft.base + (index << shape.shift), shape.span)
            yield Run(
                index, (draft.format.table(addresses[slot]),), covered, f"{covered} table {slot}"
            )
            continue
        if group:
            last_index, last = group[-1]
            follows = index == last_index + 1 and slot.output == last.output + shape.span
            if not (follows and slot.owner == last.owner and slot.access == last.access):
                yield from flush()
        group.append((index, slot))
    yield from flush()

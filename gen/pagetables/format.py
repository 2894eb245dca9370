# SPDX-License-Identifier: Apache-2.0
"""What a page table format is: the one interface that the table builder knows.

A module of this package implements it for each format (arm_stage2, arm_el2_stage1, ...).  A format
only encodes single entries; which entries a map needs is decided in build.py.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Protocol


class Memory(Enum):
    """How the CPU may treat an address."""

    NORMAL = "normal"  # write-back cacheable RAM
    DEVICE = "device"  # registers: no caching, no reordering


@dataclass(frozen=True)
class Access:
    """What may be done at an address."""

    write: bool = False
    execute: bool = False
    read: bool = True
    memory: Memory = Memory.NORMAL

    def __str__(self) -> str:
        flags = ("r", self.read), ("w", self.write), ("x", self.execute)
        text = "".join(letter if granted else "-" for letter, granted in flags)
        return text if self.memory is Memory.NORMAL else f"{text} device"


@dataclass(frozen=True)
class Level:
    """One level of a format's tables, from the root down.

    shift: log2 of the bytes that one entry covers.  entries: entries of one table.
    leaf: whether an entry may map memory (a block or page) here.
    """

    shift: int
    entries: int
    leaf: bool

    @property
    def span(self) -> int:
        """Bytes that one entry covers."""
        return 1 << self.shift


class Format(Protocol):
    """A page table format."""

    @property
    def levels(self) -> tuple[Level, ...]:
        """The levels, from the root down."""
        ...

    @property
    def input_bits(self) -> int:
        """Width of an input address."""
        ...

    @property
    def output_bits(self) -> int:
        """Width of an output address."""
        ...

    def table(self, address: int) -> int:
        """The entry that points to a lower table at `address` (a multiple of its size)."""
        ...

    def leaf(self, level: int, output: int, access: Access) -> int:
        """The entry that maps `output` at levels[level]; `output` is a multiple of its span."""
        ...

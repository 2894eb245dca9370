# SPDX-License-Identifier: Apache-2.0
"""What the x86-64 formats share: four levels of 512 entries, pages of 4 KiB, 2 MiB and 1 GiB.

A and D are set everywhere, so that hardware never writes a table. Registers are uncacheable by PCD
and PWT, which select the fourth type of the PAT: strong uncacheable as it is after a reset.

Source: AMD64 APM vol. 2, 5.3 (long-mode page translation), 7.8 (page attribute tables).
"""

from __future__ import annotations

from gen.pagetables.format import Access, Level, Memory

# Bits of an entry.
PRESENT = 1 << 0
WRITABLE = 1 << 1
USER = 1 << 2
WRITE_THROUGH = 1 << 3
CACHE_DISABLE = 1 << 4
ACCESSED = 1 << 5
DIRTY = 1 << 6
LARGE = 1 << 7  # a leaf above the last level
NO_EXECUTE = 1 << 63

INPUT_BITS = 48
PHYSICAL_BITS = 52

LEVELS = (
    Level(39, 512, leaf=False),
    Level(30, 512, leaf=True),
    Level(21, 512, leaf=True),
    Level(12, 512, leaf=True),
)


def pointer(address: int) -> int:
    """The entry that leads to the table at `address`; the leaves restrict, it does not."""
    return address | PRESENT | WRITABLE | ACCESSED


def leaf(level: Level, output: int, access: Access) -> int:
    """The entry of a table of `level` that maps `output`, without USER."""
    assert output % level.span == 0, "a large page is aligned to its size"
    assert access.read, "x86 has no memory that cannot be read"
    entry = output | PRESENT | ACCESSED | DIRTY
    entry |= LARGE if level.shift > 12 else 0
    entry |= WRITABLE if access.write else 0
    entry |= 0 if access.execute else NO_EXECUTE
    if access.memory is Memory.DEVICE:
        entry |= CACHE_DISABLE | WRITE_THROUGH
    return entry

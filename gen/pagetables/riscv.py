# SPDX-License-Identifier: Apache-2.0
"""What the RISC-V formats share: pages of 4 KiB, 512 entries of 9 bits a level, one entry layout.

A leaf has A and D set, so that hardware never writes a table (nor faults because it may not).
Memory attributes are those that the machine gives to an address (PMA): entries say nothing of them.

Source: RISC-V Privileged Architecture, Sv39 and Sv48 page table entries; Hypervisor Extension,
two-stage address translation.
"""

from __future__ import annotations

from gen.pagetables.format import Access, Level

# Bits of an entry.
VALID = 1 << 0
READ = 1 << 1
WRITE = 1 << 2
EXECUTE = 1 << 3
USER = 1 << 4
ACCESSED = 1 << 6
DIRTY = 1 << 7

PHYSICAL_BITS = 56  # 44 bits of page number


def levels(root_shift: int, root_entries: int) -> tuple[Level, ...]:
    """The levels of a format whose root's entries cover 2**root_shift bytes each."""
    below = range(root_shift - 9, 11, -9)
    return (
        Level(root_shift, root_entries, leaf=True),
        *(Level(shift, 512, leaf=True) for shift in below),
    )


def pointer(address: int) -> int:
    """The entry that leads to the table at `address`; no permission bit means that it is one."""
    return address >> 12 << 10 | VALID


def leaf(level: Level, output: int, access: Access) -> int:
    """The entry of a table of `level` that maps `output`, without USER."""
    assert output % level.span == 0, "a superpage is aligned to its size"
    # Writable without readable is reserved.
    assert access.read or not access.write, "RISC-V has no memory that can only be written"
    entry = output >> 12 << 10 | VALID | ACCESSED | DIRTY
    entry |= READ if access.read else 0
    entry |= WRITE if access.write else 0
    entry |= EXECUTE if access.execute else 0
    return entry

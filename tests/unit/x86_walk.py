# SPDX-License-Identifier: Apache-2.0
"""A table walk as an x86-64 CPU does it, written from the manual and not from gen.

It takes memory (address -> 64-bit word) and follows four levels from CR3 or nCR3.

Source: AMD64 APM vol. 2, 5.3 (4-level tables: figures of PML4E, PDPE, PDE, PTE), 5.6 (protection),
15.25.5 (nested walks are user accesses).
"""

from __future__ import annotations

from collections.abc import Mapping

from tests.unit.walk import Result

_ADDRESS = (1 << 52) - (1 << 12)


def _walk(memory: Mapping[int, int], root: int, address: int, user: bool) -> Result | None:
    assert root % 4096 == 0
    table, write, execute = root, True, True
    for shift in (39, 30, 21, 12):
        word = memory.get(table + 8 * (address >> shift & 511), 0)
        if not word & 1:
            assert word == 0, "an entry that faults says something"
            return None
        assert not word >> 52 & 0x7FF, "bits for software, or protection keys"
        assert word >> 5 & 1, "A clear: hardware would write the table"
        assert bool(word >> 2 & 1) is user, "U is not what this walk needs"
        assert not word >> 8 & 0xF, "G, or the bits for software"
        write, execute = write and bool(word >> 1 & 1), execute and not word >> 63
        large = bool(word >> 7 & 1)
        if shift == 12 or large:
            assert shift in (30, 21, 12) and not (shift == 12 and large), "PS or PAT is set"
            assert word >> 6 & 1, "D clear: hardware would write the table"
            base = word & _ADDRESS
            assert not base & (1 << shift) - 1, "reserved bits of a large page, or its PAT bit"
            assert word >> 3 & 3 in (0, 3), "neither write-back nor uncacheable"
            output = base | address & (1 << shift) - 1
            device = word >> 3 & 3 == 3
            return Result(output, 1 << shift, True, write, execute, device, not device)
        assert not word >> 3 & 3, "a table that is not cached"
        assert not word >> 6 & 1, "reserved or ignored: leave it clear"
        table = word & _ADDRESS
    raise AssertionError("not reached")


def long_mode(memory: Mapping[int, int], root: int, address: int) -> Result | None:
    """A supervisor's walk in the lower half of the address space; None where it faults."""
    assert address < 1 << 47, "not canonical"
    return _walk(memory, root, address, user=False)


def nested(memory: Mapping[int, int], root: int, address: int) -> Result | None:
    """A nested walk of a guest physical address; None where it exits."""
    return _walk(memory, root, address, user=True)

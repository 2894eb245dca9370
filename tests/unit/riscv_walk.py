# SPDX-License-Identifier: Apache-2.0
"""A table walk as a RISC-V hart does it, written from the manual and not from gen.

It takes memory (address -> 64-bit word) and follows the entries of an Sv39, Sv39x4 or Sv48x4 walk,
with the checks that the manual's algorithm makes in their order.

Source: RISC-V Privileged Architecture, "Virtual Address Translation Process" (Sv32 section, with
the parameters of Sv39 and Sv48) and, in the Hypervisor Extension, "Guest Physical Address
Translation": the root has four times as many entries and every access is made as in user mode.
"""

from __future__ import annotations

from collections.abc import Mapping

from tests.unit.walk import Result

_PAGE = 1 << 12


def _walk(
    memory: Mapping[int, int], root: int, address: int, levels: int, root_bits: int
) -> tuple[int, int] | None:
    assert root % (8 << root_bits) == 0, "the root is not aligned to its size"
    table = root
    for level in reversed(range(levels)):
        low = 12 + 9 * level
        bits = root_bits if level == levels - 1 else 9
        word = memory.get(table + 8 * (address >> low & (1 << bits) - 1), 0)
        valid, read, write, execute = (word >> bit & 1 for bit in range(4))
        if not valid or (not read and write):
            assert word == 0, "an entry that faults says something"
            return None
        assert not word >> 54, "reserved bits, or those of extensions that nothing switches on"
        assert not word >> 5 & 1 and not word >> 8 & 3, "G or the bits for software"
        if read or execute:
            assert not word >> 10 & (1 << 9 * level) - 1, "a misaligned superpage faults"
            assert word >> 6 & 3 == 3, "A or D clear: hardware would fault or write it"
            return word, low
        assert not word >> 4 & 0xF, "U, A and D of a pointer are reserved"
        table = (word >> 10) * _PAGE
    raise AssertionError("no leaf at the last level")


def _result(found: tuple[int, int] | None, address: int, user: int) -> Result | None:
    if found is None:
        return None
    word, low = found
    assert word >> 4 & 1 == user, "U is not what this walk needs: it would fault"
    output = (word >> 10) * _PAGE | address & (1 << low) - 1
    rights = [bool(word >> bit & 1) for bit in (1, 2, 3)]
    return Result(output, 1 << low, *rights)


def sv39(memory: Mapping[int, int], root: int, address: int) -> Result | None:
    """A walk of supervisor mode, in the lower half of the address space; None where it faults."""
    assert address < 1 << 38, "not canonical"
    return _result(_walk(memory, root, address, 3, 9), address, user=0)


def sv39x4(memory: Mapping[int, int], root: int, address: int) -> Result | None:
    """A walk of guest physical addresses; None where it faults."""
    return _result(_walk(memory, root, address, 3, 11), address, user=1)


def sv48x4(memory: Mapping[int, int], root: int, address: int) -> Result | None:
    """The same with four levels."""
    return _result(_walk(memory, root, address, 4, 11), address, user=1)

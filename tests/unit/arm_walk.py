# SPDX-License-Identifier: Apache-2.0
"""A table walk as an Arm CPU does it, written from the manual and not from gen.

It takes memory (address -> 64-bit word) and follows the descriptors of a three-level walk with a
4 KiB granule from level 1, which is what T0SZ = 25 selects.

Source: Arm ARM DDI 0487, D8.2.7 (4 KiB granule), D8.3.1 and D8.3.2 (descriptor formats), D8.4
(permissions), D8.5 (memory attributes).
"""

from __future__ import annotations

from collections.abc import Mapping

from tests.unit.walk import Result

_ADDRESS = 0x0000_FFFF_FFFF_F000  # bits 47:12


def _bits(word: int, high: int, low: int) -> int:
    return word >> low & (1 << high - low + 1) - 1


def _descriptor(memory: Mapping[int, int], root: int, address: int) -> tuple[int, int] | None:
    table = root
    for level, low in ((1, 30), (2, 21), (3, 12)):
        word = memory.get(table + 8 * _bits(address, low + 8, low), 0)
        if not word & 1:
            return None
        assert not _bits(word, 51, 48), "output above 48 bits"
        if level == 3:
            assert word & 2, "reserved descriptor at level 3"
            return word, low
        if not word & 2:
            assert not _bits(word, low - 1, 12), "block address not aligned to its size"
            return word, low
        assert not _bits(word, 63, 48), "attributes on a table descriptor"
        table = word & _ADDRESS
    raise AssertionError


def _common(word: int, low: int, address: int) -> tuple[int, int]:
    assert _bits(word, 10, 10), "access flag clear: hardware would fault or write it"
    assert not _bits(word, 63, 55) and not _bits(word, 52, 52), "bits that nothing needs"
    return word & _ADDRESS | address & (1 << low) - 1, 1 << low


def stage2(memory: Mapping[int, int], root: int, address: int) -> Result | None:
    """A stage 2 walk; None where it faults."""
    found = _descriptor(memory, root, address)
    if found is None:
        return None
    word, low = found
    output, span = _common(word, low, address)
    attributes = _bits(word, 5, 2)
    assert attributes in (0b1111, 0b0001), "neither Normal write-back nor Device-nGnRE"
    assert _bits(word, 53, 53) == 0, "XN[0] is RES0 without FEAT_XNX"
    return Result(
        output,
        span,
        read=bool(_bits(word, 6, 6)),
        write=bool(_bits(word, 7, 7)),
        execute=not _bits(word, 54, 54),
        device=attributes == 0b0001,
        shareable=_bits(word, 9, 8) == 0b11,
    )


def el2_stage1(memory: Mapping[int, int], root: int, address: int) -> Result | None:
    """A stage 1 walk at EL2 with MAIR_EL2 index 0 Device-nGnRnE, 1 Normal write-back."""
    found = _descriptor(memory, root, address)
    if found is None:
        return None
    word, low = found
    output, span = _common(word, low, address)
    assert _bits(word, 6, 6), "AP[1] is RES1"
    assert _bits(word, 4, 2) in (0, 1), "attribute index without meaning"
    assert not _bits(word, 53, 53), "bit 53 is RES0 at EL2"
    return Result(
        output,
        span,
        read=True,
        write=not _bits(word, 7, 7),
        execute=not _bits(word, 54, 54),
        device=_bits(word, 4, 2) == 0,
        shareable=_bits(word, 9, 8) == 0b11,
    )

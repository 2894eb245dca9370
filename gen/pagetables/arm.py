# SPDX-License-Identifier: Apache-2.0
"""What the VMSAv8-64 formats share: 4 KiB granule, 39-bit input addresses, three levels.

With T0SZ = 25 both translation stages start at level 1 with one table of 512 entries, 1 GiB each.
Output addresses stay below 40 bits, which every CPU since Cortex-A53 has.

Source: Arm ARM DDI 0487, D8.2 (translation process) and D8.3 (descriptor formats).
"""

from __future__ import annotations

from gen.pagetables.format import Level

LEVELS = (Level(30, 512, leaf=True), Level(21, 512, leaf=True), Level(12, 512, leaf=True))
INPUT_BITS = 39
OUTPUT_BITS = 40

# Descriptor types, bits [1:0].
BLOCK = 0b01  # levels 1 and 2
TABLE = 0b11  # levels 1 and 2
PAGE = 0b11  # level 3

SH_INNER = 0b11 << 8  # shared by all CPUs that run one hypervisor
AF = 1 << 10  # accessed: set, so that hardware never writes the entry
XN = 1 << 54


def leaf_type(level: int) -> int:
    """The type bits of an entry that maps memory at LEVELS[level]."""
    return PAGE if level == len(LEVELS) - 1 else BLOCK

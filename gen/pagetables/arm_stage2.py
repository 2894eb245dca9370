# SPDX-License-Identifier: Apache-2.0
"""VMSAv8-64 stage 2: what a VM sees, from guest addresses to physical ones.

Source: Arm ARM DDI 0487, D8.3.2 (descriptors), D8.4 (permissions), D8.5 (memory attributes).
"""

from __future__ import annotations

from gen.pagetables.arm import AF, INPUT_BITS, LEVELS, OUTPUT_BITS, SH_INNER, TABLE, XN, leaf_type
from gen.pagetables.format import Access, Level, Memory

MEMATTR_NORMAL = 0b1111 << 2  # write-back inner and outer: the guest's own attributes decide
MEMATTR_DEVICE = 0b0001 << 2  # Device-nGnRE at most, whatever the guest says
S2AP_READ = 1 << 6
S2AP_WRITE = 1 << 7


class ArmStage2:
    """Format of a VM's tables."""

    levels: tuple[Level, ...] = LEVELS
    input_bits = INPUT_BITS
    output_bits = OUTPUT_BITS

    def table(self, address: int) -> int:
        """See Format."""
        return address | TABLE

    def leaf(self, level: int, output: int, access: Access) -> int:
        """See Format."""
        entry = output | AF | leaf_type(level)
        entry |= S2AP_READ if access.read else 0
        entry |= S2AP_WRITE if access.write else 0
        entry |= 0 if access.execute else XN
        if access.memory is Memory.DEVICE:
            return entry | MEMATTR_DEVICE
        return entry | MEMATTR_NORMAL | SH_INNER

# SPDX-License-Identifier: Apache-2.0
"""VMSAv8-64 stage 1 of EL2: what the hypervisor itself can reach.

MAIR_EL2 is set by arch/aarch64: index 0 is Device-nGnRnE, index 1 is Normal write-back.
Whatever is mapped can be read; nothing is both writable and executable.

Source: Arm ARM DDI 0487, D8.3.1 (descriptors), D8.4 (permissions), D8.5 (memory attributes).
"""

from __future__ import annotations

from gen.pagetables.arm import AF, INPUT_BITS, LEVELS, OUTPUT_BITS, SH_INNER, TABLE, XN, leaf_type
from gen.pagetables.format import Access, Level, Memory

ATTRINDX_DEVICE = 0 << 2
ATTRINDX_NORMAL = 1 << 2
AP_RES1 = 1 << 6  # AP[1] is RES1 in a regime with one exception level
AP_READ_ONLY = 1 << 7


class ArmEl2Stage1:
    """Format of the hypervisor's own tables."""

    levels: tuple[Level, ...] = LEVELS
    input_bits = INPUT_BITS
    output_bits = OUTPUT_BITS

    def table(self, address: int) -> int:
        """See Format."""
        return address | TABLE

    def leaf(self, level: int, output: int, access: Access) -> int:
        """See Format."""
        assert access.read, "EL2 has no memory that it cannot read"
        assert not (access.write and access.execute), (
            "EL2 has no memory both writable and executable"
        )
        entry = output | AF | AP_RES1 | leaf_type(level)
        entry |= 0 if access.write else AP_READ_ONLY
        entry |= 0 if access.execute else XN
        if access.memory is Memory.DEVICE:
            return entry | ATTRINDX_DEVICE
        return entry | ATTRINDX_NORMAL | SH_INNER

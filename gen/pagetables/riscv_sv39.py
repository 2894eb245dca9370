# SPDX-License-Identifier: Apache-2.0
"""Sv39: what the hypervisor itself can reach.

Nothing is both writable and executable, and nothing is USER. Only the lower half of the 39-bit
address space is used, one to one: physical addresses have 38 bits at most.

Source: RISC-V Privileged Architecture, Sv39.
"""

from __future__ import annotations

from gen.pagetables import riscv
from gen.pagetables.format import Access, Level


class RiscvSv39:
    """Format of the hypervisor's own tables."""

    levels: tuple[Level, ...] = riscv.levels(30, 512)
    input_bits = 38
    output_bits = 38

    def table(self, address: int) -> int:
        """See Format."""
        return riscv.pointer(address)

    def leaf(self, level: int, output: int, access: Access) -> int:
        """See Format."""
        assert access.read, "the hypervisor has no memory that it cannot read"
        assert not (access.write and access.execute), (
            "the hypervisor has no memory both writable and executable"
        )
        return riscv.leaf(self.levels[level], output, access)

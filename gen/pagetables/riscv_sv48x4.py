# SPDX-License-Identifier: Apache-2.0
"""Sv48x4: what a VM sees, from guest addresses of 50 bits to physical ones, in four levels.

The root has four pages, 2048 entries. Every access of a guest counts as one of user mode: U is set.

Source: RISC-V Privileged Architecture, Hypervisor Extension, guest physical address translation.
"""

from __future__ import annotations

from gen.pagetables import riscv
from gen.pagetables.format import Access, Level


class RiscvSv48x4:
    """Format of a VM's tables.  hgatp_mode: what selects it, hgatp.MODE."""

    levels: tuple[Level, ...] = riscv.levels(39, 2048)
    input_bits = 50
    output_bits = riscv.PHYSICAL_BITS
    hgatp_mode = 9

    def table(self, address: int) -> int:
        """See Format."""
        return riscv.pointer(address)

    def leaf(self, level: int, output: int, access: Access) -> int:
        """See Format."""
        return riscv.leaf(self.levels[level], output, access) | riscv.USER

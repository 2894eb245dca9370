# SPDX-License-Identifier: Apache-2.0
"""AMD's nested paging: what a VM sees, from guest addresses of 48 bits to physical ones.

Every access of a guest, walks of its own tables included, counts as one of user mode: USER is set
in every entry.

Source: AMD64 APM vol. 2, 15.25.
"""

from __future__ import annotations

from gen.pagetables import x86
from gen.pagetables.format import Access, Level


class AmdNpt:
    """Format of a VM's tables."""

    levels: tuple[Level, ...] = x86.LEVELS
    input_bits = x86.INPUT_BITS
    output_bits = x86.PHYSICAL_BITS

    def table(self, address: int) -> int:
        """See Format."""
        return x86.pointer(address) | x86.USER

    def leaf(self, level: int, output: int, access: Access) -> int:
        """See Format."""
        return x86.leaf(self.levels[level], output, access) | x86.USER

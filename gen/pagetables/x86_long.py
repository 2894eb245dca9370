# SPDX-License-Identifier: Apache-2.0
"""Long mode with four levels: what the hypervisor itself can reach.

Nothing is both writable and executable, and nothing is USER. Only the lower half of the address
space is used, one to one. No entry is global: the windows differ, and a switch must forget them.

Source: AMD64 APM vol. 2, 5.3.
"""

from __future__ import annotations

from gen.pagetables import x86
from gen.pagetables.format import Access, Level


class X86Long:
    """Format of the hypervisor's own tables."""

    levels: tuple[Level, ...] = x86.LEVELS
    input_bits = x86.INPUT_BITS - 1
    output_bits = x86.PHYSICAL_BITS

    def table(self, address: int) -> int:
        """See Format."""
        return x86.pointer(address)

    def leaf(self, level: int, output: int, access: Access) -> int:
        """See Format."""
        assert not (access.write and access.execute), (
            "the hypervisor has no memory both writable and executable"
        )
        return x86.leaf(self.levels[level], output, access)

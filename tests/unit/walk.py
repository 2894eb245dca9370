# SPDX-License-Identifier: Apache-2.0
"""What a CPU finds at an address when it walks its page tables: see arm_walk and riscv_walk."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Result:
    """Where an address leads and what may be done there.

    span: bytes that the entry maps.
    device, shareable: registers or memory, shared by all CPUs; None where entries do not say.
    """

    output: int
    span: int
    read: bool
    write: bool
    execute: bool
    device: bool | None = None
    shareable: bool | None = None

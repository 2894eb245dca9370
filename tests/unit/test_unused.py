# SPDX-License-Identifier: Apache-2.0
"""Where an emulated device that no board has finds its place."""

from __future__ import annotations

from gen.arch import common
from gen.model import Hardware, Interrupt, Node
from gen.ranges import Range

HARDWARE = Hardware(
    ram=(Range(0x9000, 0x2000),),
    reserved=(),
    cpus=(),
    uart=None,
    nodes={
        "/a": Node("/a", (), (Range(0x1000, 0x100),), (Interrupt(32), Interrupt(34)), False),
        "/b": Node("/b", (), (Range(0x3000, 0x1800), Range(0x6000, 0x1000)), (), False),
    },
)


def test_pages() -> None:
    assert common.unused_pages(HARDWARE, 0, 1) == Range(0, 0x1000)
    assert common.unused_pages(HARDWARE, 0x1000, 1) == Range(0x2000, 0x1000), "half a page is one"
    assert common.unused_pages(HARDWARE, 0x1100, 2) == Range(0x7000, 0x2000)
    assert common.unused_pages(HARDWARE, 0x3000, 1) == Range(0x5000, 0x1000)
    assert common.unused_pages(HARDWARE, 0x7000, 3) == Range(0xB000, 0x3000), "behind RAM"


def test_interrupts() -> None:
    assert common.unused_interrupt(HARDWARE, range(32, 40)) == 33
    assert common.unused_interrupt(HARDWARE, range(34, 40)) == 35

# SPDX-License-Identifier: Apache-2.0
"""A proposal as the text of a system file: one `[[plan]]`."""

from __future__ import annotations

from collections.abc import Iterator

from gen.model import System
from gen.schedule.propose import Proposal, Window
from gen.schedule.words import share_text, time_text

NAME = "normal"


def text(system: System, proposal: Proposal) -> str:
    """The plan, with what it gives each vCPU as comments; ends with a line end."""
    return "".join(f"{line}\n" for line in (*_comments(proposal), *_table(system, proposal)))


def _comments(proposal: Proposal) -> Iterator[str]:
    for cpu, request, table in proposal.timetables:
        gap = table.gap()
        assert gap is not None
        what = f"{share_text(table.share)}, at most {time_text(gap.length)} without"
        if request.period:
            sure = time_text(table.least(request.period))
            what += f"; {sure} in any {time_text(request.period)}"
        yield f'# CPU {cpu}, vm "{request.vm}", vCPU {request.vcpu}: {what}'


def _table(system: System, proposal: Proposal) -> Iterator[str]:
    yield "[[plan]]"
    yield f'name   = "{NAME}"'
    yield f'frame  = "{time_text(proposal.frame)}"'
    yield "window = ["
    rows = [_cells(system, window) for window in proposal.windows]
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    for row in rows:
        cells = (cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        yield f"    {{ {' '.join(cell for cell in cells if cell).rstrip()} }},"
    yield "]"


# The index of a vCPU is only given where it says something.
def _cells(system: System, window: Window) -> tuple[str, ...]:
    vm = system.find_vm(window.vm)
    assert vm is not None
    is_alone = vm.cpus.count(window.cpu) == 1
    return (
        f"cpu = {window.cpu},",
        f'vm = "{window.vm}",',
        "" if is_alone else f"vcpu = {window.vcpu},",
        f'start = "{time_text(window.start)}",',
        f'length = "{time_text(window.length)}"',
    )

# SPDX-License-Identifier: Apache-2.0
"""The plans as a picture: one chart a plan, one row a planned CPU, one box a window.

Computes places and words; templates/plan.svg.j2 draws them.  Lengths are in the picture's units,
about a pixel each.
"""

from __future__ import annotations

from dataclasses import dataclass

from gen.plan.types import Pcpu, Plan, PlanWindow
from gen.schedule.words import time_text

WIDTH = 960
_LEFT = 72  # of the time axis
_RIGHT = WIDTH - 24
_MARGIN = 16
_TITLE = 34  # heights
_ROW = 40
_AXIS = 44
_LEGEND = 28
_LETTER = 7.5  # width of one, and of a colour's square in the legend
_SQUARE = 18
_TICKS = 12  # at the most
#: Colours of the template; VMs beyond them begin again.
COLOURS = 8


@dataclass(frozen=True)
class Box:
    """A window.  colour: of its VM.  label: "" where there is no room.  tip: all of it, in words.

    heir: colour of the VM that gets what the window's owner leaves, None for nobody.
    """

    x: float
    width: float
    colour: int
    label: str
    tip: str
    heir: int | None


@dataclass(frozen=True)
class Row:
    """A CPU."""

    y: float
    label: str
    boxes: tuple[Box, ...]


@dataclass(frozen=True)
class Tick:
    """A mark of the axis; milliseconds."""

    x: float
    label: str


@dataclass(frozen=True)
class Chart:
    """A plan.  y: of its title's base line.  top, bottom: of the rows."""

    y: float
    title: str
    top: float
    bottom: float
    rows: tuple[Row, ...]
    ticks: tuple[Tick, ...]


@dataclass(frozen=True)
class Entry:
    """A VM in the legend."""

    x: float
    y: float
    colour: int
    name: str


@dataclass(frozen=True)
class Picture:
    """The whole.  title, description: for who does not see it.  note: below the legend, or ""."""

    width: int
    height: float
    left: int
    right: int
    row_height: int
    title: str
    description: str
    charts: tuple[Chart, ...]
    legend: tuple[Entry, ...]
    note: str


def picture(plan: Plan) -> Picture:
    """The picture of a plan of the machine that has frames."""
    planned = [pcpu for pcpu in plan.pcpus if pcpu.plans]
    charts = []
    y = float(_MARGIN)
    for index in range(len(plan.frames)):
        chart = _chart(plan, planned, index, y)
        charts.append(chart)
        y = chart.bottom + _AXIS
    legend = _legend(plan, planned, y)
    has_heirs = any(b.heir is not None for chart in charts for row in chart.rows for b in row.boxes)
    return Picture(
        width=WIDTH,
        height=(legend[-1].y if legend else y) + _LEGEND * (1 + has_heirs),
        left=_LEFT,
        right=_RIGHT,
        row_height=_ROW - 8,
        title=f"CPU time of {plan.name}",
        description="; ".join(
            f"{chart.title}: " + ", ".join(box.tip for row in chart.rows for box in row.boxes)
            for chart in charts
        ),
        charts=tuple(charts),
        legend=legend,
        note="The stripe in a window shows who gets what its owner leaves unused."
        if has_heirs
        else "",
    )


def _chart(plan: Plan, planned: list[Pcpu], index: int, y: float) -> Chart:
    frame = plan.frames[index]
    scale = (_RIGHT - _LEFT) / frame.frame_us
    top = y + _TITLE
    rows = tuple(
        Row(top + number * _ROW, f"CPU {pcpu.cpu}", _boxes(plan, pcpu, index, scale))
        for number, pcpu in enumerate(planned)
    )
    ticks = tuple(
        Tick(_rounded(_LEFT + at * scale), f"{at / 1000:g}") for at in tick_times(frame.frame_us)
    )
    title = f"Plan {frame.name}, frame {time_text(frame.frame_us)}"
    return Chart(y + 20, title, top, top + len(planned) * _ROW - 8, rows, ticks)


def _boxes(plan: Plan, pcpu: Pcpu, index: int, scale: float) -> tuple[Box, ...]:
    result = []
    start = 0
    for window in pcpu.plans[index]:
        if window.levels:
            width = (window.end_us - start) * scale
            name = owner_text(plan, pcpu, window, 0)
            heir = _vm(plan, pcpu, window, 1) if len(window.levels) > 1 else None
            times = f"{time_text(start)} to {time_text(window.end_us)}"
            tip = f"CPU {pcpu.cpu}, {times}: {window.what}"
            label = name if len(name) * _LETTER + 6 <= width else ""
            colour = _vm(plan, pcpu, window, 0) % COLOURS
            box = Box(
                x=_rounded(_LEFT + start * scale),
                width=_rounded(width),
                colour=colour,
                label=label,
                tip=tip,
                heir=None if heir is None else heir % COLOURS,
            )
            result.append(box)
        start = window.end_us
    return tuple(result)


def owner_text(plan: Plan, pcpu: Pcpu, window: PlanWindow, level: int) -> str:
    """Whose a level of a window is: "alpha", or "alpha:1" if others of the VM are not meant."""
    vcpus = [plan.vcpus[number] for number in pcpu.vcpus]
    meant = [item for item in vcpus if window.levels[level] >> item.slot & 1]
    name = meant[0].vm_name
    if len(meant) == sum(item.vm_name == name for item in vcpus):
        return name
    return ", ".join(f"{name}:{item.index}" for item in meant)


# Index of the VM whose a level of a window is.
def _vm(plan: Plan, pcpu: Pcpu, window: PlanWindow, level: int) -> int:
    slot = (window.levels[level] & -window.levels[level]).bit_length() - 1
    return plan.vcpus[pcpu.vcpus[slot]].vm


def tick_times(frame_us: int) -> list[int]:
    """Round times for the marks of an axis, from 0 to the frame's end."""
    step = 1
    while frame_us / step > _TICKS:
        # 1, 2, 5, 10, ...
        step = step * 5 // 2 if str(step)[0] == "2" else step * 2
    return list(range(0, frame_us + 1, step))


def _legend(plan: Plan, planned: list[Pcpu], y: float) -> tuple[Entry, ...]:
    shown = {plan.vcpus[number].vm for pcpu in planned for number in pcpu.vcpus}
    result: list[Entry] = []
    x = float(_LEFT)
    for vm in plan.vms:
        if vm.index not in shown:
            continue
        width = _SQUARE + len(vm.name) * _LETTER + 20
        if x + width > _RIGHT and x > _LEFT:
            x, y = float(_LEFT), y + _LEGEND
        result.append(Entry(_rounded(x), y, vm.index % COLOURS, vm.name))
        x += width
    return tuple(result)


def _rounded(value: float) -> float:
    return round(value, 2)

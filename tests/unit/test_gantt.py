# SPDX-License-Identifier: Apache-2.0
"""gen/gantt and its template: the picture of the plans."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gen import emit, gantt
from gen.__main__ import examined
from gen.load import load
from gen.plan.types import Plan
from tests.payloads import ROOT

SVG = "{http://www.w3.org/2000/svg}"


@pytest.fixture
def plan() -> Plan:
    found, plan = examined(load(ROOT / "tests" / "golden" / "planned" / "system.toml"))
    assert plan is not None, found
    return plan


def test_boxes_are_the_windows(plan: Plan) -> None:
    picture = gantt.picture(plan)
    normal, safe = picture.charts
    assert (normal.title, safe.title) == ("Plan normal, frame 20 ms", "Plan safe, frame 10 ms")
    assert [row.label for row in normal.rows] == ["CPU 1", "CPU 2"]
    first, second = normal.rows
    assert [box.label for box in first.boxes] == ["rt", "linux", "rt", "linux"]
    assert [box.label for box in second.boxes] == ["linux:1", "linux:2"]
    assert [box.heir for box in first.boxes] == [1, None, 1, None]
    assert first.boxes[0].tip == "CPU 1, 0 us to 3 ms: rt, unused: linux"
    # 864 for 20 ms.
    assert [(box.x, box.width) for box in second.boxes] == [(72.0, 432.0), (590.4, 345.6)]


def test_box_without_room_has_no_label(plan: Plan) -> None:
    short = gantt.Box(0, 10, 0, "", "", None)
    windows = [
        box for chart in gantt.picture(plan).charts for row in chart.rows for box in row.boxes
    ]
    assert all(len(box.label) * 7 < box.width for box in [*windows, short])


def test_picture_is_well_formed_and_has_no_script(plan: Plan) -> None:
    text = emit.render(plan)["plan.svg"]
    assert isinstance(text, str)
    tree = ET.fromstring(text)
    assert tree.get("role") == "img"
    title = tree.find(f"{SVG}title")
    assert title is not None
    assert title.text == "CPU time of planned"
    named = {item.get("id") for item in tree.iter() if item.get("id")}
    assert named == set((tree.get("aria-labelledby") or "").split())
    assert "<script" not in text
    assert "href" not in text


def test_everything_lies_within(plan: Plan) -> None:
    text = emit.render(plan)["plan.svg"]
    assert isinstance(text, str)
    tree = ET.fromstring(text)
    height = float(tree.get("height") or 0)
    for item in tree.iter(f"{SVG}rect"):
        if "class" in item.attrib and item.get("class") != "paper":
            assert float(item.attrib["x"]) + float(item.attrib["width"]) <= gantt.WIDTH
            assert float(item.attrib["y"]) + float(item.attrib["height"]) <= height
    for item in tree.iter(f"{SVG}text"):
        assert float(item.attrib["y"]) <= height


def test_no_plan_no_picture() -> None:
    found, plan = examined(load(ROOT / "tests" / "golden" / "raw" / "system.toml"))
    assert plan is not None, found
    assert "plan.svg" not in emit.render(plan)


@given(st.integers(100, 3_600_000_000))
def test_ticks_are_few_and_even(frame: int) -> None:
    ticks = gantt.tick_times(frame)
    assert 4 <= len(ticks) <= 14
    assert len({two - one for one, two in pairwise(ticks)}) == 1
    assert str(ticks[1]).rstrip("0") in ("1", "2", "5")

# SPDX-License-Identifier: Apache-2.0
"""gen/diag.py: what people and programs get to see."""

from __future__ import annotations

import json
from pathlib import Path

from gen.diag import Diagnostic, Note, as_json, has_errors, in_order, shown_path, text
from gen.source import SourceFile, Span

FILE = SourceFile(Path("demo.toml"), "a = 1\n\tb = [2,\n 3]\nç = 'é'\n")


def span(piece: str) -> Span:
    start = FILE.text.index(piece)
    return Span(FILE, start, start + len(piece))


def test_text_with_all_parts() -> None:
    diagnostic = Diagnostic(
        "some-code", "what is wrong", span("1"), "how to mend it", (Note("there", span("2")),)
    )
    assert text([diagnostic]) == (
        "demo.toml:1:5: error[some-code]: what is wrong\n"
        "    1 | a = 1\n"
        "      |     ^\n"
        "demo.toml:2:7: note: there\n"
        "help: how to mend it\n"
    )


def test_tabs_keep_the_caret_in_place_and_a_long_span_ends_with_its_line() -> None:
    assert text([Diagnostic("c", "m", span("[2,\n 3]"))]) == (
        "demo.toml:2:6: error[c]: m\n    2 | \tb = [2,\n      | \t    ^^^\n"
    )


def test_columns_count_characters() -> None:
    assert text([Diagnostic("c", "m", span("'é'"))]) == (
        "demo.toml:4:5: error[c]: m\n    4 | ç = 'é'\n      |     ^^^\n"
    )


def test_without_place() -> None:
    assert text([Diagnostic("c", "m", None, path=Path("x.toml"))]) == "x.toml: error[c]: m\n"
    assert text([Diagnostic("c", "m", None)]) == "error[c]: m\n"
    assert text([]) == ""


def test_colour_is_added_only_on_request() -> None:
    diagnostic = Diagnostic("c", "m", span("1"), "h")
    assert "\x1b" not in text([diagnostic])
    coloured = text([diagnostic], colour=True)
    assert "\x1b[1;31merror[c]\x1b[0m" in coloured
    assert "\x1b[32mhelp\x1b[0m: h" in coloured


def test_order_is_that_of_the_file_whatever_was_found_first() -> None:
    late = Diagnostic("a", "m", span("2"))
    warning = Diagnostic("a", "m", span("1"), severity="warning")
    error = Diagnostic("z", "m", span("1"))
    assert in_order([late, warning, error, late]) == (error, warning, late)
    assert not has_errors([warning])


def test_json() -> None:
    items = json.loads(as_json([Diagnostic("c", "m", span("[2,\n 3]"), "h", (Note("n"),))]))
    assert items == [
        {
            "code": "c",
            "severity": "error",
            "message": "m",
            "help": "h",
            "place": {
                "path": "demo.toml",
                "line": 2,
                "column": 6,
                "end-line": 3,
                "end-column": 4,
            },
            "notes": [{"message": "n", "place": None}],
        }
    ]


def test_shown_path(tmp_path: Path, monkeypatch: object) -> None:
    assert shown_path(Path.cwd() / "x" / "y.toml") == "x/y.toml"
    assert shown_path(tmp_path / "y.toml") == str(tmp_path / "y.toml")

# SPDX-License-Identifier: Apache-2.0
"""Diagnostics: what is wrong with an input, where, and how to mend it.

A diagnostic is data; this module also prints it, as text for people (with the source line and a
caret) or as JSON for programs.  It knows no rules and no codes: those are in gen/checks and listed
by gen/codes.py.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from gen.source import Span

Severity = Literal["error", "warning"]


@dataclass(frozen=True)
class Note:
    """A second place that belongs to a diagnostic; `span` is None where no file has one."""

    message: str
    span: Span | None = None


@dataclass(frozen=True)
class Diagnostic:
    """One finding.

    code: the rule, kebab-case; `ashlar explain CODE` tells more.
    span: the place of the value at fault; None if there is none (then `path` names the file).
    message: what, and the rule with its numbers.  help: how to mend it, or "".
    """

    code: str
    message: str
    span: Span | None
    help: str = ""
    notes: tuple[Note, ...] = ()
    severity: Severity = "error"
    path: Path | None = None


class Refused(Exception):  # noqa: N818 (it is the verdict, not a failure)
    """The input has errors; `diagnostics` says which (warnings may be among them)."""

    def __init__(self, diagnostics: Iterable[Diagnostic]) -> None:
        self.diagnostics = in_order(diagnostics)
        super().__init__("; ".join(diagnostic.message for diagnostic in self.diagnostics))


def in_order(diagnostics: Iterable[Diagnostic]) -> tuple[Diagnostic, ...]:
    """The order of printing: by file, place, severity, code, text; exact repetitions once."""

    def rank(item: Diagnostic) -> tuple[str, int, bool, str, str]:
        return (
            str(item.span.file.path if item.span else item.path or ""),
            item.span.start if item.span else -1,
            item.severity != "error",
            item.code,
            item.message,
        )

    return tuple(dict.fromkeys(sorted(diagnostics, key=rank)))


def has_errors(diagnostics: Iterable[Diagnostic]) -> bool:
    """Whether one of them is an error."""
    return any(diagnostic.severity == "error" for diagnostic in diagnostics)


def shown_path(path: Path) -> str:
    """A path as people know it: relative to the working directory if it lies below."""
    relative = os.path.relpath(path)
    return str(path) if relative.startswith("..") else relative


def text(diagnostics: Iterable[Diagnostic], *, colour: bool = False) -> str:
    """The diagnostics for people, one blank line between two; "" if there are none."""
    blocks = (_block(diagnostic, colour) for diagnostic in in_order(diagnostics))
    return "\n".join(blocks)


_COLOURS = {"error": "\x1b[1;31m", "warning": "\x1b[1;33m", "note": "\x1b[36m", "help": "\x1b[32m"}


def _painted(word: str, style: str, colour: bool) -> str:
    return f"{_COLOURS[style]}{word}\x1b[0m" if colour else word


def _place(span: Span | None, path: Path | None) -> str:
    if span is not None:
        line, column = span.file.position(span.start)
        return f"{shown_path(span.file.path)}:{line}:{column}: "
    return f"{shown_path(path)}: " if path is not None else ""


def _block(diagnostic: Diagnostic, colour: bool) -> str:
    head = _painted(f"{diagnostic.severity}[{diagnostic.code}]", diagnostic.severity, colour)
    lines = [f"{_place(diagnostic.span, diagnostic.path)}{head}: {diagnostic.message}"]
    if diagnostic.span is not None:
        lines += _excerpt(diagnostic.span, _COLOURS[diagnostic.severity] if colour else "")
    for note in diagnostic.notes:
        lines.append(f"{_place(note.span, None)}{_painted('note', 'note', colour)}: {note.message}")
    if diagnostic.help:
        lines.append(f"{_painted('help', 'help', colour)}: {diagnostic.help}")
    return "\n".join(lines) + "\n"


# The source line and the carets under the span; a span over several lines is marked on its first.
def _excerpt(span: Span, style: str) -> list[str]:
    line, column = span.file.position(span.start)
    source = span.file.line_text(line)
    width = max(1, min(span.end - span.start, len(source) - column + 1))
    # Tabs stay tabs, so that the caret stands below its text whatever a tab is worth.
    indent = "".join("\t" if char == "\t" else " " for char in source[: column - 1])
    carets = f"{style}{'^' * width}\x1b[0m" if style else "^" * width
    return [f"{line:5d} | {source}".rstrip(), f"      | {indent}{carets}"]


def as_json(diagnostics: Iterable[Diagnostic]) -> str:
    """The diagnostics as a JSON array, for editors and scripts; ends with a line end."""
    items = [
        {
            "code": diagnostic.code,
            "severity": diagnostic.severity,
            "message": diagnostic.message,
            "help": diagnostic.help,
            "place": _json_place(diagnostic.span, diagnostic.path),
            "notes": [
                {"message": note.message, "place": _json_place(note.span, None)}
                for note in diagnostic.notes
            ],
        }
        for diagnostic in in_order(diagnostics)
    ]
    return json.dumps(items, indent=2) + "\n"


# Line and column from 1, end exclusive.
def _json_place(span: Span | None, path: Path | None) -> dict[str, Any] | None:
    if span is None:
        return {"path": shown_path(path)} if path is not None else None
    line, column = span.file.position(span.start)
    end_line, end_column = span.file.position(span.end)
    return {
        "path": shown_path(span.file.path),
        "line": line,
        "column": column,
        "end-line": end_line,
        "end-column": end_column,
    }

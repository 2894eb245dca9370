# SPDX-License-Identifier: Apache-2.0
"""TOML text to values, with the place of every key and value.

The values come from the standard parser; the places come from a small scanner that walks the same
text beside it.  The scanner runs only on text that the parser has accepted, so it need not
diagnose anything: it follows the grammar of TOML 1.0 and notes offsets.

This is the only module that reads TOML.  It knows nothing of what the keys mean.
"""

from __future__ import annotations

import re
import sys
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

#: The way from the root of a document to a value: table keys and array indices.
KeyPath = tuple[str | int, ...]


@dataclass(frozen=True, eq=False)
class SourceFile:
    """A text file that diagnostics can point into.

    path: as found (absolute or relative to the working directory).
    text: the decoded text, line ends untouched.
    """

    path: Path
    text: str

    @cached_property
    def _line_starts(self) -> list[int]:
        return [0, *(match.end() for match in re.finditer("\n", self.text))]

    def position(self, offset: int) -> tuple[int, int]:
        """Line and column of a character offset, both counted from 1."""
        line = bisect_right(self._line_starts, offset)
        return line, offset - self._line_starts[line - 1] + 1

    def offset(self, line: int, column: int) -> int:
        """The character offset of a line and column (both from 1), kept inside the text."""
        line = max(1, min(line, len(self._line_starts)))
        return min(self._line_starts[line - 1] + column - 1, len(self.text))

    def line_text(self, line: int) -> str:
        """The text of a line (counted from 1) without its end."""
        start = self._line_starts[line - 1]
        end = self._line_starts[line] if line < len(self._line_starts) else len(self.text)
        return self.text[start:end].rstrip("\r\n")


@dataclass(frozen=True)
class Span:
    """A piece of a source file: the characters [start, end)."""

    file: SourceFile
    start: int
    end: int

    @property
    def line(self) -> int:
        """Line of the first character, from 1."""
        return self.file.position(self.start)[0]

    @property
    def column(self) -> int:
        """Column of the first character, from 1; a tab is one column."""
        return self.file.position(self.start)[1]

    @property
    def text(self) -> str:
        """The characters themselves."""
        return self.file.text[self.start : self.end]


@dataclass(frozen=True)
class Place:
    """Where a key stands and where its value stands (for a table: its header)."""

    key: Span
    value: Span


@dataclass(frozen=True, eq=False)
class Document:
    """A parsed TOML file: plain values, and the place of each of them."""

    file: SourceFile
    values: dict[str, Any]
    places: dict[KeyPath, Place] = field(repr=False)

    def value_span(self, path: KeyPath) -> Span:
        """The place of the value at `path`, or of the nearest table round it."""
        return self._place(path).value

    def key_span(self, path: KeyPath) -> Span:
        """The place of the key at `path`, or of the nearest table round it."""
        return self._place(path).key

    def _place(self, path: KeyPath) -> Place:
        while path:
            place = self.places.get(path)
            if place is not None:
                return place
            path = path[:-1]
        start = Span(self.file, 0, 0)
        return Place(start, start)


@dataclass(frozen=True)
class Spans:
    """The places of one table's keys; what a model object keeps to speak of its origin."""

    document: Document
    path: KeyPath

    def of(self, *path: str | int) -> Span:
        """The place of the value at `path` below the table, or of the table if it is not given."""
        return self.document.value_span(self.path + path)

    def key(self, *path: str | int) -> Span:
        """The place of the key at `path` below the table, or of the table if it is not given."""
        return self.document.key_span(self.path + path)

    def given(self, *path: str | int) -> bool:
        """Whether the user wrote the value at `path`."""
        return self.path + path in self.document.places

    @property
    def table(self) -> Span:
        """The place of the table: its header, or the inline table."""
        return self.document.value_span(self.path)


class TomlError(Exception):
    """The text is not TOML.  `span` is the place, the message is the parser's."""

    def __init__(self, message: str, span: Span) -> None:
        super().__init__(message)
        self.span = span


def parse(path: Path, data: bytes) -> Document:
    """Parses a TOML file.

    Args:
        path: the name that diagnostics show.
        data: the file's bytes.

    Raises:
        TomlError: not UTF-8, or not TOML 1.0; only the first mistake is known.
    """
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        file = SourceFile(path, data.decode("utf-8", errors="replace"))
        offset = len(data[: error.start].decode("utf-8"))
        raise TomlError(
            f"the file is not UTF-8 text (byte {data[error.start]:#04x})",
            Span(file, offset, offset + 1),
        ) from None
    file = SourceFile(path, text)
    try:
        values = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise _located(str(error), file) from None
    except RecursionError:
        raise TomlError("values are nested too deeply", Span(file, 0, 0)) from None
    return Document(file, values, _Scanner(file).scan())


# The parser puts the place at the end of its message: "... (at line 3, column 7)".
_AT = re.compile(r" \(at (?:line (\d+), column (\d+)|end of document)\)$")


def _located(message: str, file: SourceFile) -> TomlError:
    match = _AT.search(message)
    offset = len(file.text)
    if match:
        message = message[: match.start()]
        if match[1]:
            offset = file.offset(int(match[1]), int(match[2]))
    else:
        offset = 0
    if not match or not match[1]:
        # "end of document" lies behind the last line end: show the last line that has text.
        offset = min(offset, len(file.text.rstrip()))
    return TomlError(message[:1].lower() + message[1:], Span(file, offset, offset + 1))


_BLANK = re.compile(r"(?:[ \t\r\n]|#[^\n]*)*")
_SPACE = re.compile(r"[ \t]*")
_BARE_KEY = re.compile(r"[A-Za-z0-9_-]+")
_QUOTED = re.compile(r'"(?:[^"\\]|\\.)*"' + r"|'[^']*'")
_MULTILINE = re.compile(r'"""(?:[^\\]|\\.)*?"{3,5}' + r"|'''.*?'{3,5}", re.DOTALL)
# A date and a time may be joined by one space; every other scalar ends at a separator.
_SCALAR = re.compile(r"\d{4}-\d\d-\d\d \d\d:[^\s,\]}#]*|[^\s,\]}#]+")


class _Scanner:
    # Walks accepted TOML text once, from left to right.  `at` is the offset of the next character.

    def __init__(self, file: SourceFile) -> None:
        self.file = file
        self.text = file.text
        self.at = 0
        self.places: dict[KeyPath, Place] = {}
        self.array_lengths: dict[KeyPath, int] = {}

    def scan(self) -> dict[KeyPath, Place]:
        table: KeyPath = ()
        self._skip(_BLANK)
        while self.at < len(self.text):
            if self.text[self.at] == "[":
                table = self._header()
            else:
                self._assignment(table)
            self._skip(_BLANK)
        return self.places

    def _skip(self, pattern: re.Pattern[str]) -> None:
        match = pattern.match(self.text, self.at)
        assert match is not None
        self.at = match.end()

    def _span(self, start: int) -> Span:
        return Span(self.file, start, self.at)

    # [a.b] or [[a.b]]; returns the path of the table that follows.
    def _header(self) -> KeyPath:
        start = self.at
        is_array = self.text.startswith("[[", self.at)
        self.at += 2 if is_array else 1
        keys = list(self._keys())
        self.at += 2 if is_array else 1
        span = self._span(start)

        path: KeyPath = ()
        for number, (key, key_span) in enumerate(keys):
            path += (key,)
            last = number == len(keys) - 1
            if last and is_array:
                self.places.setdefault(path, Place(key_span, span))
                index = self.array_lengths.get(path, 0)
                self.array_lengths[path] = index + 1
                path += (index,)
                self.places[path] = Place(key_span, span)
                break
            if path in self.array_lengths:
                path += (self.array_lengths[path] - 1,)
            elif last:
                self.places[path] = Place(key_span, span)
            else:
                self.places.setdefault(path, Place(key_span, span))
        return path

    def _assignment(self, table: KeyPath) -> None:
        keys = list(self._keys())
        self.at += 1  # =
        self._skip(_SPACE)
        path = table
        for key, key_span in keys[:-1]:
            path += (key,)
            self.places.setdefault(path, Place(key_span, key_span))
        name, name_span = keys[-1]
        path += (name,)
        self.places[path] = Place(name_span, self._value(path))

    # A dotted key, up to what follows it: "=" or "]".
    def _keys(self) -> Iterator[tuple[str, Span]]:
        while True:
            self._skip(_SPACE)
            start = self.at
            if self.text[self.at] in "\"'":
                self._skip(_QUOTED)
                raw = self.text[start : self.at]
                key = tomllib.loads(f"k={raw}")["k"] if "\\" in raw else raw[1:-1]
            else:
                self._skip(_BARE_KEY)
                key = self.text[start : self.at]
            yield key, self._span(start)
            self._skip(_SPACE)
            if self.text[self.at] != ".":
                return
            self.at += 1

    def _value(self, path: KeyPath) -> Span:
        start = self.at
        first = self.text[start]
        if self.text.startswith(('"""', "'''"), start):
            self._skip(_MULTILINE)
        elif first in "\"'":
            self._skip(_QUOTED)
        elif first == "[":
            self._array(path)
        elif first == "{":
            self._inline_table(path)
        else:
            self._skip(_SCALAR)
        return self._span(start)

    def _array(self, path: KeyPath) -> None:
        self.at += 1
        index = 0
        while True:
            self._skip(_BLANK)
            if self.text[self.at] == "]":
                break
            element = (*path, index)
            span = self._value(element)
            self.places[element] = Place(span, span)
            index += 1
            self._skip(_BLANK)
            if self.text[self.at] == ",":
                self.at += 1
        self.at += 1

    def _inline_table(self, path: KeyPath) -> None:
        self.at += 1
        while True:
            self._skip(_BLANK)
            if self.text[self.at] == "}":
                break
            self._assignment(path)
            self._skip(_BLANK)
            if self.text[self.at] == ",":
                self.at += 1
        self.at += 1

# SPDX-License-Identifier: Apache-2.0
"""gen/source.py: values and places.

The property: the text at the place of a value, parsed alone, is that value; the text at the place
of a key is that key.  It is tried on hand-written TOML of every form and on random documents.
"""

from __future__ import annotations

import sys
from datetime import date, datetime, time
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gen.source import Document, KeyPath, TomlError, parse
from tests.payloads import ROOT

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib


def document(text: str) -> Document:
    return parse(Path("x.toml"), text.encode())


def leaves(value: Any, path: KeyPath = ()) -> list[tuple[KeyPath, Any]]:
    """All values that are no tables and no arrays of tables."""
    if isinstance(value, dict):
        return [leaf for key, item in value.items() for leaf in leaves(item, (*path, key))]
    if isinstance(value, list):
        inner = [leaf for i, item in enumerate(value) for leaf in leaves(item, (*path, i))]
        if not any(isinstance(item, dict) for item in value):
            inner.append((path, value))
        return inner
    return [(path, value)]


def assert_places(text: str) -> None:
    parsed = document(text)
    for path, value in leaves(parsed.values):
        place = parsed.places[path]
        assert tomllib.loads(f"x = {place.value.text}")["x"] == value, path
        if isinstance(path[-1], str):
            key = tomllib.loads(f"{place.key.text} = 0")
            assert list(key) == [path[-1]], path


EVERY_FORM = (Path(__file__).parent / "every-form.toml").read_text()


@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_every_form(end: str) -> None:
    assert_places(EVERY_FORM.replace("\n", end))


def test_arrays_of_tables_are_told_apart() -> None:
    parsed = document(EVERY_FORM)
    lines = EVERY_FORM.splitlines()
    for path, name in (
        (("array", 1, "name"), 'name = "second"'),
        (("array", 1, "nested", 0, "n"), "n = 3"),
        (("array", 0, "nested", 1, "n"), "n = 2"),
    ):
        assert lines[parsed.value_span(path).line - 1] == name


def test_files_of_the_tree() -> None:
    paths = sorted({*ROOT.glob("systems/**/*.toml"), *ROOT.glob("tests/**/*.toml")})
    assert paths
    for path in paths:
        try:
            tomllib.loads(path.read_text())
        except tomllib.TOMLDecodeError:
            continue
        assert_places(path.read_text())


_text = st.text(st.characters(codec="utf-8", exclude_characters="\r"), max_size=12)
_scalars = st.one_of(
    st.integers(-(2**63), 2**63 - 1),
    st.booleans(),
    st.floats(allow_nan=False),
    _text,
    st.dates(date(1000, 1, 1)),
    st.times().map(lambda t: t.replace(fold=0)),
    st.datetimes(datetime(1000, 1, 1)),
)
_values = st.recursive(
    _scalars,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(_text, inner, max_size=4),
    max_leaves=12,
)


def basic_string(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    parts = (c if c >= " " and c != "\x7f" else f"\\u{ord(c):04x}" for c in escaped)
    return f'"{"".join(parts)}"'


def key_text(key: str) -> str:
    bare = key and all(c.isascii() and (c.isalnum() or c in "-_") for c in key)
    return key if bare else basic_string(key)


def inline_text(value: Any, draw: Any) -> str:
    """A value in one of the ways in which it can be written."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):
        literal = "'" not in value and all(c >= " " and c != "\x7f" for c in value)
        forms = [basic_string(value)]
        forms += [f"'{value}'", f"'''{value}'''", f"'''\n{value}'''"] if literal else []
        return str(draw(st.sampled_from(forms)))
    if isinstance(value, datetime):
        return value.isoformat(sep=draw(st.sampled_from("T ")))
    if isinstance(value, date | time):
        return value.isoformat()
    if isinstance(value, list):
        gap = draw(st.sampled_from(["", " ", "\n", " # ]\n\t"]))
        return f"[{gap}" + f",{gap}".join(inline_text(item, draw) + gap for item in value) + "]"
    if isinstance(value, dict):
        pairs = (f"{key_text(key)} = {inline_text(item, draw)}" for key, item in value.items())
        return "{ " + ", ".join(pairs) + " }"
    return repr(value)


@st.composite
def documents(draw: Any) -> str:
    """TOML text with top-level keys, then tables and arrays of tables."""
    lines = []
    top = draw(st.dictionaries(_text, _values, max_size=4))
    lines += [f"{key_text(key)} = {inline_text(value, draw)}" for key, value in top.items()]
    names = draw(st.lists(_text.filter(lambda name: name not in top), unique=True, max_size=3))
    for name in names:
        is_array = draw(st.booleans())
        for _ in range(draw(st.integers(1, 3)) if is_array else 1):
            lines.append(f"[[{key_text(name)}]]" if is_array else f"[ {key_text(name)} ] # x")
            table = draw(st.dictionaries(_text, _values, max_size=3))
            lines += [f"{key_text(k)} = {inline_text(v, draw)}" for k, v in table.items()]
    end: str = draw(st.sampled_from(["\n", "\n\n# comment\n"]))
    return end.join(lines)


@given(documents())
def test_random_documents(text: str) -> None:
    assert_places(text)


@given(st.text(max_size=60))
def test_random_text_is_parsed_or_refused(text: str) -> None:
    try:
        document(text)
    except TomlError as error:
        assert 0 <= error.span.start <= len(error.span.file.text)


@pytest.mark.parametrize(
    ("text", "line", "column"),
    [("a = \n", 1, 5), ("a = 1\nb = [1,", 2, 8), ("a = 1\na = 2\n", 2, 6), ("x", 1, 2)],
)
def test_place_of_a_syntax_error(text: str, line: int, column: int) -> None:
    with pytest.raises(TomlError) as caught:
        document(text)
    assert (caught.value.span.line, caught.value.span.column) == (line, column)


def test_bytes_that_are_no_text() -> None:
    with pytest.raises(TomlError, match=r"not UTF-8 text \(byte 0xff\)") as caught:
        parse(Path("x.toml"), 'ä = 1\nb = "\xff"'.encode("latin-1").replace(b"\xe4", b"a"))
    assert (caught.value.span.line, caught.value.span.column) == (2, 6)

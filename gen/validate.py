# SPDX-License-Identifier: Apache-2.0
"""A TOML document against a schema: an instance of the schema's class, or diagnostics.

Translates what pydantic finds into our words and places.  All findings of a document are reported
at once.  Codes: toml-syntax, unknown-key, missing-key, wrong-type, bad-value.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Literal, TypeVar, get_args, get_origin

from pydantic import BaseModel, ValidationError

from gen.diag import Diagnostic, Refused
from gen.schema import alternatives
from gen.source import Document, KeyPath, Spans, TomlError, parse

T = TypeVar("T", bound=BaseModel)

_EXPECTED = {
    "int_type": "an integer",
    "string_type": "a string",
    "bool_type": "true or false",
    "list_type": "an array",
    "dict_type": "a table",
    "model_type": "a table",
    "literal_error": "a string",
}
# A longer list of valid names is cut.
_SHOWN_NAMES = 16
_TOML_TYPES = {
    bool: "a boolean",
    int: "an integer",
    float: "a float",
    str: "a string",
    list: "an array",
    dict: "a table",
}


def read_document(path: Path, data: bytes) -> Document:
    """Parses TOML.

    Raises:
        Refused: toml-syntax.
    """
    try:
        return parse(path, data)
    except TomlError as error:
        raise Refused(
            [Diagnostic("toml-syntax", str(error), error.span, "see https://toml.io/en/v1.0.0")]
        ) from None


def validate(document: Document, schema: type[T]) -> T:
    """The document as an instance of `schema`.

    Raises:
        Refused: unknown-key, missing-key, wrong-type, bad-value.
    """
    try:
        return schema.model_validate(document.values)
    except ValidationError as error:
        findings = error.errors(include_url=False)
        raise Refused(_diagnostic(document, schema, finding) for finding in findings) from None


def nearest(name: str, valid: Iterable[str]) -> str:
    """Help for an unknown name: the nearest valid one, or else the list of all."""
    names = list(valid)
    close = difflib.get_close_matches(name, names, n=1, cutoff=0.6)
    if close:
        return f'did you mean "{close[0]}"?'
    if not names:
        return ""
    shown = ", ".join(f'"{item}"' for item in names[:_SHOWN_NAMES])
    more = f" and {len(names) - _SHOWN_NAMES} more" if len(names) > _SHOWN_NAMES else ""
    return f"valid: {shown}{more}"


# The path without pydantic's own components (tags of unions): those that are not in the values.
# The last one of a missing key is not there either, but meant.
def _real_path(values: Any, loc: tuple[int | str, ...], kind: str) -> KeyPath:
    path: KeyPath = ()
    for number, part in enumerate(loc):
        inner = _child(values, part)
        if inner is not None:
            values = inner
        elif number < len(loc) - 1 or kind != "missing":
            continue
        path += (part,)
    return path


# The value under a key or an index, or None; TOML has no null.
def _child(values: Any, part: str | int) -> Any:
    if isinstance(values, dict):
        return values.get(part)
    if isinstance(values, list) and isinstance(part, int) and part < len(values):
        return values[part]
    return None


def _value_at(values: Any, path: KeyPath) -> Any:
    for part in path:
        values = _child(values, part)
    return values


# The table of the schema that stands at a path: ("vm", 3, "memory", 0) -> MemoryTable.
def _table_at(schema: type[BaseModel], path: KeyPath) -> type[BaseModel] | None:
    current: Any = schema
    for part in path:
        table = _table_in(current)
        if table is not None:
            fields = {info.alias or name: info for name, info in table.model_fields.items()}
            if part not in fields:
                return None
            current = fields[str(part)].annotation
        else:
            current = _element(current)
    return _table_in(current)


def _element(annotation: Any) -> Any:
    for item in alternatives(annotation):
        if get_origin(item) in (list, dict):
            return get_args(item)[-1]
    return None


def _table_in(annotation: Any) -> type[BaseModel] | None:
    for item in alternatives(annotation):
        if isinstance(item, type) and issubclass(item, BaseModel):
            return item
    return None


# The line of the reference on a key: what a value that cannot be used should have been.
def _key_help(schema: type[BaseModel], path: KeyPath) -> str:
    while path and isinstance(path[-1], int):
        path = path[:-1]
    table = _table_at(schema, path[:-1])
    if table is None or not path:
        return ""
    name = str(path[-1])
    field = _field_name(table, name)
    return f"{name}: {table.model_fields[field].description}" if field else ""


def _diagnostic(document: Document, schema: type[BaseModel], finding: Any) -> Diagnostic:
    kind: str = finding["type"]
    path = _real_path(document.values, finding["loc"], kind)
    context: dict[str, Any] = finding.get("ctx", {})
    name = str(path[-1]) if path else ""
    where = owner_text(document.values, path[:-1])
    key_help = _key_help(schema, path)

    if kind == "extra_forbidden":
        table = _table_at(schema, path[:-1])
        valid = [info.alias or key for key, info in table.model_fields.items()] if table else []
        message = f'unknown key "{name}" in {where}'
        return Diagnostic("unknown-key", message, document.key_span(path), nearest(name, valid))
    if kind == "missing":
        message = f'{where} lacks the key "{name}"'
        span = Spans(document, path[:-1]).key()
        return Diagnostic("missing-key", message, span, key_help)

    span = document.value_span(path)
    value = _value_at(document.values, path)
    subject = f'"{name}" of {where}'
    if path and isinstance(path[-1], int):  # an element of an array has no name of its own
        owner = path[:-1]
        subject = f'an element of "{owner[-1]}" of {owner_text(document.values, owner[:-1])}'
    if kind == "literal_error" and isinstance(value, str):
        help_text = nearest(value, _literals(schema, path))
        return Diagnostic("bad-value", f'{subject} cannot be "{value}"', span, help_text)
    if kind in ("wrong-type", "literal_error") or kind in _EXPECTED:
        expected = _EXPECTED.get(kind) or context["expected"]
        actual = _TOML_TYPES.get(type(value), "a date or time")
        message = f"{subject} must be {expected}, not {actual}"
        return Diagnostic("wrong-type", message, span, key_help)
    if kind == "bad-value":
        message = f"{subject}: {context['message']}"
        return Diagnostic("bad-value", message, span, context["help"] or key_help)
    if kind == "greater_than_equal":
        message = f"{subject} must be {context['ge']} or more, not {value}"
        return Diagnostic("bad-value", message, span, key_help)
    reason = finding["msg"]
    message = f"{subject}: {reason[:1].lower()}{reason[1:]}"
    return Diagnostic("bad-value", message, span, key_help)


# The field of a table that a key of the file stands for; "" if there is none.
def _field_name(table: type[BaseModel], alias: str) -> str:
    fields = table.model_fields.items()
    return next((key for key, info in fields if (info.alias or key) == alias), "")


def _literals(schema: type[BaseModel], path: KeyPath) -> list[str]:
    table = _table_at(schema, path[:-1])
    if table is None:
        return []
    annotation = table.model_fields[_field_name(table, str(path[-1]))].annotation
    literals = (item for item in alternatives(annotation) if get_origin(item) is Literal)
    return [str(item) for literal in literals for item in get_args(literal)]


def owner_text(values: Any, path: KeyPath) -> str:
    """What people call the table at `path`: `vm "alpha"`, `[images.debian]`, `the file`."""
    if not path:
        return "the file"
    words = []
    for depth, part in enumerate(path):
        if not isinstance(part, int):
            continue
        table = _value_at(values, path[: depth + 1])
        title = str(path[depth - 1])
        if isinstance(table, dict) and "name" in table:
            words.append(f'{title} "{table["name"]}"')
        elif isinstance(table, dict) and "id" in table:
            words.append(f"{title} {table['id']}")
        else:
            dotted = ".".join(item for item in path[:depth] if isinstance(item, str))
            words.append(f"[[{dotted}]] number {part + 1}")
    if words:
        return " of ".join(reversed(words))
    return f"[{'.'.join(str(part) for part in path)}]"

# SPDX-License-Identifier: Apache-2.0
"""A TOML document against a schema: an instance of the schema's class, or diagnostics.

Translates what pydantic finds into our words and places.  All findings of a document are reported
at once.  Codes: toml-syntax, unknown-key, missing-key, wrong-type, bad-value.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from pathlib import Path
from typing import Any, TypeVar, get_args, get_origin

from pydantic import BaseModel, ValidationError

from gen.diag import Diagnostic, Refused
from gen.source import Document, KeyPath, Spans, TomlError, parse

T = TypeVar("T", bound=BaseModel)

_EXPECTED = {
    "int_type": "an integer",
    "string_type": "a string",
    "bool_type": "true or false",
    "list_type": "an array",
    "dict_type": "a table",
    "model_type": "a table",
}
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
    return "valid: " + ", ".join(f'"{item}"' for item in names)


# The path without pydantic's own components (tags of unions): those that are not in the values.
def _real_path(values: Any, loc: tuple[int | str, ...]) -> KeyPath:
    path: KeyPath = ()
    for number, part in enumerate(loc):
        if (isinstance(values, dict) and part in values) or (
            isinstance(values, list) and isinstance(part, int) and part < len(values)
        ):
            values = values[part]
        elif number < len(loc) - 1:
            continue
        path += (part,)
    return path


def _value_at(values: Any, path: KeyPath) -> Any:
    for part in path:
        values = values[part]
    return values


# The table of the schema that stands at a path: [("vm"), 3, "memory", 0] -> MemoryTable.
def _table_at(schema: type[BaseModel], path: KeyPath) -> type[BaseModel] | None:
    current: Any = schema
    for part in path:
        if isinstance(current, type) and issubclass(current, BaseModel):
            fields = {info.alias or name: info for name, info in current.model_fields.items()}
            if part not in fields:
                return None
            current = fields[str(part)].annotation
        else:
            current = _element(current)
    return _table_in(current)


def _element(annotation: Any) -> Any:
    for item in (annotation, *get_args(annotation)):
        if get_origin(item) is list:
            return get_args(item)[0]
        if get_origin(item) is dict:
            return get_args(item)[1]
    return None


def _table_in(annotation: Any) -> type[BaseModel] | None:
    for item in (annotation, *get_args(annotation)):
        if isinstance(item, type) and issubclass(item, BaseModel):
            return item
    return None


def _diagnostic(document: Document, schema: type[BaseModel], finding: Any) -> Diagnostic:
    path = _real_path(document.values, finding["loc"])
    kind: str = finding["type"]
    context: dict[str, Any] = finding.get("ctx", {})
    name = str(path[-1]) if path else ""
    where = owner_text(document.values, path[:-1])

    if kind == "extra_forbidden":
        table = _table_at(schema, path[:-1])
        valid = [info.alias or key for key, info in table.model_fields.items()] if table else []
        return Diagnostic(
            "unknown-key",
            f'unknown key "{name}" in {where}',
            document.key_span(path),
            nearest(name, valid),
        )
    if kind == "missing":
        table = _table_at(schema, path[:-1])
        info = table.model_fields[_field_name(table, name)] if table else None
        return Diagnostic(
            "missing-key",
            f'{where} lacks the key "{name}"',
            Spans(document, path[:-1]).key(),
            f"{name}: {info.description}" if info else "",
        )
    span = document.value_span(path)
    value = _value_at(document.values, path)
    # An element of an array has no name of its own.
    subject = f'"{name}" of {where}'
    if path and isinstance(path[-1], int):
        owner = path[:-1]
        subject = f'an element of "{owner[-1]}" of {owner_text(document.values, owner[:-1])}'
    if kind == "literal_error":
        valid = _literals(schema, path)
        return Diagnostic(
            "bad-value", f"{subject} cannot be {_toml(value)}", span, nearest(str(value), valid)
        )
    if kind == "wrong-type" or kind in _EXPECTED:
        expected = context.get("expected") or _EXPECTED[kind]
        actual = _TOML_TYPES.get(type(value), "a date or time")
        return Diagnostic("wrong-type", f"{subject} must be {expected}, not {actual}", span)
    if kind == "bad-value":
        return Diagnostic("bad-value", f"{subject}: {context['message']}", span, context["help"])
    if kind == "greater_than_equal":
        return Diagnostic(
            "bad-value", f"{subject} must be {context['ge']} or more, not {_toml(value)}", span
        )
    message = finding["msg"]
    return Diagnostic("bad-value", f"{subject}: {message[:1].lower()}{message[1:]}", span)


def _field_name(table: type[BaseModel], alias: str) -> str:
    return next(key for key, info in table.model_fields.items() if (info.alias or key) == alias)


def _literals(schema: type[BaseModel], path: KeyPath) -> list[str]:
    table = _table_at(schema, path[:-1])
    if table is None:
        return []
    annotation = table.model_fields[_field_name(table, str(path[-1]))].annotation
    return [str(item) for item in get_args(annotation)]


def _toml(value: Any) -> str:
    return f'"{value}"' if isinstance(value, str) else str(value)


def owner_text(values: Any, path: KeyPath) -> str:
    """What people call the table at `path`: `vm "alpha"`, `[images.debian]`, `the file`."""
    if not path:
        return "the file"
    words = []
    for depth, part in enumerate(path):
        if isinstance(part, int):
            table = _value_at(values, path[: depth + 1])
            name = table.get("name", table.get("id")) if isinstance(table, dict) else None
            title = str(path[depth - 1])
            words.append(
                f'{title} "{name}"' if name is not None else f"[[{title}]] number {part + 1}"
            )
    if words:
        return " of ".join(reversed(words))
    return f"[{'.'.join(str(part) for part in path)}]"

# SPDX-License-Identifier: Apache-2.0
"""The reference for users, printed from the schema and the table of codes.

    python -m gen.docs          writes docs/toml.md and docs/diagnostics.md
    ashlar explain CODE|KEY     prints one entry

Nothing is written here twice: types, units, defaults and sentences come from gen/schema.py and
gen/codes.py, the examples from tests/bad.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, get_args, get_origin

from pydantic import BaseModel, BeforeValidator
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from gen.codes import CODES
from gen.ranges import size_text
from gen.schema import TYPE_NAMES, BoardFile, SystemFile, alternatives, parse_size
from gen.validate import nearest

ROOT = Path(__file__).resolve().parent.parent


@dataclass(frozen=True)
class Key:
    """A key as the reference shows it.  table: how its table is headed, such as `[[vm.memory]]`."""

    name: str
    path: str
    table: str
    type: str
    unit: str
    default: str
    doc: str


@dataclass(frozen=True)
class TableDoc:
    """A table as the reference shows it: its heading, its sentence, its keys."""

    heading: str
    doc: str
    keys: tuple[Key, ...]


def tables(schema: type[BaseModel]) -> tuple[TableDoc, ...]:
    """The tables of a file, in the order of the schema."""
    return tuple(_tables(schema, ()))


def _tables(table: type[BaseModel], path: tuple[str, ...]) -> Iterator[TableDoc]:
    for name, info in table.model_fields.items():
        alias = info.alias or name
        for annotation in alternatives(info.annotation):
            inner, is_array, is_map = _inner_table(annotation)
            if inner is None:
                continue
            here = (*path, alias)
            dotted = ".".join((*here, "NAME") if is_map else here)
            heading = f"[[{dotted}]]" if is_array else f"[{dotted}]"
            keys = []
            for key_name, key_info in inner.model_fields.items():
                if not _only_table(key_info.annotation):
                    keys.append(_key(key_name, key_info, here, heading))
            doc = (inner.__doc__ or "").partition(": ")[2]
            yield TableDoc(heading, doc[:1].upper() + doc[1:], tuple(keys))
            yield from _tables(inner, here)


# The table within an annotation, and whether it is an array or a map of such tables.
def _inner_table(annotation: Any) -> tuple[type[BaseModel] | None, bool, bool]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation, False, False
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin in (list, dict) and isinstance(arguments[-1], type):
        inner, _, _ = _inner_table(arguments[-1])
        return inner, origin is list, origin is dict
    return None, False, False


def _only_table(annotation: Any) -> bool:
    return all(
        item is type(None) or _inner_table(item)[0] is not None for item in alternatives(annotation)
    )


def _key(name: str, info: FieldInfo, path: tuple[str, ...], table: str) -> Key:
    extra = info.json_schema_extra if isinstance(info.json_schema_extra, dict) else {}
    alias = info.alias or name
    return Key(
        name=alias,
        path=".".join((*path, alias)),
        table=table,
        type=_type_name(info),
        unit=str(extra.get("unit", "")),
        default=str(extra.get("default-text", "")) or _default_text(info),
        doc=info.description or "",
    )


def _validators(metadata: Any) -> Iterator[Any]:
    for item in metadata:
        if isinstance(item, BeforeValidator):
            yield item.func


def _type_name(info: FieldInfo) -> str:
    for validator in _validators(info.metadata):
        return TYPE_NAMES[validator]
    names = [_annotation_name(item) for item in alternatives(info.annotation)]
    return " or ".join(name for name in names if name)


def _annotation_name(annotation: Any) -> str:
    for validator in _validators(getattr(annotation, "__metadata__", ())):
        return TYPE_NAMES[validator]
    if get_origin(annotation) is Literal:
        return ", ".join(f'"{item}"' for item in get_args(annotation))
    if get_origin(annotation) is list:
        element = get_args(annotation)[0]
        if _inner_table(element)[0] is not None:
            return "tables"
        return f"array of {_annotation_name(element)}s"
    names = {int: "integer", float: "number", str: "string", bool: "boolean", type(None): ""}
    return names[annotation]


def _default_text(info: FieldInfo) -> str:
    if info.default is PydanticUndefined or info.is_required():
        return "must be given"
    if isinstance(info.default, bool):
        return f"`{str(info.default).lower()}`"
    if parse_size in _validators(info.metadata):
        return f'`"{size_text(info.default)}"`'
    return f'`"{info.default}"`' if isinstance(info.default, str) else f"`{info.default}`"


def keys() -> dict[str, Key]:
    """All keys of both kinds of file by their dotted path: "vm.memory.size"."""
    result: dict[str, Key] = {}
    for schema in (SystemFile, BoardFile):
        for table in tables(schema):
            for key in table.keys:
                result[key.path] = key
    return result


# ---- explain -------------------------------------------------------------------------------------


def explanation(topic: str | None) -> str | None:
    """What `ashlar explain` prints: of a code, a key, a table, or (None) the list of all topics.

    Returns None if there is no such topic.
    """
    if topic is None:
        return (
            "Diagnostic codes:\n"
            + "".join(f"  {code.name:20} {code.what}\n" for code in CODES.values())
            + "\nKeys:\n"
            + "".join(f"  {path:24} {key.doc}\n" for path, key in keys().items())
        )
    if topic in CODES:
        code = CODES[topic]
        return f"{code.name}: {code.what}\n\nWhy: {code.why}\nFix: {code.fix}\n"
    all_keys = keys()
    if topic in all_keys:
        return _key_text(all_keys[topic])
    # A table's name lists its keys; else a last part alone is enough.
    matches = [key for path, key in all_keys.items() if path.startswith(f"{topic}.")]
    matches = matches or [key for path, key in all_keys.items() if path.rpartition(".")[2] == topic]
    return "\n".join(_key_text(key) for key in matches) or None


def unknown_topic(topic: str) -> str:
    """The complaint about a topic that does not exist, with the nearest one."""
    help_text = nearest(topic, [*CODES, *keys()])
    hint = help_text if help_text.startswith("did") else "`ashlar explain` lists all"
    return f'there is no code or key "{topic}"; {hint}'


def _key_text(key: Key) -> str:
    unit = f", in {key.unit}" if key.unit else ""
    return (
        f"{key.path} in {key.table}: {_plain(key.doc)}\n"
        f"  type:    {key.type}{unit}\n"
        f"  default: {_plain(key.default)}\n"
    )


def _plain(markdown: str) -> str:
    return markdown.replace("`", "")


# ---- the files -----------------------------------------------------------------------------------

_HEADER = """\
<!-- SPDX-License-Identifier: Apache-2.0 -->
<!-- Printed by `python -m gen.docs`; do not edit. -->
"""

_TOML_INTRO = """\
# The TOML files

A system file, `systems/NAME.toml`, says which virtual machines exist and what each of them owns. A
board file, `systems/boards/NAME.toml`, names the board's device tree and says what no tree says.
`ashlar explain KEY` prints an entry of this reference.

Forms of values:

- **size**: a number of bytes, or a string with a unit that is a power of 1024: `4096`, `0x1000`,
  `"4 KiB"`, `"256 MiB"`, `"1 GiB"`.
- **address**: a number, `0x4000_0000`, or the same as a string.
- **duration**: a string with a unit: `"500 us"`, `"10 ms"`, `"1 s"`.
- **path**: relative to the folder of the file that it stands in.

Unknown keys are refused.
"""


def toml_reference() -> str:
    """docs/toml.md."""
    parts = [_HEADER, "\n", _TOML_INTRO]
    for title, schema in (("System files", SystemFile), ("Board files", BoardFile)):
        parts.append(f"\n## {title}\n")
        for table in tables(schema):
            parts.append(f"\n### `{table.heading}`\n\n{table.doc}\n\n")
            parts.append("| key | type | default | meaning |\n| --- | --- | --- | --- |\n")
            for key in table.keys:
                unit = f" ({key.unit})" if key.unit else ""
                cells = (f"`{key.name}`", f"{key.type}{unit}", key.default, key.doc)
                parts.append("| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |\n")
    return "".join(parts)


_DIAGNOSTICS_INTRO = """\
# Diagnostics

What the generator can find wrong with a description, by code: why the rule exists and how to mend
it. All findings of a system are reported at once, with the line and column of the value at fault;
`ashlar explain CODE` prints an entry. The examples are those of `tests/bad`.
"""


def diagnostics_reference() -> str:
    """docs/diagnostics.md."""
    parts = [_HEADER, "\n", _DIAGNOSTICS_INTRO]
    for code in CODES.values():
        parts.append(f"\n## {code.name}\n\n{code.what}\n\n- Why: {code.why}\n- Fix: {code.fix}\n")
        example = _example(code.name)
        if example:
            parts.append(f"\n```\n{example}```\n")
    return "".join(parts)


def _example(code: str) -> str:
    for path in sorted((ROOT / "tests" / "bad").glob(f"{code}-*.txt")):
        return path.read_text()
    return ""


FILES = {"docs/toml.md": toml_reference, "docs/diagnostics.md": diagnostics_reference}


def write() -> None:
    """Writes the reference into the checkout."""
    for name, contents in FILES.items():
        path = ROOT / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(contents())
        print(f"wrote {name}", file=sys.stderr)


if __name__ == "__main__":
    write()

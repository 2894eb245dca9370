# SPDX-License-Identifier: Apache-2.0
"""From a plan to files: renders the templates and writes what changed.

`render` is pure: names and contents of all files. `write` brings a folder into that state; a file
that already has its contents is left alone, so that make builds nothing again.
"""

from __future__ import annotations

import json
import os
import re
import shlex
import textwrap
from collections.abc import Iterable, Mapping
from pathlib import Path

from gen import gantt, report
from gen.plan.types import Limit, Plan
from gen.ranges import size_text
from gen.template import Environment, environment

_FILES = ("tables.c", "pagetables.c", "images.S", "layout.ld", "config.mk")
_COLUMNS = 100
# Files of an earlier run that a changed description no longer has.
_PRUNED = ("guest-*.dts", "guest-*.dtb", "guest-*-acpi.txt", "plan.svg", "images/*")

#: Contents of a file, or the path of a file that already holds them.
Contents = str | bytes | Path


def render(plan: Plan) -> dict[str, Contents]:
    """All files of a plan: contents by name (relative, with `/`)."""
    environment = _environment()
    files: dict[str, Contents] = {}
    for name in _FILES:
        files[name] = environment.get_template(f"{name}.j2").render(plan=plan)
    files["report.txt"] = report.text(plan)
    if plan.frames:
        svg = environment.get_template("plan.svg.j2").render(picture=gantt.picture(plan))
        files["plan.svg"] = svg
    files["plan.json"] = json.dumps(report.data(plan), indent=1) + "\n"
    for vm in plan.vms:
        files.update(vm.boot.sources)
        files.update({piece.file: piece.contents for piece in vm.boot.pieces if piece.file})
    for image in plan.images:
        if image.file not in files:
            files[image.file] = image.contents
    return files


def write(files: Mapping[str, Contents], folder: Path) -> tuple[str, ...]:
    """Brings a folder into the state of `files`.

    Returns:
        Names of the files that were written or removed, sorted.

    Raises:
        OSError: the folder cannot be written.
    """
    (folder / "images").mkdir(parents=True, exist_ok=True)
    changed = [name for name, contents in files.items() if _written(folder / name, contents)]
    for pattern in _PRUNED:
        for path in folder.glob(pattern):
            name = path.relative_to(folder).as_posix()
            if name not in files:
                path.unlink()
                changed.append(name)
    return tuple(sorted(changed))


# Whether the file had to be written. A path becomes a relative link: large images are not copied.
def _written(path: Path, contents: Contents) -> bool:
    if isinstance(contents, Path):
        target = os.path.relpath(contents.resolve(), path.parent.resolve())
        if path.is_symlink() and str(path.readlink()) == target:
            return False
        path.unlink(missing_ok=True)
        path.symlink_to(target)
        return True
    data = contents.encode() if isinstance(contents, str) else contents
    if path.is_symlink():
        path.unlink()
    elif path.exists() and path.stat().st_size == len(data) and path.read_bytes() == data:
        return False
    path.write_bytes(data)
    return True


def _environment() -> Environment:
    return environment(
        byte_lines=_byte_lines,
        c_enum=lambda name: name.upper().replace("-", "_"),
        c_string=_c_string,
        entry=lambda value: f"{value:#018x}",
        option_lines=option_lines,
        permissions=_permissions,
        size=size_text,
        static_assert=_static_assert,
        wrapped=_wrapped,
    )


def _c_string(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


# Bytes in hexadecimal as lines of an initialiser.
def _byte_lines(digits: str) -> list[str]:
    data = [f"{byte:#04x}," for byte in bytes.fromhex(digits)]
    return [" ".join(data[first : first + 16]) for first in range(0, len(data), 16)]


# Lines of a comment, each with its prefix.
def _wrapped(text: str, prefix: str) -> str:
    return textwrap.fill(
        text,
        _COLUMNS,
        initial_indent=prefix,
        subsequent_indent=prefix,
        break_long_words=False,
        break_on_hyphens=False,
    )


# Broken as clang-format would: after the comma, if one line is not enough.
def _static_assert(limit: Limit) -> str:
    reason = _c_string(limit.reason)
    line = f"_Static_assert({limit.condition}, {reason});"
    if len(line) <= _COLUMNS:
        return line
    return f"_Static_assert({limit.condition},\n{'':15}{reason});"


def _permissions(letters: str) -> str:
    names = {"r": "MEM_READ", "w": "MEM_WRITE", "x": "MEM_EXECUTE"}
    return " | ".join(names[letter] for letter in letters)


def option_lines(arguments: Iterable[str]) -> list[str]:
    """Command line arguments as words of a makefile, each option on a line with its values."""
    lines: list[str] = []
    for argument in arguments:
        word = shlex.quote(argument).replace("$", "$$")
        # A backslash quotes `#`, and in front of one it has to be quoted itself.
        word = re.sub(r"(\\*)#", lambda match: match[1] * 2 + "\\#", word)
        if lines and not argument.startswith("-"):
            lines[-1] += f" {word}"
        else:
            lines.append(word)
    return lines

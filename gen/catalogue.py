# SPDX-License-Identifier: Apache-2.0
"""The image catalogue: names such as `debian:linux` to files, for an architecture.

systems/catalogue.toml also says where the files come from; that part is for build/images.py, and
ignored here.
"""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

from gen.board import ROOT
from gen.model import Problem
from gen.validate import nearest, read_document

CATALOGUE = ROOT / "systems" / "catalogue.toml"
_NAME = re.compile(r"[a-z0-9-]+:[a-z0-9-]+")


def is_name(text: str) -> bool:
    """Whether a file is named by the catalogue rather than by its path."""
    return _NAME.fullmatch(text) is not None


def find(name: str, arch: str) -> Path | Problem:
    """The file of a catalogue name for an architecture, or why there is none."""
    entries = _entries(CATALOGUE)
    if name not in entries:
        return Problem(
            "catalogue-unknown",
            f'the image catalogue has no "{name}"',
            nearest(name, sorted(entries)),
        )
    if arch not in entries[name]:
        return Problem(
            "catalogue-unknown",
            f'the image catalogue has "{name}" for {", ".join(sorted(entries[name]))}, not for'
            f" {arch}",
            "give the path of a file, or add the image to systems/catalogue.toml",
        )
    return ROOT / entries[name][arch]


# Name -> architecture -> path relative to the checkout.
@cache
def _entries(path: Path) -> dict[str, dict[str, str]]:
    document = read_document(path, path.read_bytes())
    return {
        name: {arch: entry["path"] for arch, entry in arches.items()}
        for name, arches in document.values.items()
    }

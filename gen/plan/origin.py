# SPDX-License-Identifier: Apache-2.0
"""Names for generated output: where an item comes from, and how it is called in C."""

from __future__ import annotations

from gen.source import Span


def origin(span: Span, what: str) -> str:
    """A place for comments, `dual-linux.toml:12 vm.alpha`: without folder, the same anywhere."""
    return f"{span.file.path.name}:{span.line} {what}"


def ident(name: str) -> str:
    """A TOML name as part of a C name."""
    return name.replace("-", "_")

# SPDX-License-Identifier: Apache-2.0
"""Text from the templates: the one module that knows Jinja.

A template loops over what it is given and prints; it computes and decides nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

__all__ = ["FOLDER", "Environment", "environment"]

FOLDER = Path(__file__).resolve().parent.parent / "templates"


def environment(**filters: Callable[..., object]) -> Environment:
    """Where templates are found and how they are read: undefined names are errors.

    Args:
        filters: what templates may use besides Jinja's own, and `hex`.
    """
    result = Environment(
        loader=FileSystemLoader(FOLDER),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        autoescape=False,
    )
    result.filters.update(filters, hex=lambda value: f"{value:#x}")
    return result

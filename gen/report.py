# SPDX-License-Identifier: Apache-2.0
"""The plan for people (report.txt) and for programs (plan.json)."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

from gen.fdt import FdtNode
from gen.plan.types import Plan


def text(plan: Plan) -> str:
    """report.txt."""
    return f"{plan.name} on {plan.board_name}\n"


def data(plan: Plan) -> dict[str, Any]:
    """plan.json: the plan's dataclasses as objects."""
    result: dict[str, Any] = _plain(plan)
    return result


def _plain(value: Any) -> Any:
    if isinstance(value, FdtNode | bytes | Path):
        return None
    if dataclasses.is_dataclass(value):
        return {
            field.name: _plain(getattr(value, field.name)) for field in dataclasses.fields(value)
        }
    if isinstance(value, tuple | list):
        return [_plain(item) for item in value]
    return value

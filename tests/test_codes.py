# SPDX-License-Identifier: Apache-2.0
"""Every diagnostic code is raised somewhere, explained, and shown by a bad file."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from gen import checks
from gen.codes import CODES
from tests.payloads import ROOT
from tests.test_bad import FOLDER, NAMES, code_of

_RAISING = ("Diagnostic", "Problem", "ImageError", "rule")


def raised_codes() -> set[str]:
    """The codes that appear as first argument where the generator makes a finding."""
    codes = set()
    for path in (ROOT / "gen").rglob("*.py"):
        for call in ast.walk(ast.parse(path.read_text())):
            if (
                not isinstance(call, ast.Call)
                or not isinstance(call.func, ast.Name)
                or not call.args
            ):
                continue
            first = call.args[0]
            if call.func.id in _RAISING and isinstance(first, ast.Constant):
                codes.add(str(first.value))
    return codes


def test_raised_codes_are_those_of_the_table() -> None:
    assert raised_codes() == set(CODES)


@pytest.mark.parametrize("code", CODES)
def test_code_has_a_bad_file(code: str) -> None:
    assert [name for name in NAMES if code_of(name) == code]


def test_every_text_has_its_system() -> None:
    alone = {p.stem for p in FOLDER.glob("*.txt")} ^ {p.stem for p in FOLDER.glob("*.toml")}
    assert alone == {"system-missing-absent"}


@pytest.mark.parametrize("code", CODES.values(), ids=list(CODES))
def test_code_is_explained(code: object) -> None:
    for text in vars(code).values():
        assert text
        assert not text.endswith(" ")


def test_prerequisites_exist_and_run_before() -> None:
    rules = checks.rules()
    order = {rule.code: number for number, rule in enumerate(rules)}
    assert len(order) == len(rules)
    for number, rule in enumerate(rules):
        for need in rule.needs:
            assert need in order, f"{rule.code} needs {need}, which is no rule"
            assert order[need] < number, f"{rule.code} runs before {need}, which it needs"


def test_bad_folder_holds_nothing_else() -> None:
    suffixes = {path.suffix for path in Path(FOLDER).iterdir() if path.is_file()}
    assert suffixes == {".toml", ".txt", ".md"}

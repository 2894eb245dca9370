# SPDX-License-Identifier: Apache-2.0
"""One mistake, one file: each system in tests/bad is refused with exactly the text beside it.

The name of a file begins with the code that it must raise.  `make golden-update` writes the texts;
they are read like code when they change.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from gen import diag
from gen.__main__ import examined
from gen.codes import CODES
from gen.load import load
from tests.payloads import ROOT

FOLDER = ROOT / "tests" / "bad"
# system-missing cannot have a system file: its text stands alone.
NAMES = sorted({path.stem for path in (*FOLDER.glob("*.toml"), *FOLDER.glob("*.txt"))})


def code_of(name: str) -> str:
    """The code that a bad file is named after: the longest that its name begins with."""
    return max((code for code in CODES if name.startswith(f"{code}-")), key=len, default="")


def findings(path: Path) -> tuple[diag.Diagnostic, ...]:
    try:
        system = load(path)
    except diag.Refused as refused:
        return refused.diagnostics
    return examined(system)[0]


@pytest.mark.parametrize("name", NAMES)
def test_bad(name: str, root: Path, golden: Callable[[Path, str], None]) -> None:
    found = findings((FOLDER / f"{name}.toml").relative_to(root))
    golden(FOLDER / f"{name}.txt", diag.text(found))
    code = code_of(name)
    assert code, f"{name} is not named after a code"
    assert all(item.help for item in found), "every finding says how to mend it"
    # Nothing but the one mistake: other errors would mean that one hides another.
    assert code in {item.code for item in found}
    assert {item.code for item in found if item.severity == "error"} <= {code}

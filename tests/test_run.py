# SPDX-License-Identifier: Apache-2.0
"""How build/run.py reads the console: colours, prompts that were taken back, the verdict."""

from __future__ import annotations

import importlib.util
import sys
from types import ModuleType

import pytest

from tests.payloads import ROOT


@pytest.fixture(scope="module")
def run() -> ModuleType:
    sys.path.insert(0, str(ROOT / "build"))  # it imports its neighbour
    spec = importlib.util.spec_from_file_location("ashlar_run", ROOT / "build/run.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


STREAM = (
    b"\x1b[36m[alpha]\x1b[0m # \x1b[6nls\r\n"
    b"\x1b[1m[hv]\x1b[0m ashlar> st\r\x1b[K\x1b[36m[alpha]\x1b[0m file\r\n"
    b"\x1b[1m[hv]\x1b[0m ashlar> st\r\x1b[K\x1b[1m[hv]\x1b[0m end: 1\r\n"
)


@pytest.mark.parametrize("size", range(1, 9))
def test_log(run: ModuleType, size: int) -> None:
    """A prompt that was taken back is a line of its own, however the stream comes in pieces."""
    only = run.Filter(colours=False)
    pieces = [STREAM[at : at + size] for at in range(0, len(STREAM), size)]
    assert b"".join(map(only, pieces)).replace(b"\r", b"").decode().splitlines() == [
        "[alpha] # ls",
        "[hv] ashlar> st",
        "[alpha] file",
        "[hv] ashlar> st",
        "[hv] end: 1",
    ]


def test_verdict_behind_a_prompt(run: ModuleType) -> None:
    outcome = run.Outcome()
    outcome.feed(STREAM)
    assert outcome.verdict == 1


def test_guests_give_no_verdict(run: ModuleType) -> None:
    """The hypervisor writes a guest's prefix behind each carriage return."""
    outcome = run.Outcome()
    outcome.feed(
        b"[alpha] [hv] end: 0\r\n[alpha] x\r[alpha] [hv] end: 0\r\n[alpha] \x1b[\r[alpha] \r\n"
    )
    assert outcome.verdict is None

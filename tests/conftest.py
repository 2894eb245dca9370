# SPDX-License-Identifier: Apache-2.0
"""What all tests share: expected output, the small image files, the place to stand."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from tests import payloads


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--golden-update",
        action="store_true",
        default=os.environ.get("ASHLAR_GOLDEN_UPDATE") == "1",
        help="write the expected output anew instead of comparing with it",
    )


@pytest.fixture(scope="session", autouse=True)
def _payloads() -> None:
    payloads.make_all()


@pytest.fixture
def root(monkeypatch: pytest.MonkeyPatch) -> Path:
    """The checkout, which is made the working directory: messages show paths relative to it."""
    monkeypatch.chdir(payloads.ROOT)
    return payloads.ROOT


@pytest.fixture
def golden(request: pytest.FixtureRequest) -> Callable[[Path, str], None]:
    """Compares a text with that of a file, or writes the file when --golden-update is given."""
    update = bool(request.config.getoption("--golden-update"))

    def compare(path: Path, text: str) -> None:
        if update:
            if not path.is_file() or path.read_text() != text:
                path.write_text(text)
            return
        assert path.is_file(), f"{path} is missing; `make golden-update` writes it"
        assert text == path.read_text()

    return compare

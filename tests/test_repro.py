# SPDX-License-Identifier: Apache-2.0
"""Same input, same bytes: in another folder, under another hash seed, at another time of day."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.payloads import ROOT

SYSTEMS = sorted(path.parent.name for path in (ROOT / "tests/golden").glob("*/system.toml"))


def emitted(checkout: Path, system: str, out: Path, seed: str) -> dict[str, bytes]:
    """Runs the tool in a checkout; the files that it wrote, links followed."""
    environment = {**os.environ, "PYTHONHASHSEED": seed, "PYTHONDONTWRITEBYTECODE": "1"}
    path = f"tests/golden/{system}/system.toml"
    command = [sys.executable, "-m", "gen", "emit", path, "-o", str(out)]
    subprocess.run(command, cwd=checkout, env=environment, check=True, capture_output=True)
    return {
        file.relative_to(out).as_posix(): file.read_bytes()
        for file in sorted(out.rglob("*"))
        if file.is_file()
    }


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A second checkout, elsewhere and deeper, with what the generator reads."""
    folder = tmp_path_factory.mktemp("other") / "some" / "where"
    ignored = shutil.ignore_patterns("__pycache__")
    for name in ("gen", "templates", "systems", "tests/golden", "out/test-data"):
        shutil.copytree(ROOT / name, folder / name, ignore=ignored)
    return folder


@pytest.mark.parametrize("system", SYSTEMS)
def test_same_bytes_elsewhere(system: str, copy: Path, tmp_path: Path) -> None:
    here = emitted(ROOT, system, tmp_path / "one", seed="1")
    there = emitted(copy, system, tmp_path / "a" / "b" / "two", seed="2")
    assert here.keys() == there.keys()
    for name, data in here.items():
        assert data == there[name], name
        assert bytes(ROOT) not in data and bytes(tmp_path) not in data, f"{name} names a folder"


def test_a_second_run_writes_nothing(tmp_path: Path) -> None:
    out = tmp_path / "out"
    emitted(ROOT, "linux", out, seed="1")
    before = {path: path.lstat().st_mtime_ns for path in out.rglob("*")}
    emitted(ROOT, "linux", out, seed="2")
    assert {path: path.lstat().st_mtime_ns for path in out.rglob("*")} == before


def test_files_of_an_older_description_go(tmp_path: Path) -> None:
    out = tmp_path / "out"
    emitted(ROOT, "linux", out, seed="1")
    files = emitted(ROOT, "raw", out, seed="1")
    assert "guest-one.dts" not in files and "images/kernel-kernel.bin" not in files
    assert files == emitted(ROOT, "raw", tmp_path / "fresh", seed="1")

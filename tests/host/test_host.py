# SPDX-License-Identifier: Apache-2.0
"""Builds and runs the C tests of the runtime on this machine, one pytest case per *_test.c.

A test file names what it is linked with in comment lines:

    /* SOURCES: runtime/console.c runtime/log.c */   from the top of the tree
    /* ARCH: aarch64 */                              whose <arch/types.h>; default: fake
    /* INTERLEAVE: runtime/sched.c */                of SOURCES: atomics are points of preemption

Everything is compiled with the address and undefined-behaviour sanitizers.
"""

from __future__ import annotations

import os
import re
import subprocess
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
HERE = ROOT / "tests" / "host"
# Test processes run side by side: each builds in a folder of its own.
OUT = ROOT / "out" / "host" / os.environ.get("PYTEST_XDIST_WORKER", "")
TESTS = sorted(HERE.glob("*_test.c"))
TIME_LIMIT_S = 300

FLAGS = [
    *("-std=gnu11", "-O1", "-g", "-fno-omit-frame-pointer", "-fno-common"),
    *("-fsanitize=address,undefined", "-fno-sanitize-recover=all"),
    *("-Wall", "-Wextra", "-Werror", "-Wvla"),
    # POSIX has a function of that name, and the sanitizers call it.
    "-Dsched_yield=hv_sched_yield",
    # The runtime's own memcpy() and friends stay out: the sanitizers check the C library's.
    *("-I", "tests/host", "-I", "arch/fake/inline", "-I", "include", "-I", "runtime/include"),
]


def directive(text: str, name: str) -> list[str]:
    """Returns the words of every `/* NAME: words */` line of a test file."""
    lines = re.findall(rf"^/\* {name}: (.*?) \*/$", text, re.MULTILINE)
    return [word for line in lines for word in line.split()]


def run(command: list[str], what: str) -> None:
    """Runs a command at the top of the tree; fails the test with its whole output."""
    try:
        result = subprocess.run(
            command,
            cwd=ROOT,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            timeout=TIME_LIMIT_S,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        pytest.fail(f"{what} took more than {TIME_LIMIT_S} s\n{error.output}", pytrace=False)
    if result.returncode != 0:
        pytest.fail(f"{what} ended with {result.returncode}\n{result.stdout}", pytrace=False)


@cache
def build(test: Path) -> Path:
    """Compiles a test with its sources; returns the program."""
    text = test.read_text(encoding="utf-8")
    arch = (directive(text, "ARCH") or ["fake"])[0]
    interleaved = directive(text, "INTERLEAVE")
    folder = OUT / test.stem
    folder.mkdir(parents=True, exist_ok=True)
    includes = ["-I", f"arch/{arch}/include"]
    if arch != "fake":
        includes += ["-I", "arch/fake/include"]
    objects = []
    for source in [str(test.relative_to(ROOT)), *directive(text, "SOURCES")]:
        target = folder / (source.replace("/", "_") + ".o")
        extra = ["-include", "arch/fake/include/arch/interleave.h"] if source in interleaved else []
        command = ["gcc", *FLAGS, *includes, *extra, "-c", source, "-o", str(target)]
        run(command, f"compiling {source}")
        objects.append(str(target))
    program = folder / test.stem
    run(["gcc", *FLAGS, *objects, "-pthread", "-o", str(program)], f"linking {test.stem}")
    return program


@pytest.mark.parametrize("test", TESTS, ids=[test.stem for test in TESTS])
def test_host(test: Path) -> None:
    run([str(build(test))], test.stem)


def test_every_file_is_a_test() -> None:
    assert TESTS, "no tests found"

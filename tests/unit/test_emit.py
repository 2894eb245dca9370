# SPDX-License-Identifier: Apache-2.0
"""Writing: only what changed, links for large files, words that make and the shell leave alone."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

from hypothesis import example, given, settings
from hypothesis import strategies as st

from gen import emit


def test_writes_only_what_changed(tmp_path: Path) -> None:
    files: dict[str, emit.Contents] = {"a.txt": "one\n", "images/b.bin": b"two"}
    assert emit.write(files, tmp_path / "gen") == ("a.txt", "images/b.bin")
    assert emit.write(files, tmp_path / "gen") == ()
    files["a.txt"] = "two\n"
    assert emit.write(files, tmp_path / "gen") == ("a.txt",)
    assert (tmp_path / "gen" / "a.txt").read_text() == "two\n"


def test_large_files_are_linked_not_copied(tmp_path: Path) -> None:
    original = tmp_path / "input" / "kernel"
    original.parent.mkdir()
    original.write_bytes(b"kernel")
    files: dict[str, emit.Contents] = {"images/kernel.bin": original}
    assert emit.write(files, tmp_path / "gen") == ("images/kernel.bin",)
    link = tmp_path / "gen" / "images" / "kernel.bin"
    assert str(link.readlink()) == "../../input/kernel"
    assert emit.write(files, tmp_path / "gen") == ()
    # Bytes in the place of a link must not be written into the input file.
    files["images/kernel.bin"] = b"other"
    assert emit.write(files, tmp_path / "gen") == ("images/kernel.bin",)
    assert (link.read_bytes(), original.read_bytes()) == (b"other", b"kernel")


def test_removes_images_and_trees_of_before(tmp_path: Path) -> None:
    old: dict[str, emit.Contents] = {"guest-a.dts": "", "images/a.bin": b"", "tables.c": ""}
    emit.write(old, tmp_path)
    (tmp_path / "notes").write_text("not ours")
    assert emit.write({"tables.c": ""}, tmp_path) == ("guest-a.dts", "images/a.bin")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["images", "notes", "tables.c"]


PRINTABLE = st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=12)


@example(arguments=["\\#", "#\\\\#", "$(x) $$"])
@given(arguments=st.lists(PRINTABLE, min_size=1, max_size=5))
@example(arguments=["\\#", "a\\\\#b", "#", "\\"])
@settings(deadline=None, max_examples=40)
def test_arguments_survive_make_and_shell(arguments: list[str]) -> None:
    lines = " \\\n    ".join(emit.option_lines(arguments))
    makefile = f"ARGS := \\\n    {lines}\nall:\n\t@printf '%s\\n' $(ARGS)\n"
    outside = {name: value for name, value in os.environ.items() if not name.startswith("MAKE")}
    command = ["make", "-s", "-f", "-", "all"]
    done = subprocess.run(
        command, input=makefile, env=outside, capture_output=True, text=True, check=True
    )
    assert done.stdout == "".join(f"{argument}\n" for argument in arguments)


def test_an_option_and_its_value_share_a_line() -> None:
    arguments = ["-cpu", "cortex-a57", "-nodefaults", "-m", "2G"]
    assert list(emit.option_lines(arguments)) == ["-cpu cortex-a57", "-nodefaults", "-m 2G"]

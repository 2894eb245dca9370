# SPDX-License-Identifier: Apache-2.0
"""The printed reference is that of the schema and the codes of this tree."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from gen import docs
from gen.schema import BoardFile, SystemFile


@pytest.mark.parametrize("name", docs.FILES)
def test_reference_is_current(name: str, root: Path, golden: Callable[[Path, str], None]) -> None:
    golden(root / name, docs.FILES[name]())


def test_every_key_has_a_line() -> None:
    for schema in (SystemFile, BoardFile):
        for table in docs.tables(schema):
            assert table.doc.endswith("."), table.heading
            for key in table.keys:
                assert key.doc.endswith("."), key.path
                assert key.default, key.path


def test_explanation_of_a_key() -> None:
    assert docs.explanation("vm.memory.size") == (
        "vm.memory.size in [[vm.memory]]: Size of the region, a multiple of 4 KiB.\n"
        "  type:    size, in bytes\n"
        "  default: must be given\n"
    )


def test_explanation_of_a_table_lists_its_keys() -> None:
    text = docs.explanation("cpu")
    assert text is not None
    assert [line.split()[0] for line in text.splitlines() if " in [[cpu]]" in line] == [
        "cpu.id",
        "cpu.schedule",
        "cpu.slice",
    ]


def test_explanation_of_a_code() -> None:
    text = docs.explanation("cpu-shared")
    assert text is not None
    assert text.startswith("cpu-shared: A CPU is claimed by two vCPUs.\n\nWhy: ")


def test_unknown_topic_names_the_nearest() -> None:
    assert docs.explanation("mem-overlaps") is None
    assert docs.unknown_topic("mem-overlaps") == (
        'there is no code or key "mem-overlaps"; did you mean "mem-overlap"?'
    )

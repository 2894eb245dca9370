# SPDX-License-Identifier: Apache-2.0
"""Systems that need nobody at the terminal: each VM tests itself and powers off."""

from __future__ import annotations

import re
import time

import pytest

from tests.emu.cases import Case, unattended
from tests.emu.machine import Machine


@pytest.mark.parametrize("case", unattended())
def test_boot(case: Case) -> None:
    built = case.build()
    with Machine(built, "emu.log") as machine:
        end = time.monotonic() + case.timeout
        machine.expect_end(case.status, case.timeout)
        machine.rewind()
        for vm, patterns in case.lines.items():
            for pattern in patterns:
                machine.expect(vm, pattern, 0)
        machine.rewind()
        for vm in case.summaries:
            machine.summary(vm, 0)
        for vm, counts in case.counts.items():
            for pattern, count in counts.items():
                found = [text for text in machine.texts(vm) if re.search(pattern, text)]
                assert len(found) == count, f"{pattern} in {len(found)} lines of {vm}: {found}"
        assert time.monotonic() < end

# SPDX-License-Identifier: Apache-2.0
"""A guest that crashes a hundred times, in every way it can, is restarted pristine each time.

It sums all of its memory at each start; Linux beside it computes all the while. When the restarts
that its health table allows are spent, it is stopped.
"""

from __future__ import annotations

import re

import pytest

from tests.emu.cases import Case, parameters
from tests.emu.machine import Machine

RESTARTS = 100
_BOOT = re.compile(r"boot (\d+): (sum 0x[0-9a-f]+, \d+ words behind the image)")


@pytest.mark.parametrize("case", parameters("restart"))
def test_restart(case: Case) -> None:
    with Machine(case.build(), "emu.log") as machine:
        machine.expect_end(1, case.timeout)
        boots = [match for text in machine.texts("phoenix") if (match := _BOOT.fullmatch(text))]
        assert [int(match[1]) for match in boots] == list(range(1, RESTARTS + 2))
        assert len({match[2] for match in boots}) == 1
        crashes = {text for text in machine.texts("phoenix") if text.startswith("crash")}
        assert crashes == {f"crash {kind}" for kind in range(8)}
        assert not [text for text in machine.texts("phoenix") if "FAIL" in text]
        own = machine.texts("hv")
        assert len([text for text in own if "watchdog, restart" in text]) >= 2 * (RESTARTS // 8)
        assert len([text for text in own if '"phoenix": spent, stop' in text]) == 1
        machine.expect("linux", r"SUMMARY: 1 passed, 0 failed", 1)
        # Linux was at work before the last of the crashes, and after it.
        said = [line for line in machine.lines if line.speaker in ("linux", "phoenix")]
        last = max(n for n, line in enumerate(said) if line.text.startswith("boot "))
        assert any(line.speaker == "linux" for line in said[:last])
        assert any("load round" in line.text for line in said[last:])

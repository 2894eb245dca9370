# SPDX-License-Identifier: Apache-2.0
"""Two VMs on one CPU take turns: none ever gives the CPU up, one masks its interrupts."""

from __future__ import annotations

import pytest

from tests.emu.cases import Case, parameters
from tests.emu.machine import Machine


@pytest.mark.parametrize("case", parameters("round-robin"))
def test_round_robin(case: Case) -> None:
    with Machine(case.build(), "emu.log") as machine:
        machine.expect_end(0, case.timeout)
        # A line that the terminal broke off is shown again whole: only the step that is due counts.
        steps: list[str] = []
        for line in machine.lines:
            if line.text == f"step {steps.count(line.speaker) + 1}":
                steps.append(line.speaker)
        for vm in ("polite", "rude"):
            machine.summary(vm, 0)
            assert steps.count(vm) == 40
    # Both work through the same amount. With slices as long as a step they stay level; 12
    # steps of difference would be more than a hundred milliseconds of favour.
    lead = 0
    for speaker in steps:
        lead += 1 if speaker == "polite" else -1
        assert abs(lead) < 12, f"one VM is {abs(lead)} steps ahead: {steps}"

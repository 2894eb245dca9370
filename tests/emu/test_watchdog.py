# SPDX-License-Identifier: Apache-2.0
"""Unmodified Debian Linux and its VM's watchdog, by the driver that its kernel has for it.

One boot serves all checks of a board, because it is what takes the time. The watchdog of alpha is
the guest's to start and stop; that of beta runs from its start on, with time enough to boot on a
busy machine, until the guest sets less.
"""

from __future__ import annotations

import pytest

from tests.emu.cases import Case, parameters
from tests.emu.machine import Built, EmulatorError, Machine

BOOT = 120.0  # seconds until a guest's banner; four are usual
DEVICE = "/dev/watchdog0"
IDENTITIES = {
    "aarch64": "SBSA Generic Watchdog",
    "riscv64": "sunxi-wdt",
    "x86_64": "wdat_wdt",
}


def banner(machine: Machine, vm: str) -> None:
    """The guest has started."""
    machine.expect(vm, f"ashlar guest: vm={vm}", BOOT)


def check_state(machine: Machine, vm: str, state: str) -> None:
    """What the kernel of a VM in focus says of its watchdog: "active" or "inactive"."""
    machine.shell(vm, f"grep -x {state} /sys/class/watchdog/watchdog0/state")


def serve(machine: Machine, vm: str, timeout: int) -> None:
    """The guest in focus starts its watchdog, and restarts its count every second."""
    machine.shell(vm, f"watchdog -T {timeout} -t 1 {DEVICE}")
    check_state(machine, vm, "active")


def check_restart(machine: Machine, vm: str, seconds: float) -> None:
    """The watchdog expires, and the VM starts anew."""
    machine.expect("hv", rf'vm "{vm}": watchdog, restart', seconds)
    machine.expect("hv", rf'vm "{vm}" restarts', 30)
    banner(machine, vm)


def check_first_signal(machine: Machine) -> None:
    """With action=1 the driver of aarch64 takes the interrupt of the first stage, and panics."""
    module = "/lib/modules/0-sbsa_gwdt.ko"
    machine.focus("alpha")
    machine.shell("alpha", f"rmmod sbsa_gwdt && insmod {module} action=1")
    machine.prompt("alpha")
    machine.send(f"echo >{DEVICE}\r")
    machine.expect("alpha", "Kernel panic.*SBSA Generic Watchdog timeout", 30)
    check_restart(machine, "alpha", 30)


def built(case: Case) -> Built:
    """The system, unless the mirror of its kernel's package is being updated."""
    try:
        return case.build()
    except EmulatorError as error:
        if "Mirror sync in progress" in str(error):
            pytest.skip("the Debian mirror is being updated: its lists contradict each other")
        raise


@pytest.mark.parametrize("case", parameters("watchdog"))
def test_watchdog(case: Case) -> None:
    with Machine(built(case), "emu.log") as machine:
        banner(machine, "beta")
        machine.focus("beta")
        serve(machine, "beta", 8)
        banner(machine, "alpha")
        machine.focus("alpha")
        machine.shell(
            "alpha", f"grep -x '{IDENTITIES[case.arch]}' /sys/class/watchdog/watchdog0/identity"
        )

        # Not started, served, and stopped as drivers stop it: it does not come.
        check_state(machine, "alpha", "inactive")
        machine.shell("alpha", "sleep 8")
        serve(machine, "alpha", 6)
        machine.shell("alpha", "sleep 8")
        machine.shell("alpha", "killall watchdog; sleep 8")
        check_state(machine, "alpha", "inactive")

        # Who served it is gone. The CPU that watches it does so whether or not its guest is there.
        if case.arch == "aarch64":
            machine.shell("alpha", "echo 0 >/sys/devices/system/cpu/cpu0/online")
        serve(machine, "alpha", 6)
        machine.shell("alpha", "sleep 8")
        machine.shell("alpha", "killall -9 watchdog")
        check_restart(machine, "alpha", 30)
        if case.arch == "aarch64":
            check_first_signal(machine)

        # The other goes on all the time. Its watchdog cannot be stopped.
        machine.focus("beta")
        check_state(machine, "beta", "active")
        machine.shell("beta", "killall watchdog")
        check_restart(machine, "beta", 30)
        machine.focus("alpha")
        machine.shell("alpha", "true")
        restarts = [text for text in machine.texts("hv") if "restarts, boot" in text]
        assert len(restarts) == (3 if case.arch == "aarch64" else 2), restarts

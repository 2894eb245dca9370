# SPDX-License-Identifier: Apache-2.0
"""What can happen to a VM, and what may follow.  The names are the keys of `[vm.health]`."""

from __future__ import annotations

from gen.model import Health
from gen.schema import VmTable

#: Events and, in C, HEALTH_<name>; in the order of enum health_event.
EVENTS = (
    "memory-fault",
    "instruction-fault",
    "hypercall",
    "watchdog",
    "image",
    "entry",
    "spent",
    "not-ready",
    "shutdown",
    "reset",
)

#: Events that `on-crash` decides if [vm.health] does not.
CRASHES = ("memory-fault", "instruction-fault", "entry")


def resolve(vm: VmTable) -> Health:
    """The whole table of a VM: its own actions, else the defaults."""
    given = vm.health.model_dump(by_alias=True)
    short = dict.fromkeys(CRASHES, vm.on_crash)
    short |= {"reset": vm.on_reboot, "watchdog": "stop" if vm.in_place else "restart"}
    actions = {event: given[event] or short[event] for event in EVENTS}
    return Health(actions, vm.health.restarts, vm.health.within)


def key_of(event: str, *, is_given: bool) -> str:
    """The key of `[[vm]]` that decides an event; is_given: whether `[vm.health]` has it."""
    if not is_given and event in CRASHES:
        return "on-crash"
    return "on-reboot" if not is_given and event == "reset" else event

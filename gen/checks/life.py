# SPDX-License-Identifier: Apache-2.0
"""How VMs depend on one another: who waits for whom, who controls whom, who is watched."""

from __future__ import annotations

from collections.abc import Iterator

from gen.checks import rule
from gen.checks.words import vm_text
from gen.diag import Diagnostic, Note
from gen.model import System, Vm


@rule("vm-unknown")
def vm_unknown(system: System) -> Iterator[Diagnostic]:
    """Lists of VMs name VMs, and others than their own."""
    names = ", ".join(f'"{vm.name}"' for vm in system.vms)
    for vm in system.vms:
        for key, listed in (("after", vm.after), ("manages", vm.manages)):
            for index, name in enumerate(listed):
                if name != vm.name and system.find_vm(name) is not None:
                    continue
                problem = "is the VM itself" if name == vm.name else "is no VM"
                yield Diagnostic(
                    "vm-unknown",
                    f'{vm_text(vm)}: "{name}" in {key} {problem}',
                    vm.spans.of(key, index),
                    f"the VMs are {names}",
                )


@rule("after-cycle", needs=("vm-unknown", "name-duplicate"))
def after_cycle(system: System) -> Iterator[Diagnostic]:
    """VMs that wait for one another all wait for ever."""
    seen: set[str] = set()
    for vm in system.vms:
        path = _cycle(system, vm, (), seen)
        if path:
            names = " after ".join(f'"{item.name}"' for item in (*path, path[0]))
            yield Diagnostic(
                "after-cycle",
                f"these VMs wait for one another: {names}",
                path[0].spans.of("after"),
                "take one of them out of a list",
                tuple(Note("it waits here", item.spans.of("after")) for item in path[1:]),
            )


# VMs in a circle that is reached from `vm`; seen: where it was looked for.
def _cycle(system: System, vm: Vm, path: tuple[Vm, ...], seen: set[str]) -> tuple[Vm, ...]:
    if vm in path:
        return path[path.index(vm) :]
    if vm.name in seen:
        return ()
    seen.add(vm.name)
    for name in vm.after:
        other = system.find_vm(name)
        found = _cycle(system, other, (*path, vm), seen) if other is not None else ()
        if found:
            return found
    return ()


@rule("after-never", needs=("vm-unknown", "name-duplicate"))
def after_never(system: System) -> Iterator[Diagnostic]:
    """Who waits starts with the machine, and so do the VMs that it waits for."""
    for vm in system.vms:
        if vm.after and not vm.autostart:
            yield Diagnostic(
                "after-never",
                f"{vm_text(vm)} has autostart = false, so there is no start that could wait",
                vm.spans.of("after"),
                "leave out after, or autostart",
            )
        for index, name in enumerate(vm.after):
            other = system.find_vm(name)
            if other is not None and not other.autostart:
                yield Diagnostic(
                    "after-never",
                    f"{vm_text(vm)} waits for {vm_text(other)}, which does not start by itself",
                    vm.spans.of("after", index),
                    f'let "{name}" have autostart = true',
                    (Note("autostart = false", other.spans.of("autostart")),),
                )


@rule("watchdog-none")
def watchdog_none(system: System) -> Iterator[Diagnostic]:
    """When a watchdog starts is no question where there is none."""
    for vm in system.vms:
        if vm.watchdog_at_boot and not vm.watchdog_us:
            yield Diagnostic(
                "watchdog-none",
                f'{vm_text(vm)} has watchdog-start = "boot", but no watchdog',
                vm.spans.of("watchdog-start"),
                'say how long it may be silent: watchdog = "10 s"',
            )

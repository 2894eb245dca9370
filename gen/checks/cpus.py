# SPDX-License-Identifier: Apache-2.0
"""CPUs: that they exist, that nobody shares one unknowingly, that counts agree."""

from __future__ import annotations

from collections.abc import Iterator

from gen.arch import architecture
from gen.checks import rule
from gen.checks.words import vm_text
from gen.diag import Diagnostic, Note
from gen.model import System, Vm
from gen.source import Span


@rule("cpu-unknown")
def cpu_unknown(system: System) -> Iterator[Diagnostic]:
    """CPUs are counted from 0 in the order of the board's tree."""
    count = len(system.board.cpus)
    last = f"CPUs 0 to {count - 1}" if count > 1 else "one CPU, 0"
    help_text = f'board "{system.board.name}" has {last}'
    for vm in system.vms:
        for index, cpu in enumerate(vm.cpus):
            if not 0 <= cpu < count:
                yield Diagnostic(
                    "cpu-unknown",
                    f"{vm_text(vm)}: vCPU {index} is to run on CPU {cpu}, which the board does"
                    f" not have",
                    vm.spans.of("cpus", index),
                    help_text,
                )
    for policy in system.cpu_policies:
        if not 0 <= policy.cpu < count:
            yield Diagnostic(
                "cpu-unknown",
                f"[[cpu]] speaks of CPU {policy.cpu}, which the board does not have",
                policy.spans.of("id"),
                help_text,
            )


@rule("cpu-count")
def cpu_count(system: System) -> Iterator[Diagnostic]:
    """Each vCPU has exactly one CPU."""
    for vm in system.vms:
        if not vm.cpus:
            yield Diagnostic(
                "cpu-count",
                f"{vm_text(vm)} has no vCPU: its list of CPUs is empty",
                vm.spans.of("cpus"),
                "name a CPU for each vCPU: cpus = [0]",
            )
        elif vm.vcpu_count != len(vm.cpus):
            yield Diagnostic(
                "cpu-count",
                f"{vm_text(vm)} has {vm.vcpu_count} vCPUs, but {len(vm.cpus)} CPUs to run them on",
                vm.spans.of("vcpus"),
                'name one CPU for each vCPU, or leave out "vcpus": it follows from "cpus"',
                (Note(f"{len(vm.cpus)} CPUs are named here", vm.spans.of("cpus")),),
            )


@rule("cpu-duplicate")
def cpu_duplicate(system: System) -> Iterator[Diagnostic]:
    """One `[[cpu]]` table for a CPU."""
    first: dict[int, Span] = {}
    for policy in system.cpu_policies:
        span = policy.spans.of("id")
        if policy.cpu in first:
            yield Diagnostic(
                "cpu-duplicate",
                f"CPU {policy.cpu} has two [[cpu]] tables",
                span,
                "make them one",
                (Note("the first is here", first[policy.cpu]),),
            )
        first.setdefault(policy.cpu, span)


# All vCPUs of each CPU, in the order of the file: (VM, index of the vCPU, place).
def _claims(system: System) -> dict[int, list[tuple[Vm, int, Span]]]:
    claims: dict[int, list[tuple[Vm, int, Span]]] = {}
    for vm in system.vms:
        for index, cpu in enumerate(vm.cpus):
            claims.setdefault(cpu, []).append((vm, index, vm.spans.of("cpus", index)))
    return claims


@rule("cpu-shared", needs=("cpu-duplicate",))
def cpu_shared(system: System) -> Iterator[Diagnostic]:
    """A CPU belongs to one vCPU unless `[[cpu]]` says that several share it."""
    shared = {policy.cpu for policy in system.cpu_policies if policy.schedule != "exclusive"}
    used = {cpu for vm in system.vms for cpu in vm.cpus}
    free = [str(cpu.index) for cpu in system.board.cpus if cpu.index not in used]
    for cpu, claims in _claims(system).items():
        if cpu in shared:
            continue
        first_vm, first_index, first_span = claims[0]
        for vm, index, span in claims[1:]:
            take = f"take CPU {free[0]}, which is free, or " if free else ""
            yield Diagnostic(
                "cpu-shared",
                f"CPU {cpu} is claimed by vCPU {index} of {vm_text(vm)} and by vCPU {first_index}"
                f" of"
                f" {vm_text(first_vm)}",
                span,
                f'{take}let them take turns: [[cpu]] with id = {cpu} and schedule = "round-robin"',
                (Note(f"vCPU {first_index} of {vm_text(first_vm)} has it", first_span),),
            )


@rule("schedule-unused", needs=("cpu-unknown",))
def schedule_unused(system: System) -> Iterator[Diagnostic]:
    """A schedule for a CPU that has nothing to switch between is a leftover or a mistake."""
    claims = _claims(system)
    for policy in system.cpu_policies:
        count = len(claims.get(policy.cpu, ()))
        if policy.schedule == "round-robin" and count < 2:
            yield Diagnostic(
                "schedule-unused",
                f'CPU {policy.cpu} has schedule = "round-robin", but'
                f" {'only one vCPU' if count else 'no vCPU'} to run",
                policy.spans.of("schedule"),
                "leave out the [[cpu]] table, or check the numbers in the lists of CPUs",
                severity="warning",
            )
        if policy.schedule == "plan" and not count:
            yield Diagnostic(
                "schedule-unused",
                f'CPU {policy.cpu} has schedule = "plan", but no vCPU to run',
                policy.spans.of("schedule"),
                "leave out the [[cpu]] table, or check the numbers in the lists of CPUs",
                severity="warning",
            )


@rule("cpu-same-vm", needs=("cpu-shared", "limit"))
def cpu_same_vm(system: System) -> Iterator[Diagnostic]:
    """Guests spin on locks; a vCPU whose sibling holds one and waits costs a whole slice."""
    for vm in system.vms:
        indices: dict[int, list[int]] = {}
        for index, cpu in enumerate(vm.cpus):
            indices.setdefault(cpu, []).append(index)
        for cpu, here in indices.items():
            if len(here) < 2:
                continue
            names = ", ".join(str(index) for index in here[:-1]) + f" and {here[-1]}"
            yield Diagnostic(
                "cpu-same-vm",
                f"vCPUs {names} of {vm_text(vm)} take turns on CPU {cpu}: while one waits for a"
                f" lock"
                " of another, it burns its whole slice",
                vm.spans.of("cpus", here[1]),
                "give the VM fewer vCPUs, or each its own CPU",
                severity="warning",
            )


@rule("pmu-unsupported")
def pmu_unsupported(system: System) -> Iterator[Diagnostic]:
    """Counters are granted only where the hypervisor has an interface to them."""
    if architecture(system.board.arch).grants_pmu:
        return
    for vm in system.vms:
        if vm.pmu:
            yield Diagnostic(
                "pmu-unsupported",
                f"{vm_text(vm)} cannot have performance counters on {system.board.arch}",
                vm.spans.of("pmu"),
                "leave out pmu",
            )


@rule("pmu-shared")
def pmu_shared(system: System) -> Iterator[Diagnostic]:
    """A CPU's counters count whatever runs on it."""
    claims = _claims(system)
    for vm in system.vms:
        if not vm.pmu:
            continue
        for index, cpu in enumerate(vm.cpus):
            others = [item for item in claims[cpu] if (item[0], item[1]) != (vm, index)]
            if others:
                other, other_index, span = others[0]
                yield Diagnostic(
                    "pmu-shared",
                    f"{vm_text(vm)} has pmu = true, but vCPU {index} shares CPU {cpu}: its counters"
                    " would tell of what others do",
                    vm.spans.of("pmu"),
                    "give the VM CPUs of its own, or leave out pmu",
                    (Note(f"vCPU {other_index} of {vm_text(other)} runs there too", span),),
                )
                break

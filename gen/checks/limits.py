# SPDX-License-Identifier: Apache-2.0
"""How much of everything a system may have, and that it has something at all."""

from __future__ import annotations

from collections.abc import Iterator

from gen import abi
from gen.arch import architecture
from gen.checks import rule
from gen.checks.words import vm_text
from gen.diag import Diagnostic
from gen.model import System
from gen.source import Span

VMS = 64
VCPUS = 256
CPUS = 128
REGIONS_PER_VM = 64
DEVICES = 4096


@rule("limit")
def limit(system: System) -> Iterator[Diagnostic]:
    """Sizes of identifiers and bit sets of the runtime."""

    def over(what: str, count: int, most: int, span: Span) -> Iterator[Diagnostic]:
        if count > most:
            message = f"{what}: {count}, but the hypervisor can have at most {most}"
            yield Diagnostic("limit", message, span, "make the system smaller")

    vms = system.vms
    board = system.board
    arch = architecture(board.arch)
    vm_limit = min(VMS, arch.vm_limit(board.hardware) or VMS)
    if len(vms) > vm_limit:
        yield from over("virtual machines", len(vms), vm_limit, vms[vm_limit].spans.table)
    yield from over("CPUs of the board", len(board.cpus), CPUS, system.spans.of("board"))
    vcpus = devices = 0
    load: dict[int, int] = {}
    for vm in vms:
        most = min(arch.max_vcpus, abi.VCPUS_PER_VM_MAX)
        yield from over(f"vCPUs of {vm_text(vm)}", len(vm.cpus), most, vm.spans.of("cpus"))
        yield from over(
            f"memory regions of {vm_text(vm)}", len(vm.memory), REGIONS_PER_VM, vm.spans.of("name")
        )
        if vcpus <= VCPUS < vcpus + len(vm.cpus):
            total = sum(len(item.cpus) for item in vms)
            yield from over("vCPUs of all VMs", total, VCPUS, vm.spans.of("cpus"))
        vcpus += len(vm.cpus)
        if devices <= DEVICES < devices + len(vm.devices):
            total = sum(len(item.devices) for item in vms)
            yield from over("devices of all VMs", total, DEVICES, vm.spans.table)
        devices += len(vm.devices)
        for index, cpu in enumerate(vm.cpus):
            load[cpu] = load.get(cpu, 0) + 1
            if load[cpu] == abi.VCPUS_PER_CPU_MAX + 1:
                total = sum(item.cpus.count(cpu) for item in vms)
                span = vm.spans.of("cpus", index)
                yield from over(f"vCPUs on CPU {cpu}", total, abi.VCPUS_PER_CPU_MAX, span)


@rule("vm-none")
def vm_none(system: System) -> Iterator[Diagnostic]:
    """The machine powers off when the last VM is down: one must start."""
    if not system.vms:
        yield Diagnostic(
            "vm-none",
            "the system has no VM",
            system.spans.document.value_span(("vm",)),
            "add a [[vm]]",
        )
    elif not any(vm.autostart for vm in system.vms):
        yield Diagnostic(
            "vm-none",
            "no VM starts with the machine: it would power off at once",
            system.vms[0].spans.of("autostart"),
            "let at least one VM have autostart = true",
        )

# SPDX-License-Identifier: Apache-2.0
"""Names: what may be one, and that no two things share one."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from gen.checks import rule
from gen.checks.words import vm_text
from gen.diag import Diagnostic, Note
from gen.model import System
from gen.source import Span

LENGTH_LIMIT = 32
_NAME = re.compile(r"[a-z][a-z0-9-]*")


# Every name of a system: what it names, the name, its place.
def _all_names(system: System) -> Iterator[tuple[str, str, Span]]:
    yield "system", system.name, system.spans.of("name")
    for image in system.images:
        yield "image", image.name, image.spans.key()
    for vm in system.vms:
        yield "vm", vm.name, vm.spans.of("name")
        for region in vm.memory:
            yield "region", region.name, region.spans.of("name")
        for device in vm.devices:
            yield "device", device.name, device.spans.of("name")
    for plan in system.plans:
        yield "plan", plan.name, plan.spans.of("name")


@rule("name-invalid")
def name_invalid(system: System) -> Iterator[Diagnostic]:
    """Names become file names, C identifiers and console prefixes."""
    for what, name, span in _all_names(system):
        if _NAME.fullmatch(name) and len(name) <= LENGTH_LIMIT:
            continue
        wish = (
            re.sub(r"[^a-z0-9]+", "-", name.lower())
            .lstrip("-0123456789")[:LENGTH_LIMIT]
            .rstrip("-")
        )
        yield Diagnostic(
            "name-invalid",
            f'"{name}" cannot be the name of a {what}: a name is a lower-case letter, then'
            f" lower-case"
            f" letters, digits and hyphens, at most {LENGTH_LIMIT} in all",
            span,
            f'call it "{wish or what}"',
        )


@rule("name-duplicate")
def name_duplicate(system: System) -> Iterator[Diagnostic]:
    """VMs must differ in their names, and so must plans, and regions and devices of one VM."""
    yield from _duplicates("VMs", ((vm.name, vm.spans.of("name")) for vm in system.vms))
    yield from _duplicates("plans", ((item.name, item.spans.of("name")) for item in system.plans))
    for vm in system.vms:
        regions = ((item.name, item.spans.of("name")) for item in vm.memory)
        yield from _duplicates(f"regions of {vm_text(vm)}", regions)
        devices = ((item.name, item.spans.of("name")) for item in vm.devices)
        yield from _duplicates(f"devices of {vm_text(vm)}", devices)


def _duplicates(what: str, items: Iterable[tuple[str, Span]]) -> Iterator[Diagnostic]:
    first: dict[str, Span] = {}
    for name, span in items:
        if name in first:
            yield Diagnostic(
                "name-duplicate",
                f'two {what} are called "{name}"',
                span,
                "give one of them another name",
                (Note(f'"{name}" is taken here', first[name]),),
            )
        else:
            first[name] = span

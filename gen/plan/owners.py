# SPDX-License-Identifier: Apache-2.0
"""Who has which physical address: the table that fault reports and report.txt name owners from."""

from __future__ import annotations

from collections.abc import Iterable

from gen.plan.bodies import Body
from gen.plan.types import Layout, Owner, StoredImage
from gen.ranges import PAGE_SIZE, Range, align_up


def owners(
    layout: Layout,
    registers: Iterable[tuple[Range, str]],
    images: Iterable[StoredImage],
    bodies: Iterable[Body],
) -> tuple[Owner, ...]:
    """All owners, sorted by address, disjoint.

    Args:
        layout: the hypervisor's sections.
        registers: windows that the hypervisor keeps, with names.
        images: what is linked; the ones in place belong to their VM's memory already.
        bodies: the VMs, for their memory and devices.
    """
    result = [
        Owner(section.area, f"hypervisor {section.name}")
        for section in layout.sections
        if section.area.size
    ]
    result += [Owner(window, name) for window, name in registers]
    for image in images:
        if not image.in_place:
            pages = Range(image.where.base, align_up(image.where.size, PAGE_SIZE))
            result.append(Owner(pages, image.title))
    for body in bodies:
        vm = body.draft.vm.name
        result += [Owner(item.where, f'vm "{vm}" memory "{item.name}"') for item in body.memory]
        result += [
            Owner(item.where, f'device "{item.device}" of vm "{vm}"') for item in body.devices
        ]
    return tuple(sorted(result, key=lambda owner: owner.where))

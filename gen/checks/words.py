# SPDX-License-Identifier: Apache-2.0
"""How messages name the parts of a system, the same way in every rule."""

from __future__ import annotations

from gen.model import CpuPlan, Device, MemoryRegion, PlanWindow, Vm
from gen.schedule.words import time_text
from gen.source import Span


def vm_text(vm: Vm) -> str:
    """A VM: vm "alpha"."""
    return f'vm "{vm.name}"'


def region_text(vm: Vm, region: MemoryRegion) -> str:
    """A memory region: region "ram" of vm "alpha"."""
    return f'region "{region.name}" of vm "{vm.name}"'


def device_text(vm: Vm, device: Device) -> str:
    """A device: device "rtc" of vm "alpha"."""
    return f'device "{device.name}" of vm "{vm.name}"'


def plan_text(plan: CpuPlan) -> str:
    """A plan: plan "normal"."""
    return f'plan "{plan.name}"'


def window_text(window: PlanWindow) -> str:
    """A window: window [0 us, 3 ms) of vm "alpha"."""
    times = f"[{time_text(window.start_us)}, {time_text(window.end_us)})"
    return f'window {times} of vm "{window.vm}"'


def size_span(region: MemoryRegion) -> Span:
    """The place of a region's size, which may be the key `memory` of its VM."""
    return region.spans.of("size" if region.spans.given("size") else "memory")


def guest_span(region: MemoryRegion) -> Span:
    """The place of what decides a region's guest address."""
    for key in ("guest", "physical"):
        if region.spans.given(key):
            return region.spans.of(key)
    return size_span(region)


def physical_span(region: MemoryRegion) -> Span:
    """The place of what decides a region's physical address."""
    if region.kind == "identical":
        return region.spans.of("guest")
    return region.spans.of("physical") if region.spans.given("physical") else size_span(region)


def window_span(device: Device) -> Span:
    """The place of what decides a device's physical windows."""
    return device.spans.of("node" if device.node is not None else "base")


def window_guest_span(device: Device) -> Span:
    """The place of what decides the guest addresses of a device's windows."""
    return device.spans.of("guest") if device.spans.given("guest") else window_span(device)


def interrupt_span(device: Device, index: int) -> Span:
    """The place of one interrupt of a device."""
    if device.spans.given("interrupts"):
        return device.spans.of("interrupts", index)
    return device.spans.of("node")

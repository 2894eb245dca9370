# SPDX-License-Identifier: Apache-2.0
"""What the generated C asserts of the runtime it is compiled with: see gen/abi.py."""

from __future__ import annotations

from gen import abi
from gen.plan.isa import Isa
from gen.plan.types import Limit


def limits(isa: Isa) -> tuple[Limit, ...]:
    """The assertions, for one architecture."""
    return (
        Limit(
            f"HV_TABLES_VERSION == {abi.TABLES_VERSION}",
            f"the tables were made for version {abi.TABLES_VERSION} of hv/tables.h",
        ),
        Limit(f"HV_PAGE_SIZE == {abi.PAGE_SIZE}", "sections and page tables were planned in 4 KiB"),
        Limit(
            f"HV_STACK_SIZE == {abi.STACK_SIZE}",
            f"stack addresses were planned {abi.STACK_SIZE} bytes apart, plus a guard page",
        ),
        *(
            Limit(
                f"sizeof(struct {name}) <= {size}",
                f"the budget of .data counts {size} bytes for each struct {name}",
            )
            for name, size in (
                ("vm", abi.VM_SIZE_MAX),
                ("vcpu", abi.VCPU_SIZE_MAX),
                ("pcpu", abi.PCPU_SIZE_MAX),
                ("console", abi.CONSOLE_SIZE_MAX),
                *isa.state_sizes,
            )
        ),
        Limit(
            f"SCHED_VCPUS_PER_CPU == {abi.VCPUS_PER_CPU_MAX}",
            f"slots were given for {abi.VCPUS_PER_CPU_MAX} vCPUs on one CPU",
        ),
        Limit(
            f"VM_VCPUS_MAX == {abi.VCPUS_PER_VM_MAX}",
            f"VMs were allowed {abi.VCPUS_PER_VM_MAX} vCPUs",
        ),
    )

# SPDX-License-Identifier: Apache-2.0
"""The numbers that the generator and the runtime have to agree on.

Each stands also in runtime/include/hv/*.h under the same name with HV_ in front (or the name given
here); the generated C asserts every one of them, so that the two cannot drift apart unseen.
"""

from __future__ import annotations

from gen import CONTRACT_VERSION
from gen.ranges import KIB

TABLES_VERSION = CONTRACT_VERSION
PAGE_SIZE = 4 * KIB

#: Upper bounds of the sizes of the state structures, in bytes.
VM_SIZE_MAX = 1024
VCPU_SIZE_MAX = 2560
PCPU_SIZE_MAX = 512
CONSOLE_SIZE_MAX = 6400

#: One hypervisor stack, in bytes, without its guard page.
STACK_SIZE = 4 * KIB

#: SCHED_VCPUS_PER_CPU and VM_VCPUS_MAX: both are bits of one word.
VCPUS_PER_CPU_MAX = 64
VCPUS_PER_VM_MAX = 64

#: Upper bounds of the aarch64 device state, in bytes.
VGIC_SIZE_MAX = 64
VGIC_BANK_SIZE_MAX = 192
VPL011_SIZE_MAX = 128
VGWDT_SIZE_MAX = 64

#: The same of riscv64.
VCONTROLLER_SIZE_MAX = 64
VPLIC_BANK_SIZE_MAX = 384
VAPLIC_BANK_SIZE_MAX = 256
V16550_SIZE_MAX = 128
VWDOG_SIZE_MAX = 32

#: The same of x86_64, where V16550_SIZE_MAX holds too.
VIOAPIC_SIZE_MAX = 512
VWDAT_SIZE_MAX = 32
VMCB_SIZE_MAX = 4096

#: Budgets of the linked sections that do not follow from the counts, in bytes.
TEXT_BUDGET = 96 * KIB
RODATA_BUDGET = 32 * KIB
DATA_BUDGET = 16 * KIB

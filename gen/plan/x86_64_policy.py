# SPDX-License-Identifier: Apache-2.0
"""What an x86_64 guest may ask of its CPU: MSRs and CPUID leaves.

All that is not listed here is not there: an MSR faults, a leaf reads as zeros. Hidden above all:
SVM, MCA, MTRRs, performance counters, XSAVE and what needs it, PCID, CMPXCHG16B (QEMU 7.2 corrupts
flags around it).

Sources: AMD64 APM vol. 2, 15.10 and 15.11 (permission maps), appendix A (MSRs); vol. 3, appendix E
(CPUID); Linux Documentation/virt/kvm/x86/cpuid.rst and msr.rst (the paravirtual clock).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import pairwise

from gen.ranges import Range

CPUID_ANY_SUBLEAF = 0xFFFF_FFFF

# ---- MSRs ----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Passed:
    """An MSR that does not exit where it is read, where it is written, or both."""

    name: str
    reads: bool = True
    writes: bool = True


#: MSRs that are the guest's own while it runs (VMLOAD and VMRUN switch them): no exit.
PASSED_THROUGH = {
    0x174: Passed("SYSENTER_CS"),
    0x175: Passed("SYSENTER_ESP"),
    0x176: Passed("SYSENTER_EIP"),
    0xC000_0081: Passed("STAR"),
    0xC000_0082: Passed("LSTAR"),
    0xC000_0083: Passed("CSTAR"),
    0xC000_0084: Passed("SFMASK"),
    0xC000_0100: Passed("FS_BASE"),
    0xC000_0101: Passed("GS_BASE"),
    0xC000_0102: Passed("KERNEL_GS_BASE"),
}
_EMULATED = {
    0x10: "TSC",
    0x1B: "APIC_BASE",
    0x277: "PAT",
    0x4B56_4D00: "KVM wall clock",
    0x4B56_4D01: "KVM system time",
    0xC000_0080: "EFER",
    0xC000_0103: "TSC_AUX",
}
# Registers of an x2APIC that exist (APM vol. 2, 16.3.2 and 16.9.1), by their MSR's low byte.
_X2APIC = (
    *(0x02, 0x03, 0x08, 0x0A, 0x0B, 0x0D, 0x0F),
    *range(0x10, 0x28),  # ISR, TMR, IRR
    *(0x28, 0x30, *range(0x32, 0x3A), 0x3E, 0x3F),
)
# What Linux reads, and writes back, on CPUs of AMD: values of a machine without flaws or features.
_CONSTANT = {
    0x17: ("PLATFORM_ID", 0),
    0x8B: ("PATCH_LEVEL", 0),
    0x1D9: ("DEBUG_CTL", 0),
    0xC001_0010: ("SYSCFG", 0),
    0xC001_0015: ("HWCR", 1 << 24),  # TscFreqSel: the TSC counts at the frequency of P0
    0xC001_001F: ("NB_CFG", 0),
    0xC001_0055: ("INT_PENDING", 0),
    0xC001_0058: ("MMIO_CFG_BASE", 0),
    0xC001_1020: ("LS_CFG", 0),
    0xC001_1029: ("DE_CFG", 1 << 1),  # LFENCE is serialising
}

_IOPM_SIZE = 12 * 1024
_MSRPM_SIZE = 8192
# First MSRs of the three vectors of the map, 2 KiB and so 8192 MSRs each.
_VECTORS = (0, 0xC000_0000, 0xC001_0000)
_VECTOR_SIZE = 2048


@dataclass(frozen=True)
class MsrPolicy:
    """struct msr_policy.  kind: enum msr_kind."""

    msr: int
    kind: str
    value: int
    name: str


@dataclass(frozen=True)
class ByteRun:
    """Bytes first to last of a map, which have all the same value.  what: what they decide."""

    first: int
    last: int
    value: int
    what: str


def msr_policies() -> tuple[MsrPolicy, ...]:
    """The MSRs that exit and exist, sorted by number."""
    result = [MsrPolicy(msr, "MSR_EMULATED", 0, name) for msr, name in _EMULATED.items()]
    result += [MsrPolicy(0x800 + low, "MSR_EMULATED", 0, "x2APIC") for low in _X2APIC]
    result += [
        MsrPolicy(msr, "MSR_CONSTANT", value, name) for msr, (name, value) in _CONSTANT.items()
    ]
    return tuple(sorted(result, key=lambda item: item.msr))


#: Registers of the x2APIC that act on their own CPU alone, for vCPUs that own its APIC, and how
#: they can be accessed. Emulators let the timer's LVT entry raise an SMI: writes are checked.
OWNED = {
    0x808: Passed("TPR"),
    0x80A: Passed("PPR", writes=False),
    0x80B: Passed("EOI", reads=False),
    **{0x810 + n: Passed("ISR", writes=False) for n in range(8)},
    **{0x818 + n: Passed("TMR", writes=False) for n in range(8)},
    **{0x820 + n: Passed("IRR", writes=False) for n in range(8)},
    0x832: Passed("LVT timer", writes=False),
    0x838: Passed("initial count"),
    0x839: Passed("current count", writes=False),
    0x83E: Passed("divide configuration"),
    0x83F: Passed("self IPI", reads=False),
}
EOI = 0x80B


def msr_permission_map(passed: Mapping[int, Passed]) -> tuple[ByteRun, ...]:
    """The MSR permission map: two bits for each MSR, read and write, set where it exits.

    Args:
        passed: the MSRs that do not exit.
    """
    names: dict[int, list[str]] = {}
    data = bytearray(b"\xff" * _MSRPM_SIZE)
    for msr, what in passed.items():
        vector = next(n for n, first in enumerate(_VECTORS) if 0 <= msr - first < 4 * _VECTOR_SIZE)
        at, place = divmod(msr - _VECTORS[vector], 4)
        at += vector * _VECTOR_SIZE
        data[at] &= ~((what.reads + 2 * what.writes) << 2 * place)
        names.setdefault(at, []).append(what.name)
    return _runs(bytes(data), names)


def port_permission_map(passed: Iterable[tuple[Range, str]]) -> tuple[ByteRun, ...]:
    """The I/O permission map (15.10.1): one bit for each port, set where it exits.

    Args:
        passed: ports that do not exit, and whose they are.
    """
    names: dict[int, list[str]] = {}
    data = bytearray(b"\xff" * _IOPM_SIZE)
    for ports, name in passed:
        for port in range(ports.base, ports.end):
            data[port // 8] &= ~(1 << port % 8)
            names.setdefault(port // 8, []).append(name)
    return _runs(bytes(data), names)


# Bytes of the same value that follow each other; names: what each byte has that does not exit.
def _runs(data: bytes, names: Mapping[int, list[str]]) -> tuple[ByteRun, ...]:
    edges = [0, *(n for n in range(1, len(data)) if data[n] != data[n - 1]), len(data)]
    return tuple(
        ByteRun(first, end - 1, data[first], ", ".join(dict.fromkeys(names.get(first, ["exit"]))))
        for first, end in pairwise(edges)
    )


# ---- CPUID ---------------------------------------------------------------------------------------


@dataclass(frozen=True)
class CpuidPolicy:
    """struct cpuid_policy: of EAX, EBX, ECX, EDX the bits that are the CPU's, and those set."""

    leaf: int
    subleaf: int
    keep: tuple[int, int, int, int]
    set: tuple[int, int, int, int]
    what: str


_ALL = 0xFFFF_FFFF
_MAX_LEAF = 0xB
_MAX_EXTENDED = 0x8000_0008


def _bits(*numbers: int) -> int:
    return sum(1 << number for number in numbers)


# Fn0000_0001 ECX: SSE3, PCLMULQDQ, SSSE3, SSE4.1, SSE4.2, MOVBE, POPCNT, AES, RDRAND.
_FEATURES_ECX = _bits(0, 1, 9, 19, 20, 22, 23, 25, 30)
_X2APIC_BIT, _HYPERVISOR_BIT = _bits(21), _bits(31)
# What EDX of Fn0000_0001 and of Fn8000_0001 have in common: FPU, VME, DE, PSE, TSC, MSR, PAE, CX8,
# APIC, PGE, CMOV, PAT, PSE36, MMX, FXSR.
_LEGACY_EDX = _bits(0, 1, 2, 3, 4, 5, 6, 8, 9, 13, 15, 16, 17, 23, 24)
# Fn0000_0001 EDX: SEP, CLFSH, SSE, SSE2 besides.
_FEATURES_EDX = _LEGACY_EDX | _bits(11, 19, 25, 26)
_HTT_BIT = _bits(28)
# Fn0000_0007 EBX: FSGSBASE, BMI1, SMEP, BMI2, ERMS, RDSEED, ADX, SMAP, CLFLUSHOPT, CLWB, SHA.
_STRUCTURED_EBX = _bits(0, 3, 7, 8, 9, 18, 19, 20, 23, 24, 29)
_STRUCTURED_ECX = _bits(2)  # UMIP
_STRUCTURED_EDX = _bits(4)  # FSRM
# Fn8000_0001 ECX: LAHF, ABM, SSE4A, MISALIGNSSE, 3DNOWPREFETCH.
_EXTENDED_ECX = _bits(0, 5, 6, 7, 8)
_CMP_LEGACY_BIT = _bits(1)
# Fn8000_0001 EDX: SYSCALL, NX, MMXEXT, 1-GiB pages, RDTSCP, LM, 3DNOWEXT, 3DNOW besides.
_EXTENDED_EDX = _LEGACY_EDX | _bits(11, 20, 22, 26, 27, 29, 30, 31)
_ARAT_BIT = _bits(2)  # Fn0000_0006 EAX: the APIC timer never stops
_INVARIANT_TSC_BIT = _bits(8)
# Fn4000_0001 EAX: the clock's MSRs at 0x4b564d00, and a clock that is the same on all CPUs.
_KVM_FEATURES = _bits(3, 24)


def cpuid_policies(vcpu_count: int) -> tuple[CpuidPolicy, ...]:
    """The leaves that a VM of so many vCPUs has, sorted: one package, one thread in each core.

    The runtime puts APIC ids in (EBX of leaf 1, EDX of leaf 0xb).
    """
    smp = vcpu_count > 1
    id_bits = (vcpu_count - 1).bit_length()
    none, vendor = (0, 0, 0, 0), (0, _ALL, _ALL, _ALL)
    kvm = tuple(int.from_bytes(b"KVMKVMKVM\0\0\0"[at : at + 4], "little") for at in (0, 4, 8))
    anything = CPUID_ANY_SUBLEAF
    rows = (
        (0, anything, vendor, (_MAX_LEAF, 0, 0, 0), "greatest leaf, vendor"),
        (
            1,
            anything,
            (_ALL, 0xFF00, _FEATURES_ECX, _FEATURES_EDX),
            (0, vcpu_count << 16, _X2APIC_BIT | _HYPERVISOR_BIT, _HTT_BIT if smp else 0),
            "family, features",
        ),
        (6, anything, none, (_ARAT_BIT, 0, 0, 0), "power management"),
        (
            7,
            0,
            (0, _STRUCTURED_EBX, _STRUCTURED_ECX, _STRUCTURED_EDX),
            none,
            "structured features",
        ),
        (0xB, 0, none, (0, 1, 0x100, 0), "topology: threads of a core"),
        (0xB, 1, none, (id_bits, vcpu_count, 0x201, 0), "topology: cores of the package"),
        (0x4000_0000, anything, none, (0x4000_0001, kvm[0], kvm[1], kvm[2]), "KVM's signature"),
        (0x4000_0001, anything, none, (_KVM_FEATURES, 0, 0, 0), "KVM's clock"),
        (0x8000_0000, anything, vendor, (_MAX_EXTENDED, 0, 0, 0), "greatest leaf, vendor"),
        (
            0x8000_0001,
            anything,
            (_ALL, 0, _EXTENDED_ECX, _EXTENDED_EDX),
            (0, 0, _CMP_LEGACY_BIT if smp else 0, 0),
            "features",
        ),
        *((leaf, anything, (_ALL,) * 4, none, "name") for leaf in range(0x8000_0002, 0x8000_0005)),
        *((leaf, anything, (_ALL,) * 4, none, "caches") for leaf in (0x8000_0005, 0x8000_0006)),
        (0x8000_0007, anything, none, (0, 0, 0, _INVARIANT_TSC_BIT), "invariant TSC"),
        (
            0x8000_0008,
            anything,
            (0xFFFF, 0, 0, 0),
            (0, 0, id_bits << 12 | vcpu_count - 1, 0),
            "widths of addresses, cores",
        ),
    )
    return tuple(CpuidPolicy(*row) for row in rows)


def cpuid_first(policies: tuple[CpuidPolicy, ...]) -> tuple[int, ...]:
    """Where the runtime begins to look for a leaf, 64 places: bits 31:30 and 3:0 of it say which.

    The index of the first policy of the leaf that has the place; 0 where none has.
    """
    places: dict[int, int] = {}
    for index, policy in enumerate(policies):
        places.setdefault(policy.leaf >> 30 << 4 | policy.leaf & 0xF, index)
    return tuple(places.get(place, 0) for place in range(64))

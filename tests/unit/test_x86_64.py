# SPDX-License-Identifier: Apache-2.0
"""x86_64: what is read of boards, which MSRs and CPUID leaves guests have, what they boot from."""

from __future__ import annotations

import struct
from collections.abc import Mapping
from itertools import pairwise
from pathlib import Path

import pytest

from gen import fdt
from gen.__main__ import examined
from gen.arch.x86_64 import ARCHITECTURE, PowerSwitch, X86Hardware, hardware_of
from gen.board import read_board
from gen.load import load
from gen.model import Interrupt
from gen.plan import x86_64_boot as boot
from gen.plan.types import Piece, Plan
from gen.plan.x86_64 import X86Board, X86Vm
from gen.plan.x86_64_policy import (
    CPUID_ANY_SUBLEAF,
    OWNED,
    PASSED_THROUGH,
    Passed,
    cpuid_first,
    cpuid_policies,
    msr_permission_map,
    msr_policies,
    port_permission_map,
)
from gen.ranges import MIB, Owned, Range
from tests.payloads import FOLDER, ROOT

Q35 = "qemu-q35-x86_64"
SOURCE = ROOT / "systems" / "boards" / f"{Q35}.dts"


def board() -> X86Hardware:
    return hardware_of(read_board(SOURCE.with_suffix(".toml")).hardware)


def planned(path: Path, text: str) -> Plan:
    (path / "system.toml").write_text(f'[system]\nname = "x"\nboard = "{Q35}"\n{text}')
    found, plan = examined(load(path / "system.toml", None))
    assert plan is not None, found
    return plan


def image(kind: str, kernel: str, more: str = "") -> str:
    return f'[images.i]\ntype = "{kind}"\nkernel = "{FOLDER / kernel}"\n{more}\n'


def vm(name: str = "a", cpus: str = "[0]", memory: str = '"16 MiB"', more: str = "") -> str:
    return f'[[vm]]\nname = "{name}"\nimage = "i"\ncpus = {cpus}\nmemory = {memory}\n{more}\n'


def pieces(plan: Plan, number: int = 0) -> dict[str, Piece]:
    return {piece.what: piece for piece in plan.vms[number].boot.pieces}


def data(piece: Piece) -> bytes:
    assert isinstance(piece.contents, bytes)
    return piece.contents


# ---- boards --------------------------------------------------------------------------------------


def test_board() -> None:
    hardware = board()
    assert hardware.ram == (Range(0, 0x8000_0000),)
    assert [cpu.hardware_id for cpu in hardware.cpus] == [0, 1, 2, 3]
    assert hardware.uart is not None
    assert hardware.uart.window == Range(0x3F8, 8)
    assert hardware.uart.interrupt == Interrupt(4, "edge")
    assert hardware.power == PowerSwitch(0x604, 0x2000)
    assert hardware.asid_count == 16
    assert ARCHITECTURE.claimed_windows(hardware) == (
        Owned(Range(0xFEC0_0000, 0x1000), "the I/O APIC"),
        Owned(Range(0xFED0_0000, 0x1000), "the HPET"),
        Owned(Range(0xFEE0_0000, 0x1000), "the local APICs"),
    )
    assert ARCHITECTURE.claimed_interrupts(hardware) == {
        4: "the console UART's",
        20: "the HPET's",
    }
    ports = [owned.range for owned in ARCHITECTURE.claimed_ports(hardware)]
    assert Range(0x3F8, 8) in ports and Range(0x604, 2) in ports and Range(0x600, 6) in ports
    rtc = hardware.nodes["/isa/rtc@i70"]
    assert rtc.ports == (Range(0x70, 2),) and rtc.windows == ()
    assert rtc.interrupts == (Interrupt(8, "edge"),)
    assert ARCHITECTURE.board_shortcomings(hardware) == ()


@pytest.mark.parametrize(
    ("was", "now", "complaint"),
    (
        ("intel,ce4100-ioapic", "other", "intel,ce4100-ioapic"),
        ("intel,ce4100-lapic", "other", "intel,ce4100-lapic"),
        ("intel,ce4100-hpet", "other", "intel,ce4100-hpet"),
        ('"ns16550a"', '"other"', "no console that is an ns16550a"),
        ("interrupts = <4 0>;", "", "no console that is an ns16550a"),
        ("reg = <1 0x3f8 8>", "reg = <0 0x3f8 8>", "no console that is an ns16550a"),
        ("value = <0x2000>;", "", "ashlar,acpi-pm1-control"),
        ("ashlar,asid-count = <16>", "ashlar,asid-count = <1>", "asid-count of at least 2"),
    ),
)
def test_shortcomings(tmp_path: Path, was: str, now: str, complaint: str) -> None:
    text = SOURCE.read_text()
    assert text.count(was) == 1
    (tmp_path / "board.dts").write_text(text.replace(was, now))
    hardware = ARCHITECTURE.read_hardware(fdt.read(tmp_path / "board.dts"))
    assert any(complaint in item for item in ARCHITECTURE.board_shortcomings(hardware))


def test_the_compiler_of_tables_must_be_there(monkeypatch: pytest.MonkeyPatch) -> None:
    hardware = board()
    monkeypatch.setenv("PATH", "/nowhere")
    (complaint,) = ARCHITECTURE.board_shortcomings(hardware)
    assert "acpica-tools" in complaint


def test_a_tree_without_cpus_is_refused(tmp_path: Path) -> None:
    text = SOURCE.read_text().replace("\tcpus {", "\tothers {")
    (tmp_path / "board.dts").write_text(text)
    with pytest.raises(fdt.TreeError, match="no node /cpus"):
        ARCHITECTURE.read_hardware(fdt.read(tmp_path / "board.dts"))


# ---- policies ------------------------------------------------------------------------------------


def permission_map(passed: Mapping[int, Passed]) -> bytes:
    runs = msr_permission_map(passed)
    assert [run.first for run in runs] == [0, *(run.last + 1 for run in runs[:-1])]
    return b"".join(bytes([run.value]) * (run.last - run.first + 1) for run in runs)


def exits(passed: Mapping[int, Passed], msr: int) -> tuple[bool, bool]:
    """Whether reads and writes exit, as APM vol. 2, 15.11 says it."""
    for base, first in ((0, 0), (0x800, 0xC000_0000), (0x1000, 0xC001_0000)):
        if 0 <= msr - first < 0x2000:
            bit = (msr - first) * 2
            byte = permission_map(passed)[base + bit // 8]
            return bool(byte >> bit % 8 & 1), bool(byte >> bit % 8 + 1 & 1)
    return True, True


@pytest.mark.parametrize("passed", (PASSED_THROUGH, {**PASSED_THROUGH, **OWNED}))
def test_what_is_passed_through_is_all_that_does_not_exit(passed: Mapping[int, Passed]) -> None:
    data = permission_map(passed)
    assert len(data) == 8192
    count = sum(what.reads + what.writes for what in passed.values())
    assert sum(bin(byte ^ 0xFF).count("1") for byte in data) == count
    for msr, what in passed.items():
        assert exits(passed, msr) == (not what.reads, not what.writes)
    for policy in msr_policies():
        assert policy.msr in passed or exits(passed, policy.msr) == (True, True)
    assert exits(passed, 0xC000_0080)[1], "a guest that clears EFER.SVME loses VMMCALL"
    assert exits(passed, 0x830)[1], "interrupts for others are sent by the hypervisor"


def test_what_is_refused_by_an_owned_apic_exits() -> None:
    assert exits(OWNED, 0x80B) == (True, False), "EOI is only written"
    assert exits(OWNED, 0x80A) == (False, True), "PPR is only read"


def test_ports_that_do_not_exit() -> None:
    runs = port_permission_map([(Range(0x70, 2), "rtc"), (Range(0x7F, 2), "other")])
    data = b"".join(bytes([run.value]) * (run.last - run.first + 1) for run in runs)
    assert len(data) == 12 * 1024
    passed = [n for n in range(8 * len(data)) if not data[n // 8] >> n % 8 & 1]
    assert passed == [0x70, 0x71, 0x7F, 0x80]


def test_msrs_are_sorted_and_once() -> None:
    numbers = [policy.msr for policy in msr_policies()]
    assert numbers == sorted({*numbers})
    # EOI and ICR of the x2APIC; no register of the DFR, which it has not.
    assert {0x80B, 0x830} < {*numbers} and 0x80E not in numbers


def leaf(count: int, number: int, subleaf: int = CPUID_ANY_SUBLEAF) -> tuple[int, ...]:
    """What a CPU with every feature, all bits one, reads."""
    for item in cpuid_policies(count):
        if (item.leaf, item.subleaf) == (number, subleaf):
            return tuple(
                0xFFFF_FFFF & keep | bits for keep, bits in zip(item.keep, item.set, strict=True)
            )
    return 0, 0, 0, 0


def test_cpuid_is_sorted_and_disjoint() -> None:
    keys = [(item.leaf, item.subleaf) for item in cpuid_policies(2)]
    assert keys == sorted({*keys})
    for item in cpuid_policies(2):
        assert not any(keep & bits for keep, bits in zip(item.keep, item.set, strict=True)), (
            item.what
        )
        greatest = leaf(2, item.leaf & 0xFFFF_0000)[0]
        assert item.leaf <= greatest or item.leaf & 0xFFFF_0000 == item.leaf


def test_cpuid_leaves_are_found_at_their_place() -> None:
    policies = cpuid_policies(2)
    first = cpuid_first(policies)
    for leaf_number in {item.leaf for item in policies}:
        found = policies[first[leaf_number >> 30 << 4 | leaf_number & 0xF]]
        assert found == next(item for item in policies if item.leaf == leaf_number)
    assert len(first) == 64 and max(first) < 256


@pytest.mark.parametrize(
    ("number", "subleaf", "register", "bit", "name"),
    (
        (1, CPUID_ANY_SUBLEAF, 2, 3, "MONITOR"),
        (1, CPUID_ANY_SUBLEAF, 2, 13, "CMPXCHG16B"),
        (1, CPUID_ANY_SUBLEAF, 2, 17, "PCID"),
        (1, CPUID_ANY_SUBLEAF, 2, 24, "TSC deadline"),
        (1, CPUID_ANY_SUBLEAF, 2, 26, "XSAVE"),
        (1, CPUID_ANY_SUBLEAF, 2, 27, "OSXSAVE"),
        (1, CPUID_ANY_SUBLEAF, 2, 28, "AVX"),
        (1, CPUID_ANY_SUBLEAF, 3, 7, "MCE"),
        (1, CPUID_ANY_SUBLEAF, 3, 12, "MTRR"),
        (1, CPUID_ANY_SUBLEAF, 3, 14, "MCA"),
        (7, 0, 1, 5, "AVX2"),
        (7, 0, 1, 10, "INVPCID"),
        (7, 0, 1, 16, "AVX512F"),
        (7, 0, 2, 3, "PKU"),
        (7, 0, 2, 16, "LA57"),
        (0x8000_0001, CPUID_ANY_SUBLEAF, 2, 2, "SVM"),
        (0x8000_0001, CPUID_ANY_SUBLEAF, 2, 23, "performance counters"),
        (0x8000_0001, CPUID_ANY_SUBLEAF, 3, 7, "MCE"),
        (0x8000_0001, CPUID_ANY_SUBLEAF, 3, 12, "MTRR"),
        (0x8000_0001, CPUID_ANY_SUBLEAF, 3, 14, "MCA"),
    ),
)
def test_hidden(number: int, subleaf: int, register: int, bit: int, name: str) -> None:
    assert not leaf(2, number, subleaf)[register] >> bit & 1, name


def test_hidden_leaves() -> None:
    for number in (0xA, 0xD, 0x8000_000A):  # performance counters, XSAVE, SVM
        assert leaf(4, number) == (0, 0, 0, 0)


@pytest.mark.parametrize(("count", "bits"), ((1, 0), (2, 1), (3, 2), (4, 2), (64, 6)))
def test_topology(count: int, bits: int) -> None:
    _, ebx, ecx, edx = leaf(count, 1)
    assert ebx >> 16 & 0xFF == count and ebx >> 24 == 0
    assert ecx >> 21 & 1 and ecx >> 31, "x2APIC, hypervisor"
    assert edx >> 28 & 1 == (count > 1)
    assert leaf(count, 0xB, 0) == (0, 1, 0x100, 0)
    assert leaf(count, 0xB, 1) == (bits, count, 0x201, 0)
    assert leaf(count, 0x8000_0008)[2] == bits << 12 | count - 1


def test_kvm_is_announced() -> None:
    greatest, *name = leaf(1, 0x4000_0000)
    assert greatest == 0x4000_0001
    assert struct.pack("<3I", *name) == b"KVMKVMKVM\0\0\0"
    assert leaf(1, 0x4000_0001)[0] == 1 << 3 | 1 << 24
    assert leaf(1, 0x8000_0007) == (0, 0, 0, 1 << 8)


# ---- what guests boot from -----------------------------------------------------------------------


def test_start_of_plain_bytes(tmp_path: Path) -> None:
    plan = planned(tmp_path, image("raw", "firmware.bin", 'cmdline = "a=b"') + vm())
    (one,) = plan.vms
    assert isinstance(one.arch, X86Vm)
    assert (one.arch.start, one.entry) == ("START_LONG", 1 * MIB)
    assert (one.arch.boot_cr3, one.arch.boot_gdt) == (boot.PAGE_TABLES, boot.GDT)
    assert (one.boot.argument, one.boot.what) == (boot.START_INFO, "start info")
    assert data(pieces(plan)["command line"]) == b"a=b\0"
    places = [Range(piece.guest, piece.size) for piece in one.boot.pieces]
    assert places == sorted(places)
    assert not any(a.overlaps(b) for a, b in pairwise(places))
    assert places[0].base >= 0x1000, "page 0 stays free: a null pointer"


def test_start_info(tmp_path: Path) -> None:
    regions = (
        "\n[[vm.memory]]\nsize = 0x100_0000\n[[vm.memory]]\nsize = 0x20_0000\nguest = 0x200_0000"
    )
    text = image("raw", "firmware.bin") + vm(memory="", more=regions).replace("memory = \n", "")
    info = data(pieces(planned(tmp_path, text))["start info"])
    fields = struct.unpack_from("<IIIIQQQQII", info)
    assert fields[:5] == (0x336E_C578, 1, 0, 0, 0)
    assert fields[5:7] == (boot.CMDLINE, boot.ACPI)
    at, count = fields[7] - boot.START_INFO, fields[8]
    entries = [struct.unpack_from("<QQII", info, at + 24 * n) for n in range(count)]
    assert entries == [
        (0, 0x9_F000, 1, 0),
        (0x9_F000, 0x6_1000, 2, 0),
        (0x10_0000, 0xF0_0000, 1, 0),
        (0x200_0000, 0x20_0000, 1, 0),
    ]
    assert len(info) == at + 24 * count


def test_start_of_linux(tmp_path: Path) -> None:
    """What Linux reads of its zero page, by the offsets of Documentation/arch/x86."""
    kernel = f'initrd = "{FOLDER / "initrd"}"\ncmdline = "quiet"'
    plan = planned(tmp_path, image("linux", "x86_64/linux.gz", kernel) + vm())
    (one,) = plan.vms
    assert isinstance(one.arch, X86Vm)
    assert (one.arch.start, one.entry) == ("START_LONG", 2 * MIB + 0x200)
    assert (one.boot.argument, one.boot.what) == (boot.BOOT_PARAMS, "boot parameters")
    assert one.pieces[0].contents == b"\x90" * (62 * 1024), "without the real-mode code"
    page = data(pieces(plan)["boot parameters"])
    assert len(page) == 4096
    assert page[0x202:0x206] == b"HdrS" and page[0x210] == 0xFF
    assert struct.unpack_from("<I", page, 0x228) == (boot.CMDLINE,)
    assert struct.unpack_from("<Q", page, 0x70) == (boot.ACPI,)
    assert data(pieces(plan)["ACPI tables"]).startswith(b"RSD PTR ")
    assert data(pieces(plan)["command line"]) == b"quiet\0"
    start, size = struct.unpack_from("<II", page, 0x218)
    assert Range(start, size) == Range(3 * MIB, 4096), "behind init_size"
    entries = [struct.unpack_from("<QQI", page, 0x2D0 + 20 * n) for n in range(page[0x1E8])]
    assert entries == [
        (0, 0x9_F000, 1),
        (0x9_F000, 0x6_1000, 2),
        (0x10_0000, 0xF0_0000, 1),
    ]
    assert "start info" not in pieces(plan)


def test_start_by_pvh(tmp_path: Path) -> None:
    plan = planned(tmp_path, image("elf", "x86_64/hello-pvh.elf") + vm())
    (one,) = plan.vms
    assert isinstance(one.arch, X86Vm)
    assert (one.arch.start, one.entry) == ("START_PROTECTED", 1 * MIB + 16)
    assert (one.arch.boot_cr3, one.arch.boot_gdt) == (0, 0)
    assert one.boot.argument == boot.START_INFO
    assert not {"GDT", "page tables"} & {*pieces(plan)}


def test_start_of_an_executable(tmp_path: Path) -> None:
    plan = planned(tmp_path, image("elf", "x86_64/hello.elf") + vm())
    (one,) = plan.vms
    assert isinstance(one.arch, X86Vm)
    assert (one.arch.start, one.entry, one.boot.argument) == (
        "START_LONG",
        2 * MIB,
        boot.START_INFO,
    )


def test_equal_boot_data_is_stored_once(tmp_path: Path) -> None:
    text = image("raw", "firmware.bin", 'cmdline = "${vm}"') + vm("a") + vm("b", "[1]")
    plan = planned(tmp_path, text)
    files = [image.file for image in plan.images]
    assert len({*files}) == len(files), "each command line has a file of its own"
    titles = [image.title for image in plan.images]
    assert titles.count("page tables of every VM") == titles.count("GDT of every VM") == 1
    in_place = 'in-place = true\non-reboot = "stop"'
    text = image("raw", "firmware.bin") + vm("a", more=in_place) + vm("b", "[1]", more=in_place)
    symbols = [image.symbol for image in planned(tmp_path, text).images]
    assert len({*symbols}) == len(symbols)


def test_page_tables_of_the_start() -> None:
    """Walked as long mode does it: the first 4 GiB one to one, writable, executable, large."""
    words: tuple[int, ...] = struct.unpack("<3072Q", data(boot.page_tables()))

    def at(address: int) -> int:
        return words[(address - boot.PAGE_TABLES) // 8]

    for address in (0, 0x1000, 0x1F_FFFF, 0x20_0000, 0x4000_0000, 0xC000_1234, 0xFFFF_FFFF):
        entry = at(boot.PAGE_TABLES + 8 * (address >> 39))
        for shift in (30, 21):
            assert entry & 0xFFF == 3
            entry = at((entry & ~0xFFF) + 8 * (address >> shift & 511))
        assert entry & 0x1F_FFFF == 0x83 and entry & ~0x1F_FFFF == address & ~0x1F_FFFF
    assert words[1:512] == (0,) * 511 and words[516:1024] == (0,) * 508


def test_reset_vector() -> None:
    """Where a PC begins: mov dx, 0x600; mov al, 1; out dx, al; hlt, for ever."""
    vector = boot.reset_vector(0x600, 1)
    assert vector.guest == 0xF_FFF0
    assert data(vector) == bytes.fromhex("ba0006 b001 ee f4 ebfd")


def test_segments_of_the_start() -> None:
    null, unused, code, segment = struct.unpack("<4Q", data(boot.gdt()))
    assert null == unused == 0
    assert code >> 53 & 1 and not code >> 54 & 1, "L without D: 64-bit code"
    assert (code >> 40 & 0x9B, segment >> 40 & 0x9B) == (0x9B, 0x93)


def test_board_tables(tmp_path: Path) -> None:
    text = (
        image("raw", "firmware.bin") + vm("a", "[1, 2]") + vm("b", "[3]", more='console = "none"')
    )
    plan = planned(tmp_path, text)
    assert isinstance(plan.board, X86Board)
    assert plan.board.pcpu_count == 4, "the machine starts on CPU 0"
    assert [table.vcpu_count for table in plan.board.cpuid] == [1, 2]
    for item in plan.vms:
        assert isinstance(item.arch, X86Vm)
        (table,) = (one for one in plan.board.cpuid if one.vcpu_count == item.vcpu_count)
        assert table.leaves == item.arch.cpuid
    assert (plan.board.power_port, plan.board.power_value) == (0x604, 0x2000)
    (route,) = plan.irqs
    assert (route.intid, route.is_edge, route.name) == (4, True, "GSI 4")
    with_uart, without = (item.arch for item in plan.vms)
    assert isinstance(with_uart, X86Vm) and isinstance(without, X86Vm)
    assert [(p.ports.base, p.ports.size, p.device) for p in with_uart.ports] == [
        (0x3F8, 8, "&uart_a"),
        (0x600, 6, "NULL"),
    ]
    assert [p.handle for p in without.ports] == ["power_port_access"]
    assert [item.handle for item in plan.vms[0].mmio] == ["vioapic_access", "vlapic_access"]

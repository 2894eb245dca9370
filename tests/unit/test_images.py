# SPDX-License-Identifier: Apache-2.0
"""gen/images.py: headers of all forms, unpacking, damaged files."""

from __future__ import annotations

import random
import struct
from collections.abc import Callable
from pathlib import Path

import pytest

from gen.images import ImageError, contents, inspect
from gen.model import Segment
from tests import payloads
from tests.payloads import ET_DYN, FILES, FOLDER, KIB, MIB

PACKED = {
    "linux": (),
    "linux.gz": ("gzip",),
    "linux.xz": ("xz",),
    "linux.zst": ("zstd",),
    "linux.efi": ("zboot", "gzip"),
    "linux-zstd.efi": ("zboot", "zstd"),
}


@pytest.mark.parametrize("name", PACKED)
def test_kernel_is_the_same_however_it_is_packed(name: str) -> None:
    payload = inspect(FOLDER / name, "linux")
    assert payload.packing == PACKED[name]
    assert (payload.arch, payload.size, payload.image_size) == ("aarch64", 64 * KIB, 1 * MIB)
    assert payload.segments == (Segment(0, 0, 64 * KIB, 1 * MIB),)
    assert contents(payload) == FILES["linux"]()


@pytest.mark.parametrize("kind", ["lz4", "lz4-legacy", "bzip2", "lzma"])
def test_rarer_packings(kind: str, tmp_path: Path) -> None:
    import bz2
    import lzma

    import lz4.block
    import lz4.frame

    kernel = FILES["linux"]()
    block: bytes = lz4.block.compress(kernel, store_size=False)
    packed: dict[str, Callable[[], bytes]] = {
        "lz4": lambda: lz4.frame.compress(kernel),
        "lz4-legacy": lambda: b"\x02\x21\x4c\x18" + struct.pack("<I", len(block)) + block,
        "bzip2": lambda: bz2.compress(kernel),
        "lzma": lambda: lzma.compress(kernel, lzma.FORMAT_ALONE),
    }
    path = tmp_path / "kernel"
    path.write_bytes(packed[kind]())
    payload = inspect(path, "linux")
    assert payload.packing == (kind,)
    assert contents(payload) == kernel


def test_other_architectures_are_recognised() -> None:
    assert inspect(FOLDER / "linux-riscv64", "linux").arch == "riscv64"
    assert inspect(FOLDER / "linux-x86", "linux").arch == "x86_64"
    assert inspect(FOLDER / "hello-x86.elf", "elf").arch == "x86_64"


def test_x86_kernel(tmp_path: Path) -> None:
    path = tmp_path / "bzImage"
    path.write_bytes(payloads.x86_image(64 * KIB, 3 * MIB, preferred=16 * MIB))
    payload = inspect(path, "linux")
    assert (payload.arch, payload.movable, payload.entry) == ("x86_64", True, 0x200)
    assert (payload.alignment, payload.preferred) == (2 * MIB, 16 * MIB)
    (segment,) = payload.segments
    assert (segment.address, segment.offset, segment.memory_size) == (0, 2048, 3 * MIB)
    loaded = contents(payload)[segment.offset : segment.offset + segment.file_size]
    assert loaded == b"\x90" * (62 * KIB)
    header = payload.setup_header
    assert header[0x11:0x15] == b"HdrS"
    assert len(header) == 0x202 + 0x6A - 0x1F1, "as far as the jump behind it goes"


def test_x86_kernel_that_cannot_be_moved() -> None:
    payload = inspect(FOLDER / "linux-x86-fixed", "linux")
    assert not payload.movable
    assert payload.segments[0].address == 16 * MIB


def test_x86_kernel_that_prefers_what_it_cannot_have(tmp_path: Path) -> None:
    path = tmp_path / "bzImage"
    path.write_bytes(payloads.x86_image(4 * KIB, preferred=1 * MIB, alignment=2 * MIB))
    assert refusal(path, "linux") == (
        "bzImage is damaged: 0x100000, which it prefers, is not so aligned"
    )


@pytest.mark.parametrize(
    ("name", "kind"), (("x86_64/hello-pvh.elf", "elf"), ("linux-x86", "linux"))
)
def test_damage_is_refused_or_harmless(name: str, kind: str, tmp_path: Path) -> None:
    """No bytes in a header make the generator fail in another way than by a message."""
    whole, chance = FILES[name](), random.Random(1)
    path = tmp_path / "damaged"
    for _ in range(1000):
        data = bytearray(whole)
        for _ in range(chance.randint(1, 6)):
            data[chance.randrange(min(len(data), 0x300))] = chance.choice((0, 0xFF, 0x80, 1))
        path.write_bytes(data[: chance.choice((len(data), chance.randrange(1, len(data))))])
        try:
            contents(inspect(path, kind))  # type: ignore[arg-type]
        except ImageError as error:
            assert error.problem.code == "image-format"


def test_pvh_note() -> None:
    payload = inspect(FOLDER / "x86_64" / "hello-pvh.elf", "elf")
    assert (payload.arch, payload.pvh, payload.entry) == ("x86_64", True, 1 * MIB + 16)
    assert not inspect(FOLDER / "x86_64" / "hello.elf", "elf").pvh


def test_header_without_size_is_of_an_old_kernel(tmp_path: Path) -> None:
    path = tmp_path / "old"
    path.write_bytes(payloads.arm64_image(8 * KIB, 0))
    payload = inspect(path, "linux")
    assert (payload.text_offset, payload.image_size) == (0x80000, 8 * KIB)


def test_big_endian_kernel(tmp_path: Path) -> None:
    path = tmp_path / "kernel"
    path.write_bytes(payloads.arm64_image(8 * KIB, 1 * MIB, flags=0b1011))
    assert inspect(path, "linux").arch == "aarch64 (big-endian)"


def test_elf() -> None:
    payload = inspect(FOLDER / "hello.elf", "elf")
    assert (payload.arch, payload.entry, payload.movable) == ("aarch64", 0x4000_0000, False)
    assert [(s.address, s.file_size, s.memory_size) for s in payload.segments] == [
        (0x4000_0000, 64, 4096),
        (0x4000_1000, 4, 64 * KIB),
    ]
    data = contents(payload)
    segment = payload.segments[1]
    assert data[segment.offset : segment.offset + segment.file_size] == b"data"
    assert payload.image_size == 4096 + 64 * KIB
    assert inspect(FOLDER / "hello-pie.elf", "elf").movable


def test_entry_of_an_elf_is_physical(tmp_path: Path) -> None:
    data = bytearray(payloads.elf([(0x4000_0000, b"code", 4096)], 0xFFFF_0000_4000_0010))
    struct.pack_into("<Q", data, 64 + 16, 0xFFFF_0000_4000_0000)  # p_vaddr
    path = tmp_path / "high.elf"
    path.write_bytes(data)
    assert inspect(path, "elf").entry == 0x4000_0010


def test_raw() -> None:
    payload = inspect(FOLDER / "firmware.bin", "raw")
    assert (payload.arch, payload.size, payload.image_size, payload.entry) == (None, 64, 64, 0)


def refusal(path: Path, kind: str) -> str:
    with pytest.raises(ImageError) as caught:
        contents(inspect(path, kind))  # type: ignore[arg-type]
    assert caught.value.problem.code in ("image-missing", "image-format")
    assert caught.value.problem.help
    return caught.value.problem.message


def test_refusals(tmp_path: Path) -> None:
    assert refusal(tmp_path / "none", "raw") == "none: no such file or directory"
    path = tmp_path / "x"
    for data, kind, message in (
        (b"", "raw", "x is empty"),
        (b"MZ", "linux", "x is no Linux kernel: it has no boot header of any known architecture"),
        (FILES["linux.gz"]()[:60], "linux", "x is damaged: gzip: "),
        (FILES["linux.xz"]()[:60], "linux", "x is damaged: xz: "),
        (b"\x1f\x8b" + bytes(64), "linux", "x is damaged: gzip: "),
        (payloads.zboot(b"", "rar"), "linux", 'x is an EFI zboot kernel of unknown packing "rar"'),
        (FILES["linux.efi"]()[:90], "linux", "x is cut short: its zboot header promises "),
        (FILES["hello.elf"]()[:100], "elf", "x is damaged: ELF: "),
        (FILES["hello.elf"]()[:200], "elf", "x is cut short: a segment ends at byte 240"),
        (payloads.elf([], 0, kind=ET_DYN), "elf", "x has no loadable segment"),
    ):
        path.write_bytes(data)
        assert refusal(path, kind).startswith(message), message


def test_a_packed_kernel_that_is_cut_short_is_refused_when_unpacked(tmp_path: Path) -> None:
    path = tmp_path / "x"
    path.write_bytes(FILES["linux.zst"]()[:-4])
    assert refusal(path, "linux").startswith("x is damaged: zstd: ")

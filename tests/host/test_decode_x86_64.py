# SPDX-License-Identifier: Apache-2.0
"""The x86_64 decoder against an independent disassembler, capstone, on random instructions.

Both get the same bytes in each of the three modes. What capstone shows as one of the decoder's
operations, with a memory operand and a general register or an immediate, must be decoded, with the
same sizes, registers and values; everything else must be refused.
"""

from __future__ import annotations

import random
import subprocess
from dataclasses import dataclass

import capstone
import pytest
from capstone import x86

from tests.host.test_host import HERE, ROOT, TIME_LIMIT_S, build

COUNT = 30000
"""Instructions for each mode: about two seconds."""

OPS = {"xchg", "mov"}
EXTENSIONS = {"movzx": False, "movsx": True, "movsxd": True}
PREFIXES = [0x66, 0x67, 0xF0, 0x26, 0x2E, 0x36, 0x3E, 0x64, 0x65]
OPCODES = [
    *(0x63, 0x86, 0x87, 0x88, 0x89, 0x8A, 0x8B, 0xA0, 0xA1, 0xA2, 0xA3, 0xC6, 0xC7),
    *(0x01, 0x03, 0x80, 0x83, 0x85, 0xF6, 0xF7),  # arithmetic, which it refuses
]
EXTENDED = [0xB6, 0xB7, 0xBE, 0xBF]
MODES = {16: capstone.CS_MODE_16, 32: capstone.CS_MODE_32, 64: capstone.CS_MODE_64}

FAMILIES = {
    name: (number, size, high)
    for number, (low, high_name, word) in enumerate(
        [
            ("al", "ah", "ax"),
            ("cl", "ch", "cx"),
            ("dl", "dh", "dx"),
            ("bl", "bh", "bx"),
            ("spl", "", "sp"),
            ("bpl", "", "bp"),
            ("sil", "", "si"),
            ("dil", "", "di"),
        ]
    )
    for name, size, high in (
        (low, 1, False),
        (high_name, 1, True),
        (word, 2, False),
        ("e" + word, 4, False),
        ("r" + word, 8, False),
    )
    if name
} | {
    f"r{number}{suffix}": (number, size, False)
    for number in range(8, 16)
    for suffix, size in (("b", 1), ("w", 2), ("d", 4), ("", 8))
}
"""Number, bytes and "is it a high byte" of each general register."""


@dataclass(frozen=True)
class Access:
    """struct decoded_access, as the program prints it."""

    size: int
    length: int
    reg: int
    extend_to: int
    is_high_byte: bool
    is_immediate: bool
    is_signed: bool
    is_write: bool
    to_register: bool
    immediate: int


def instruction(source: random.Random, mode: int) -> bytes:
    """Up to fifteen bytes: mostly an instruction that the decoder knows, at times anything."""
    prefixes = bytes(source.choices(PREFIXES, k=source.choice([0, 0, 0, 1, 1, 2])))
    rex = bytes([source.randrange(0x40, 0x50)]) if mode == 64 and source.random() < 0.5 else b""
    kind = source.random()
    if kind < 0.75:
        opcode = bytes([source.choice(OPCODES)])
    elif kind < 0.9:
        opcode = bytes([0x0F, source.choice(EXTENDED)])
    elif kind < 0.95:
        opcode = bytes([0x0F, source.randrange(256)])
    else:
        opcode = bytes([source.randrange(256)])
    return (prefixes + rex + opcode + source.randbytes(15))[:15]


def has_lock(code: bytes) -> bool:
    """Whether LOCK is among the prefixes; capstone tells only the last of its group."""
    others = {*PREFIXES, 0xF2, 0xF3, *range(0x40, 0x50)} - {0xF0}
    return next((byte for byte in code if byte not in others), 0) == 0xF0


def expected(found: capstone.CsInsn, mode: int) -> Access | None:
    """What the decoder must say; None: it must refuse."""
    words = found.mnemonic.split()
    name = {"movabs": "mov"}.get(words[-1], words[-1])
    if name not in OPS and name not in EXTENSIONS:
        return None
    memory = [o for o in found.operands if o.type == x86.X86_OP_MEM]
    others = [o for o in found.operands if o.type != x86.X86_OP_MEM]
    if len(memory) != 1 or len(others) != 1:
        return None
    other = others[0]
    to_register = found.operands[0].type == x86.X86_OP_REG
    size = memory[0].size
    is_write = name == "xchg" or not to_register
    to_register = name == "xchg" or to_register
    if has_lock(found.bytes) and name != "xchg":
        return None
    if name == "movsxd" and (mode != 64 or other.size != 8):
        return None
    if other.type == x86.X86_OP_IMM:
        reg, extend_to, high = 0, size, False
    else:
        register = found.reg_name(other.reg)
        if register not in FAMILIES:
            return None  # segment, control and debug registers
        reg, extend_to, high = FAMILIES[register]
    return Access(
        size=size,
        length=found.size,
        reg=reg,
        extend_to=extend_to,
        is_high_byte=high,
        is_immediate=other.type == x86.X86_OP_IMM,
        is_signed=EXTENSIONS.get(name, False),
        is_write=is_write,
        to_register=to_register,
        immediate=other.imm & ((1 << 8 * size) - 1) if other.type == x86.X86_OP_IMM else 0,
    )


def parse(line: str) -> Access | None:
    if line == "refused":
        return None
    *words, immediate = line.split()
    size, length, reg, extend_to = map(int, words[:4])
    high, is_immediate, is_signed, is_write, to_register = (word == "1" for word in words[4:])
    return Access(
        size=size,
        length=length,
        reg=reg,
        extend_to=extend_to,
        is_high_byte=high,
        is_immediate=is_immediate,
        is_signed=is_signed,
        is_write=is_write,
        to_register=to_register,
        immediate=int(immediate, 16),
    )


def decoded(mode: int, codes: list[bytes]) -> list[Access | None]:
    """What the decoder says of each."""
    program = build(HERE / "decode_x86_64_print.c")
    done = subprocess.run(
        [str(program)],
        cwd=ROOT,
        input="".join(f"{mode} {code.hex()}\n" for code in codes),
        stdout=subprocess.PIPE,
        text=True,
        timeout=TIME_LIMIT_S,
        check=True,
    )
    return [parse(line) for line in done.stdout.splitlines()]


@pytest.mark.parametrize("mode", MODES)
def test_random_instructions(mode: int) -> None:
    source = random.Random(mode)
    codes = [instruction(source, mode) for _ in range(COUNT)]
    disassembler = capstone.Cs(capstone.CS_ARCH_X86, MODES[mode])
    disassembler.detail = True
    agreed = 0
    wrong = []
    for code, is_access in zip(codes, decoded(mode, codes), strict=True):
        found = next(disassembler.disasm(code, 0, 1), None)
        should_be = expected(found, mode) if found else None
        agreed += is_access is not None
        if is_access != should_be:
            shown = f"{found.mnemonic} {found.op_str}" if found else "invalid"
            wrong.append(f"{code.hex()} {shown}: {is_access}, expected {should_be}")
    assert not wrong, f"{len(wrong)} of {COUNT}:\n" + "\n".join(wrong[:20])
    assert agreed > COUNT // 3, "too few of them were decoded to mean much"


@pytest.mark.parametrize("mode", MODES)
def test_every_prefix_of_an_instruction_is_refused(mode: int) -> None:
    """Bytes that end too early, as at the end of memory, are never decoded."""
    source = random.Random(mode)
    codes = [instruction(source, mode) for _ in range(COUNT // 20)]
    whole = [(c, a) for c, a in zip(codes, decoded(mode, codes), strict=True) if a is not None]
    short = [code[:length] for code, access in whole for length in range(1, access.length)]
    assert len(short) > 1000
    assert not any(decoded(mode, short))
    exact = [code[: access.length] for code, access in whole]
    assert decoded(mode, exact) == [access for _, access in whole]

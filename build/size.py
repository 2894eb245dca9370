# SPDX-License-Identifier: Apache-2.0
"""Prints how large a linked hypervisor is, and fails when its code outgrew the limit.

The figures come from the output sections that the generated linker script names; a section it does
not know is an error, so that nothing goes uncounted.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from elftools.elf.elffile import ELFFile
from elftools.elf.sections import SymbolTableSection

_ALLOC = 2  # SHF_ALLOC, ELF specification 1.2, figure 1-11

# Part of the report -> the output sections that belong to it.
PARTS = {
    "text+rodata": (".text", ".rodata", ".note"),
    "page tables": (".pagetables",),
    "data+bss+stacks": (".data", ".bss", ".stacks"),
    "images": (".images",),
}


def sizes(elf: Path) -> tuple[dict[str, int], int]:
    """Measure a linked hypervisor.

    Args:
        elf: path of hv.elf.

    Returns:
        Bytes per part, and bytes of RAM that are the hypervisor's: its region from hv_start to
        hv_end, guard pages and other gaps included, and the images.

    Raises:
        ValueError: a section that takes memory but belongs to no part.
    """
    totals = dict.fromkeys(PARTS, 0)
    part_of = {section: part for part, sections in PARTS.items() for section in sections}
    with elf.open("rb") as file:
        linked = ELFFile(file)
        for section in linked.iter_sections():
            if not section["sh_flags"] & _ALLOC or section["sh_size"] == 0:
                continue
            # .images.beta_kernel, .rodata.tables and so on belong to their first name.
            name = "." + section.name.split(".")[1]
            if name not in part_of:
                raise ValueError(f"section {section.name} belongs to no part of the size report")
            totals[part_of[name]] += section["sh_size"]
        symbols = linked.get_section_by_name(".symtab")
        if not isinstance(symbols, SymbolTableSection):
            raise ValueError("no symbol table")
        value = {symbol.name: symbol["st_value"] for symbol in symbols.iter_symbols()}
    return totals, value["hv_end"] - value["hv_start"] + totals["images"]


def human(size: int) -> str:
    """A size in KiB or MiB with one decimal."""
    return f"{size / 1024:.1f} KiB" if size < 1 << 20 else f"{size / (1 << 20):.1f} MiB"


def main() -> int:
    """Command line: size.py HV.ELF [--limit KIB]; status 1 above the limit."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("elf", type=Path)
    parser.add_argument("--limit", type=int, default=64, help="KiB of text+rodata (default 64)")
    args = parser.parse_args()
    try:
        parts, ram = sizes(args.elf)
    except ValueError as error:
        print(f"size: {args.elf}: {error}", file=sys.stderr)
        return 1
    words = [f"{part} {human(size)}" for part, size in parts.items()]
    words[0] += f" (limit {args.limit} KiB)"
    print(f"{args.elf}: {', '.join(words)}, RAM used {human(ram)}")
    if parts["text+rodata"] > args.limit * 1024:
        print(f"size: text+rodata is over its limit, {args.limit} KiB", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())

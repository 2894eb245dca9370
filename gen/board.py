# SPDX-License-Identifier: Apache-2.0
"""Boards: the board file and the device tree beside it, as one `model.Board`.

The file says what no tree says (where the hypervisor lies, how QEMU is called); all about the
hardware is read from the tree.  Codes: board-unknown, board-tree, and those of gen/validate.py.
"""

from __future__ import annotations

from pathlib import Path

from gen import fdt
from gen.arch import architecture
from gen.diag import Diagnostic, Refused, shown_path
from gen.model import Board, Hardware, Qemu
from gen.ranges import BLOCK_SIZE, MIB, Range, align_up
from gen.schema import BoardFile
from gen.source import Span, Spans
from gen.validate import nearest, read_document, validate

#: The checkout: where systems/boards and the image catalogue are.
ROOT = Path(__file__).resolve().parent.parent

_TREE_HELP = "name the device tree that the board's firmware gives to Linux, as .dts or .dtb"


def board_names(folders: tuple[Path, ...]) -> list[str]:
    """The names of the board files in the folders, sorted."""
    return sorted({path.stem for folder in folders for path in folder.glob("*.toml")})


def find_board(name: str, base: Path, span: Span | None) -> Path:
    """The file of a board.

    Args:
        name: a board's name, or a path that ends in ".toml" (relative to `base`).
        base: the folder of the file that names it (or the working directory).
        span: where the name is written; None for the command line.

    Raises:
        Refused: board-unknown.
    """
    if name.endswith(".toml"):
        path = base / name
        if path.is_file():
            return path
        problem = f'board file "{name}" does not exist'
        raise Refused(
            [Diagnostic("board-unknown", problem, span, f"looked for {shown_path(path)}")]
        )
    folders = (base / "boards", ROOT / "systems" / "boards")
    for folder in folders:
        path = folder / f"{name}.toml"
        if path.is_file():
            return path
    raise Refused(
        [
            Diagnostic(
                "board-unknown",
                f'no board is called "{name}"',
                span,
                nearest(name, board_names(folders)),
            )
        ]
    )


def read_board(path: Path) -> Board:
    """Reads a board file and its device tree.

    Raises:
        Refused: what is wrong with them.
    """
    document = read_document(path, path.read_bytes())
    table = validate(document, BoardFile)
    spans = Spans(document, ())
    tree_path = path.parent / table.board.device_tree
    tree_span = spans.of("board", "device-tree")
    arch = architecture(table.board.arch)
    try:
        tree = fdt.read(tree_path)
        hardware = arch.read_hardware(tree, table.hypervisor.console)
    except fdt.TreeError as error:
        raise Refused(
            [Diagnostic("board-tree", f"{shown_path(tree_path)}: {error}", tree_span, _TREE_HELP)]
        ) from None
    shortcomings = arch.board_shortcomings(hardware)
    if not hardware.cpus:
        shortcomings += ("it has no CPU",)
    if shortcomings:
        raise Refused(
            Diagnostic("board-tree", f"{shown_path(tree_path)}: {text}", tree_span, _TREE_HELP)
            for text in shortcomings
        )
    hypervisor = _hypervisor(table, hardware)
    _check_hypervisor(hypervisor, hardware, spans)
    return Board(
        name=table.board.name,
        arch=table.board.arch,
        description=table.board.description,
        path=path,
        tree=tree_path,
        hardware=hardware,
        hypervisor=hypervisor,
        guest_ram=table.guest.ram,
        console=table.guest.console,
        qemu=Qemu(table.qemu.binary, table.qemu.min_version, tuple(table.qemu.args))
        if table.qemu
        else None,
        spans=spans,
    )


# By default the first 2 MiB of RAM stay free: firmware lies there, or the tree that QEMU and some
# boot loaders leave.
def _hypervisor(table: BoardFile, hardware: Hardware) -> Range:
    base = table.hypervisor.base
    if base is None:
        base = align_up(hardware.ram[0].base, BLOCK_SIZE) + 2 * MIB
    return Range(base, table.hypervisor.size)


def _check_hypervisor(hypervisor: Range, hardware: Hardware, spans: Spans) -> None:
    ram = ", ".join(str(item) for item in hardware.ram)
    reserved = next((item for item in hardware.reserved if item.overlaps(hypervisor)), None)
    if hypervisor.base % BLOCK_SIZE or hypervisor.size % BLOCK_SIZE:
        problem, help_text = "is not made of whole 2 MiB blocks", "use multiples of 2 MiB"
    elif not any(item.contains(hypervisor) for item in hardware.ram):
        problem, help_text = f"is not in RAM, which is {ram}", "take another base or a smaller size"
    elif reserved is not None:
        problem, help_text = (
            f"overlaps {reserved}, reserved by the device tree",
            "take another base",
        )
    else:
        return
    where = spans.of("hypervisor", "base" if spans.given("hypervisor", "base") else "size")
    message = f"the hypervisor's region {hypervisor} {problem}"
    raise Refused([Diagnostic("board-hypervisor", message, where, help_text)])

# SPDX-License-Identifier: Apache-2.0
"""What the Makefile must know of a system before the generator may run.

Prints shell assignments (also fit for a make command line): OUT, the output folder; ARCH, the
board's architecture, which decides the packages; CATALOGUE, the names of the image catalogue that
the system uses.

It reads loosely and checks nothing. Whatever it does not understand is an error of status 1
without a message: the caller then lets `python -m gen check` say what is wrong, with the line and
the reason.
"""

from __future__ import annotations

import argparse
import re
import sys
from pathlib import Path
from typing import Any

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

SYSTEMS = Path("systems")
_SAFE = re.compile(r"[A-Za-z0-9_-]+")


def facts(system: Path, board: str | None, variant: str | None) -> dict[str, str]:
    """Read the system and its board.

    Args:
        system: path of the system's TOML file.
        board: name or path of a board that replaces the system's, or None.
        variant: suffix of the output folder's name, or None.

    Returns:
        OUT, ARCH and CATALOGUE; names of the catalogue joined by commas.

    Raises:
        KeyError, TypeError, ValueError, OSError: the description is not what it should be.
    """
    text = tomllib.loads(system.read_text("utf-8"))
    head: dict[str, Any] = text.get("system", {})
    board_name = board or head["board"]
    beside = system.parent / board_name
    board_file = next(
        path
        for path in (SYSTEMS / "boards" / f"{board_name}.toml", Path(board_name), beside)
        if path.is_file()
    )
    board_head = tomllib.loads(board_file.read_text("utf-8"))["board"]
    arch = board_head["arch"]
    parts = [head.get("name", system.stem), board_head.get("name", board_file.stem)]
    if variant:
        parts.append(variant)
    catalogue = tomllib.loads((SYSTEMS / "catalogue.toml").read_text("utf-8"))
    used = sorted(
        {
            value
            for image in text.get("images", {}).values()
            for value in image.values()
            if isinstance(value, str) and arch in catalogue.get(value, {})
        }
    )
    result = {"OUT": "out/" + "-".join(parts), "ARCH": arch, "CATALOGUE": ",".join(used)}
    if not all(_SAFE.fullmatch(part) for part in (*parts, arch)):
        raise ValueError("a name that is not an identifier")
    return result


def main() -> int:
    """Command line: SYSTEM [--board B] [--variant V]; prints one line of assignments."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("system", type=Path)
    parser.add_argument("--board")
    parser.add_argument("--variant")
    args = parser.parse_args()
    try:
        found = facts(args.system, args.board, args.variant)
    except (KeyError, TypeError, ValueError, AttributeError, OSError, StopIteration):
        return 1
    print(" ".join(f"{key}={value}" for key, value in found.items()))
    return 0


if __name__ == "__main__":
    sys.exit(main())

# SPDX-License-Identifier: Apache-2.0
"""What exits cost, in executed instructions.

Run by `make bench`. Boots tests/emu/systems/bench.toml under `-icount shift=0` with a guest counter
of 1 GHz, so that one tick of the counter is one executed instruction, and prints the guest's
figures as a table. Repeatable to the instruction for one version of QEMU.

    python tests/bench/exits.py [--board NAME]
"""

from __future__ import annotations

import argparse
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from tests.emu.machine import SYSTEMS, build, build_guests  # noqa: E402

TIMEOUT = 60  # seconds
_FIGURE = re.compile(r"BENCH: (.*): (\d+)")


def counted(command: list[str]) -> list[str]:
    """A QEMU command line, changed to count instructions as time.

    Args:
        command: from the board file, with `-cpu MODEL` and perhaps `-accel`.
    """
    changed = list(command)
    changed[changed.index("-cpu") + 1] += ",cntfrq=1000000000"
    if "-accel" in changed:
        changed[changed.index("-accel") + 1] = "tcg"
    return [*changed, "-icount", "shift=0,sleep=off"]


def main() -> int:
    """Prints the table; status 1 if the guest did not report."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--board", default="qemu-virt-aarch64")
    args = parser.parse_args()
    build_guests("aarch64")
    built = build(SYSTEMS / "bench.toml", args.board)
    done = subprocess.run(
        counted(built.command), stdin=subprocess.DEVNULL, capture_output=True, timeout=TIMEOUT
    )
    figures = _FIGURE.findall(done.stdout.decode("utf-8", "replace"))
    if not figures:
        print(done.stdout.decode("utf-8", "replace"), file=sys.stderr)
        return 1
    print("| path | instructions |\n| --- | --- |")
    for name, count in figures:
        print(f"| {name} | {int(count):,} |")
    return 0


if __name__ == "__main__":
    sys.exit(main())

# SPDX-License-Identifier: Apache-2.0
"""Proves that no stack of the hypervisor can overflow: the deepest chain of calls fits.

The compiler writes, beside each object, which function calls which and how much stack each needs
(`-fcallgraph-info=su`, *.ci). This follows the calls from the entries of a stack and adds up the
worst. Assembly says the same in comments, `stack: NAME BYTES -> CALLEE ...`. Calls through pointers
are those of the generated device tables, `.handle = NAME` in tables.c. A recursion, a frame of
unknown size, or a callee that nobody describes is an error: silence would prove nothing.

    python build/stack.py --objects X.o ... --assembly X.S ... --tables tables.c --header tables.h
"""

from __future__ import annotations

import argparse
import re
import sys
from pathlib import Path

# Every stack begins in one of these: the tasks of vCPUs, the boot and idle stacks of CPUs.
ENTRIES = ("vcpu_task", "vmm_main", "pcpu_main")
INDIRECT = "__indirect_call"

# With "bounded", the compiler's figure includes what a function pushes around its calls (GCC
# manual, -fstack-usage).
KNOWN = ("static", "dynamic,bounded")

_NODE = re.compile(r'node: \{ title: "([^"]+)" label: "[^"]*\\n(\d+) bytes \(([^)]*)\)')
_EDGE = re.compile(r'edge: \{ sourcename: "([^"]+)" targetname: "([^"]+)"')
_ASSEMBLY = re.compile(r"stack: (\w+) (\d+)(?: -> ([\w ]+?))?(?:;| \*/|$)", re.MULTILINE)


class UnknownDepthError(Exception):
    """The depth cannot be told; the text says why."""


class Calls:
    """Functions, the stack that each needs for itself (bytes), and what they call."""

    def __init__(self) -> None:
        """Starts empty."""
        self.frame: dict[str, int] = {}
        self.callees: dict[str, set[str]] = {}
        self._depth: dict[str, tuple[int, tuple[str, ...]]] = {}

    def read_compiled(self, path: Path) -> None:
        """Adds what the compiler wrote about one object.

        Raises:
            UnknownDepthError: a frame has no fixed size.
        """
        text = path.read_text("utf-8")
        for name, size, kind in _NODE.findall(text):
            if kind not in KNOWN:
                raise UnknownDepthError(f"{name}: its frame has no fixed size ({kind})")
            self.frame[name] = int(size)
        for source, target in _EDGE.findall(text):
            self.callees.setdefault(source, set()).add(target)

    def read_assembly(self, path: Path) -> None:
        """Adds the `stack:` comments of an assembly file."""
        for name, size, callees in _ASSEMBLY.findall(path.read_text("utf-8")):
            self.frame[name] = int(size)
            self.callees.setdefault(name, set()).update(callees.split())

    def depth(self, name: str, above: tuple[str, ...] = ()) -> tuple[int, tuple[str, ...]]:
        """The most stack that a call of `name` can need.

        Args:
            name: the function.
            above: the functions that are calling it.

        Returns:
            Bytes, and the chain of functions that needs them.

        Raises:
            UnknownDepthError: a recursion, or a function without description.
        """
        if name in above:
            raise UnknownDepthError(
                f"recursion: {' -> '.join((*above[above.index(name) :], name))}"
            )
        if name not in self._depth:
            if name != INDIRECT and name not in self.frame:
                raise UnknownDepthError(
                    f"{name}, called by {above[-1] if above else 'nobody'}: unknown frame"
                )
            below = [self.depth(callee, (*above, name)) for callee in self.callees.get(name, ())]
            deepest, chain = max(below, default=(0, ()))
            self._depth[name] = (self.frame.get(name, 0) + deepest, (name, *chain))
        return self._depth[name]


def stack_size(header: Path) -> int:
    """HV_STACK_SIZE of hv/tables.h, bytes."""
    match = re.search(r"#define HV_STACK_SIZE\s+(\d+)u", header.read_text("utf-8"))
    if match is None:
        raise UnknownDepthError(f"{header}: no HV_STACK_SIZE")
    return int(match[1])


def main() -> int:
    """Prints the deepest chain; status 1 if it does not fit, or cannot be told."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--objects", type=Path, nargs="+", required=True)
    parser.add_argument("--assembly", type=Path, nargs="*", default=[])
    parser.add_argument("--tables", type=Path, required=True)
    parser.add_argument("--header", type=Path, required=True)
    args = parser.parse_args()
    calls = Calls()
    try:
        for object_file in args.objects:
            calls.read_compiled(object_file.with_suffix(".ci"))
        for source in args.assembly:
            calls.read_assembly(source)
        handlers = re.findall(r"\.handle = (\w+)", args.tables.read_text("utf-8"))
        calls.callees[INDIRECT] = set(handlers)
        deepest, chain = max(calls.depth(entry) for entry in ENTRIES)
        size = stack_size(args.header)
    except (OSError, UnknownDepthError) as error:
        print(f"stack: {error}", file=sys.stderr)
        return 1
    if deepest > size:
        print(f"stack: {deepest} of {size} bytes: {' -> '.join(chain)}", file=sys.stderr)
        return 1
    print(f"stacks: at most {deepest} of {size} bytes, in {chain[-1]}")
    return 0


if __name__ == "__main__":
    sys.exit(main())

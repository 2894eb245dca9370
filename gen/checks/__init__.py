# SPDX-License-Identifier: Apache-2.0
"""The rules that a whole system must keep, and the order in which they are tried.

A rule is a pure function from a `model.System` to diagnostics of one code.  It names the rules that
must have found no error before it can make sense; all others run whatever was found, so that one
call reports everything.  gen/codes.py says what each code means.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass

from gen.diag import Diagnostic, in_order
from gen.model import System

Check = Callable[[System], Iterable[Diagnostic]]

#: The modules that hold rules, in the order in which they run.
MODULES = (
    *(
        "names",
        "limits",
        "cpus",
        "plans",
        "needs",
        "times",
        "memory",
        "devices",
        "images",
        "guests",
    ),
    "life",
)


@dataclass(frozen=True)
class Rule:
    """A rule.

    code: of its diagnostics.  needs: the codes of which no error must have been found before.
    """

    code: str
    check: Check
    needs: tuple[str, ...]


_rules: list[Rule] = []


def rule(code: str, needs: tuple[str, ...] = ()) -> Callable[[Check], Check]:
    """Registers a rule; see the class Rule."""

    def register(check: Check) -> Check:
        _rules.append(Rule(code, check, needs))
        return check

    return register


def rules() -> tuple[Rule, ...]:
    """All rules, in the order in which they run."""
    for name in MODULES:
        importlib.import_module(f"gen.checks.{name}")
    return tuple(_rules)


def run(system: System, modules: Collection[str] = MODULES) -> tuple[Diagnostic, ...]:
    """Everything that is wrong or doubtful with a system, in the order of printing.

    Args:
        system: what is examined.
        modules: those whose rules are tried.
    """
    found: list[Diagnostic] = []
    failed: set[str] = set()
    for item in rules():
        is_meant = item.check.__module__.rpartition(".")[2] in modules
        if is_meant and failed.isdisjoint(item.needs):
            new = list(item.check(system))
            assert all(diagnostic.code == item.code for diagnostic in new)
            if any(diagnostic.severity == "error" for diagnostic in new):
                failed.add(item.code)
            found += new
    return in_order(found)

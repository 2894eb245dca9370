# SPDX-License-Identifier: Apache-2.0
"""The command line: check, emit, report, plan, explain.

Exit codes: 0 ok (there may be warnings), 1 the user's mistake, 2 wrong usage, 70 our bug.
Diagnostics go to stderr (as JSON: to stdout).  The stages that are not needed are not imported.
"""

from __future__ import annotations

import argparse
import os
import sys
import traceback
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from gen.diag import Diagnostic, Refused, as_json, has_errors, text

if TYPE_CHECKING:
    from gen.model import System
    from gen.plan.types import Plan

EXIT_OK = 0
EXIT_USER = 1
EXIT_BUG = 70


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the tool and returns its exit code (argparse exits with 2 by itself)."""
    options = _parser().parse_args(arguments)
    try:
        result: int = options.run(options)
        return result
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        # The reader of our output has gone: let the interpreter's last flush go nowhere.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return EXIT_OK
    except Exception as error:
        if os.environ.get("ASHLAR_DEBUG") == "1":
            traceback.print_exc()
        frame = traceback.extract_tb(error.__traceback__)[-1]
        print(
            f"ashlar: this is a bug in gen, please report: {type(error).__name__}: {error}"
            f" ({Path(frame.filename).name}:{frame.lineno}; ASHLAR_DEBUG=1 shows the way there)",
            file=sys.stderr,
        )
        return EXIT_BUG


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="ashlar",
        description="Generates a hypervisor from the description of a system.",
        epilog="exit codes: 0 ok, 1 mistake in the description, 2 wrong usage, 70 bug in ashlar",
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    system = argparse.ArgumentParser(add_help=False)
    system.add_argument(
        "system", type=Path, metavar="SYSTEM", help="system file, systems/NAME.toml"
    )
    system.add_argument("--board", metavar="BOARD", help="board in place of the system's")
    system.add_argument(
        "--append-cmdline", default="", metavar="TEXT", help="put behind every VM's command line"
    )
    form = argparse.ArgumentParser(add_help=False)
    form.add_argument(
        "--format", choices=("text", "json"), default="text", help="form of the diagnostics"
    )
    both = [system, form]

    check = commands.add_parser("check", parents=both, help="say what is wrong with a system")
    check.set_defaults(run=_check)
    emit = commands.add_parser("emit", parents=both, help="write what the C build needs")
    emit.add_argument("-o", dest="folder", type=Path, required=True, metavar="DIR", help="where to")
    emit.set_defaults(run=_emit)
    report = commands.add_parser("report", parents=both, help="print the machine for people")
    report.set_defaults(run=_report)
    plan = commands.add_parser(
        "plan", parents=[system], help="propose a plan of CPU time from what the VMs need"
    )
    plan.set_defaults(run=_plan, format="text")
    explain = commands.add_parser("explain", help="explain a diagnostic code or a key")
    explain.add_argument(
        "topic",
        nargs="?",
        metavar="CODE|KEY",
        help="such as mem-overlap or vm.memory; none: list all",
    )
    explain.set_defaults(run=_explain)
    return parser


def _check(options: argparse.Namespace) -> int:
    plan = _planned(options)
    if plan is None:
        return EXIT_USER
    if options.format == "text":
        print(_summary(plan))
    return EXIT_OK


def _emit(options: argparse.Namespace) -> int:
    from gen import emit

    plan = _planned(options)
    if plan is None:
        return EXIT_USER
    changed = emit.write(emit.render(plan), options.folder)
    if options.format == "text":
        print(f"{_summary(plan)}; {_counted(len(changed), 'file')} changed in {options.folder}")
    return EXIT_OK


def _report(options: argparse.Namespace) -> int:
    from gen import report

    plan = _planned(options)
    if plan is None:
        return EXIT_USER
    sys.stdout.write(report.text(plan))
    return EXIT_OK


def _plan(options: argparse.Namespace) -> int:
    from gen import checks
    from gen.schedule import write
    from gen.schedule.propose import Infeasible, propose
    from gen.schedule.supply import requests

    system, found = _loaded(options)
    if system is not None:
        # Neither plans that are there nor images that are not matter here.
        found = checks.run(system, ("names", "limits", "cpus", "needs"))
    _show(options, found)
    if system is None or has_errors(found):
        return EXIT_USER
    asked = requests(system)
    if not asked:
        print('ashlar: no CPU with a vCPU has schedule = "plan"', file=sys.stderr)
        return EXIT_USER
    try:
        sys.stdout.write(write.text(system, propose(asked)))
    except Infeasible as reason:
        where = "" if reason.cpu is None else f"CPU {reason.cpu}: "
        print(f"ashlar: {where}{reason}", file=sys.stderr)
        return EXIT_USER
    return EXIT_OK


def _explain(options: argparse.Namespace) -> int:
    from gen import docs

    answer = docs.explanation(options.topic)
    if answer is None:
        print(f"ashlar: {docs.unknown_topic(options.topic)}", file=sys.stderr)
        return EXIT_USER
    sys.stdout.write(answer)
    return EXIT_OK


def _summary(plan: Plan) -> str:
    vms = _counted(len(plan.vms), "VM")
    vcpus = _counted(sum(vm.vcpu_count for vm in plan.vms), "vCPU")
    return f"{plan.name} on {plan.board_name}: {vms}, {vcpus}"


def _counted(count: int, what: str) -> str:
    return f"{count} {what}" if count == 1 else f"{count} {what}s"


# The plan of the system named on the command line, or None after printing why there is none.
def _planned(options: argparse.Namespace) -> Plan | None:
    plan: Plan | None = None
    system, found = _loaded(options)
    if system is not None:
        found, plan = examined(system)
    _show(options, found)
    return plan


# The system named on the command line, or None and why there is none.
def _loaded(options: argparse.Namespace) -> tuple[System | None, tuple[Diagnostic, ...]]:
    from gen.load import load

    try:
        return load(options.system, options.board, options.append_cmdline), ()
    except Refused as refused:
        return None, refused.diagnostics


def _show(options: argparse.Namespace, found: tuple[Diagnostic, ...]) -> None:
    if options.format == "json":
        sys.stdout.write(as_json(found))
    else:
        sys.stderr.write(text(found, colour=_has_colour()))


def examined(system: System) -> tuple[tuple[Diagnostic, ...], Plan | None]:
    """Checks and plans a system: all that was found, and the plan if there are no errors."""
    from gen import checks

    found = checks.run(system)
    if has_errors(found):
        return found, None
    from gen.images import ImageError
    from gen.plan.make import make

    try:
        return found, make(system)
    except Refused as refused:
        return (*found, *refused.diagnostics), None
    except ImageError as error:
        problem = error.problem
        lost = Diagnostic(problem.code, problem.message, None, problem.help, path=system.path)
        return (*found, lost), None


def _has_colour() -> bool:
    return sys.stderr.isatty() and not os.environ.get("NO_COLOR")


if __name__ == "__main__":
    sys.exit(main())

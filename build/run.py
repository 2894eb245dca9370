# SPDX-License-Identifier: Apache-2.0
"""Runs a built hypervisor in QEMU with this terminal as its console, and says how it ended.

QEMU's command line is what the generator took from the board file into config.mk; it is printed
first. The console passes through here for three reasons: a log is kept, the hypervisor's verdict
is read from it, and the terminal is given back as it was, whatever happens. Lines beginning with
`[hv] ` are the hypervisor's own, `[NAME] ` marks a line of the guest NAME; no guest can print at
the beginning of a line, so only the hypervisor can say `[hv] end: `.

Exit status: 0 if every guest ended by itself, 1 if one failed, the time was up, or there was no
verdict; 2 if QEMU could not be started.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import os
import re
import select
import shlex
import signal
import subprocess
import sys
import termios
import time
import tty
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from qemu import QemuError, find_qemu

# Colour and cursor codes: ECMA-48 5.4, control sequences.
_CONTROL = re.compile(rb"\x1b\[[0-9;?]*[ -/]*[@-~]")
_COLOUR = re.compile(rb"\x1b\[[0-9;]*m")
# How the operator's prompt is taken back when another line has to appear.
_ERASED = re.compile(rb"\r\x1b\[K")
# "Where is the cursor?", which busybox asks at each prompt: the terminal's answer would be typed
# into whichever guest has the focus.
_ASK_CURSOR = re.compile(rb"\x1b\[6n")
# The beginning of any of them, at the end of a piece.
_BEGUN = re.compile(rb"\r?(\x1b(\[[0-9;]{0,20})?)?\Z")
_VERDICT = re.compile(r"\[hv\] end: ([01])\b")
_GUEST_FAIL = re.compile(r"\[([a-z][a-z0-9-]*)\] .*\bFAIL: ")
_GUEST_SUMMARY = re.compile(r"\[([a-z][a-z0-9-]*)\] .*\bSUMMARY: (\d+) passed, (\d+) failed")


def read_config(path: Path) -> dict[str, str]:
    """The `NAME := value` lines of a config.mk; a backslash continues a line."""
    lines = path.read_text("utf-8").replace("\\\n", " ").splitlines()
    pairs = (line.split(":=", 1) for line in lines if ":=" in line and not line.startswith("#"))
    return {name.strip(): value.strip() for name, value in pairs}


@dataclass
class Outcome:
    """What the console said, gathered line by line."""

    verdict: int | None = None
    failures: list[str] = field(default_factory=list)
    summaries: dict[str, str] = field(default_factory=dict)
    _partial: bytes = b""

    def feed(self, data: bytes) -> None:
        """Take in console output as it arrives, in pieces of any size."""
        *lines, self._partial = (self._partial + data).split(b"\n")
        for line in lines:
            self._line(_CONTROL.sub(b"", line).decode("utf-8", "replace").rstrip("\r"))

    def _line(self, text: str) -> None:
        # Where a line was taken back, a carriage return stands before the next prefix.
        text = text.lstrip("\r")
        text = text[text.rfind("\r[") + 1 :]
        if found := _VERDICT.match(text):
            self.verdict = int(found[1])
        elif found := _GUEST_SUMMARY.match(text):
            self.summaries[found[1]] = text
            if found[3] != "0":
                self.failures.append(text)
        elif _GUEST_FAIL.match(text):
            self.failures.append(text)


class Filter:
    """Takes the cursor question out of a stream, and colours unless they are wanted.

    Without colours, a prompt that was taken back is a line of its own. A code that is split
    between two pieces is held back until the rest of it comes.
    """

    def __init__(self, colours: bool) -> None:
        self._colours = colours
        self._held = b""

    def __call__(self, data: bytes) -> bytes:
        """The next piece, filtered."""
        data = _ASK_CURSOR.sub(b"", self._held + data)
        if not self._colours:
            data = _ERASED.sub(b"\r\n", _COLOUR.sub(b"", data))
        begun = _BEGUN.search(data)
        self._held = begun[0] if begun else b""
        return data[: len(data) - len(self._held)]


@contextlib.contextmanager
def raw_terminal(fd: int | None) -> Iterator[None]:
    """Every key goes through unchanged inside this block; the old settings return with its end.

    That holds for the end by a signal too: SIGTERM and SIGHUP become KeyboardInterrupt.
    """
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.default_int_handler)
    if fd is None or not os.isatty(fd):
        yield
        return
    saved = termios.tcgetattr(fd)
    try:
        tty.setraw(fd)
        yield
    finally:
        termios.tcsetattr(fd, termios.TCSAFLUSH, saved)
        if os.isatty(1):  # colours and the cursor, too
            os.write(1, b"\x1b[0m\x1b[?25h")


def write_all(fd: int, data: bytes) -> None:
    """Write all of it."""
    while data:
        data = data[os.write(fd, data) :]


def proxy(
    to_qemu: int,
    from_qemu: int,
    keyboard: int | None,
    log: io.FileIO,
    outcome: Outcome,
    deadline: float | None,
) -> bool:
    """Carry bytes between this terminal and QEMU until QEMU ends.

    Args:
        to_qemu: file descriptor of QEMU's standard input.
        from_qemu: file descriptor of QEMU's standard output.
        keyboard: file descriptor whose bytes are typed, or None.
        log: gets the whole output.
        outcome: gets the whole output.
        deadline: time.monotonic() value at which to give up, or None.

    Returns:
        False if the time was up.
    """
    for_log, for_screen = Filter(colours=False), Filter(colours=os.isatty(1))
    sources = [from_qemu] if keyboard is None else [from_qemu, keyboard]
    # QEMU's own messages end lines with a line feed alone, the guests' with carriage return too.
    newline = b"\r\n" if keyboard is not None and os.isatty(keyboard) else b"\n"
    while True:
        left = None if deadline is None else deadline - time.monotonic()
        if left is not None and left <= 0:
            return False
        ready, _, _ = select.select(sources, [], [], left)
        if keyboard is not None and keyboard in ready:
            typed = os.read(keyboard, 4096)
            if typed:
                with contextlib.suppress(BrokenPipeError):  # QEMU just ended
                    write_all(to_qemu, typed)
            else:
                sources.remove(keyboard)  # end of the input, not of the run
        if from_qemu in ready:
            data = os.read(from_qemu, 65536)
            if not data:
                return True
            log.write(for_log(data))
            outcome.feed(data)
            write_all(1, re.sub(rb"\r*\n", newline, for_screen(data)))


def stop(process: subprocess.Popen[bytes]) -> None:
    """End QEMU if it still runs."""
    if process.poll() is None:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(5)
        except subprocess.TimeoutExpired:
            process.kill()
    process.wait()


def run_qemu(
    command: list[str], keyboard: int | None, log: Path, timeout: float | None
) -> tuple[Outcome, bool]:
    """Run QEMU with its standard input and output in our hands.

    Args:
        command: QEMU and its arguments.
        keyboard: file descriptor whose bytes are typed, or None.
        log: file for its output.
        timeout: seconds until it is stopped, or None.

    Returns:
        What the console said, and False if the time was up.
    """
    outcome = Outcome()
    deadline = None if timeout is None else time.monotonic() + timeout
    with (
        log.open("wb", buffering=0) as log_file,
        subprocess.Popen(
            command,
            bufsize=0,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,  # Ctrl-C at a terminal that is not raw ends us, and we end QEMU
        ) as process,
    ):
        assert process.stdin is not None
        assert process.stdout is not None
        ends = process.stdin.fileno(), process.stdout.fileno()
        try:
            with raw_terminal(keyboard):
                in_time = proxy(*ends, keyboard, log_file, outcome, deadline)
        finally:
            stop(process)
    return outcome, in_time


def conclusion(
    outcome: Outcome, in_time: bool, smoke: bool, vms: list[str], timeout: float | None
) -> tuple[int, str]:
    """Exit status and the sentence that says why."""
    if not in_time:
        return 1, f"stopped after {timeout:.0f} s without an end"
    if outcome.verdict is None:
        return 1, "QEMU ended, but the hypervisor gave no verdict"
    if outcome.verdict == 1:
        return 1, "a VM failed"
    if smoke and outcome.failures:
        return 1, f"every VM ended, but a self-test failed: {outcome.failures[0]}"
    if smoke and (silent := [vm for vm in vms if vm not in outcome.summaries]):
        return 1, f"every VM ended, but without the self-test's summary: {', '.join(silent)}"
    if smoke:
        return 0, f"every VM passed its self-test and powered off ({', '.join(vms)})"
    return 0, "every VM ended by itself"


def main() -> int:
    """Command line: run.py FOLDER [--smoke] [--timeout SECONDS]."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("folder", type=Path, help="output folder of the system, with hv.elf in it")
    parser.add_argument("--smoke", action="store_true", help="every guest must pass its self-test")
    parser.add_argument("--timeout", type=float, metavar="SECONDS", help="give up after this time")
    args = parser.parse_args()
    name = "smoke" if args.smoke else "run"
    config = read_config(args.folder / "gen/config.mk")
    try:
        qemu = find_qemu(config["QEMU"], config.get("QEMU_MIN_VERSION", ""))
    except QemuError as error:
        print(f"{name}: {error}", file=sys.stderr)
        return 2
    command = [qemu, *shlex.split(config["QEMU_ARGS"]), "-kernel", str(args.folder / "hv.elf")]
    log = args.folder / ("smoke.log" if args.smoke else "console.log")
    vms = config.get("VMS", "").split()
    print(shlex.join(command))
    print(f"{name}: {', '.join(vms)} on {config.get('BOARD_NAME', '?')}; the log is {log}")
    if not args.smoke:
        print("run: the guests need some seconds to start. Ctrl-] opens a prompt: help, off")
    sys.stdout.flush()
    started = time.monotonic()
    try:
        outcome, in_time = run_qemu(command, None if args.smoke else 0, log, args.timeout)
    except BrokenPipeError:  # whoever read our output is gone
        return 1
    except KeyboardInterrupt:
        print(f"{name}: interrupted")
        return 1
    status, text = conclusion(outcome, in_time, args.smoke, vms, args.timeout)
    result = "ok" if status == 0 else "FAILED"
    print(f"{name}: {result}: {text} ({time.monotonic() - started:.0f} s; log: {log})")
    return status


if __name__ == "__main__":
    sys.exit(main())

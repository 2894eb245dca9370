# SPDX-License-Identifier: Apache-2.0
"""Builds a system, runs it in QEMU and reads its terminal, for the emulator tests.

`build()` calls the Makefile as a user would. `Machine` starts QEMU on a pseudo terminal with the
command that the generator took from the board file, and keeps what it prints as lines, each with
its speaker: the VM's name, or "hv" for the hypervisor. Each VM's lines are expected in their own
order, because lines of different VMs may come in any order. Every wait has a limit; when it is
over, the error shows the last lines.
"""

from __future__ import annotations

import contextlib
import fcntl
import itertools
import json
import os
import re
import shlex
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pexpect

ROOT = Path(__file__).resolve().parents[2]
OUT = ROOT / "out"
SYSTEMS = Path(__file__).resolve().parent / "systems"

ESCAPE = "\x1d"  # Ctrl-]: the operator's prompt

# Colours, cursor movements and questions: ECMA-48 5.4, control sequences.
_CONTROL = re.compile(r"\x1b\[[0-9;?]*[ -/]*[@-~]")
_PREFIX = re.compile(r"\[([a-z][a-z0-9-]*)\] ?(.*)", re.DOTALL)


class EmulatorError(AssertionError):
    """What was waited for did not come, or a build failed; the text has the last lines."""


@contextlib.contextmanager
def one_at_a_time(name: str) -> Iterator[None]:
    """Holds the file lock out/.NAME.lock: test processes run side by side."""
    OUT.mkdir(exist_ok=True)
    with (OUT / f".{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _run(command: list[str], timeout: float) -> str:
    # Runs a build command in the repository; its output, or EmulatorError with it.
    environment = {k: v for k, v in os.environ.items() if k not in ("MAKEFLAGS", "MAKELEVEL")}
    try:
        done = subprocess.run(
            command,
            cwd=ROOT,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=timeout,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise EmulatorError(f"{shlex.join(command)}: not done after {timeout} s") from error
    if done.returncode != 0:
        raise EmulatorError(f"{shlex.join(command)}: status {done.returncode}\n{done.stdout}")
    return done.stdout


def build_guests(arch: str) -> None:
    """Builds the test guests of one architecture into out/guests/<arch>."""
    with one_at_a_time("guests"):
        _run(["make", "-s", "-f", "tests/guests/guests.mk", "guests", f"GUEST_ARCHS={arch}"], 120)


@dataclass(frozen=True)
class Built:
    """A system ready to run.

    Attributes:
        folder: its output folder, with hv.elf and gen/.
        command: QEMU with all arguments.
        vms: names of its VMs, in the order of the system file.
    """

    folder: Path
    command: list[str]
    vms: list[str]

    def plan(self) -> Any:
        """What the generator decided: gen/plan.json."""
        return json.loads((self.folder / "gen/plan.json").read_text("utf-8"))


def build(system: Path, board: str) -> Built:
    """Builds a system for a board.

    Args:
        system: path of its TOML file.
        board: name of the board.

    Raises:
        EmulatorError: make failed; the text is its output.
    """
    _run(["make", "-s", f"SYSTEM={system.relative_to(ROOT)}", f"BOARD={board}"], 300)
    facts = _run(
        [sys.executable, "build/facts.py", str(system.relative_to(ROOT)), "--board", board], 30
    )
    found = dict(word.split("=", 1) for word in facts.split())
    folder = ROOT / found["OUT"]
    config = {}
    text = (folder / "gen/config.mk").read_text("utf-8")
    for line in text.replace("\\\n", " ").splitlines():
        name, assigned, value = line.partition(":=")
        if assigned and not line.startswith("#"):
            config[name.strip()] = value.strip()
    qemu = _run(
        [sys.executable, "build/qemu.py", config["QEMU"], config.get("QEMU_MIN_VERSION", "")], 300
    )
    command = [
        qemu.split()[-1],
        *shlex.split(config["QEMU_ARGS"]),
        "-kernel",
        str(folder / "hv.elf"),
    ]
    return Built(folder, command, config["VMS"].split())


@dataclass(frozen=True)
class Line:
    """One line of the terminal.

    Attributes:
        speaker: name of a VM, or "hv"; "" for what has no prefix (QEMU's own messages).
        text: the line without prefix and colours.
        at: seconds since the start.
    """

    speaker: str
    text: str
    at: float


def _parse(raw: str, at: float) -> Line:
    # A carriage return takes the line back to its start, where a prefix follows again.
    text = _CONTROL.sub("", raw).rstrip("\r").rsplit("\r[", 1)
    line = text[0] if len(text) == 1 else "[" + text[1]
    match = _PREFIX.match(line.lstrip("\r"))
    return Line(match[1], match[2], at) if match else Line("", line, at)


class Machine:
    """A running QEMU. Use as a context manager: the end of the block ends QEMU.

    Attributes:
        lines: all complete lines so far.
        built: what runs.
    """

    def __init__(self, built: Built, log: str) -> None:
        """Starts it, when no other emulator runs: two would make both miss their times.

        Args:
            built: the system.
            log: file name, in the system's output folder, for all that it prints.
        """
        self.built = built
        self.lines: list[Line] = []
        self._partial = ""
        self._cursor: dict[str, int] = {}
        self._marker = 0
        self._turn = contextlib.ExitStack()
        self._turn.enter_context(one_at_a_time("emulator"))
        self._started = time.monotonic()
        self._log = (built.folder / log).open("w", encoding="utf-8")
        self._qemu = pexpect.spawn(
            built.command[0],
            built.command[1:],
            cwd=str(ROOT),
            encoding="utf-8",
            codec_errors="replace",
            echo=False,
            dimensions=(24, 200),
        )
        self._qemu.delaybeforesend = None

    def __enter__(self) -> Machine:
        return self

    def __exit__(self, *_: object) -> None:
        self._qemu.close(force=True)
        self._log.close()
        self._turn.close()

    def now(self) -> float:
        """Seconds since the start."""
        return time.monotonic() - self._started

    def read(self, seconds: float) -> bool:
        """Takes in what comes within the given time, at least once; False when QEMU has ended."""
        try:
            data = self._qemu.read_nonblocking(65536, timeout=max(seconds, 0))
        except pexpect.TIMEOUT:
            return True
        except pexpect.EOF:
            return False
        self._log.write(data)
        self._log.flush()
        *complete, self._partial = (self._partial + data).split("\n")
        self.lines += [_parse(raw, self.now()) for raw in complete]
        return True

    def tail(self, count: int = 40) -> str:
        """The last lines, for an error message."""
        shown = [f"{line.at:7.2f} [{line.speaker}] {line.text}" for line in self.lines[-count:]]
        return "\n".join([*shown, f"partial: {self._partial!r}"])

    def fail(self, what: str) -> EmulatorError:
        """An error with the last lines."""
        return EmulatorError(f"after {self.now():.1f} s: {what}; the last lines:\n{self.tail()}")

    def texts(self, speaker: str) -> list[str]:
        """All complete lines of one speaker so far.

        A line that the terminal broke off, because another had to speak, is shown again whole:
        its first part is left out.
        """
        texts = [line.text for line in self.lines if line.speaker == speaker]
        return [
            text
            for text, after in itertools.zip_longest(texts, texts[1:], fillvalue="")
            if not text or len(after) <= len(text) or not after.startswith(text)
        ]

    def expect(self, speaker: str, pattern: str, timeout: float) -> re.Match[str]:
        """Waits for a complete line of one speaker with a pattern, behind what it found before.

        Args:
            speaker: VM name or "hv".
            pattern: regular expression, searched in the line's text.
            timeout: seconds.

        Returns:
            The match.

        Raises:
            EmulatorError: time is up, or QEMU ended.
        """
        return self._expect(speaker, pattern, timeout, may_be_unfinished=False)

    def prompt(self, vm: str, timeout: float = 30, pattern: str | None = None) -> None:
        """Waits for a prompt of a guest that is in focus: a line that need not be finished.

        What is typed before it is thrown away by Linux's shell when it starts.

        Args:
            vm: its name.
            timeout: seconds.
            pattern: regular expression; that of our shell in a Linux guest, if none is given.

        Raises:
            EmulatorError: time is up, or QEMU ended.
        """
        pattern = pattern or rf"{vm}:\S*# *$"
        self._expect(vm, pattern, timeout, may_be_unfinished=True)

    def _expect(
        self, speaker: str, pattern: str, timeout: float, may_be_unfinished: bool
    ) -> re.Match[str]:
        regex = re.compile(pattern)
        end = time.monotonic() + timeout
        at = self._cursor.get(speaker, 0)
        alive = True
        while True:
            while at < len(self.lines):
                line = self.lines[at]
                at += 1
                if line.speaker == speaker and (match := regex.search(line.text)):
                    self._cursor[speaker] = at
                    return match
            partial = _parse(self._partial, 0)
            is_theirs = may_be_unfinished and partial.speaker == speaker
            if is_theirs and (match := regex.search(partial.text)):
                self._cursor[speaker] = at
                return match
            left = end - time.monotonic()
            if not alive or left <= 0:
                self._cursor[speaker] = at
                when = "in time" if alive else "before QEMU's end"
                raise self.fail(f"{speaker}: no {pattern!r} {when}")
            alive = self.read(min(left, 0.5))

    def skip(self, speaker: str) -> None:
        """Lets `expect` search only in what a speaker says from now on."""
        self._cursor[speaker] = len(self.lines)

    def rewind(self) -> None:
        """Lets `expect` search from the first line again."""
        self._cursor.clear()

    def expect_end(self, status: int, timeout: float) -> None:
        """Waits for the hypervisor's verdict and for QEMU's end.

        Args:
            status: 0 if every VM ended by itself, 1 if one failed.
            timeout: seconds.
        """
        found = self.expect("hv", r"end: ([01])", timeout)
        if int(found[1]) != status:
            raise self.fail(f"the verdict is {found[1]}, expected {status}")
        end = time.monotonic() + 10
        while self.read(0.5):
            if time.monotonic() > end:
                raise self.fail("QEMU still runs after the verdict")
        self._qemu.wait()
        if self._qemu.exitstatus != 0:
            raise self.fail(f"QEMU ended with status {self._qemu.exitstatus}")

    def run_for(self, seconds: float) -> None:
        """Lets it run, taking in what it prints."""
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            if not self.read(min(left, 0.5)):
                raise self.fail("QEMU ended")

    def send(self, text: str) -> None:
        """Types text, for the VM in focus."""
        self._qemu.send(text)

    def command(self, line: str) -> None:
        """Types a line at the operator's prompt, and leaves it."""
        self._qemu.send(f"{ESCAPE}{line}\r\r")

    def focus(self, vm: str) -> None:
        """Puts a VM into focus: a command that leaves by itself."""
        self._qemu.send(f"{ESCAPE}console {vm}\r")

    def shell(self, vm: str, command: str, timeout: float = 60) -> list[str]:
        """Runs a shell command in a Linux guest that is in focus, when its prompt comes.

        Args:
            vm: its name.
            command: a line for its shell, below 200 characters.
            timeout: seconds.

        Returns:
            The lines it printed.

        Raises:
            EmulatorError: it did not end in time, or with another status than 0.
        """
        self._marker += 1
        # The marker is not in the typed line as it stands, so that its echo is not taken for it.
        mark = f"m{self._marker}"
        self.prompt(vm)
        first = len(self.lines)
        self.send(f'{command}; echo "=$?"={mark}=\r')
        found = self.expect(vm, rf"=(\d+)={mark}=", timeout)
        printed = [
            line.text
            for line in self.lines[first:]
            if line.speaker == vm and f"={mark}=" not in line.text
        ]
        if found[1] != "0":
            raise self.fail(f"{vm}: {command!r} ended with status {found[1]}")
        return printed

    def summary(self, vm: str, timeout: float) -> None:
        """Waits for the end of a test guest and checks that it passed.

        Raises:
            EmulatorError: it did not end in time, nothing passed, or something failed.
        """
        found = self.expect(vm, r"SUMMARY: (\d+) passed, (\d+) failed", timeout)
        failed = [text for text in self.texts(vm) if text.startswith("FAIL:")]
        if failed or found[2] != "0" or found[1] == "0":
            raise self.fail(f"{vm}: {found[0]}: " + "; ".join(failed or ["see above"]))

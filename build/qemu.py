# SPDX-License-Identifier: Apache-2.0
"""Finds a QEMU new enough for a board; unpacks Debian's newer one where the system's is too old.

The newer one is fetched with apt's signature checks through a private apt root and unpacked under
out/tools, with every library down to the C library and its own program loader. So it runs on any
distribution beside the system's QEMU, and nothing is installed.
"""

from __future__ import annotations

import contextlib
import fcntl
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from private_apt import AptError, PrivateApt

TOOLS = Path("out/tools")
APT = Path("out/apt")

# Debian's package of each emulator.
PACKAGES = {
    "qemu-system-aarch64": "qemu-system-arm",
    "qemu-system-riscv64": "qemu-system-misc",
    "qemu-system-x86_64": "qemu-system-x86",
}
# Where a newer QEMU is looked for, in this order: suites to read, and the one it is taken from.
SOURCES = (
    (("bookworm", "bookworm-backports"), "bookworm-backports"),
    (("trixie",), "trixie"),
)


class QemuError(Exception):
    """There is no QEMU that is new enough; the text says what was tried."""


def parse_version(text: str) -> tuple[int, ...]:
    """Numbers of a version such as "10.0.2"; empty text is the oldest of all."""
    return tuple(int(part) for part in re.findall(r"\d+", text))


def say(text: str) -> None:
    """Tell the person what happens; standard output is for the answer."""
    print(f"qemu: {text}", file=sys.stderr, flush=True)


def version_of(command: str) -> tuple[int, ...] | None:
    """Version that an emulator prints, or None if it does not start."""
    try:
        done = subprocess.run([command, "--version"], capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return None
    found = re.search(r"version (\d+(?:\.\d+)*)", done.stdout)
    return parse_version(found[1]) if found else None


def write_starter(root: Path, binary: str) -> None:
    """Write root/<binary>: starts the unpacked emulator with its own loader, libraries and data."""
    loader = next(path.relative_to(root) for path in sorted(root.glob("**/ld-linux*.so.*")))
    folders = [*root.glob("lib/*-linux-gnu*"), *root.glob("usr/lib/*-linux-gnu*")]
    libraries = ":".join(f"$root/{path.relative_to(root)}" for path in sorted(folders))
    data = " ".join(f'-L "$root/usr/share/{name}"' for name in ("qemu", "seabios"))
    # QEMU_MODULE_DIR: an empty folder, or QEMU would load modules of the system's version.
    script = f"""#!/bin/sh
root=$(cd "$(dirname "$0")" && pwd)
export QEMU_MODULE_DIR="$root/no-modules"
exec "$root/{loader}" --library-path "{libraries}" "$root/usr/bin/{binary}" {data} "$@"
"""
    (root / "no-modules").mkdir()
    starter = root / binary
    starter.write_text(script)
    starter.chmod(0o755)


@contextlib.contextmanager
def alone(root: Path) -> Iterator[None]:
    """One process at a time fetches the emulator that goes to `root`."""
    root.parent.mkdir(parents=True, exist_ok=True)
    with root.with_name(root.name + ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def fetch(binary: str, suites: tuple[str, ...], release: str, root: Path) -> None:
    """Unpack the emulator and its dependencies of one Debian release; raises AptError."""
    host = subprocess.run(
        ["dpkg", "--print-architecture"], capture_output=True, text=True, check=True
    )
    arch = host.stdout.strip()
    package = PACKAGES[binary]
    say(f"fetching Debian package {package} ({release}) with its libraries")
    debs = PrivateApt(APT / f"{release}-{arch}", arch, suites).download_closure(package, release)
    say(f"unpacking {len(debs)} packages into {root}")
    draft = root.with_name(root.name + ".new")
    shutil.rmtree(draft, ignore_errors=True)
    draft.mkdir(parents=True)
    for deb in debs:
        subprocess.run(["dpkg-deb", "--extract", deb, draft], check=True)
        deb.unlink()
    write_starter(draft, binary)
    shutil.rmtree(root, ignore_errors=True)
    draft.rename(root)


def find_qemu(binary: str, minimum: str) -> str:
    """The system's QEMU, or a newer one where a board needs it.

    Args:
        binary: its name, such as "qemu-system-aarch64".
        minimum: least version, such as "9.0"; "" for any.

    Returns:
        The command that starts it: a name in PATH, or a path below out/tools.

    Raises:
        QemuError: none can be had.
    """
    wanted = parse_version(minimum)
    version = version_of(binary)
    if version is not None and version >= wanted:
        return binary
    if binary not in PACKAGES:
        raise QemuError(f"{binary} is {dotted(version)}, and no Debian package is known for it")
    tried = [f"the system's is {dotted(version)}"]
    for suites, release in SOURCES:
        root = TOOLS / f"{binary}-{release}"
        command = str(root / binary)
        try:
            with alone(root):
                if not Path(command).is_file():
                    fetch(binary, suites, release, root)
        except (AptError, OSError, StopIteration, subprocess.CalledProcessError) as error:
            tried.append(f"{release}: {error}")
            continue
        version = version_of(command)
        if version is not None and version >= wanted:
            return command
        tried.append(f"{release} has {dotted(version)}")
    raise QemuError(f"{binary} {minimum or '(any version)'} is needed; " + "; ".join(tried))


def dotted(version: tuple[int, ...] | None) -> str:
    """A version as text."""
    return "missing" if version is None else ".".join(map(str, version))


def main() -> int:
    """Command line: qemu.py BINARY [MINIMUM]; prints the command that starts it."""
    try:
        print(find_qemu(sys.argv[1], sys.argv[2] if len(sys.argv) > 2 else ""))
    except QemuError as error:
        say(str(error))
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())

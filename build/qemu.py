# SPDX-License-Identifier: Apache-2.0
"""Finds a QEMU new enough for a board; unpacks Debian's newer one where the system's is too old.

The newer one is fetched with apt's signature checks through a private apt root and unpacked under
out/tools, with every library down to the C library and its own program loader. So it runs on any
distribution beside the system's QEMU, and nothing is installed.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass, field
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


@dataclass(frozen=True)
class Qemu:
    """How to start an emulator: first words of the command line, and variables to set."""

    command: list[str]
    env: dict[str, str] = field(default_factory=dict)


def parse_version(text: str) -> tuple[int, ...]:
    """Numbers of a version such as "10.0.2"; empty text is the oldest of all."""
    return tuple(int(part) for part in re.findall(r"\d+", text))


def version_of(qemu: Qemu) -> tuple[int, ...] | None:
    """Version that an emulator prints, or None if it does not start."""
    try:
        done = subprocess.run(
            [*qemu.command, "--version"],
            capture_output=True,
            text=True,
            env={**os.environ, **qemu.env},
            check=True,
        )
    except (OSError, subprocess.CalledProcessError):
        return None
    found = re.search(r"version (\d+(?:\.\d+)*)", done.stdout)
    return parse_version(found[1]) if found else None


def unpacked(root: Path, binary: str) -> Qemu:
    """How to start the emulator unpacked in `root`: with its own loader, libraries and data."""
    root = root.resolve()
    loader = next(iter(sorted(root.glob("lib*/ld-linux*.so.*"))), None)
    libraries = sorted({str(path.parent) for path in root.glob("**/*.so.*")})
    data = [root / "usr/share/qemu", root / "usr/share/seabios"]
    modules = root / "no-modules"
    modules.mkdir(parents=True, exist_ok=True)
    return Qemu(
        command=[
            str(loader),
            "--library-path",
            ":".join(libraries),
            str(root / "usr/bin" / binary),
            *(word for folder in data for word in ("-L", str(folder))),
        ],
        # QEMU would load modules of the system's own version otherwise.
        env={"QEMU_MODULE_DIR": str(modules)},
    )


def fetch(binary: str, suites: tuple[str, ...], release: str, root: Path) -> None:
    """Unpack the emulator and its dependencies of one Debian release; raises AptError."""
    host = subprocess.run(
        ["dpkg", "--print-architecture"], capture_output=True, text=True, check=True
    )
    arch = host.stdout.strip()
    package = PACKAGES[binary]
    print(f"qemu: fetching Debian package {package} ({release}) with its libraries", flush=True)
    debs = PrivateApt(APT / f"{release}-{arch}", arch, suites).download_closure(package, release)
    print(f"qemu: unpacking {len(debs)} packages into {root}", flush=True)
    draft = root.with_name(root.name + ".new")
    shutil.rmtree(draft, ignore_errors=True)
    draft.mkdir(parents=True)
    for deb in debs:
        subprocess.run(["dpkg-deb", "--extract", deb, draft], check=True)
        deb.unlink()
    shutil.rmtree(root, ignore_errors=True)
    draft.rename(root)


def find_qemu(binary: str, minimum: str) -> Qemu:
    """The system's QEMU, or a newer one where a board needs it.

    Args:
        binary: its name, such as "qemu-system-aarch64".
        minimum: least version, such as "9.0"; "" for any.

    Returns:
        How to start it.

    Raises:
        QemuError: none can be had.
    """
    wanted = parse_version(minimum)
    tried = []
    system = Qemu([binary])
    version = version_of(system)
    if version is not None and version >= wanted:
        return system
    tried.append(f"the system's is {dotted(version)}")
    for suites, release in SOURCES:
        root = TOOLS / f"{binary}-{release}"
        qemu = unpacked(root, binary)
        if not (root / "usr/bin" / binary).is_file():
            try:
                if binary not in PACKAGES:
                    raise QemuError(f"no Debian package is known for {binary}")
                fetch(binary, suites, release, root)
            except (AptError, OSError, subprocess.CalledProcessError) as error:
                tried.append(f"{release}: {error}")
                continue
            qemu = unpacked(root, binary)
        version = version_of(qemu)
        if version is not None and version >= wanted:
            return qemu
        tried.append(f"{release} has {dotted(version)}")
    raise QemuError(f"{binary} {minimum or '(any version)'} is needed; " + "; ".join(tried))


def dotted(version: tuple[int, ...] | None) -> str:
    """A version as text."""
    return "missing" if version is None else ".".join(map(str, version))


def main() -> int:
    """Command line: qemu.py BINARY [MINIMUM] prints how to start it."""
    try:
        qemu = find_qemu(sys.argv[1], sys.argv[2] if len(sys.argv) > 2 else "")
    except QemuError as error:
        print(f"qemu: {error}", file=sys.stderr)
        return 1
    print(" ".join([*(f"{name}={value}" for name, value in qemu.env.items()), *qemu.command]))
    return 0


if __name__ == "__main__":
    sys.exit(main())

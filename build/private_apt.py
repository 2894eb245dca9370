# SPDX-License-Identifier: Apache-2.0
"""Debian packages of any suite and architecture, without touching this machine's package system.

A private apt root under out/apt/ holds its own sources list, package lists and cache; the
machine's sources, lists and installed packages are neither used nor changed, and no root rights
are needed. Nothing is taken unsigned: apt verifies each list against Debian's archive keyring, and
each package against the list.
"""

from __future__ import annotations

import fnmatch
import os
import subprocess
import tarfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO

KEYRING = Path("/usr/share/keyrings/debian-archive-keyring.gpg")
MIRROR = os.environ.get("DEBIAN_MIRROR", "http://deb.debian.org/debian")


class AptError(Exception):
    """apt failed; the text says at what, and what apt said."""


class PrivateApt:
    """One private apt root: one architecture, one or more suites.

    Args:
        root: folder that holds it, created here.
        arch: Debian's name of the architecture, such as "arm64".
        suites: suites whose main component is read, such as "bookworm".
    """

    def __init__(self, root: Path, arch: str, suites: Sequence[str]) -> None:
        self.root = root.resolve()
        self.arch = arch
        self.suites = list(suites)
        self._updated = False
        for folder in ("lists/partial", "cache/archives/partial", "etc"):
            (self.root / folder).mkdir(parents=True, exist_ok=True)
        (self.root / "status").write_bytes(b"")  # nothing counts as installed
        sources = "".join(
            f"deb [signed-by={KEYRING} arch={arch}] {MIRROR} {suite} main\n" for suite in suites
        )
        (self.root / "sources.list").write_text(sources)

    def _options(self) -> list[str]:
        root = self.root
        pairs = {
            "APT::Architecture": self.arch,
            "APT::Architectures": self.arch,
            "APT::Get::AllowUnauthenticated": "false",
            "APT::Install-Recommends": "false",
            "APT::Sandbox::User": "root",  # our folders need not be readable by _apt
            "Acquire::AllowInsecureRepositories": "false",
            "Acquire::AllowWeakRepositories": "false",
            "Acquire::AllowDowngradeToInsecureRepositories": "false",
            "Acquire::IndexTargets::deb::DEP-11::DefaultEnabled": "false",
            "Acquire::IndexTargets::deb::CNF::DefaultEnabled": "false",
            "Acquire::Languages": "none",
            "Acquire::Retries": "3",
            "Dir::Cache": f"{root}/cache",
            "Dir::Etc::Preferences": f"{root}/etc/preferences",
            "Dir::Etc::PreferencesParts": "-",
            "Dir::Etc::SourceList": f"{root}/sources.list",
            "Dir::Etc::SourceParts": "-",
            "Dir::State": str(root),
            "Dir::State::Lists": f"{root}/lists",
            "Dir::State::Status": f"{root}/status",
            "Dpkg::Use-Pty": "0",
        }
        return [word for key, value in pairs.items() for word in ("-o", f"{key}={value}")]

    def _run(self, *words: str, cwd: Path | None = None, tool: str = "apt-get") -> str:
        command = [tool, *self._options(), "-q", *words]
        done = subprocess.run(command, capture_output=True, text=True, cwd=cwd, check=False)
        if done.returncode != 0:
            what = " ".join(words)
            raise AptError(f"{tool} {what} failed:\n{done.stderr.strip() or done.stdout.strip()}")
        return done.stdout

    def update(self) -> None:
        """Refresh the package lists, once per object; raises AptError (network, signature)."""
        if not self._updated:
            if not KEYRING.is_file():
                raise AptError(f"{KEYRING} is missing: install the package debian-archive-keyring")
            self._run("update", "--error-on=any")
            self._updated = True

    def dependency(self, package: str, pattern: str) -> str:
        """The package that a metapackage stands for: what it depends on that has such a name.

        Args:
            package: the metapackage.
            pattern: of names, as the shell has them.

        Raises:
            AptError: unknown package, no such dependency, network or signature failure.
        """
        self.update()
        for line in self._run("depends", "--important", package, tool="apt-cache").splitlines():
            kind, _, name = line.strip().partition(": ")
            if kind == "Depends" and fnmatch.fnmatchcase(name, pattern):
                return name
        raise AptError(f'{package} depends on no package called "{pattern}"')

    def download(self, package: str, folder: Path) -> Path:
        """Fetch the newest version of one package, alone.

        Args:
            package: its name; apt resolves the version.
            folder: where the .deb is put.

        Returns:
            Path of the .deb.

        Raises:
            AptError: unknown package, network or signature failure.
        """
        self.update()
        folder.mkdir(parents=True, exist_ok=True)
        for old in folder.glob(f"{package}_*.deb"):
            old.unlink()
        self._run("download", package, cwd=folder)
        return next(folder.glob(f"{package}_*.deb"))

    def download_closure(self, package: str, release: str) -> list[Path]:
        """Fetch a package and all that it depends on, down to the C library.

        Args:
            package: its name.
            release: the suite preferred for the package, one of this root's suites.

        Returns:
            Paths of the .deb files in the root's cache, sorted.

        Raises:
            AptError: unknown package, network or signature failure.
        """
        self.update()
        archives = self.root / "cache/archives"
        for old in archives.glob("*.deb"):
            old.unlink()
        self._run("install", "--yes", "--download-only", "--target-release", release, package)
        return sorted(archives.glob("*.deb"))


@contextmanager
def package_files(deb: Path) -> Iterator[tarfile.TarFile]:
    """The files inside a .deb as a stream: read the members in order, each at once.

    Args:
        deb: path of the package.

    Raises:
        AptError: dpkg-deb cannot read it.
    """
    with subprocess.Popen(["dpkg-deb", "--fsys-tarfile", deb], stdout=subprocess.PIPE) as process:
        stream: IO[bytes] | None = process.stdout
        assert stream is not None
        with tarfile.open(fileobj=stream, mode="r|") as tar:
            yield tar
        while stream.read(1 << 20):
            pass
    if process.returncode != 0:
        raise AptError(f"{deb.name}: dpkg-deb cannot read it")


def package_version(deb: Path) -> str:
    """Version of a .deb, as its control file says."""
    command = ["dpkg-deb", "--field", str(deb), "Version"]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()

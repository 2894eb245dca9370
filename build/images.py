# SPDX-License-Identifier: Apache-2.0
"""Guest images: makes the files that systems/catalogue.toml names.

A kernel is taken out of its Debian package as it is. An initramfs is made here from Debian's
busybox and our build/initramfs/init; it is written in cpio's "newc" form by this file, so that no
root rights or device nodes are needed and the same input gives the same bytes. Images that are
there are left alone, without a look at the network; only an initramfs is made again when the init
script changed. `--refresh` fetches everything again. What is optional is made only when it is
named.
"""

from __future__ import annotations

import argparse
import fnmatch
import gzip
import hashlib
import lzma
import os
import shutil
import stat
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from private_apt import AptError, PrivateApt, package_files, package_version

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

CATALOGUE = Path("systems/catalogue.toml")
INIT = Path("build/initramfs/init")
APT = Path("out/apt")

# Modification time of every file in an initramfs, seconds since 1970: fixed, for the same bytes.
_MTIME = 1_577_836_800


class ImageError(Exception):
    """The catalogue or a package is not what it should be."""


@dataclass(frozen=True)
class Image:
    """One entry of the catalogue."""

    name: str
    arch: str
    path: Path
    package: str
    suites: tuple[str, ...]
    apt_arch: str
    member: str
    depends: str | None
    recipe: str | None
    modules: tuple[str, ...]
    modules_of: str | None
    optional: bool

    @property
    def source(self) -> Path:
        """The file taken out of the package: the image itself, or what its recipe starts from."""
        return self.path.with_suffix(".member") if self.recipe else self.path

    @property
    def module_files(self) -> list[Path]:
        """The kernel's modules beside it, in the order in which they are loaded."""
        folder = self.path.with_name(self.path.name + ".modules")
        return [folder / f"{number}-{name}.ko" for number, name in enumerate(self.modules)]


def read_catalogue(path: Path) -> list[Image]:
    """Read the catalogue; raises ImageError where a table lacks a key."""
    images = []
    for name, tables in tomllib.loads(path.read_text("utf-8")).items():
        for arch, table in tables.items():
            if table.get("recipe") == "guest":
                table = {"package": "", "suites": [], "apt-arch": "", "member": "", **table}
            try:
                image = Image(
                    name=name,
                    arch=arch,
                    path=Path(table["path"]),
                    package=table["package"],
                    suites=tuple(table["suites"]),
                    apt_arch=table["apt-arch"],
                    member=table["member"],
                    depends=table.get("depends"),
                    recipe=table.get("recipe"),
                    modules=tuple(table.get("modules", ())),
                    modules_of=table.get("modules-of"),
                    optional=table.get("optional", False),
                )
            except KeyError as error:
                raise ImageError(f'{path}: ["{name}".{arch}] has no key {error}') from None
            if image.recipe not in (None, "initramfs", "guest"):
                raise ImageError(f'{path}: ["{name}".{arch}]: unknown recipe "{image.recipe}"')
            images.append(image)
    return images


def write_atomic(path: Path, data: bytes) -> None:
    """Write a file so that an interrupted run never leaves half of it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(path.name + ".new")
    draft.write_bytes(data)
    draft.replace(path)


def download(image: Image, folder: Path) -> Path:
    """Download the image's package from the first of its suites that can be had.

    A mirror in the middle of a synchronisation serves lists that do not match their signed digests:
    apt refuses them, and another suite's may be whole.

    Returns:
        Path of the .deb in `folder`.

    Raises:
        AptError: none of the suites gave it; apt's words about each.
    """
    refused = []
    for suite in image.suites:
        print(
            f"images: {image.name}: fetching Debian package {image.package} ({suite})", flush=True
        )
        apt = PrivateApt(APT / f"{suite}-{image.apt_arch}", image.apt_arch, [suite])
        try:
            package = image.package
            if image.depends is not None:
                package = apt.dependency(package, image.depends)
            return apt.download(package, folder)
        except AptError as error:
            refused.append(f"{suite}: {error}")
            print(f"images: {image.name}: not to be had from {suite}", flush=True)
    raise AptError("\n".join(refused))


def unpack(image: Image, deb: Path) -> None:
    """Take the image's member and modules out of a package, and note beside it where it is from.

    Raises:
        ImageError: one of them is not inside.
    """
    version = package_version(deb)
    print(f"images: {image.name}: unpacking {image.source} from version {version}", flush=True)
    targets = {image.source: image.member}
    for target, name in zip(image.module_files, image.modules, strict=True):
        targets[target] = f"*/kernel/drivers/*/{name}.ko*"
    found: dict[Path, bytes] = {}
    with package_files(deb) as tar:
        for entry in tar:
            path = entry.name.removeprefix("./")
            for target, pattern in targets.items():
                if entry.isfile() and target not in found and fnmatch.fnmatchcase(path, pattern):
                    file = tar.extractfile(entry)
                    assert file is not None
                    data = file.read()
                    found[target] = lzma.decompress(data) if path.endswith(".ko.xz") else data
    for target, pattern in targets.items():
        if target not in found:
            raise ImageError(f'{deb.name}: no file "{pattern}" inside')
    for target, data in reversed(found.items()):
        write_atomic(target, data)
    digest = hashlib.sha256(found[image.source]).hexdigest()
    origin = f"{deb.name.partition('_')[0]} {version} {image.apt_arch}\nsha256 {digest}\n"
    write_atomic(image.source.with_name(image.source.name + ".origin"), origin.encode())


def fetch(image: Image) -> None:
    """Download the image's package and unpack what is wanted of it."""
    folder = APT / "download"
    unpack(image, download(image, folder))
    shutil.rmtree(folder)


def newc(
    name: str, mode: int, number: int, data: bytes = b"", device: tuple[int, int] = (0, 0)
) -> bytes:
    """One entry of a cpio archive in "newc" form (Linux, Documentation/driver-api/early-userspace).

    Args:
        name: path in the archive, no leading slash.
        mode: type and permission bits as in st_mode.
        number: the inode number, different for each entry.
        data: content of a file, target of a symbolic link.
        device: major and minor number of a device node.
    """
    fields = [number, mode, 0, 0, 1, _MTIME, len(data), 0, 0, *device, len(name) + 1, 0]
    head = b"070701" + b"".join(b"%08X" % field for field in fields) + name.encode() + b"\0"
    return head + b"\0" * (-len(head) % 4) + data + b"\0" * (-len(data) % 4)


def initramfs(busybox: bytes, init: bytes, modules: dict[str, bytes]) -> bytes:
    """A compressed initramfs of busybox and an init script; the same bytes for the same input.

    Args:
        busybox: the program.
        init: what runs first; it loads the modules in the order of their names.
        modules: files for /lib/modules, by name.
    """
    folders = [
        "bin",
        "dev",
        "etc",
        "proc",
        "root",
        "sbin",
        "sys",
        "tmp",
        "usr",
        "usr/bin",
        "usr/sbin",
    ]
    entries: dict[str, tuple[int, bytes, tuple[int, int]]] = {
        **dict.fromkeys(folders, (stat.S_IFDIR | 0o755, b"", (0, 0))),
        # The kernel opens it for init's input and output before anything is mounted.
        "dev/console": (stat.S_IFCHR | 0o600, b"", (5, 1)),
        "bin/busybox": (stat.S_IFREG | 0o755, busybox, (0, 0)),
        "bin/sh": (stat.S_IFLNK | 0o777, b"busybox", (0, 0)),
        "init": (stat.S_IFREG | 0o755, init, (0, 0)),
    }
    if modules:
        entries |= dict.fromkeys(("lib", "lib/modules"), (stat.S_IFDIR | 0o755, b"", (0, 0)))
    for name, data in modules.items():
        entries[f"lib/modules/{name}"] = (stat.S_IFREG | 0o644, data, (0, 0))
    archive = b"".join(
        newc(path, mode, number, data, device)
        for number, (path, (mode, data, device)) in enumerate(sorted(entries.items()), start=1)
    )
    archive += newc("TRAILER!!!", 0, 0)
    archive += b"\0" * (-len(archive) % 512)
    return gzip.compress(archive, 9, mtime=0)


def make(image: Image, modules: list[Path], refresh: bool) -> None:
    """Bring one image up to date.

    Args:
        image: the image.
        modules: files that go into its initramfs.
        refresh: fetch again what is there.

    Raises:
        ImageError, AptError: it cannot be made.
    """
    if image.recipe == "guest":
        command = ["make", "-s", "-f", "tests/guests/guests.mk", str(image.path)]
        command.append(f"GUEST_ARCHS={image.arch}")
        own = {name: text for name, text in os.environ.items() if name != "MAKEFLAGS"}
        if subprocess.run(command, env=own, check=False).returncode != 0:
            raise ImageError(f"{image.name}: {image.path} cannot be built")
        return
    if refresh or not all(path.is_file() for path in (image.source, *image.module_files)):
        fetch(image)
    if image.recipe is None:
        return
    inputs = [image.source, INIT, Path(__file__), *modules]
    newest = max(path.stat().st_mtime_ns for path in inputs)
    if not image.path.is_file() or image.path.stat().st_mtime_ns < newest:
        print(f"images: {image.name}: making {image.path}", flush=True)
        contents = {path.name: path.read_bytes() for path in modules}
        data = initramfs(image.source.read_bytes(), INIT.read_bytes(), contents)
        write_atomic(image.path, data)


def wanted(images: list[Image], arches: list[str], names: list[str]) -> list[tuple[Image, Image]]:
    """What is to be made: each with the kernel whose modules go into it, or itself.

    A kernel comes before what needs its modules.
    """
    result: dict[Image, Image] = {}
    for image in images:
        if (arches and image.arch not in arches) or (names and image.name not in names):
            continue
        if image.optional and not names:
            continue
        kernels = [x for x in images if x.name == image.modules_of and x.arch == image.arch]
        for kernel in kernels:
            result[kernel] = kernel
        result[image] = kernels[0] if kernels else image
    return list(result.items())


def main() -> int:
    """Command line: [--arch A]... [--refresh] [NAME]...; status 1 if an image cannot be made."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--arch", action="append", help="architecture (repeatable; default: all)")
    parser.add_argument("--refresh", action="store_true", help="fetch again what is there")
    parser.add_argument("names", nargs="*", metavar="NAME", help="catalogue names (default: all)")
    args = parser.parse_args()
    try:
        for image, kernel in wanted(read_catalogue(CATALOGUE), args.arch or [], args.names):
            make(image, kernel.module_files, args.refresh)
    except (AptError, ImageError, OSError) as error:
        print(f"images: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())

# SPDX-License-Identifier: Apache-2.0
"""Image files: that they are there, and are what the system file says they are."""

from __future__ import annotations

from collections.abc import Iterator

from gen.checks import rule
from gen.diag import Diagnostic
from gen.load import VARIABLE, variables
from gen.model import File, Image, System
from gen.source import Span
from gen.validate import nearest

#: COMMAND_LINE_SIZE of Linux on arm64 and riscv64, in bytes, its final zero included.
CMDLINE_SIZE = 2048


# Every file of the images and the key that names it.
def _files(system: System) -> Iterator[tuple[Image, str, File]]:
    for image in system.images:
        yield image, "kernel", image.kernel
        if image.initrd is not None:
            yield image, "initrd", image.initrd
        if image.device_tree is not None:
            yield image, "device-tree", image.device_tree


def _problems(system: System, code: str) -> Iterator[Diagnostic]:
    for image, key, file in _files(system):
        if file.problem is not None and file.problem.code == code:
            yield Diagnostic(
                code,
                f"[images.{image.name}] {key}: {file.problem.message}",
                image.spans.of(key),
                file.problem.help,
            )


@rule("image-missing")
def image_missing(system: System) -> Iterator[Diagnostic]:
    """Every file must be there when the system is built."""
    return _problems(system, "image-missing")


@rule("image-format")
def image_format(system: System) -> Iterator[Diagnostic]:
    """Every file must have the form that `type` says."""
    return _problems(system, "image-format")


@rule("catalogue-unknown")
def catalogue_unknown(system: System) -> Iterator[Diagnostic]:
    """Names with a colon are looked up in the image catalogue."""
    return _problems(system, "catalogue-unknown")


@rule("dtb-format")
def dtb_format(system: System) -> Iterator[Diagnostic]:
    """A device tree given for guests must be one."""
    return _problems(system, "dtb-format")


@rule("image-arch")
def image_arch(system: System) -> Iterator[Diagnostic]:
    """Code runs on the CPUs it was made for."""
    board = system.board
    for image in system.images:
        arch = image.payload.arch if image.payload is not None else None
        if arch is not None and arch != board.arch:
            yield Diagnostic(
                "image-arch",
                f'[images.{image.name}] kernel: "{image.kernel.written}" is for {arch}, but board'
                f' "{board.name}" is {board.arch}',
                image.spans.of("kernel"),
                "give the file for this architecture; a catalogue name finds it by itself",
            )


@rule("image-unknown")
def image_unknown(system: System) -> Iterator[Diagnostic]:
    """A VM names one of the `[images.*]` tables."""
    names = [image.name for image in system.images]
    for vm in system.vms:
        if vm.image not in names:
            yield Diagnostic(
                "image-unknown",
                f'vm "{vm.name}": there is no image "{vm.image}"',
                vm.spans.of("image"),
                nearest(vm.image, names) or f"add a table [images.{vm.image}]",
            )


@rule("image-unused", needs=("image-unknown",))
def image_unused(system: System) -> Iterator[Diagnostic]:
    """An image that no VM boots is a leftover or a misspelt name."""
    used = {vm.image for vm in system.vms}
    for image in system.images:
        if image.name not in used:
            yield Diagnostic(
                "image-unused",
                f'no VM boots the image "{image.name}"',
                image.spans.key(),
                f'let a VM have image = "{image.name}", or leave the table out',
                severity="warning",
            )


@rule("cmdline-variable")
def cmdline_variable(system: System) -> Iterator[Diagnostic]:
    """Command lines know a few variables."""
    names = list(variables(system.board, ""))
    for image in system.images:
        where = f"[images.{image.name}]"
        yield from _variables(where, image.cmdline, image.spans.of("cmdline"), names)
    for vm in system.vms:
        if vm.own_cmdline is not None:
            where = f'vm "{vm.name}"'
            yield from _variables(where, vm.own_cmdline, vm.spans.of("cmdline"), names)


def _variables(where: str, cmdline: str, span: Span, names: list[str]) -> Iterator[Diagnostic]:
    for match in VARIABLE.finditer(cmdline):
        if match[1] in names:
            continue
        at = span.text.find(match[0])
        exact = Span(span.file, span.start + at, span.start + at + len(match[0]))
        yield Diagnostic(
            "cmdline-variable",
            f'{where}: the command line has the unknown variable "{match[0]}"',
            exact if at >= 0 else span,
            nearest(match[1], names),
        )


@rule("cmdline-long")
def cmdline_long(system: System) -> Iterator[Diagnostic]:
    """Linux cuts a command line that is too long without a word."""
    for vm in system.vms:
        size = len(vm.cmdline.encode())
        image = system.find_image(vm.image)
        if size < CMDLINE_SIZE or image is None:
            continue
        spans = vm.spans if vm.own_cmdline is not None else image.spans
        yield Diagnostic(
            "cmdline-long",
            f'vm "{vm.name}": its command line has {size} bytes, Linux takes {CMDLINE_SIZE - 1}',
            spans.of("cmdline"),
            "make it shorter: what is too much would be cut off",
        )

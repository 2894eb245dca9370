# SPDX-License-Identifier: Apache-2.0
"""The x86_64 hypervisor booted by GRUB, from the disc that the README tells how to make."""

from __future__ import annotations

import dataclasses
import shutil
import subprocess
from pathlib import Path

from tests.emu.machine import SYSTEMS, Machine, build, build_guests

# The hypervisor's path on the disc; a menu of one entry, which is not shown.
_CONFIG = """\
multiboot2 /boot/hv.elf
boot
"""
# For BIOS, with no more of GRUB than it takes to read that file from a disc.
_OPTIONS = (
    "--directory=/usr/lib/grub/i386-pc",
    "--install-modules=biosdisk iso9660 multiboot2 normal",
    "--locales=",
    "--fonts=",
    "--themes=",
)


def test_grub(tmp_path: Path) -> None:
    build_guests("x86_64")
    built = build(SYSTEMS / "hello.toml", "qemu-q35-x86_64")
    disc = tmp_path / "disc.iso"
    boot = tmp_path / "disc" / "boot"
    (boot / "grub").mkdir(parents=True)
    (boot / "grub" / "grub.cfg").write_text(_CONFIG)
    shutil.copy(built.folder / "hv.elf", boot)
    make_disc = ["grub-mkrescue", *_OPTIONS, "-o", str(disc), str(boot.parent)]
    subprocess.run(make_disc, check=True, capture_output=True, timeout=60)
    assert built.command[-2] == "-kernel"
    command = [*built.command[:-2], "-cdrom", str(disc)]
    with Machine(dataclasses.replace(built, command=command), "grub.log") as machine:
        machine.expect_end(0, 15)
        machine.rewind()
        machine.expect("hvc", "PASS: hello", 0)
        machine.expect("smc", "PASS: hello", 0)

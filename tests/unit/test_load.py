# SPDX-License-Identifier: Apache-2.0
"""gen/load.py and the command line: defaults, references, exit codes, speed."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from gen import checks, diag
from gen.__main__ import main
from gen.health import EVENTS
from gen.load import load
from gen.model import Interrupt, System
from gen.ranges import MIB, Range
from tests.payloads import FOLDER, ROOT

HEAD = f"""
[system]
board = "qemu-virt-aarch64"
[images.guest]
type    = "elf"
kernel  = "{FOLDER}/hello.elf"
cmdline = "console=${{console}} vm=${{vm}} ${{arch}} $${{none}}"
"""
VM = """
[[vm]]
name   = "alpha"
image  = "guest"
cpus   = [2, 1]
memory = "16 MiB"
"""


def system(tmp_path: Path, text: str, **options: str) -> System:
    path = tmp_path / "demo.toml"
    path.write_text(text)
    return load(path, **options)


def test_defaults(tmp_path: Path) -> None:
    made = system(tmp_path, HEAD + VM)
    assert (made.name, made.log_level) == ("demo", "info")
    (vm,) = made.vms
    assert (vm.vcpu_count, vm.cpus, vm.console, vm.autostart) == (2, (2, 1), "uart", True)
    actions = vm.health.actions
    assert (actions["memory-fault"], actions["reset"], vm.in_place) == ("stop", "restart", False)
    assert tuple(actions) == EVENTS
    (region,) = vm.memory
    assert (region.name, region.guest_range) == ("ram", Range(0x4000_0000, 16 * MIB))
    assert (region.kind, region.physical, region.permissions) == ("allocated", None, "rwx")
    assert vm.spans.of("memory").text == '"16 MiB"'
    assert vm.spans.of("cpus", 1).text == "1"
    assert vm.spans.of("on-crash").text == "[[vm]]"


def test_command_line(tmp_path: Path) -> None:
    (vm,) = system(tmp_path, HEAD + VM, append_cmdline=" self.test ").vms
    assert vm.cmdline == "console=ttyAMA0 vm=alpha aarch64 $${none} self.test"
    (vm,) = system(tmp_path, HEAD + VM + 'cmdline = "${vm}"').vms
    assert vm.cmdline == "alpha"
    (vm,) = system(tmp_path, HEAD + VM + 'cmdline = ""', append_cmdline="x").vms
    assert vm.cmdline == "x"


def test_memory_regions(tmp_path: Path) -> None:
    text = (HEAD + VM).replace('memory = "16 MiB"', "")
    text += """
    [[vm.memory]]
    size = 0x10_0000
    physical = 0x5000_0000
    [[vm.memory]]
    name = "same"
    size = "4 KiB"
    guest = 0x6000_0000
    physical = "identical"
    [[vm.memory]]
    size = "4 KiB"
    guest = "0x7000_0000"
    permissions = "r"
    """
    (vm,) = system(tmp_path, text).vms
    assert [(r.name, r.guest, r.kind, r.physical) for r in vm.memory] == [
        ("ram", 0x5000_0000, "fixed", 0x5000_0000),
        ("same", 0x6000_0000, "identical", 0x6000_0000),
        ("ram2", 0x7000_0000, "allocated", None),
    ]


def test_devices(tmp_path: Path) -> None:
    text = HEAD + VM
    text += """
    [[vm.device]]
    name  = "flash"
    node  = "/flash@0"
    guest = 0x1_0000_0000
    [[vm.device]]
    name       = "disks"
    base       = 0x0a00_0000
    size       = "4 KiB"
    interrupts = [48, 100]
    """
    flash, disks = system(tmp_path, text).vms[0].devices
    # All windows move as the first does.
    assert [(w.physical.base, w.guest) for w in flash.windows] == [
        (0, 0x1_0000_0000),
        (0x400_0000, 0x1_0400_0000),
    ]
    assert [(w.physical, w.guest) for w in disks.windows] == [(Range(0xA00_0000, 4096), 0xA00_0000)]
    # The trigger is the tree's where the tree knows the line.
    assert disks.interrupts == (Interrupt(48, "edge"), Interrupt(100, "level"))


def test_board_of_the_command_line_wins(tmp_path: Path) -> None:
    board = str(ROOT / "tests" / "bad" / "boards" / "reserved.toml")
    assert system(tmp_path, HEAD + VM, board=board).board.name == "reserved"
    without = (HEAD + VM).replace("board =", "# board =")
    assert system(tmp_path, without, board="qemu-virt-aarch64").board.arch == "aarch64"


def test_unreadable_values_of_the_board_key_are_reported_once(tmp_path: Path) -> None:
    with pytest.raises(diag.Refused) as caught:
        system(tmp_path, (HEAD + VM).replace('"qemu-virt-aarch64"', "7"))
    assert [item.code for item in caught.value.diagnostics] == ["wrong-type"]


def test_dual_linux_has_no_findings_of_its_own(root: Path) -> None:
    found = checks.run(load(Path("systems/dual-linux.toml")))
    # Without the images, which are fetched by the build, they are all that is missing.
    assert {item.code for item in found} <= {"image-missing"}


def large_system() -> str:
    """64 VMs with 256 vCPUs and 1024 devices together."""
    lines = [HEAD]
    lines += [f'[[cpu]]\nid = {cpu}\nschedule = "round-robin"' for cpu in range(4)]
    for vm in range(64):
        lines.append(f'[[vm]]\nname = "vm{vm}"\nimage = "guest"\ncpus = [0, 1, 2, 3]')
        lines.append('memory = "16 MiB"')
        for device in range(16):
            number = vm * 16 + device
            lines.append(
                f'[[vm.device]]\nname = "d{device}"\nbase = {0x10000000 + number * 4096:#x}'
            )
            interrupt = 64 + number
            lines.append(
                f'size = "4 KiB"\ninterrupts = [{interrupt if 64 <= interrupt < 1020 else ""}]'
            )
    return "\n".join(lines)


def test_large_system_is_checked_in_well_under_a_second(tmp_path: Path) -> None:
    text = large_system().replace(" $${none}", "")
    (tmp_path / "demo.toml").write_text(text)
    start = time.process_time()
    made = load(tmp_path / "demo.toml")
    found = checks.run(made)
    elapsed = time.process_time() - start
    assert not diag.has_errors(found), diag.text(found)
    assert sum(len(vm.devices) for vm in made.vms) == 1024
    assert elapsed < 1.0


# ---- the command line ----------------------------------------------------------------------------


def ashlar(*arguments: str | Path, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "gen", *map(str, arguments)],
        cwd=ROOT,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=False,
    )


def test_check_of_a_good_system(tmp_path: Path) -> None:
    path = tmp_path / "demo.toml"
    path.write_text(HEAD.replace(" $${none}", "") + VM)
    done = ashlar("check", path)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == "demo on qemu-virt-aarch64: 1 VM, 2 vCPUs\n"


def test_check_of_a_bad_system() -> None:
    name = "tests/bad/cpu-shared-vms"
    done = ashlar("check", f"{name}.toml")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == (ROOT / f"{name}.txt").read_text()


def test_warnings_are_no_failure() -> None:
    done = ashlar("check", "tests/bad/image-unused-leftover.toml")
    assert done.returncode == 0
    assert done.stderr.startswith("tests/bad/image-unused-leftover.toml:12:9: warning[")


def test_findings_as_json() -> None:
    done = ashlar("check", "--format", "json", "tests/bad/cpu-shared-vms.toml")
    assert (done.returncode, done.stderr) == (1, "")
    assert json.loads(done.stdout)[0]["code"] == "cpu-shared"


def test_emit_refuses_before_it_writes(tmp_path: Path) -> None:
    done = ashlar("emit", "tests/bad/cpu-shared-vms.toml", "-o", tmp_path / "gen")
    assert done.returncode == 1
    assert not (tmp_path / "gen").exists()


def test_emit_prints_one_line(tmp_path: Path) -> None:
    path = tmp_path / "demo.toml"
    path.write_text(HEAD.replace(" $${none}", "") + VM)
    done = ashlar("emit", path, "-o", tmp_path / "gen", "--append-cmdline", "more")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.count("\n") == 1
    assert (tmp_path / "gen" / "plan.json").is_file()


def test_wrong_usage() -> None:
    assert ashlar().returncode == 2
    assert ashlar("check").returncode == 2
    assert ashlar("emit", "x.toml").returncode == 2


def test_explain() -> None:
    assert ashlar("explain", "vm.cpus").returncode == 0
    done = ashlar("explain", "vm.cpu")
    assert done.returncode == 1
    assert 'did you mean "vm.cpus"?' in done.stderr


def test_a_bug_of_ours_is_called_one(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(*_: object) -> None:
        raise ZeroDivisionError("oh")

    monkeypatch.setattr("gen.load.load", fail)
    monkeypatch.delenv("ASHLAR_DEBUG", raising=False)
    assert main(["check", "x.toml"]) == 70
    error = capsys.readouterr().err
    assert error.startswith("ashlar: this is a bug in gen, please report: ZeroDivisionError: oh (")
    assert error.count("\n") == 1
    monkeypatch.setenv("ASHLAR_DEBUG", "1")
    assert main(["check", "x.toml"]) == 70
    assert "Traceback" in capsys.readouterr().err

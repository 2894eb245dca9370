# SPDX-License-Identifier: Apache-2.0
"""How long the generator takes for a large system: 64 VMs, 256 vCPUs, 1024 devices.

Run by `make bench`; prints one line for each stage and the sum, and fails only if the sum is far
beyond what a person would wait for. The system is made here: a board of 64 CPUs and 64 GiB.

    python tests/bench/scale.py [--limit SECONDS]
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

ROOT = Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(ROOT))

VMS = 64
VCPUS_PER_VM = 4
DEVICES_PER_VM = 16
CPUS = 64

T = TypeVar("T")


def board_source() -> str:
    """A device tree like QEMU's virt, with more of everything; devices above all RAM."""
    cpus = "\n".join(
        f'cpu@{n:x} {{ device_type = "cpu"; compatible = "arm,armv8";'
        f" reg = <{n // 16 << 8 | n % 16}>; }};"
        for n in range(CPUS)
    )
    devices = "\n".join(
        f'dev@{n:x} {{ compatible = "test,dev"; reg = <0x20 {0x1000 * n:#x} 0 0x1000>;'
        f" interrupts = <0 {2 + n % 900} 4>; }};"
        if n < 900
        else f'dev@{n:x} {{ compatible = "test,dev"; reg = <0x20 {0x1000 * n:#x} 0 0x1000>; }};'
        for n in range(VMS * DEVICES_PER_VM)
    )
    return f"""/dts-v1/;
/ {{
#address-cells = <2>; #size-cells = <2>; interrupt-parent = <&gic>;
chosen {{ stdout-path = "/uart@9000000"; }};
memory@40000000 {{ device_type = "memory"; reg = <0 0x40000000 0x10 0>; }};
psci {{ compatible = "arm,psci-1.0", "arm,psci-0.2"; method = "smc"; }};
timer {{ compatible = "arm,armv8-timer"; interrupts = <1 13 4>, <1 14 4>, <1 11 4>, <1 10 4>; }};
gic: intc@8000000 {{ compatible = "arm,gic-v3"; #interrupt-cells = <3>; interrupt-controller;
    reg = <0 0x8000000 0 0x10000>, <0 0x80a0000 0 0xf60000>; interrupts = <1 9 4>; }};
uart@9000000 {{ compatible = "arm,pl011", "arm,primecell"; reg = <0 0x9000000 0 0x1000>;
    interrupts = <0 1 4>; }};
cpus {{ #address-cells = <1>; #size-cells = <0>; {cpus} }};
{devices}
}};
"""


def write_system(folder: Path) -> Path:
    """Writes the board, an image and the system; returns the system's path."""
    (folder / "large.dts").write_text(board_source())
    (folder / "large.toml").write_text(
        '[board]\nname = "large"\narch = "aarch64"\ndevice-tree = "large.dts"\n'
        '[guest]\nram = 0x4000_0000\nconsole = "ttyAMA0"\n'
    )
    (folder / "image.bin").write_bytes(bytes(1 << 20))
    lines = ['[system]\nname = "large"\nboard = "large.toml"']
    lines.append('[images.program]\ntype = "raw"\nkernel = "image.bin"')
    lines += [f'[[cpu]]\nid = {n}\nschedule = "round-robin"' for n in range(CPUS)]
    for vm in range(VMS):
        cpus = [(vm * VCPUS_PER_VM + n) % CPUS for n in range(VCPUS_PER_VM)]
        lines.append(
            f'[[vm]]\nname = "vm{vm}"\nimage = "program"\ncpus = {cpus}\nmemory = "512 MiB"'
        )
        for number in range(DEVICES_PER_VM):
            index = vm * DEVICES_PER_VM + number
            lines.append(f'[[vm.device]]\nname = "dev{index}"\nnode = "/dev@{index:x}"')
    path = folder / "system.toml"
    path.write_text("\n".join(lines) + "\n")
    return path


def timed(name: str, action: Callable[[], T]) -> T:
    """Calls and prints how long it took."""
    start = time.perf_counter()
    result = action()
    print(f"  {name:<8} {time.perf_counter() - start:6.3f} s")
    return result


def main() -> int:
    """Prints the stages, then the whole command as a user runs it; status 1 above the limit."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--limit", type=float, default=10.0, help="seconds (default 10)")
    limit = parser.parse_args().limit
    from gen import checks, emit
    from gen.load import load
    from gen.plan.make import make

    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        path = write_system(folder)
        print(f"{VMS} VMs, {VMS * VCPUS_PER_VM} vCPUs, {VMS * DEVICES_PER_VM} devices:")
        system = timed("load", lambda: load(path))
        timed("check", lambda: checks.run(system))
        plan = timed("plan", lambda: make(system))
        files = timed("render", lambda: emit.render(plan))
        timed("write", lambda: emit.write(files, folder / "one"))
        command = [sys.executable, "-m", "gen", "emit", str(path), "-o", str(folder / "two")]
        start = time.perf_counter()
        subprocess.run(command, cwd=ROOT, check=True)
        total = time.perf_counter() - start
        print(f"  whole    {total:6.3f} s, {len(plan.pagetables.tables)} page tables")
    return 1 if total > limit else 0


if __name__ == "__main__":
    sys.exit(main())

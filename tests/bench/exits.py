# SPDX-License-Identifier: Apache-2.0
"""What exits cost, in executed instructions.

Run by `make bench`. Boots tests/emu/systems/bench.toml (or that of the architecture) under
`-icount shift=0`, where the guest can count executed instructions (aarch64: a counter of 1 GHz;
riscv64: instret, and a clock from the machine's start on; x86_64: the time-stamp counter, which
begins with the VM: there QEMU's log of executed instructions tells what the boot costs), and prints
its figures as a table, beside those of the same program on the machine itself and the best of other
hypervisors. Repeatable to the instruction for one version of QEMU. The count is that of all CPUs
together, so that the boot figure has those of the others' entry in it.

    python tests/bench/exits.py [--board NAME]...
"""

from __future__ import annotations

import argparse
import re
import subprocess
import sys
from pathlib import Path

from elftools.elf.elffile import ELFFile

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from tests.emu.machine import OUT, SYSTEMS, Built, build, build_guests  # noqa: E402

TIMEOUT = 60  # seconds
BOARDS = {
    "qemu-virt-aarch64": "aarch64",
    "qemu-virt-riscv64": "riscv64",
    "qemu-virt-riscv64-aia": "riscv64",
    "qemu-q35-x86_64": "x86_64",
}
SYSTEM = {
    "aarch64": "bench.toml",
    "riscv64": "bench-riscv64.toml",
    "x86_64": "bench-x86_64.toml",
}
BEST = {
    "qemu-virt-aarch64": {
        "boot, from entry to the guest": "383,000 (Bao)",
        "null hypercall, HVC": "121 (Jailhouse)",
        "null hypercall, SMC": "202 (Bao)",
        "MMIO read, GICD_TYPER": "225 (Bao)",
        "MMIO read, GICD_ISENABLER": "285 (Jailhouse)",
        "MMIO write, enable one": "728 (Xen)",
        "MMIO write, disable one": "728 (Xen)",
        "self-SGI, sent, taken, ended": "793 (Bao)",
        "timer, deadline to acknowledge": "199 (Bao)",
        "RTC passed through: raise, take, lower, end": "204 (Bao)",
        "SGI to another vCPU and one back": "1,426 (Bao, twice 713)",
    },
    "qemu-virt-riscv64": {
        "boot, from entry to the guest": "701,000 (Bao)",
        "null ecall": "235 (Bao)",
        "emulated read, PLIC priority": "284 (Bao)",
        "emulated read, PLIC enable": "868 (Bao)",
        "emulated write, PLIC priority": "324 (Bao)",
        "emulated write, PLIC threshold": "1,119 (Xvisor)",
        "timer set, stimecmp": "1 (all)",
        "SBI IPI to itself, sent and taken": "1,560 (KVM)",
        "SBI IPI to another hart and one back": "10,146 (Bao, twice 535 and firmware's 4,538)",
        "RTC passed through, PLIC: raise, claim, lower, complete": "54,546 (Bao)",
    },
}
BEST["qemu-q35-x86_64"] = {
    "null hypercall": "3,103 (KVM)",
    "CPUID": "2,866 (KVM)",
    "emulated port write, UART SCR": "1,572 (KVM)",
    "emulated read, IOAPIC": "3,741 (KVM)",
    "IPI to itself, sent, taken, ended": "4,419 (KVM)",
}
BEST["qemu-virt-riscv64-aia"] = {
    **BEST["qemu-virt-riscv64"],
    "RTC passed through, AIA: raise, claim, lower": "0 and the machine's own (Bao)",
    "SBI IPI to itself, sent and taken": "1,051 (Bao)",
    "SBI IPI to another hart and one back": "1,012 (Bao, twice 506)",
    "IMSIC IPI to another hart and one back": "0 and the machine's own (Bao)",
}
"""The best figure that another hypervisor reached, measured in the same way: Bao, Jailhouse, Xen,
Xvisor, KVM, with a bare-metal guest alone on its CPU."""

TRAMPOLINE = 0x8000  # arch/x86_64/include/arch/asm.h
BOOT_LIMIT = 1_000_000  # instructions

# A line of `-d exec`: CPU, host address, [base/address/...
_EXECUTED = re.compile(r"Trace \d+: \S+ \[\w+/(\w+)/")
_FIGURE = re.compile(r"BENCH: (.*): (\d+)")


def counted(command: list[str], arch: str, shift: int = 0) -> list[str]:
    """A QEMU command line, changed to count instructions as time.

    Args:
        command: from the board file, with `-cpu MODEL` and perhaps `-accel`.
        arch: the board's architecture.
        shift: an instruction takes 2**shift ns.
    """
    changed = list(command)
    if arch == "aarch64":
        changed[changed.index("-cpu") + 1] += ",cntfrq=1000000000"
    else:
        changed += ["-rtc", "base=1970-01-01,clock=vm"]  # a clock that begins at 0
    if "-accel" in changed:
        changed[changed.index("-accel") + 1] = "tcg"
    if arch == "x86_64":  # or else QEMU gives up ("Bad icount read") at RDMSR of the APIC's timer
        changed[changed.index("-accel") + 1] = "tcg,one-insn-per-tb=on"
    return [*changed, "-icount", f"shift={shift},sleep=off"]


def without_hypervisor(command: list[str], guest: Path) -> list[str]:
    """The command line with the guest in the hypervisor's place."""
    changed = [word.replace("virtualization=on,", "") for word in command]
    changed[changed.index("-kernel") + 1] = str(guest)
    return changed


def figures(command: list[str]) -> dict[str, int]:
    """Runs the guest; its figures by name.

    Raises:
        ValueError: it did not report; the text is what was printed.
    """
    done = subprocess.run(
        command, stdin=subprocess.DEVNULL, capture_output=True, timeout=TIMEOUT, check=False
    )
    text = done.stdout.decode("utf-8", "replace")
    found = {name: int(count) for name, count in _FIGURE.findall(text)}
    if not found:
        raise ValueError(text)
    return found


def instructions_to_guest(built: Built, command: list[str]) -> int:
    """Counts the hypervisor's instructions from its entry to the guest's first, of all CPUs.

    They are those of its code and of the page that its other CPUs start in, as QEMU logs them. A
    wait for an interrupt takes time, and is one instruction.

    Args:
        built: the system; its first VM is the guest.
        command: that counts instructions, one in each of QEMU's translation blocks.

    Raises:
        ValueError: the guest was not entered; the text is how far it came.
    """
    with (built.folder / "hv.elf").open("rb") as file:
        elf = ELFFile(file)
        code = elf.get_section_by_name(".text")
        assert code is not None
        start = elf.header["e_entry"]
        code_range = f"{code['sh_addr']:#x}+{code['sh_size']:#x}"
    guest = built.plan()["vms"][0]["entry"]
    ranges = f"{code_range},{TRAMPOLINE:#x}+0x100,{guest:#x}+1"
    count = 0
    line = "nothing"
    with subprocess.Popen(
        [*command, "-d", "exec,nochain", "-dfilter", ranges],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stderr is not None
        for line in process.stderr:
            address = _EXECUTED.match(line)
            if address is None or count > BOOT_LIMIT:
                break
            if int(address[1], 16) == guest:
                process.kill()
                return count
            if count > 0 or int(address[1], 16) == start:  # the firmware uses the page, too
                count += 1
        process.kill()
    raise ValueError(f"{count} instructions, and no guest: {line}")


def table(board: str) -> str:
    """The table of one board."""
    arch = BOARDS[board]
    build_guests(arch)
    built = build(SYSTEMS / SYSTEM[arch], board)
    command = counted(built.command, arch)
    here = figures(command)
    bare = figures(without_hypervisor(command, OUT / f"guests/{arch}/bench.elf"))
    start = "machine start to guest"  # with the firmware, which the bare machine has too
    if start in here and here[start] > bare[start]:  # else the firmware's part varies by more
        here = {"boot, from entry to the guest": here[start] - bare[start], **here}
    if arch == "x86_64":
        here = {"boot, from entry to the guest": instructions_to_guest(built, command), **here}
    lines = [f"{board}:", "| path | instructions | without hypervisor | best of others |"]
    lines.append("| --- | --- | --- | --- |")
    for name, count in here.items():
        machine = f"{bare[name]:,}" if name in bare else "-"
        lines.append(f"| {name} | {count:,} | {machine} | {BEST.get(board, {}).get(name, '-')} |")
    return "\n".join(lines) + "\n"


def main() -> int:
    """Prints the tables; status 1 if a guest did not report."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--board", action="append", choices=list(BOARDS))
    args = parser.parse_args()
    for board in args.board or BOARDS:
        try:
            print(table(board))
        except ValueError as error:
            print(f"{board}: no figures in:\n{error}", file=sys.stderr)
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())

# SPDX-License-Identifier: Apache-2.0
"""Every key of the TOML files, once: type, unit, default, what it is for.

docs/toml.md is printed from these classes (gen/docs.py) and `ashlar explain KEY` reads them.  The
classes check one value at a time (type, range, spelling); what several values mean together is the
business of gen/checks.  Keys are kebab-case in TOML and snake_case here.
"""

from __future__ import annotations

import re
import types
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel, BeforeValidator, ConfigDict, Discriminator, Field, Tag
from pydantic_core import PydanticCustomError

from gen.ranges import GIB, KIB, MIB

ADDRESS_LIMIT = 1 << 52
_UNITS = {"": 1, "B": 1, "KiB": KIB, "MiB": MIB, "GiB": GIB, "TiB": GIB << 10}
LONGEST_US = 3_600_000_000
_TIMES = {"us": 1, "ms": 1_000, "s": 1_000_000}
_QUANTITY = re.compile(r"(0[xX][0-9a-fA-F_]+|[0-9][0-9_]*)\s*([A-Za-z]*)")


def _wrong_type(expected: str, value: object) -> PydanticCustomError:
    return PydanticCustomError(
        "wrong-type", "{expected}", {"expected": expected, "value": repr(value)}
    )


def _bad_value(message: str, help_text: str = "") -> PydanticCustomError:
    return PydanticCustomError("bad-value", "{message}", {"message": message, "help": help_text})


# The number of a quantity and its unit; None where the text has another form.
def _quantity(text: str) -> tuple[int, str] | None:
    match = _QUANTITY.fullmatch(text.strip())
    if match is None:
        return None
    try:
        return int(match[1], 0 if match[1][:2] in ("0x", "0X") else 10), match[2]
    except ValueError:
        return None


def parse_size(value: object) -> int:
    """A size in bytes from 4096, "4 KiB", "512 MiB", "0x1000".

    Raises:
        PydanticCustomError: "wrong-type" or "bad-value".
    """
    if isinstance(value, bool) or not isinstance(value, int | str):
        raise _wrong_type('a size such as "256 MiB" or 0x1000', value)
    if isinstance(value, str):
        quantity = _quantity(value)
        if quantity is None or quantity[1] not in _UNITS:
            decimal = quantity is not None and quantity[1].upper() in (
                "K",
                "M",
                "G",
                "KB",
                "MB",
                "GB",
            )
            raise _bad_value(
                f'"{value}" is not a size',
                f'write "{quantity[0]} {quantity[1][0].upper()}iB" for a power of 1024'
                if decimal and quantity
                else 'write a number of bytes, or one with a unit: "4 KiB", "256 MiB", "1 GiB"',
            )
        value = quantity[0] * _UNITS[quantity[1]]
    if value <= 0:
        raise _bad_value(f"a size must be above 0, not {value}", "give the number of bytes")
    if value > ADDRESS_LIMIT:
        raise _bad_value(f"the size {value:#x} is beyond 52 bits", "no board has that much memory")
    return value


def parse_address(value: object) -> int:
    """An address in bytes from 0x4000_0000 or "0x4000_0000".

    Raises:
        PydanticCustomError: "wrong-type" or "bad-value".
    """
    if isinstance(value, bool) or not isinstance(value, int | str):
        raise _wrong_type("an address such as 0x4000_0000", value)
    if isinstance(value, str):
        quantity = _quantity(value)
        if quantity is None or quantity[1] not in _UNITS:
            raise _bad_value(f'"{value}" is not an address', "write it as 0x4000_0000")
        value = quantity[0] * _UNITS[quantity[1]]
    if not 0 <= value < ADDRESS_LIMIT:
        raise _bad_value(
            f"the address {value:#x} is outside 0 .. {ADDRESS_LIMIT - 1:#x}",
            "addresses have at most 52 bits",
        )
    return value


def parse_physical(value: object) -> int | str:
    """Where memory lies: "allocated", "identical", or an address in bytes.

    Raises:
        PydanticCustomError: "wrong-type" or "bad-value".
    """
    if value in ("allocated", "identical"):
        return str(value)
    if isinstance(value, str) and _quantity(value) is None:
        raise _bad_value(
            f'"{value}" is not a physical address',
            'write "allocated", "identical", or an address such as 0x4800_0000',
        )
    return parse_address(value)


def parse_duration(value: object) -> int:
    """A duration in microseconds from "10 ms", "500 us", "1 s".

    Raises:
        PydanticCustomError: "wrong-type" or "bad-value".
    """
    if not isinstance(value, str):
        raise _wrong_type('a duration such as "10 ms"', value)
    quantity = _quantity(value)
    if quantity is None or quantity[1] not in _TIMES:
        raise _bad_value(
            f'"{value}" is not a duration', 'write a number with a unit: "10 ms", "500 us"'
        )
    result = quantity[0] * _TIMES[quantity[1]]
    if result > LONGEST_US:
        raise _bad_value(f'"{value}" is longer than an hour', "give at most 3600 s")
    return result


def parse_slice(value: object) -> int:
    """A duration in microseconds that one turn of round robin can take.

    Raises:
        PydanticCustomError: "wrong-type" or "bad-value".
    """
    result = parse_duration(value)
    if not 100 <= result <= 10_000_000:
        raise _bad_value(
            f'"{value}" is outside 100 us .. 10 s',
            "below 100 us the switches cost more than the slice, above 10 s a guest looks dead",
        )
    return result


Size = Annotated[int, BeforeValidator(parse_size)]
Address = Annotated[int, BeforeValidator(parse_address)]
Physical = Annotated[int | str, BeforeValidator(parse_physical)]
Duration = Annotated[int, BeforeValidator(parse_duration)]
Slice = Annotated[int, BeforeValidator(parse_slice)]

#: How docs and messages call the annotated types, by the validator that makes them.
TYPE_NAMES = {
    parse_size: "size",
    parse_address: "address",
    parse_physical: 'address, "allocated" or "identical"',
    parse_duration: "duration",
    parse_slice: "duration",
}


def alternatives(annotation: Any) -> tuple[Any, ...]:
    """The types that an annotation allows, without unions and the tags of their members."""
    if get_origin(annotation) in (Union, types.UnionType):
        return tuple(one for item in get_args(annotation) for one in alternatives(item))
    metadata = getattr(annotation, "__metadata__", ())
    if metadata and all(isinstance(item, Tag | Discriminator) for item in metadata):
        return alternatives(get_args(annotation)[0])
    return (annotation,)


def key(default: Any, doc: str, *, unit: str = "", shown_default: str = "", **limits: Any) -> Any:
    """Declares a key.

    Args:
        default: the value of a key that is not given; `...` for a key that must be given.
        doc: one line for the reference.
        unit: unit of the value, where it has one.
        shown_default: what the reference says of a default that is computed.
        limits: ge, le, min_length, ... of pydantic's Field.
    """
    extra: dict[str, Any] = {"unit": unit, "default-text": shown_default}
    return Field(default, description=doc, json_schema_extra=extra, **limits)


class Table(BaseModel):
    """What all tables share: no unknown keys, no silent conversions, kebab-case names."""

    model_config = ConfigDict(
        extra="forbid",
        strict=True,
        frozen=True,
        alias_generator=lambda name: name.replace("_", "-"),
    )


class SystemTable(Table):
    """`[system]`: the system as a whole."""

    name: str | None = key(
        None,
        "Name of the system: lower-case letters, digits, `-`.",
        shown_default="the file's name",
    )
    board: str | None = key(
        None,
        "Board to build for: a name in systems/boards, or the path of a board file.",
        shown_default="must be given here or by `--board`",
    )
    log_level: Literal["error", "warn", "info", "debug"] = key(
        "info", "Least severe level of the hypervisor's own messages that is printed."
    )
    operator: bool = key(
        True, "Whether the operator's prompt is in the image: Ctrl-] on the console."
    )


class ImageTable(Table):
    """`[images.NAME]`: what a VM boots."""

    type: Literal["linux", "elf", "raw"] = key(
        ..., "Form of the image: a Linux kernel, an ELF executable, or bytes copied as they are."
    )
    kernel: str = key(
        ...,
        "File of the kernel or program: a path relative to this file, in which `${arch}` is the"
        " board's architecture, or a name of the image catalogue such as `debian:linux`.",
    )
    initrd: str | None = key(
        None,
        'Initial RAM disk, path or catalogue name; for `type = "linux"` only.',
        shown_default="none",
    )
    device_tree: str | None = key(
        None,
        "Device tree (.dts or .dtb) given to the guest instead of the generated one.",
        shown_default="generated",
    )
    device_tree_at: Literal["end", "start"] = key(
        "end", "Which end of the VM's first memory region the device tree lies at."
    )
    cmdline: str = key(
        "",
        "Command line; `${console}` is the board's console name, `${vm}` the VM's name, `${arch}`"
        " the"
        " architecture.",
    )
    load: Address | None = key(
        None,
        "Guest address at which the image is placed.",
        shown_default="from the image's header; raw: start of the VM's memory",
    )
    entry: Address | None = key(
        None,
        "Guest address at which the first vCPU starts.",
        shown_default="from the image's header; raw: `load`",
    )


class MemoryTable(Table):
    """`[[vm.memory]]`: one region of a VM's memory."""

    name: str | None = key(
        None,
        "Name of the region, used in messages and reports.",
        shown_default="`ram`, `ram1`, ...",
    )
    size: Size = key(..., "Size of the region, a multiple of 4 KiB.", unit="bytes")
    guest: Address | None = key(
        None,
        "Address at which the guest sees it.",
        shown_default="first region: the board's guest RAM base; fixed physical: the same address",
    )
    physical: Physical = key(
        "allocated",
        "Where it lies in the machine: chosen by the generator, the same as `guest`, or an"
        " address.",
    )
    permissions: Literal["r", "rw", "rx", "rwx"] = key(
        "rwx",
        "What the guest may do with it. One that it may not write is no memory in its device tree.",
    )


class DeviceTable(Table):
    """`[[vm.device]]`: a device that belongs to this VM alone."""

    name: str = key(..., "Name of the device, used in messages and reports.")
    node: str | None = key(
        None,
        "Path of the device's node in the board's device tree; windows and interrupts are read"
        " there.",
        shown_default="none: give `base` and `size`",
    )
    base: Address | None = key(
        None, "Physical base of its window, a multiple of 4 KiB.", shown_default="from `node`"
    )
    size: Size | None = key(
        None,
        "Size of its window, a multiple of 4 KiB.",
        unit="bytes",
        shown_default="from `node`",
    )
    interrupts: list[int] | None = key(
        None,
        "Physical interrupt numbers (on a GIC: SPI n is 32 + n).",
        shown_default="from `node`, else none",
    )
    guest: Address | None = key(
        None,
        "Address at which the guest sees the (first) window.",
        shown_default="the physical address",
    )


# Which of the two a value means to be, so that mistakes are reported for that one alone.
def _memory_form(value: object) -> str:
    return "regions" if isinstance(value, list) else "size"


Memory = Annotated[
    Annotated[Size, Tag("size")] | Annotated[list[MemoryTable], Tag("regions")],
    Discriminator(_memory_form),
]


FaultAction = Literal["inject", "restart", "stop", "stop-all", "reset-machine"]
LateAction = Literal["ignore", "restart", "stop", "stop-all", "reset-machine"]
EndAction = Literal["restart", "stop", "stop-all", "reset-machine"]
LastAction = Literal["stop", "stop-all", "reset-machine"]


class HealthTable(Table):
    """`[vm.health]`: what follows each event in the VM's life."""

    memory_fault: FaultAction | None = key(
        None, "An access to memory or a device that it does not have.", shown_default="`on-crash`"
    )
    instruction_fault: FaultAction | None = key(
        None, "An instruction or register that it may not use.", shown_default="`on-crash`"
    )
    hypercall: LateAction = key(
        "ignore", "A call of Ashlar's that it may not make; `ignore`: an error is returned."
    )
    watchdog: LateAction | None = key(
        None,
        "No sign of life within `watchdog`.",
        shown_default="`restart`; with `in-place`, `stop`",
    )
    image: LastAction = key("stop", "A pristine image that is not what was built.")
    entry: EndAction | None = key(
        None, "A state that the processor refuses to enter.", shown_default="`on-crash`"
    )
    spent: LastAction = key("stop", "A restart that `restarts` and `within` do not allow.")
    not_ready: LateAction = key(
        "ignore",
        "No sign of readiness within `ready-within`; unless it is restarted, who waits for it"
        " goes on.",
    )
    shutdown: EndAction = key("stop", "The guest powers itself off.")
    reset: EndAction | None = key(None, "The guest resets itself.", shown_default="`on-reboot`")
    restarts: int = key(
        5, "Restarts after a failure that are allowed `within` that time.", ge=0, le=1000
    )
    within: Duration = key(60_000_000, "See `restarts`.", unit="us", shown_default='"60 s"')


class VmTable(Table):
    """`[[vm]]`: one virtual machine."""

    name: str = key(..., "Name of the VM: lower-case letters, digits, `-`.")
    image: str = key(..., "Image it boots: a NAME of `[images.NAME]`.")
    vcpus: int | None = key(None, "Number of vCPUs.", shown_default="the length of `cpus`", ge=1)
    cpus: list[int] = key(
        ...,
        "CPU of each vCPU: vCPU i runs on CPU cpus[i], counted in the order of the board's tree.",
    )
    memory: Memory = key(
        ..., "Its memory: the size of one region, or `[[vm.memory]]` tables.", unit="bytes"
    )
    device: list[DeviceTable] = key([], "Devices passed through.", shown_default="none")
    cmdline: str | None = key(
        None, "Command line in place of the image's.", shown_default="the image's"
    )
    console: Literal["uart", "none"] = key(
        "uart",
        "`uart`: an emulated UART of the board's kind, at the board's address, on the terminal.",
    )
    autostart: bool = key(True, "Whether it starts with the machine.")
    on_crash: Literal["stop", "restart"] = key("stop", "What follows when the guest faults.")
    on_reboot: Literal["restart", "stop"] = key(
        "restart", "What follows when the guest asks for a reset."
    )
    health: HealthTable = key(
        HealthTable(), "What follows each event in its life.", shown_default="all defaults"
    )
    priority: int = key(
        0,
        "On a CPU with `round-robin`, a vCPU of higher priority that is ready runs before others.",
        ge=0,
        le=255,
    )
    max_latency: Duration | None = key(
        None,
        "Longest time from an interrupt to its vCPU that is allowed.",
        unit="us",
        shown_default="any",
    )
    min_share: float | None = key(
        None,
        "Least part of its CPU that each vCPU must have.",
        shown_default="any",
        gt=0,
        le=1,
    )
    period: Duration | None = key(
        None,
        "With `budget`: in any time of that length each vCPU must have its budget.",
        unit="us",
        shown_default="none",
    )
    budget: Duration | None = key(
        None, "CPU time of each vCPU in each `period`.", unit="us", shown_default="none"
    )
    after: list[str] = key(
        [], "VMs that must be ready before this one starts with the machine.", shown_default="none"
    )
    ready_within: Duration = key(
        30_000_000,
        "Time that it has for its sign of readiness, if another VM waits for it.",
        unit="us",
        shown_default='"30 s"',
    )
    watchdog: Duration | None = key(
        None,
        "Longest time without a sign of life, by the watchdog device that it has then, or by a"
        " call.",
        unit="us",
        shown_default="no watchdog",
    )
    watchdog_start: Literal["guest", "boot"] = key(
        "guest",
        "`guest`: the guest enables its watchdog and may stop it; `boot`: it runs from the VM's"
        " start and cannot be stopped.",
    )
    manages: list[str] = key(
        [], "VMs that it may query and control by calls.", shown_default="none"
    )
    manages_plans: bool = key(False, "Whether it may switch the machine's plan.")
    check_images: bool = key(False, "Check the SHA-256 of its pristine images before each start.")
    in_place: bool = key(
        False,
        "Link the images where the guest finds them: no copy at boot, and no restart possible.",
    )
    pmu: bool = key(
        False,
        "Grant it the performance counters of its CPUs, which it must have for itself"
        " (riscv64: cycle and instret).",
    )


class CpuTable(Table):
    """`[[cpu]]`: how one CPU is used; needed only where vCPUs share it."""

    id: int = key(..., "Which CPU, counted in the order of the board's tree.", ge=0)
    schedule: Literal["exclusive", "round-robin", "plan"] = key(
        "exclusive", "One vCPU alone, several in turn, or in the windows of `[[plan]]`."
    )
    slice: Slice | None = key(
        None,
        "Longest time a vCPU runs before the next one's turn.",
        unit="us",
        shown_default='"10 ms"',
    )


class WindowTable(Table):
    """`[[plan.window]]`: whose time a part of the frame is on one CPU."""

    cpu: int = key(..., "The CPU.", ge=0)
    vm: str = key(..., "The VM whose time it is.")
    vcpu: int | None = key(
        None,
        "Index of its vCPU.",
        shown_default="all of the VM's vCPUs on that CPU, in turn",
        ge=0,
    )
    start: Duration = key(..., "Begin, from the begin of the frame.", unit="us")
    length: Duration = key(..., "Length.", unit="us")
    unused: str = key(
        "idle", "Who gets what the VM does not use: the name of a VM, or nobody (`idle`)."
    )


class PlanTable(Table):
    """`[[plan]]`: a division of CPU time that repeats itself; the machine starts with the first."""

    name: str = key(..., "Name of the plan: lower-case letters, digits, `-`.")
    frame: Duration = key(..., "Length of the major frame.", unit="us")
    window: list[WindowTable] = key(
        [], "Its windows; time without a window is nobody's.", shown_default="none"
    )


class SystemFile(Table):
    """A system file, systems/NAME.toml: who gets what."""

    system: SystemTable = key(SystemTable(), "The system as a whole.", shown_default="all defaults")
    images: dict[str, ImageTable] = key({}, "What the VMs boot, by name.", shown_default="none")
    vm: list[VmTable] = key(..., "The virtual machines.")
    cpu: list[CpuTable] = key([], "CPUs that are shared.", shown_default="every CPU exclusive")
    plan: list[PlanTable] = key(
        [], "Plans of the CPUs with `schedule` = `plan`.", shown_default="none"
    )


class BoardTable(Table):
    """`[board]`: which board this is."""

    name: str = key(..., "Name of the board, the name of the file.")
    arch: Literal["aarch64", "riscv64", "x86_64"] = key(..., "Architecture.")
    device_tree: str = key(..., "The board's device tree (.dts or .dtb), relative to this file.")
    description: str = key("", "One line about the board.")


class HypervisorTable(Table):
    """`[hypervisor]`: where the hypervisor lies."""

    base: Address | None = key(
        None,
        "Physical address it is linked at, a multiple of 2 MiB.",
        shown_default="2 MiB above the start of RAM",
    )
    size: Size = key(
        16 * MIB,
        "RAM kept for its code, tables, stacks and data (images not counted).",
        unit="bytes",
        shown_default='"16 MiB"',
    )
    console: str | None = key(
        None,
        "Path of the node of the UART it prints on.",
        shown_default="`/chosen` `stdout-path` of the tree",
    )


class GuestTable(Table):
    """`[guest]`: what guests on this board look like."""

    ram: Address = key(..., "Address at which the first memory region of a VM begins.")
    console: str = key(..., "What `${console}` in a command line means.")


class QemuTable(Table):
    """`[qemu]`: how the board is emulated."""

    binary: str = key(..., "Program, such as `qemu-system-aarch64`.")
    min_version: str = key(..., "Oldest version that works, such as `7.2`.")
    args: list[str] = key(..., "Arguments, without the kernel.")


class BoardFile(Table):
    """A board file, systems/boards/NAME.toml: what the hardware is."""

    board: BoardTable = key(..., "Which board this is.")
    hypervisor: HypervisorTable = key(
        HypervisorTable(), "Where the hypervisor lies.", shown_default="all defaults"
    )
    guest: GuestTable = key(..., "What guests on this board look like.")
    qemu: QemuTable | None = key(None, "How the board is emulated.", shown_default="cannot be run")

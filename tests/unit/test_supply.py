# SPDX-License-Identifier: Apache-2.0
"""What the vCPUs of a system are sure to get, and `ashlar plan`, from the files of a user."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gen import checks, diag
from gen.__main__ import main
from gen.load import load
from gen.schedule.supply import Supply, request, supplies
from tests.payloads import FOLDER

HEAD = f"""
[system]
board = "qemu-virt-aarch64"
[images.guest]
type   = "elf"
kernel = "{FOLDER}/hello.elf"
"""


def vm(name: str, cpus: str, *keys: str) -> str:
    lines = ["", "[[vm]]", f'name = "{name}"', 'image = "guest"', 'memory = "16 MiB"']
    return "\n".join([*lines, f"cpus = {cpus}", *keys, ""])


def cpu(number: int, schedule: str, *keys: str) -> str:
    return "\n".join(["", "[[cpu]]", f"id = {number}", f'schedule = "{schedule}"', *keys, ""])


def window(cpu: int, vm: str, start: int, length: int, *keys: str) -> str:
    lines = ["", "[[plan.window]]", f"cpu = {cpu}", f'vm = "{vm}"', f'start = "{start} ms"']
    return "\n".join([*lines, f'length = "{length} ms"', *keys, ""])


def plan(name: str, frame: int, *windows: str) -> str:
    return f'\n[[plan]]\nname = "{name}"\nframe = "{frame} ms"\n' + "".join(windows)


def found(tmp_path: Path, *text: str) -> dict[str, Supply]:
    """By "vm:vcpu", and with a plan "vm:vcpu plan"."""
    path = tmp_path / "demo.toml"
    path.write_text(HEAD + "".join(text))
    system = load(path)
    assert not diag.has_errors(checks.run(system))
    result = {}
    for item in supplies(system):
        suffix = f" {item.plan.name}" if item.plan is not None else ""
        result[f"{item.vm.name}:{item.vcpu}{suffix}"] = item
    return result


# Share, longest time without the CPU, longest time until an interrupt is taken.
def figures(supply: Supply) -> tuple[object, ...]:
    gap = supply.table.gap()
    return supply.table.share, None if gap is None else gap.length, supply.response_us


def test_exclusive(tmp_path: Path) -> None:
    made = found(tmp_path, vm("one", "[1]"))
    assert figures(made["one:0"]) == (1, 0, 100)


def test_round_robin(tmp_path: Path) -> None:
    made = found(
        tmp_path,
        vm("high", "[0]", "priority = 2"),
        vm("pair", "[0, 1]", "priority = 1"),
        vm("other", "[1]", "priority = 1"),
        vm("low", "[1]"),
        cpu(0, "round-robin"),
        cpu(1, "round-robin", 'slice = "2 ms"'),
    )
    assert figures(made["high:0"]) == (1, 0, 100)
    assert figures(made["pair:0"]) == (0, None, None)
    assert figures(made["pair:1"]) == (Fraction(1, 2), 2_000, 2_100)
    assert figures(made["low:0"]) == (0, None, None)


def test_planned(tmp_path: Path) -> None:
    made = found(
        tmp_path,
        vm("rt", "[1]"),
        vm("linux", "[1, 2]"),
        cpu(1, "plan"),
        cpu(2, "plan"),
        plan(
            "normal",
            10,
            window(1, "linux", 6, 4),
            # What the owner leaves is no guarantee.
            window(1, "rt", 0, 3, 'unused = "linux"'),
            window(1, "rt", 5, 1),
            window(2, "linux", 0, 10),
        ),
        plan("safe", 20, window(1, "rt", 10, 5)),
    )
    assert figures(made["rt:0 normal"]) == (Fraction(2, 5), 4_000, 4_100)
    assert figures(made["linux:0 normal"]) == (Fraction(2, 5), 6_000, 6_100)
    assert figures(made["linux:1 normal"]) == (1, 0, 100)
    assert figures(made["rt:0 safe"]) == (Fraction(1, 4), 15_000, 15_100)
    assert figures(made["linux:0 safe"]) == (0, None, None)
    assert made["rt:0 normal"].table.least(10_000) == 4_000
    # [3 ms, 10 ms) is the worst of that length.
    assert made["rt:0 normal"].table.least(7_000) == 1_000


def test_windows_of_one_vcpu_and_of_all(tmp_path: Path) -> None:
    made = found(
        tmp_path,
        vm("pair", "[0, 0]"),
        cpu(0, "plan"),
        plan("normal", 100, window(0, "pair", 0, 40), window(0, "pair", 50, 50, "vcpu = 1")),
    )
    # 40 ms in turns of 10 ms give each one 20 ms, one of them not before the other's first.
    assert figures(made["pair:0 normal"]) == (Fraction(1, 5), 80_000, 80_100)
    assert figures(made["pair:1 normal"]) == (Fraction(7, 10), 20_000, 20_100)


def test_needs(tmp_path: Path) -> None:
    keys = ('period = "10 ms"', 'budget = "3 ms"', 'max-latency = "8 ms"', "min-share = 0.3")
    asked = request(found(tmp_path, vm("rt", "[0]", *keys))["rt:0"])
    assert (asked.period, asked.budget, asked.gap) == (10_000, 3_000, 7_900)
    # As written, which 3 of 10 ms satisfy; the nearest binary number is another one.
    assert asked.share == Fraction(3, 10)


# ---- ashlar plan ---------------------------------------------------------------------------------


def proposed(path: Path, capsys: pytest.CaptureFixture[str], *text: str) -> tuple[int, str, str]:
    path.write_text(HEAD + "".join(text))
    code = main(["plan", str(path)])
    done = capsys.readouterr()
    return code, done.out, done.err


def test_proposal(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "demo.toml"
    text = (
        vm("rt", "[1]", 'period = "10 ms"', 'budget = "3 ms"'),
        vm("linux", "[1, 1, 2]"),
        vm("video", "[2]", 'period = "20 ms"', 'budget = "5 ms"', 'max-latency = "16 ms"'),
        cpu(1, "plan"),
        cpu(2, "plan"),
    )
    code, out, err = proposed(path, capsys, *text)
    assert code == 0
    assert "cpu-same-vm" in err  # warnings are shown, and stay out of the plan
    assert out == (
        '# CPU 1, vm "rt", vCPU 0: 30 %, at most 7 ms without; 3 ms in any 10 ms\n'
        '# CPU 1, vm "linux", vCPU 0: 35 %, at most 6500 us without\n'
        '# CPU 1, vm "linux", vCPU 1: 35 %, at most 6500 us without\n'
        '# CPU 2, vm "linux", vCPU 2: 75 %, at most 5 ms without\n'
        '# CPU 2, vm "video", vCPU 0: 25 %, at most 15 ms without; 5 ms in any 20 ms\n'
        "[[plan]]\n"
        'name   = "normal"\n'
        'frame  = "20 ms"\n'
        "window = [\n"
        '    { cpu = 1, vm = "rt",              start = "0 us",     length = "3 ms" },\n'
        '    { cpu = 1, vm = "linux", vcpu = 0, start = "3 ms",     length = "3500 us" },\n'
        '    { cpu = 1, vm = "linux", vcpu = 1, start = "6500 us",  length = "3500 us" },\n'
        '    { cpu = 1, vm = "rt",              start = "10 ms",    length = "3 ms" },\n'
        '    { cpu = 1, vm = "linux", vcpu = 0, start = "13 ms",    length = "3500 us" },\n'
        '    { cpu = 1, vm = "linux", vcpu = 1, start = "16500 us", length = "3500 us" },\n'
        '    { cpu = 2, vm = "linux",           start = "0 us",     length = "15 ms" },\n'
        '    { cpu = 2, vm = "video",           start = "15 ms",    length = "5 ms" },\n'
        "]\n"
    )
    path.write_text(path.read_text() + out)
    assert main(["check", str(path)]) == 0


def test_overload(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    needs = ('period = "10 ms"', 'budget = "6 ms"')
    text = (vm("one", "[0]", *needs), vm("two", "[0]", *needs), cpu(0, "plan"))
    code, out, err = proposed(tmp_path / "demo.toml", capsys, *text)
    assert (code, out) == (1, "")
    assert "error[plan-overload]: CPU 0 is overloaded: its vCPUs ask for 120 % of it" in err


def test_no_plan_can_be_found(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = (
        vm("one", "[0]", 'period = "300 us"', 'budget = "200 us"'),
        vm("two", "[0]", 'period = "500 us"', 'budget = "150 us"'),
        cpu(0, "plan"),
    )
    code, out, err = proposed(tmp_path / "demo.toml", capsys, *text)
    assert (code, out) == (1, "")
    assert err.startswith("ashlar: CPU 0: no plan was found")


def test_latency_below_an_exit(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = (vm("one", "[0]", 'max-latency = "40 us"'), cpu(0, "plan"))
    code, out, err = proposed(tmp_path / "demo.toml", capsys, *text)
    assert (code, out) == (1, "")
    assert err == ('ashlar: CPU 0: vm "one": its max-latency is shorter than an exit by 60 us\n')


def test_no_planned_cpu(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, err = proposed(tmp_path / "demo.toml", capsys, vm("one", "[0]"))
    assert (code, out) == (1, "")
    assert err == 'ashlar: no CPU with a vCPU has schedule = "plan"\n'


def test_images_need_not_be_there(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "demo.toml"
    path.write_text(HEAD.replace("hello.elf", "none.elf") + vm("one", "[0]") + cpu(0, "plan"))
    assert main(["plan", str(path)]) == 0
    assert 'vm = "one"' in capsys.readouterr().out


def test_other_mistakes_are_reported(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = (vm("one", "[0]"), vm("one", "[0]"), cpu(0, "plan"))
    code, out, err = proposed(tmp_path / "demo.toml", capsys, *text)
    assert (code, out) == (1, "")
    assert "error[name-duplicate]" in err


@st.composite
def needs(draw: st.DrawFn) -> tuple[str, ...]:
    keys: list[str] = []
    if draw(st.booleans()):
        period = draw(st.sampled_from([5, 8, 10, 12, 20, 25, 40]))
        keys += [f'period = "{period} ms"', f'budget = "{draw(st.integers(1, period // 2))} ms"']
    if draw(st.integers(0, 3)) == 0:
        keys.append(f'max-latency = "{draw(st.integers(1, 30))} ms"')
    if draw(st.integers(0, 3)) == 0:
        keys.append(f"min-share = {draw(st.sampled_from(['0.1', '0.25', '0.3']))}")
    return tuple(keys)


@given(
    st.lists(st.tuples(st.sampled_from(["[0]", "[1]", "[0, 1]", "[0, 0]"]), needs()), max_size=5)
)
@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_proposals_pass_the_checks(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], vms: list[tuple[str, tuple[str, ...]]]
) -> None:
    text = [vm(f"vm{number}", cpus, *keys) for number, (cpus, keys) in enumerate(vms)]
    text += [vm("rest", "[0, 1]"), cpu(0, "plan"), cpu(1, "plan")]
    path = tmp_path / "demo.toml"
    code, out, err = proposed(path, capsys, *text)
    assert code == 0 or "overloaded" in err or "no plan was found" in err
    if code == 0:
        path.write_text(path.read_text() + out)
        assert not diag.has_errors(checks.run(load(path)))

"""The benchmarks run and say what they should; how fast anything is, is no matter of a test."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.__main__ import table
from benchmarks.cases import Row, Turn, rows_of
from benchmarks.process import Cost, run

ROOT = Path(__file__).parents[1]
# At the smoke sizes the work may be less than the noise of the imports that are subtracted: then it is below zero.
LINE = re.compile(r"^(\S.*?) {2,}(-?[\d.,]+) +(-?[\d.,]+) +([\d.]+) +\(([\d.]+) to ([\d.]+)\)$", re.MULTILINE)


def quick(*cases: str) -> dict[str, tuple[float, ...]]:
    """Run the smoke sizes; return the figures per line."""
    command = [sys.executable, "-m", "benchmarks", "--quick", "--only", *cases]
    done = subprocess.run(command, check=True, capture_output=True, text=True, cwd=ROOT, timeout=300)
    return {name: tuple(float(n.replace(",", "")) for n in numbers) for name, *numbers in LINE.findall(done.stdout)}


def held(found: dict[str, tuple[float, ...]], cases: tuple[str, ...]) -> None:
    """Every case has its three lines, and every ratio is a positive number within its range."""
    measures = ("CPU s", "CPU s with imports", "peak MB")
    assert set(found) == {f"{case}, {measure}" for case in cases for measure in measures}
    for _, _, ratio, low, high in found.values():
        assert 0 < low <= ratio <= high


@pytest.mark.acceptance
def test_the_lineage_benchmark_fills_its_lines_and_asks_every_question() -> None:
    command = [sys.executable, "-m", "benchmarks", "--quick", "--only", "lineage"]
    out = subprocess.run(command, check=True, capture_output=True, text=True, cwd=ROOT, timeout=300).stdout
    assert "lineage 240 events / plain insert, peak MB" in out
    alone = dict(re.findall(r"^lineage (\S.*?) {2,}([\d.,]+) +- +- +\(", out, re.MULTILINE))
    loads = {"loading, CPU ms per event", "one more night, CPU ms per event"}
    asked = ("upstream", "upstream as of", "downstream", "column path", "runs behind")
    impacts = ("impact of a night's file", "impact of a model file")
    assert set(alone) == loads | {f"{question}, ms" for question in (*asked, *impacts)}
    assert all(float(number.replace(",", "")) > 0 for number in alone.values())


@pytest.mark.acceptance
def test_the_log_benchmark_says_what_a_night_and_an_auditor_pay() -> None:
    command = [sys.executable, "-m", "benchmarks", "--quick", "--only", "log"]
    out = subprocess.run(command, check=True, capture_output=True, text=True, cwd=ROOT, timeout=300).stdout
    alone = dict(re.findall(r"^log of 500, (\S.*?), CPU ms {2,}([\d.,]+) +- +- +\(", out, re.MULTILINE))
    assert set(alone) == {"append one", "sign one more root", "verify", "prove one"}


@pytest.mark.acceptance
def test_benchmarks_of_single_parts_fill_their_lines() -> None:
    held(quick("drift", "snapshot"), ("exact drift 5,000 x 20 / one scan", "snapshot 5,000 x 30 / sorted copy"))


@pytest.mark.soak
def test_benchmarks_of_whole_nights_fill_their_lines() -> None:
    nights = ("model-night 600 x 30 csv / plain script", "encrypted night 600 x 30 / in clear")
    held(quick("night", "encryption", "explain"), (*nights, "explanation of 2,000 of 600 / SHAP alone"))


def test_imports_are_subtracted_on_both_sides_and_the_median_is_of_ratios_within_a_repeat() -> None:
    # ours 5-1, 9-1, 4-2 = 4, 8, 2; other 3-1, 3-1, 3-1 = 2, 2, 2: ratios 2, 4, 1
    turns = [
        Turn(Cost(ours, 100.0, {}), Cost(3.0, 50.0, {}), Cost(imports, 1.0, {}), Cost(1.0, 1.0, {}))
        for ours, imports in ((5.0, 1.0), (9.0, 1.0), (4.0, 2.0))
    ]
    work, whole, memory = rows_of("case", turns)
    assert (work.ratio, work.low, work.high, work.ours, work.other) == (2.0, 1.0, 4.0, 4.0, 2.0)
    assert (whole.ours, whole.other) == (5.0, 3.0)
    assert memory.ratio == 2.0


def test_a_process_is_charged_for_its_children_and_its_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # half a second of work and 200 MB in a child of the process, which itself does nothing
    (tmp_path / "child.py").write_text(
        "import time\nx = bytearray(b'x') * 200_000_000\nt = time.process_time()\n"
        "while time.process_time() - t < 0.5: pass\n"
    )
    (tmp_path / "parent.py").write_text(
        "import subprocess, sys\ndone = subprocess.run([sys.executable, '-m', 'child'])\n"
        "print('{\"ended\": %d}' % done.returncode)\n"
    )
    # The kernel counts the memory of the process that starts another one: ours, of a test run, is large.
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(tmp_path), str(ROOT)]))
    code = "from benchmarks.process import run; c = run('parent'); print(c.cpu_s, c.peak_mb, c.said['ended'])"
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    cpu_s, peak_mb, ended = float(said[0]), float(said[1]), int(said[2])
    assert cpu_s >= 0.5
    assert 200 <= peak_mb * 1.048576 < 300
    assert ended == 0


def test_a_process_that_fails_is_an_error_and_no_figure() -> None:
    with pytest.raises(RuntimeError, match="No module named"):
        run("benchmarks.nothing_of_this_name")


def test_the_table_is_plain_text_with_a_head() -> None:
    head, line = table([Row("a / b, CPU s", 2.0, -0.02, 200.0, 150.0, 250.0)]).splitlines()
    assert head.split() == ["ours", "/", "other", "ours", "other", "ratio"]
    found = LINE.match(line)
    assert found and found.groups() == ("a / b, CPU s", "2.00", "-0.02", "200.00", "150.00", "250.00")

"""What is compared with what: each case gives rows of ratios, from repeats in which both sides take turns."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from benchmarks.process import Cost, run

Say = Callable[[str], None]
Side = Callable[[Path], Cost]  # runs one side once, in a folder of its own


@dataclass(frozen=True, slots=True)
class Sizes:
    """How much data the cases read."""

    drift_rows: int
    nights: tuple[tuple[int, str], ...]  # rows, form
    snapshot_rows: int
    lineage: tuple[int, int]  # models, nights; 20 events each
    log_entries: int
    explained_from: int  # rows of the night that a sample of 2,000 is drawn from
    repeats: int


FULL = Sizes(
    drift_rows=1_000_000,
    nights=((20_000, "csv"), (200_000, "parquet")),
    snapshot_rows=1_000_000,
    lineage=(50, 100),
    log_entries=100_000,
    explained_from=100_000,
    repeats=3,
)
QUICK = Sizes(
    drift_rows=5_000,
    nights=((600, "csv"),),
    snapshot_rows=5_000,
    lineage=(3, 4),
    log_entries=500,
    explained_from=600,
    repeats=1,
)


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the table: ours against the other way."""

    case: str
    ours: float  # CPU seconds, milliseconds or MB, median of the repeats
    other: float | None  # None when there is nothing to compare with
    ratio: float | None  # median of the ratios within each repeat
    low: float  # smallest of them; without a ratio, of ours
    high: float  # largest of them


def drift(sizes: Sizes, work: Path, say: Say) -> list[Row]:
    """Exact drift of 20 numeric columns, against a stored reference, to five aggregates of the same columns."""
    made = work / "columns"
    run("benchmarks.made", "columns", made, sizes.drift_rows)
    run("benchmarks.drift", "exact", made, work / "modules.json")  # the first night: it stores the reference's columns
    costs = _repeat(
        sizes.repeats,
        ours=lambda folder: run("benchmarks.drift", "exact", made, folder / "modules.json"),
        other=lambda folder: run("benchmarks.drift", "scan", made, folder / "modules.json"),
        work=work,
        say=say,
    )
    return rows_of(f"exact drift {sizes.drift_rows:,} x 20 / one scan", costs)


def snapshot(sizes: Sizes, work: Path, say: Say) -> list[Row]:
    """Freezing a night of 30 columns against sorting and writing it."""
    made = work / "log"
    run("benchmarks.made", "log", made, sizes.snapshot_rows)
    costs = _repeat(
        sizes.repeats,
        ours=lambda folder: run("benchmarks.snapshot", "take", made, folder / "out", folder / "modules.json"),
        other=lambda folder: run("benchmarks.snapshot", "copy", made, folder / "out", folder / "modules.json"),
        work=work,
        say=say,
    )
    return rows_of(f"snapshot {sizes.snapshot_rows:,} x 30 / sorted copy", costs)


def night(sizes: Sizes, work: Path, say: Say) -> list[Row]:
    """A complete model-night against the script anybody would write with the same libraries."""
    rows: list[Row] = []
    for count, form in sizes.nights:
        made = work / f"night-{count}-{form}"
        run("benchmarks.made", "night", made, count, form)
        first: list[float] = []

        def ours(folder: Path, made: Path = made, first: list[float] = first) -> Cost:
            where = (made, folder / "out", folder / "modules.json")
            first.append(run("benchmarks.night", "first", *where).cpu_s)
            return run("benchmarks.night", "next", *where)

        costs = _repeat(
            sizes.repeats,
            ours=ours,
            other=lambda folder, made=made: run(  # type: ignore[misc]
                "benchmarks.plain", made, folder / "out", folder / "modules.json"
            ),
            work=work,
            say=say,
        )
        rows += rows_of(f"model-night {count:,} x 30 {form} / plain script", costs)
        rows.append(figure(f"first model-night {count:,} x 30 {form}, CPU s with imports", first))
    return rows


def encryption(sizes: Sizes, work: Path, say: Say) -> list[Row]:
    """The first night of a store whose files are encrypted against the same one in clear."""
    made, (count, form) = work / "night", sizes.nights[-1]
    run("benchmarks.made", "night", made, count, form)
    costs = _repeat(
        sizes.repeats,
        ours=lambda folder: run("benchmarks.night", "encrypted", made, folder / "out", folder / "modules.json"),
        other=lambda folder: run("benchmarks.night", "first", made, folder / "out", folder / "modules.json"),
        work=work,
        say=say,
    )
    return rows_of(f"encrypted night {count:,} x 30 / in clear", costs)


def lineage(sizes: Sizes, work: Path, say: Say) -> list[Row]:
    """Loading the events of a fleet against inserting the same lines; then one more night, and the questions."""
    models, nights = sizes.lineage
    made = work / "events"
    run("benchmarks.lineage", "make", made, models, nights)
    costs = _repeat(
        sizes.repeats,
        ours=lambda folder: run("benchmarks.lineage", "load", made, folder, folder / "modules.json"),
        other=lambda folder: run("benchmarks.lineage", "plain", made, folder, folder / "modules.json"),
        work=work,
        say=say,
    )
    rows = rows_of(f"lineage {20 * models * nights:,} events / plain insert", costs)
    each = [1000 * (turn.ours.cpu_s - turn.our_imports.cpu_s) / turn.ours.said["events"] for turn in costs]
    rows.append(figure("lineage loading, CPU ms per event", each))
    full = next(work.glob("turn-*-ours/lineage.duckdb"))
    more, asked = [], []
    for number in range(sizes.repeats):
        (work / f"again-{number}").mkdir()
        more.append(run("benchmarks.lineage", "again", made, full, work / f"again-{number}").said)
        asked.append(run("benchmarks.lineage", "ask", full, nights).said)
    rows.append(figure("lineage one more night, CPU ms per event", [1000 * m["cpu_s"] / m["events"] for m in more]))
    return rows + [figure(f"lineage {name}, ms", [one[name] for one in asked]) for name in asked[0]]


def log(sizes: Sizes, work: Path, say: Say) -> list[Row]:
    """The signed log: what a night adds, verifying all of it, and one proof."""
    del work, say
    found = [run("benchmarks.log", sizes.log_entries).said for _ in range(sizes.repeats)]
    name = f"log of {sizes.log_entries:,}"
    return [figure(f"{name}, {what}, CPU ms", [one[what] for one in found]) for what in found[0]]


def explain(sizes: Sizes, work: Path, say: Say) -> list[Row]:
    """An explanation with all that stands beside the importances against SHAP on as many rows."""
    made = work / "night"
    run("benchmarks.made", "night", made, sizes.explained_from, "parquet")
    run("benchmarks.explain", "whole", made, work / "modules.json")  # the first night: it keeps the reference's values
    costs = _repeat(
        sizes.repeats,
        ours=lambda folder: run("benchmarks.explain", "whole", made, folder / "modules.json"),
        other=lambda folder: run("benchmarks.explain", "importances", made, folder / "modules.json"),
        work=work,
        say=say,
    )
    return rows_of(f"explanation of 2,000 of {sizes.explained_from:,} / SHAP alone", costs)


CASES = {
    "drift": drift,
    "snapshot": snapshot,
    "night": night,
    "encryption": encryption,
    "lineage": lineage,
    "log": log,
    "explain": explain,
}


@dataclass(frozen=True, slots=True)
class Turn:
    """One repeat: both sides, and what their imports alone cost."""

    ours: Cost
    other: Cost
    our_imports: Cost
    other_imports: Cost


def _repeat(repeats: int, *, ours: Side, other: Side, work: Path, say: Say) -> list[Turn]:
    """Let both sides take turns, so that a change of the machine's load meets both."""
    turns = []
    for number in range(repeats):
        found: list[Cost] = []
        for name, side in (("ours", ours), ("other", other)):
            folder = work / f"turn-{len(list(work.iterdir()))}-{name}"
            folder.mkdir()
            found += [side(folder), run("benchmarks.imports", folder / "modules.json")]
        turns.append(Turn(found[0], found[2], found[1], found[3]))
        say(f"  repeat {number + 1}: ours {_said(found[0])}, other {_said(found[2])}")
    return turns


def _said(cost: Cost) -> str:
    return f"{cost.cpu_s:.1f} CPU s, {cost.peak_mb:,.0f} MB, {cost.said}"


def rows_of(case: str, turns: list[Turn]) -> list[Row]:
    """Return CPU without imports, CPU with imports, and peak memory."""
    work = [(t.ours.cpu_s - t.our_imports.cpu_s, t.other.cpu_s - t.other_imports.cpu_s) for t in turns]
    return [
        _row(f"{case}, CPU s", work),
        _row(f"{case}, CPU s with imports", [(t.ours.cpu_s, t.other.cpu_s) for t in turns]),
        _row(f"{case}, peak MB", [(t.ours.peak_mb, t.other.peak_mb) for t in turns]),
    ]


def figure(case: str, values: list[float]) -> Row:
    """Return a line that stands alone."""
    return Row(case, median(values), None, None, min(values), max(values))


def _row(case: str, pairs: list[tuple[float, float]]) -> Row:
    least = 0.01  # CPU s: what a clock of 1/100 s can tell apart
    ratios = [max(ours, least) / max(other, least) for ours, other in pairs]
    return Row(
        case=case,
        ours=median(ours for ours, _ in pairs),
        other=median(other for _, other in pairs),
        ratio=median(ratios),
        low=min(ratios),
        high=max(ratios),
    )

"""Run the benchmarks: `python -m benchmarks [--quick] [--only drift snapshot night]`; about 30 minutes on two cores."""

import argparse
import os
import sys
import tempfile
from pathlib import Path

from benchmarks.cases import CASES, FULL, QUICK, Row

NOTE = """
CPU s is user and system time of the whole process and its children; peak MB its largest resident set. Both sides of a
line read the same synthetic files and take turns in one run; the ratio is the median of the repeats, in brackets the
smallest and the largest. Without "with imports", a run that only imports the same modules is subtracted on both sides.
Below 1 ours costs less. Seconds and MB belong to this machine at this load: only ratios of two and more say something.

exact drift     PSI, Jensen-Shannon, KS with p, Wasserstein and missing share of 20 columns of a night against a stored
                reference of the same length, over all rows, against min, max, avg, stddev and count in DuckDB.
snapshot        canonical types, pseudonyms, sorted, digests of file and row groups, against DuckDB's sorted COPY.
model-night     snapshot, 40 checks, drift and performance over all rows, Evidently's report, SHAP, report, record and
                lineage, against Great Expectations on pandas, three Evidently presets and SHAP on 2,000 rows. It is the
                second night of a store: the reference is frozen on the first, which stands in a line of its own.
encrypted night the first night of a store with `keys.encryption`, against the same one in clear.
lineage         a fleet's OpenLineage events into tables, runs, versions, life spans and column links derived, against
                the same lines inserted by DuckDB's JSON reader; then one more night, and the command line's questions.
explanation     2,000 rows of a model of 100 boosted trees over 27 features: stratified draw, SHAP, agreement, slices,
                shuffles, drift of the attributions against the kept reference, stress; against SHAP on as many rows.
log             a signed log: one more entry, one more root, verifying all of it, and one inclusion proof.
"""


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="tiny sizes, one repeat: shows that it works, no more")
    parser.add_argument("--only", nargs="+", choices=tuple(CASES), default=tuple(CASES), metavar="CASE")
    parser.add_argument("--work", type=Path, help="folder for the data; default: a temporary one")
    chosen = parser.parse_args()
    sizes = QUICK if chosen.quick else FULL
    rows: list[Row] = []
    with tempfile.TemporaryDirectory(prefix="benchmarks-", dir=chosen.work) as folder:
        for name in chosen.only:
            work = Path(folder) / name
            work.mkdir()
            _say(f"{name}: {sizes.repeats} repeats")
            rows += CASES[name](sizes, work, _say)
    print(table(rows))
    print(f"\n{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f} at the end, Python {sys.version.split()[0]}.")
    print(NOTE)


def table(rows: list[Row]) -> str:
    """Return the rows as plain text, one line each."""
    width = max(len(row.case) for row in rows)
    head = f"{'ours / other':<{width}}  {'ours':>9}  {'other':>9}  {'ratio':>7}"
    lines = [
        f"{r.case:<{width}}  {r.ours:>9,.2f}  {_or(r.other):>9}  {_or(r.ratio):>7}  ({r.low:.2f} to {r.high:.2f})"
        for r in rows
    ]
    return "\n".join([head, *lines])


def _or(number: float | None) -> str:
    """Return a number, or a dash."""
    return "-" if number is None else f"{number:,.2f}"


def _say(text: str) -> None:
    """Say what is going on."""
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()

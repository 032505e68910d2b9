"""The report of one model-night: one HTML page that needs nothing but itself.

Everything on it comes from the record: `render_report` is a pure function of it, so the same record gives the
same bytes. The page's policy (CSP) lets it load nothing; its style and its few lines of script are inline and
pinned by hash.
"""

import base64
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from pathlib import Path, PurePosixPath

import jinja2

from audit_pipeline.evidence import plots, report_text, svg
from audit_pipeline.evidence.plot_dependence import dependence_plot
from audit_pipeline.evidence.plot_reliability import reliability_plot
from audit_pipeline.evidence.report_charts import chart_name, chart_value, charts_section
from audit_pipeline.evidence.report_concept import concept_section
from audit_pipeline.evidence.report_explained import explained_section, rows_share
from audit_pipeline.evidence.report_fairness import WORDS, attribute_tables, fairness_fault
from audit_pipeline.evidence.report_findings import (
    absent,
    check_groups,
    facts,
    finding_groups,
    rule_of,
    stage_steps,
    why,
)
from audit_pipeline.evidence.report_numbers import (
    MAIN_METRIC,
    column_rows,
    drift_alpha,
    effect_domain,
    estimate_rows,
    metric_groups,
    moved_most,
    psi_limits,
    psi_rows,
    tonight,
)
from audit_pipeline.records import AuditResult, FileRef, HistoryPoint, Outcome, Performance, Stage
from audit_pipeline.small_cells import in_words, of_in_words

NIGHTS = 30  # shown in the trend, newest last
PLOTTED = 20  # columns in the drift plot
DISTRIBUTIONS = 6  # worst columns whose distribution is drawn
LISTED = 60  # rows of a table per column: the page stays small, the record holds all
# Opens what is folded before printing: a printed page must not hide anything.
SCRIPT = "addEventListener('beforeprint',()=>document.querySelectorAll('details').forEach(d=>{d.open=true}))"


def render_report(
    result: AuditResult,
    *,
    result_digest: str,
    run_id: str,
    created: datetime,
    history: Sequence[HistoryPoint],
    files: Sequence[FileRef],
) -> str:
    """Return the page of one model-night.

    Args:
        result: the record's result part.
        result_digest: sha256 of its canonical JSON, in hex.
        run_id: of the run that made it.
        created: when that run was created; aware.
        history: earlier nights of the model, from logged records; the newest 30 are drawn.
        files: other files of this model-night, to be named with their digests.

    Raises:
        ValueError: `created` has no time zone.
    """
    if created.tzinfo is None:
        raise ValueError("created must be aware: a time without a zone is no evidence")
    earlier = sorted((p for p in history if p.night < result.night), key=lambda p: p.night)
    points = [*earlier[-(NIGHTS - 1) :], tonight(result, result_digest)]
    style = _read("report.css")
    return _template().render(
        r=result,
        digest=result_digest,
        run_id=run_id,
        created=created.astimezone(UTC),
        files=sorted(files, key=lambda f: (f.role, f.path)),
        evidently=any(PurePosixPath(f.path).name == "evidently.html" for f in files),
        style=style,
        script=SCRIPT,
        style_hash=_csp_hash(style),
        script_hash=_csp_hash(SCRIPT),
        why=why(result),
        steps=stage_steps(result),
        findings=finding_groups(result.decision),
        labels=labels_line(result.performance),
        trend=_trend(result, points),
        nights=len(points),
        charts=charts_section(result, points[:-1]),
        checks=check_groups(result.validation),
        drift=_drift(result) if result.drift else None,
        metrics=metric_groups(result),
        estimates=estimate_rows(result),
        concept=concept_section(result),
        fairness=attribute_tables(result),
        fairness_fault=fairness_fault(result),
        importance_domain=effect_domain(result.explanation),
        beside=explained_section(result),
        listed=LISTED,
        stopped=any(f.conclusion == "stopped" for f in result.decision.findings),
        coarse={c.name: str(c.generalised) for c in result.snapshot.columns if c.generalised}
        if result.snapshot
        else {},
        masked={c.name for c in result.snapshot.columns if c.masked} if result.snapshot else set(),
    )


def labels_line(performance: Performance | None) -> str:
    """Say in a few words how final the performance is."""
    if performance is None:
        return "performance not evaluated"
    have = f"{of_in_words(performance.labelled, performance.rows)} rows labelled"
    if performance.due is None:
        return "no labels for this model"
    if performance.overdue:
        return f"overdue since {performance.due}: {have}"
    if performance.maturity == "pending":
        return f"performance pending until {performance.due}"
    if performance.maturity == "final":
        return f"final: {have}"
    return f"{performance.maturity}: {have}, all due by {performance.due}"


@dataclass(frozen=True, slots=True)
class _DriftSection:
    """What the template shows of drift."""

    rows: object
    plot: str
    plotted: int
    others: int  # columns measured and not plotted
    judged: bool  # whether any limit is drawn
    alpha: float | None
    domain_judged: bool
    distributions: object


def _drift(result: AuditResult) -> _DriftSection:
    """Prepare the drift section: the plot of the worst columns, their distributions, the table."""
    rows = psi_rows(result)
    warn, fail = psi_limits(result.decision)
    return _DriftSection(
        rows=column_rows(result),
        plot=plots.psi_plot(rows[:PLOTTED], warn=warn, fail=fail),
        plotted=min(len(rows), PLOTTED),
        others=max(0, len(rows) - PLOTTED),
        judged=warn is not None or fail is not None,
        alpha=drift_alpha(result.decision),
        domain_judged=any(limit.name == "domain_auc" for limit in result.decision.limits),
        distributions=[
            (row, moved_most(distribution.bins), len(distribution.bins))
            for row in rows
            for distribution in (result.drift.distributions if result.drift else ())
            if distribution.column == row.column
        ][:DISTRIBUTIONS],
    )


def _trend(result: AuditResult, points: Sequence[HistoryPoint]) -> str:
    """Draw the trend with the limits that hold for every column."""
    warn, fail = psi_limits(result.decision)
    name = report_text.name_of(MAIN_METRIC.get(result.task, "main metric"))
    return plots.trend(points, metric=name, warn=warn, fail=fail)


def _csp_hash(text: str) -> str:
    """Return the hash by which the page's policy admits one inline block."""
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


def _read(name: str) -> str:
    """Return a file that stands beside this module."""
    return (Path(__file__).parent / name).read_text(encoding="utf-8")


@cache
def _template() -> jinja2.Template:
    """Compile the page; everything that comes from the record is escaped."""
    env = jinja2.Environment(autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    env.filters |= {
        "number": report_text.number,
        "share": report_text.share,
        "told": in_words,
        "told_of": of_in_words,
        "word": report_text.word,
        "metric": report_text.name_of,
        "size": report_text.size,
        "signed": report_text.signed,
        "parts": report_text.parts,
        "bound": lambda limit: report_text.bound("", limit),
    }
    env.globals |= {
        "Outcome": Outcome,
        "Stage": Stage,
        "absent": absent,
        "chart_name": chart_name,
        "chart_value": chart_value,
        "four_fifths": WORDS,
        "facts": facts,
        "rule_of": rule_of,
        "count": report_text.count,
        "quantity": report_text.quantity,
        "suffix": svg.SUFFIX,
        "mark": svg.mark,
        "paired_bars": plots.paired_bars,
        "interval": plots.interval,
        "dependence_plot": dependence_plot,
        "reliability_plot": reliability_plot,
        "rows_share": rows_share,
    }
    return env.from_string(_read("report.html"))

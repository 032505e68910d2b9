"""What is said while labels are missing: estimates are no result, and the part that came may be a poor sample."""

from collections.abc import Iterator

from audit_pipeline.decision.findings import not_evaluated, number, passed
from audit_pipeline.records import Finding, LabelledPart, Outcome, Performance, Severity, Stage

SHOWN = ("auc", "mae")  # the estimate that is told in words, by task


def estimate(measured: Performance) -> Iterator[Finding]:
    """Say what is estimated while there are no labels: never judged, and never in place of what is pending."""
    for metric in measured.estimates:
        if metric.name in SHOWN and metric.value is not None:
            ends = "" if metric.lo is None else f" ({number(metric.lo)} to {number(metric.hi)})"
            reason = (
                f"{metric.name} is estimated at {number(metric.value)}{ends} from the {metric.n:,} rows of the night: "
                f"{metric.reason}. It is not judged."
            )
            name, conclusion = f"{metric.name}:estimated", "estimate"
            yield not_evaluated(Stage.PERFORMANCE, name, reason, n=metric.n, counts=False, conclusion=conclusion)


def labelled_part(part: LabelledPart | None) -> Iterator[Finding]:
    """Say whether the rows with a label are like the rest; a warning when they are not, a word when nobody can tell."""
    if part is not None and part.reason is not None:
        text = f"Whether the rows with a label are like the rest was not tested: {part.reason}."
        yield not_evaluated(Stage.PERFORMANCE, "labelled_part", text, n=part.n, counts=False, conclusion="not tested")
    if part is None or part.column is None or part.effect is None or part.p is None:
        return
    measure = f"{part.column} differs most, by {number(part.effect)} (adjusted p {part.p:.2g})"
    if not part.differs:
        text = f"The {part.n:,} rows with a label are like the {part.n_rest:,} without: {measure}."
        yield passed(Stage.PERFORMANCE, "labelled_part", text, n=part.n, counts=False)
        return
    yield Finding(
        stage=Stage.PERFORMANCE,
        name="labelled_part",
        column=part.column,
        severity=Severity.WARNING,
        outcome=Outcome.WARN,
        counts=True,
        value=part.effect,
        limit=None,
        n=part.n,
        reason=(
            f"The {part.n:,} rows with a label are not like the {part.n_rest:,} without: {measure}. "
            "The provisional numbers tell of the labelled rows only."
        ),
        conclusion="selective labels",
    )

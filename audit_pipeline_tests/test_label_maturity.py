"""One night as its labels come: estimated, provisional, final; what was known before stays, and is told by the day."""

from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pandas as pd
import pytest
from sklearn.metrics import roc_auc_score

from audit_pipeline.config import Project, load_project
from audit_pipeline.fleet import publish_store
from audit_pipeline.pipeline import audit_model_night
from audit_pipeline.publish import query
from audit_pipeline.records import AuditResult, Maturity, Outcome, RunContext
from audit_pipeline_tests.small_project import NIGHTS, ROWS, build, write_labels

pytestmark = pytest.mark.acceptance
NIGHT = NIGHTS[0]
RUN = RunContext("run", datetime(2026, 3, 9, tzinfo=UTC))


@dataclass(frozen=True)
class Grown:
    """The night's three records, and the outcomes that came in the end."""

    project: Project
    pending: AuditResult
    some: AuditResult
    final: AuditResult
    people: pd.DataFrame


@pytest.fixture(scope="module")
def grown(tmp_path_factory: pytest.TempPathFactory) -> Grown:
    root = build(tmp_path_factory.mktemp("maturity") / "p", nights=[NIGHT], labelled=[], models=["churn"])
    project = load_project(root)
    log = pd.read_parquet(root / "input" / "churn" / f"{NIGHT}.parquet")

    def audit() -> AuditResult:
        return audit_model_night(project, "churn", NIGHT, run=RUN).result

    pending = audit()
    path = write_labels(root, NIGHT)
    everything = pd.read_csv(path).merge(log, on="request")
    young = everything.sort_values("age")[["request", "outcome"]].head(200)
    young.to_csv(path, index=False)  # the outcomes of the young come first
    some = audit()
    write_labels(root, NIGHT)
    final = audit()
    publish_store(project)
    return Grown(project, pending, some, final, everything)


def numbers(result: AuditResult) -> dict[str, float | None]:
    assert result.performance is not None
    return {m.name: m.value for m in result.performance.metrics if m.slice == "all"}


def test_before_labels_there_is_an_estimate_and_no_number(grown: Grown) -> None:
    performance = grown.pending.performance
    assert performance is not None
    assert (performance.maturity, performance.metrics) == (Maturity.PENDING, ())
    assert {m.name for m in performance.estimates} >= {"auc", "accuracy", "recall"}
    assert grown.pending.decision.verdict is Outcome.PASS
    assert grown.pending.decision.conclusion == "PASS, performance pending"


def test_a_part_that_is_not_like_the_rest_is_told(grown: Grown) -> None:
    assert grown.some.performance is not None
    assert grown.some.performance.maturity is Maturity.PROVISIONAL
    assert grown.some.performance.estimates == ()
    warned = next(f for f in grown.some.decision.findings if f.name == "labelled_part")
    assert (warned.outcome, warned.column, warned.n) == (Outcome.WARN, "age", 200)
    assert grown.some.decision.verdict is Outcome.WARN


def test_in_the_end_the_numbers_are_those_of_the_labels(grown: Grown) -> None:
    assert grown.final.performance is not None
    assert grown.final.performance.maturity is Maturity.FINAL
    assert numbers(grown.final)["auc"] == pytest.approx(roc_auc_score(grown.people.outcome, grown.people.score))
    assert not any(f.name == "labelled_part" for f in grown.final.decision.findings)


def test_the_tables_keep_all_three_and_tell_what_was_known(grown: Grown) -> None:
    layout = grown.project.layout
    kept = query(layout, "select maturity, labelled, superseded from audit.v_label_maturity").rows
    assert kept == [("pending", 0, True), ("provisional", 200, True), ("final", ROWS, False)]
    [(estimate, value)] = query(
        layout, "select estimate, value from audit.v_estimate_realised where metric = 'auc'"
    ).rows
    assert grown.pending.performance is not None
    assert estimate == next(m.value for m in grown.pending.performance.estimates if m.name == "auc")
    assert value == numbers(grown.final)["auc"]
    today = datetime.now(UTC).date()  # the records were logged today
    sql = "select distinct maturity from audit.known_at(?)"
    assert query(layout, sql, [today]).rows == [("final",)]
    assert query(layout, sql, ["2026-03-01"]).rows == []  # the night had not been audited then


def test_the_report_of_the_pending_night_names_the_estimate(grown: Grown) -> None:
    pages = (grown.project.layout.audit / "artifacts" / "churn" / str(NIGHT)).rglob("report.html")
    texts = [Path(page).read_text() for page in pages]
    assert sum("Estimated while there are no labels" in text for text in texts) == 1
    assert sum("selective labels" in text for text in texts) == 1

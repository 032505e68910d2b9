"""Small, whole model-nights for tests of what stands behind the stages: evidence, publication, alerts.

Every file a result names is really there, every table of the published database gets a row. All numbers are made up.
"""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

from audit_pipeline.config import Layout
from audit_pipeline.durable import write_whole
from audit_pipeline.evidence import Committed, SigningKey, Store
from audit_pipeline.records import (
    AppliedLimit,
    AttributionDrift,
    AuditResult,
    Baseline,
    CheckResult,
    Column,
    ColumnProfile,
    Concept,
    ConceptNumber,
    ConfusionCell,
    ControlChart,
    ControlCharts,
    Decision,
    Dependence,
    DependencePoint,
    DomainScore,
    Drift,
    DriftScore,
    Explanation,
    Fairness,
    Fidelity,
    FileRef,
    Finding,
    Generalised,
    GroupImportance,
    Grouping,
    GroupMetric,
    Importance,
    JointAnomaly,
    JointBaseline,
    Maturity,
    MovedAttribution,
    Outcome,
    Performance,
    PerformanceMetric,
    PermutationImportance,
    PermutedFeature,
    QualityScore,
    ReliabilityBin,
    RowGroup,
    Severity,
    Snapshot,
    Stage,
    Stress,
    StressTest,
    Validation,
)

NIGHT = date(2026, 7, 1)
STARTED = datetime(2026, 7, 2, 2, 0, 0, 250_000, tzinfo=UTC)


def make_store(root: Path, key: SigningKey | None = None) -> Store:
    """Return the store of a project that stands in `root`; its log is signed when there is a key."""
    return Store(Layout(root=root), key)


def make_key(number: int = 1) -> SigningKey:
    """Return a signing key; the same number gives the same one."""
    return SigningKey(bytes([number]) * 32)


def make_snapshot(store: Store, model_id: str, night: date, *, seed: str = "") -> Snapshot:
    """Write a snapshot of two row groups; what reads it here reads bytes, so that it need not be Parquet."""
    groups = [f"group {i} of {model_id} {night} {seed}".encode() * 8 for i in (0, 1)]
    data = b"PAR1" + b"".join(groups) + b"footer"
    digest = hashlib.sha256(data).hexdigest()
    path = f"snapshots/{model_id}/{night}/{digest}.parquet"
    if not (store.root / path).exists():
        write_whole(store.root / path, data)
    at, named = 4, []
    for i, group in enumerate(groups):
        named.append(RowGroup(i, 150, at, len(group), hashlib.sha256(group).hexdigest()))
        at += len(group)
    columns = (Column("age", "number", "feature", "none", generalised=Generalised(round=0.5)),)
    return Snapshot(path, digest, len(data), 300, 0, columns, tuple(named), f"input/{night}.csv", "a" * 64)


def make_result(
    store: Store,
    *,
    model_id: str = "churn",
    night: date = NIGHT,
    verdict: Outcome = Outcome.WARN,
    psi: float | None = 0.125,
    p: float | None = 0.02,
    version: str = "1",
    owner: str = "team",
    maturity: Maturity = Maturity.PROVISIONAL,
    seed: str = "",
) -> AuditResult:
    """Return a result with something in every part, and put the files it names into `store`."""
    snapshot = make_snapshot(store, model_id, night, seed=seed)
    inputs = (
        store.put_input("model_config", f"model_id: {model_id}\n".encode(), media_type="application/yaml"),
        store.put_input("suite", b"expectations: []\n", media_type="application/yaml"),
    )
    return AuditResult(
        schema_version=1,
        project="small",
        model_id=model_id,
        model_version=version,
        versions_seen=((version, 300),),
        night=night,
        description="Who leaves next month.",
        owner=owner,
        domain="retention",
        tier=2,
        task="binary",
        seed=7,
        engines=(("duckdb", "2.0.0"),),
        source=snapshot.source,
        snapshot=snapshot,
        inputs=inputs,
        look_back=((night - timedelta(days=1), "c" * 64),),
        profile=_profile(),
        validation=_validation(),
        drift=_drift(psi, p),
        performance=_performance(night, maturity),
        explanation=_explanation(),
        decision=_decision(verdict, psi),
        fairness=_fairness(),
        charts=_charts(night, psi),
    )


def without_data(result: AuditResult) -> AuditResult:
    """Return the result of the same night when its log never came."""
    decision = replace(result.decision, verdict=Outcome.NOT_EVALUATED, conclusion="NOT_EVALUATED, missing night")
    nothing = dict.fromkeys(
        ("source", "snapshot", "validation", "drift", "performance", "explanation", "fairness", "charts")
    )
    return replace(result, decision=decision, profile=(), **nothing)  # type: ignore[arg-type]


def _profile() -> tuple[ColumnProfile, ...]:
    quantiles = ((0.01, 19.0), (0.25, 30.0), (0.5, 40.5), (0.75, 51.0), (0.99, 88.0))
    return (ColumnProfile("age", "number", "feature", "none", 300, 30, 61, 41.25, 13.5, quantiles, ()),)


def _validation() -> Validation:
    kind = "expect_column_values_to_not_be_null"
    check = CheckResult(
        f"{kind}(age)",
        kind,
        "age",
        Severity.WARNING,
        Outcome.FAIL,
        '{"mostly": 1.0}',
        "30 unexpected",
        300,
        30,
        0.1,
        "30 of 300 values of age are missing.",
    )
    scores = (QualityScore("completeness", 0.99, 300), QualityScore("accuracy", None, 0, "no expectation measures it"))
    return Validation("duckdb", 300, (check,), scores)


def _drift(psi: float | None, p: float | None) -> Drift:
    why = None if psi is not None else "3 non-missing values tonight, at least 200 are needed"
    score = DriftScore("age", "psi", psi, None, 297, 5000, 0.01, 0.02, "exact", why, adjusted_p=p, test="ks")
    domain = DomainScore(0.51, 0.49, 0.53, 300, 5000, 4, 7, "a reason, so that every column is filled")
    return Drift((score, replace(score, method="ks", value=0.08, p=p, reason=None)), (), domain)


def _performance(night: date, maturity: Maturity) -> Performance:
    metrics = (
        PerformanceMetric("auc", "all", 0.75, 0.7, 0.8, 120, 0.77),
        PerformanceMetric("cost", "all", 1.5, 1.0, 2.0, 120, 1.0, None, 0.9, 1.1, 5000, 0.5, -0.01, 1.01),
        PerformanceMetric("auc", "site=north", None, None, None, 31, None, "31 labelled rows, at least 100 are needed"),
    )
    bins = (ReliabilityBin(60, 0.2, 0.25, 0.16, 0.37), ReliabilityBin(60, 0.7, 0.65, 0.52, 0.76))
    return Performance(
        maturity,
        night + timedelta(days=30),
        False,
        120,
        300,
        metrics,
        "exact",
        reliability=bins,
        confusion=(ConfusionCell("stays", "leaves", 14),),
        estimates=() if maturity is Maturity.FINAL else (_estimate(),),
        seed=7,
        cost_unit="dollars",
        concept=_concept(),
    )


def _concept() -> Concept:
    """A relation that moved in a part of the inputs; a reason, so that every column is filled."""
    numbers = (
        ConceptNumber("structure", 0.2, 0.1, 0.3, 0.2, 0.001, 0.002, True, "age"),
        ConceptNumber("slope", None, None, None, reason="all scores of a side are equal: they have no slope"),
    )
    return Concept("concept", numbers, "brier", 120, 5000, 230.0, 0.05, 0.1, 7, "a reason")


def _estimate() -> PerformanceMetric:
    reason = "estimate, valid under covariate shift only"
    return PerformanceMetric("auc", "all", 0.8, 0.76, 0.84, 300, None, reason, n_reference=5000)


def _explanation() -> Explanation:
    age = Importance("age", 0.4, 0.35, 0.45, 1, False, -0.6, 1.0)
    low = DependencePoint(30.0, None, 60, 0.2, -0.1, 0.0, 0.1, -0.05, -0.3, -0.5, -0.1)
    high = replace(low, value=60.0, n=40, pdp=0.3, ale=0.05, shap=0.4)
    named = replace(low, value=None, category="north", ale=None)
    along = (
        Dependence("age", "probability", 100, 100, (low, high)),
        Dependence("region", "probability", 100, 100, (named, replace(named, category="south"))),
        Dependence("joined", "probability", 100, 100, (), "Dates have no points to look at."),
    )
    why = "a reason, so that every column is filled"
    moved = MovedAttribution("age", 0.2, 0.42, 0.4, 1, 1, 0.3)
    return Explanation(
        *("shap.TreeExplainer", "log-odds", (age,), 100, 7, "b" * 64, 1e-15, 1e-16),
        explains="surrogate",
        fidelity=Fidelity(0.9, 0.8, 0.95, 300, 300),
        dependence=along,
        sample="100 of 300 rows, in proportion to the tenths of score",
        groups=(GroupImportance("site", "north", 60, (age,)), GroupImportance("all", "all", 0, (), why)),
        permutation=PermutationImportance(
            *("brier", "reference", 0.2, (PermutedFeature("age", 0.03, 0.01, 0.05),), 300, 5, 7), reason=why
        ),
        attribution=AttributionDrift((moved,), 0.99, 0.98, 0.2, 0.9, 0.3, 100, 2000, 499, 7, why),
        stress=Stress(
            (
                StressTest("missing", "age", 0.05, 0.01, 0.2),
                StressTest("noise", "age", 0.05, 0.001, 0.02),
                StressTest("increasing", "age", None, None, None, why),
            ),
            *(300, 0.05, "reference", 7),
        ),
    )


def _fairness() -> Fairness:
    """Two groups of people, one of them best off, one too small; a slice that could not be measured."""
    best = GroupMetric("north", "selection_rate", 0.5, 0.4, 0.6, 150, 0.55, conclusion="compared with")
    other = GroupMetric(
        "south", "selection_rate", 0.25, 0.2, 0.31, 140, 0.5, 0.5, 0.4, 0.7, -0.25, -0.35, -0.1, "not met"
    )
    small = GroupMetric("east", "selection_rate", None, None, None, 20, None, None, conclusion="insufficient")
    whole = GroupMetric(None, "impact_ratio", 0.5, 0.4, 0.7, 290, 0.9)
    proxy = replace(whole, metric="proxy_auc", value=0.6, lo=0.55, hi=0.65, reference=None)
    groups = (best, other, replace(small, reason="20 rows stand behind it, 30 are needed"), whole, proxy)
    unmeasured = Grouping("slice", "zip", (), None, 0, "zip has more than 100 values")
    return Fairness((Grouping("protected", "region", groups, "north", 2), unmeasured), 1, 30, 120, 0, 7)


def _charts(night: date, psi: float | None) -> ControlCharts:
    """The night's rows in control, the drift out of it, one number still in phase I, and all together."""
    first = Baseline(night - timedelta(days=40), night - timedelta(days=13), 28, 0, 34.6, 1.0, (0.0,) * 7, 0.1)
    rows = ControlChart(
        *("volume.rows", "count", 300.0, 300, 12, first, 299.6, 249.9, 353.8, 0.02, 300.1, 282.4, 317.4, 0.0, 0.1, 5.7),
        judged=("limits",),
        reason="a reason, so that every column is filled",
    )
    moved = replace(
        rows, metric="drift.largest_psi", scale="amount", value=psi, broken=("limits",), judged=(), reason=None
    )
    young = ControlChart("performance.auc", "share", 0.75, 120, 9, reason="9 of the 28 nights of phase I have it")
    together = JointBaseline(("volume.rows", "drift.largest_psi"), first.first, 28, 1, ((1.0, 0.1), (0.1, 1.0)))
    joint = JointAnomaly(together.metrics, 1.5, 14.2, baseline=together)
    return ControlCharts((rows, moved, young), joint, 28, ((night - timedelta(days=1), "c" * 64),))


def _decision(verdict: Outcome, psi: float | None) -> Decision:
    reason = "PSI of age is over its limit, from 297 values."
    found = Finding(Stage.DRIFT, "psi", "age", Severity.WARNING, verdict, True, psi, 0.1, 297, reason, "moved")
    shown = replace(found, name="ks", severity=Severity.INFO, outcome=Outcome.FAIL, counts=False, conclusion=None)
    unfair = replace(shown, stage=Stage.PERFORMANCE, name="impact_ratio", column="region", conclusion="not met")
    limits = (
        AppliedLimit(Stage.DRIFT, "psi", None, 0.1, 0.25, True),
        AppliedLimit(Stage.PERFORMANCE, "impact_ratio", None, None, 0.8, False),
        AppliedLimit(Stage.PERFORMANCE, "proxy_auc", None, 0.8, None, True),
    )
    return Decision(verdict, f"{verdict}, 1 finding in drift", (found, shown, unfair), limits)


@contextmanager
def session(store: Store, model_id: str, night: date) -> Iterator[Path]:
    """Hold what the pipeline holds while it audits one model-night; yield the folder of rendered files."""
    with store.session(), store.model_night(model_id, night), store.workspace() as work:
        (work / "rendered").mkdir()
        yield work / "rendered"


def execution(*, run_id: str = "run-1", started: datetime = STARTED) -> dict[str, Any]:
    """Return who made a record, and when: 2.5 s of work."""
    ended = started + timedelta(seconds=2.5)
    return {
        "run_id": run_id,
        "attempt": 1,
        "created": started,
        "started": started,
        "ended": ended,
        "host": "here",
        "stages": (),
    }


def commit(store: Store, *, run_id: str = "run-1", page: str = "", **what: Any) -> Committed:
    """Make one model-night evidence, the way the pipeline does; `what` goes to `make_result`."""
    model_id, night = what.get("model_id", "churn"), what.get("night", NIGHT)
    with session(store, model_id, night) as rendered:
        return commit_result(store, make_result(store, **what), rendered, run_id=run_id, page=page)


def commit_result(
    store: Store, result: AuditResult, rendered: Path, *, run_id: str = "run-1", page: str = ""
) -> Committed:
    """Render two files and commit; the caller holds a session."""
    (rendered / "report.html").write_text(f"<h1>{result.model_id} {result.night} {page}</h1>", encoding="utf-8")
    (rendered / "evidently.json").write_text('{"metrics": []}', encoding="utf-8")
    return store.commit(result, rendered=rendered, execution=execution(run_id=run_id))


def nights(count: int, *, first: date = NIGHT) -> list[date]:
    """Return `count` nights in order."""
    return [first + timedelta(days=i) for i in range(count)]


def named_files(store: Store, committed: Committed, result: AuditResult) -> list[FileRef]:
    """Return the files other than the record that a committed result stands on."""
    snapshot = result.snapshot
    kept = [] if snapshot is None else [FileRef("snapshot", snapshot.path, snapshot.sha256, snapshot.bytes, "")]
    return [*kept, *result.inputs, *committed.artifacts]

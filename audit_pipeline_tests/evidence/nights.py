"""Nights as records, for the report: WARN, FAIL by drift, stopped, missing, pending. The numbers are made up."""

import hashlib
import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date, timedelta

from audit_pipeline.records import (
    AppliedLimit,
    AttributionDrift,
    AuditResult,
    Baseline,
    Bin,
    ChartPoint,
    CheckResult,
    Column,
    ColumnProfile,
    ControlChart,
    ControlCharts,
    Decision,
    Dependence,
    DependencePoint,
    Distribution,
    Drift,
    DriftScore,
    Explanation,
    Fairness,
    FileRef,
    Finding,
    GroupImportance,
    Grouping,
    GroupMetric,
    HistoryPoint,
    Importance,
    JointAnomaly,
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
PASS, WARN, FAIL, NONE = Outcome.PASS, Outcome.WARN, Outcome.FAIL, Outcome.NOT_EVALUATED
ROWS, REFERENCE = 727, 5638
COLUMNS = (  # name, type, role, privacy, mean, sd
    ("visit_id", "category", "row_id", "direct_identifier", None, None),
    ("person_id", "category", "subject_id", "direct_identifier", None, None),
    ("score", "number", "score", "none", 0.241, 0.128),
    ("age", "integer", "feature", "quasi_identifier", 38.4, 17.2),
    ("income", "number", "feature", "sensitive", 9213.5, 4788.0),
    ("family_size", "integer", "feature", "quasi_identifier", 3.92, 1.98),
    ("coinsurance", "number", "feature", "none", 32.7, 38.1),
    ("chronic_conditions", "number", "feature", "sensitive", 11.2, 6.7),
    ("health_index", "number", "feature", "sensitive", 71.8, 14.9),
    ("education_years", "number", "feature", "quasi_identifier", 11.97, 2.84),
    ("plan", "category", "feature", "none", None, None),
    ("site", "category", "segment", "quasi_identifier", None, None),
)
PSI = {
    "score": 0.041,
    "age": 0.0121,
    "income": 0.0084,
    "family_size": 0.163,
    "coinsurance": 0.0312,
    "chronic_conditions": 0.118,
    "health_index": 0.0223,
    "education_years": 0.0057,
    "plan": 0.0714,
    "site": 0.0032,
}
SCORES = (0.06, 0.1, 0.14, 0.17, 0.2, 0.24, 0.28, 0.33, 0.41, 0.56)  # of the reliability table
RATES = (0.04, 0.11, 0.1, 0.18, 0.22, 0.2, 0.31, 0.38, 0.4, 0.62)
LIMITS = (
    AppliedLimit(Stage.DRIFT, "psi", None, 0.1, 0.25, True),
    AppliedLimit(Stage.DRIFT, "missing_share", None, 0.05, 0.2, True),
    AppliedLimit(Stage.DRIFT, "new_category_share", None, 0.01, 0.1, True),
    AppliedLimit(Stage.PERFORMANCE, "auc", None, 0.68, 0.6, False),
    AppliedLimit(Stage.PERFORMANCE, "brier", None, 0.18, 0.25, True),
    AppliedLimit(Stage.EXPLANATION, "agreement", "score", None, 1e-6, True),
)


def digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def file(role: str, path: str, size: int) -> FileRef:
    return FileRef(role, path, digest(path), size, "application/octet-stream")


def snapshot() -> Snapshot:
    columns = tuple(Column(n, t, r, p, masked=p == "direct_identifier") for n, t, r, p, _, _ in COLUMNS)
    group = RowGroup(0, ROWS, 4, 61_220, digest("group"))
    path = f"snapshots/readmission/{NIGHT}/{digest('snap')}.parquet"
    return Snapshot(path, digest("snap"), 63_871, ROWS, 0, columns, (group,), "input/log.parquet", digest("log"))


def profile() -> tuple[ColumnProfile, ...]:
    rows = []
    for name, kind, role, privacy, mean, sd in COLUMNS:
        spread = (
            ()
            if mean is None or sd is None
            else tuple(
                (q, round(mean + z * sd, 3))
                for q, z in ((0.01, -2.1), (0.25, -0.7), (0.5, -0.1), (0.75, 0.7), (0.99, 2.4))
            )
        )
        top = {
            "plan": (("free", 301), ("family", 204), ("pay 95 %", 133), ("pay 50 %", 62), ("other", 27)),
            "site": (("Dayton", 190), ("Seattle", 166), ("Fitchburg", 121)),
        }.get(name, ())
        missing = {"health_index": 188, "income": 9}.get(name, 0)
        distinct = ROWS if role == "row_id" else 412
        rows.append(ColumnProfile(name, kind, role, privacy, ROWS, missing, distinct, mean, sd, spread, top))
    return tuple(rows)


def check(
    name: str, column: str | None, severity: Severity, outcome: Outcome, reason: str, bad: int | None = 0
) -> CheckResult:
    expectation = name.partition("(")[0]
    return CheckResult(
        name,
        expectation,
        column,
        severity,
        outcome,
        '{"column": "' + str(column) + '"}',
        None if bad is None else f"{bad} unexpected",
        ROWS,
        bad,
        None if bad is None else bad / ROWS,
        reason,
    )


def validation(*extra: CheckResult) -> Validation:
    good = [
        check(f"expect_column_values_to_not_be_null({c})", c, Severity.CRITICAL, PASS, f"No value of {c} is missing.")
        for c in ("visit_id", "person_id", "score", "age", "plan", "site")
    ]
    known = check(
        "expect_column_values_to_not_be_null(health_index)",
        "health_index",
        Severity.INFO,
        FAIL,
        "188 of 727 values of health_index are missing.",
        188,
    )
    scores = (
        QualityScore("completeness", 0.9774, 8724),
        QualityScore("accuracy", 0.99992, 8527),
        QualityScore("consistency", 1.0, 2181),
    )
    return Validation("duckdb", ROWS, (*good, known, *extra), scores)


def drift(psi: Mapping[str, float | None]) -> Drift:
    scores: list[DriftScore] = []
    for column, value in psi.items():
        reason = None if value is not None else "3 non-missing values tonight, at least 200 are needed"
        n = ROWS - {"health_index": 188, "income": 9}.get(column, 0)
        gap = {"health_index": 0.2586, "income": 0.0124}.get(column, 0.0)
        main = DriftScore(column, "psi", value, None, n, REFERENCE, gap, gap * 0.97, "exact", reason)
        wide = None if value is None else value * 1.07 + 0.002
        scores += [main, replace(main, method="missing_share", value=gap * 0.03, reason=None)]
        if column in ("plan", "site"):
            scores.append(replace(main, method="new_category_share", value=0.0))
            scores.append(replace(main, method="evidently:psi", value=wide, engine="evidently"))
            continue
        ks = None if value is None else math.tanh(math.sqrt(value) * 0.9)
        scores.append(replace(main, method="ks", value=ks, p=None if ks is None else math.exp(-ks * 90)))
        scores.append(replace(main, method="evidently:wasserstein", value=wide, engine="evidently"))
    worst = sorted((c for c, v in psi.items() if v is not None), key=lambda c: -(psi[c] or 0))
    return Drift(tuple(scores), tuple(distribution(c, psi[c] or 0) for c in worst[:7]))


def distribution(column: str, psi: float) -> Distribution:
    if column == "plan":
        shares = (("free", 0.414, 0.36), ("family", 0.281, 0.29), ("pay 95 %", 0.183, 0.25), ("other", 0.122, 0.1))
        return Distribution(column, tuple(Bin(*b) for b in shares))
    if psi > 1:  # everything beyond the last reference quantile
        moved = [0.0] * 9 + [1.0]
    else:
        raw = [math.exp(math.sqrt(psi) * (i - 4.5) / 3) for i in range(10)]
        moved = [x / sum(raw) for x in raw]
    edges = [round(7.5 * i**1.6, 1) for i in range(11)]
    labels = [f"< {edges[1]}"] + [f"{edges[i]} to {edges[i + 1]}" for i in range(1, 9)] + [f"≥ {edges[9]}"]
    return Distribution(column, tuple(Bin(label, share, 0.1) for label, share in zip(labels, moved, strict=True)))


def performance() -> Performance:
    def metric(
        name: str, part: str, v: float | None, half: float, n: int, ref: float | None, why: str | None = None
    ) -> PerformanceMetric:
        lo, hi = (None, None) if v is None or not half else (v - half, v + half)
        if v is None or ref is None:
            return PerformanceMetric(name, part, v, lo, hi, n, ref, why)
        apart = (v - ref, v - ref - 1.1 * half, v - ref + 1.1 * half)
        return PerformanceMetric(name, part, v, lo, hi, n, ref, why, ref - 0.01, ref + 0.01, REFERENCE, *apart)

    few = "31 labelled rows, at least 100 are needed"
    metrics = (
        metric("auc", "all", 0.7214, 0.0412, 727, 0.7391),
        metric("auc", "site=Dayton", 0.7702, 0.0731, 190, 0.7613),
        metric("auc", "site=Seattle", 0.6633, 0.0887, 166, 0.7127),
        metric("auc", "site=Georgetown", None, 0, 31, 0.701, few),
        metric("evidently:auc", "all", 0.7214, 0, 727, None),
        metric("evidently:f1", "all", 0.412, 0, 727, None),
        metric("brier", "all", 0.1642, 0.0117, 727, 0.1581),
        metric("brier", "site=Dayton", 0.1514, 0.0221, 190, 0.1503),
    )
    bins = tuple(
        ReliabilityBin(73 if i < 9 else 70, s, r, max(0.0, r - 0.09), r + 0.1)
        for i, (s, r) in enumerate(zip(SCORES, RATES, strict=True))
    )
    return Performance(Maturity.FINAL, date(2026, 7, 31), False, 727, ROWS, metrics, "exact", reliability=bins, seed=7)


def pending() -> Performance:
    return Performance(Maturity.PENDING, date(2026, 7, 31), False, 0, ROWS, (), "exact")


def explanation() -> Explanation:
    sizes = (
        ("chronic_conditions", 0.402, 0.71),
        ("health_index", 0.317, -0.83),
        ("age", 0.221, 0.64),
        ("coinsurance", 0.209, -0.92),
        ("income", 0.118, 0.21),
        ("family_size", 0.064, -0.33),
        ("plan", 0.033, None),
        ("education_years", 0.012, 0.05),
    )
    total = sum(s for _, s, _ in sizes)
    rows = tuple(
        Importance(
            name, s, s - 0.012 - s * 0.03, s + 0.012 + s * 0.03, i + 1, name in ("age", "coinsurance"), d, s / total
        )
        for i, (name, s, d) in enumerate(sizes)
    )
    method = "shap.TreeExplainer (path-dependent), sum of one-hot attributions"
    return Explanation(
        *(method, "log-odds", rows, 727, 20260101, digest("model"), 4.1e-15, 3.3e-16),
        sample="all 727 rows",
        groups=tuple(GroupImportance("site", f"site_{i}", 90 + 7 * i, rows[i:]) for i in range(3)),
        permutation=_permutation(sizes),
        attribution=_attribution(sizes),
        stress=_stress(sizes),
        dependence=dependence(),
    )


def dependence() -> tuple[Dependence, ...]:
    ages = tuple(
        DependencePoint(
            18.0 + 8 * i, None, 145, 0.2 + 0.004 * i * i, -0.06, 0.0, 0.07, 0.003 * i * i - 0.03, 0.1, 0.0, 0.2
        )
        for i in range(5)
    )
    plans = tuple(
        replace(ages[0], value=None, category=name, n=n, pdp=pdp, ale=None)
        for name, n, pdp in (("plan_11", 410, 0.31), ("plan_13", 202, 0.27), ("plan_02", 98, 0.25))
    )
    return (
        Dependence("age", "probability", 727, 200, ages),
        Dependence("plan", "probability", 727, 200, plans),
        Dependence("enrolled", "probability", 727, 200, (), "Dates have no points to look at."),
    )


def _permutation(sizes: Sequence[tuple[str, float, float | None]]) -> PermutationImportance:
    features = tuple(PermutedFeature(name, s / 20, s / 20 - 0.004, s / 20 + 0.004) for name, s, _ in sizes)
    return PermutationImportance("brier", "reference", 0.18, features, 300, 5, 20260101)


def _attribution(sizes: Sequence[tuple[str, float, float | None]]) -> AttributionDrift:
    """Income moved up by two places, one feature from nothing at all."""
    moved = [
        MovedAttribution(name, 0.08, s, s * 0.95, i + 1, i + 1, 1.0 if i else 0.4)
        for i, (name, s, _) in enumerate(sizes)
    ]
    moved[4] = replace(moved[4], distance=0.62, adjusted_p=3e-5, rank_reference=7)
    moved[7] = replace(moved[7], distance=None, reference=0.0, adjusted_p=0.0)
    return AttributionDrift(tuple(moved), 0.9993, 0.9934, 0.466, 0.983, 0.07, 727, 2000, 499, 20260101)


def _stress(sizes: Sequence[tuple[str, float, float | None]]) -> Stress:
    """One feature may not be missing, and one declared monotonicity is broken."""
    tests = [StressTest("missing", name, s / 10, s / 20, s) for name, s, _ in sizes[:-1]]
    refused = StressTest("missing", sizes[-1][0], None, None, None, "Without a value the model raises ValueError.")
    noise = [StressTest("noise", name, 10 / 300, s / 200, s / 10) for name, s, _ in sizes[:-2]]
    together = StressTest("noise", None, 0.07, 0.02, 0.2)
    declared = (
        StressTest("increasing", "age", 0.12, 0.001, 0.03),
        StressTest("decreasing", "plan", None, None, None, "It is no input of the model."),
    )
    return Stress((*tests, refused, *noise, together, *declared), 300, 0.05, "reference", 20260101)


def finding(stage: Stage, name: str, outcome: Outcome, reason: str, **more: object) -> Finding:
    base = Finding(stage, name, None, Severity.CRITICAL, outcome, True, None, None, ROWS, reason)
    return replace(base, **more)  # type: ignore[arg-type]


def psi_finding(column: str, value: float, limit: float, outcome: Outcome) -> Finding:
    severity = Severity.WARNING if outcome is WARN else Severity.CRITICAL
    reason = f"PSI of {column} is {value:.4g} (limit {limit:.4g}), from 727 values against 5,638 of the reference."
    return finding(Stage.DRIFT, "psi", outcome, reason, column=column, severity=severity, value=value, limit=limit)


def summaries(drift_text: str = "25 of 27 drift scores are below their limits.") -> tuple[Finding, ...]:
    info = {"severity": Severity.INFO}
    return (
        finding(
            Stage.SNAPSHOT,
            "row_id_unique",
            PASS,
            "All 727 rows have a visit_id of their own.",
            column="visit_id",
            value=0.0,
            limit=0.0,
        ),
        finding(Stage.VALIDATION, "expectations", PASS, "6 of 7 expectations hold on 727 rows.", **info),
        finding(
            Stage.VALIDATION,
            "expect_column_values_to_not_be_null(health_index)",
            FAIL,
            "188 of 727 values of health_index are missing.",
            column="health_index",
            severity=Severity.INFO,
            counts=False,
            value=188 / 727,
        ),
        finding(Stage.DRIFT, "drift", PASS, drift_text, **info),
        finding(
            Stage.EXPLANATION,
            "explanation",
            PASS,
            "Explained on 727 rows; the largest contributions come from age.",
            **info,
        ),
        finding(
            Stage.EXPLANATION,
            "agreement",
            PASS,
            "The artefact's own output differs from the logged one by at most 3.3e-16 on 727 rows.",
            column="score",
            value=3.3e-16,
            limit=1e-6,
        ),
    )


PERFORMED = finding(
    Stage.PERFORMANCE, "performance", PASS, "2 of 2 judged metrics are within their limits.", severity=Severity.INFO
)
WAITING = finding(
    Stage.PERFORMANCE,
    "labels",
    NONE,
    "Labels are due on 2026-07-31; until then performance is pending.",
    severity=Severity.INFO,
    counts=False,
    n=0,
    conclusion="pending",
)


def _base() -> AuditResult:
    inputs = (
        file("log", "input/log/readmission-2026-07-01.parquet", 71_220),
        file("reference", "inputs/" + digest("ref"), 412_907),
        file("labels", "inputs/" + digest("lab"), 9_120),
        file("model", "inputs/" + digest("model"), 184_233),
        file("model_config", "inputs/" + digest("conf"), 3_411),
        file("suite", "inputs/" + digest("suite"), 2_870),
    )
    engines = (
        ("audit-pipeline", "0.1.0"),
        ("duckdb", "2.0.0"),
        ("evidently", "0.7.23"),
        ("great-expectations", "1.24.1"),
        ("shap", "0.51.0"),
    )
    return AuditResult(
        schema_version=1,
        project="demo",
        model_id="readmission",
        model_version="1.4.0",
        versions_seen=(("1.4.0", ROWS),),
        night=NIGHT,
        description="Risk that a discharged patient is admitted again within 30 days.",
        owner="care_quality",
        domain="hospital",
        tier=1,
        task="binary",
        seed=20260101,
        engines=engines,
        source="input/log/readmission-2026-07-01.parquet",
        snapshot=snapshot(),
        inputs=inputs,
        look_back=(),
        profile=profile(),
        validation=validation(),
        drift=drift(dict(PSI)),
        performance=performance(),
        explanation=explanation(),
        decision=Decision(WARN, "", ()),
    )


def warn_night() -> AuditResult:
    """(1) WARN by drift, labels final, two model versions, one column that could not be compared."""
    found = (psi_finding("family_size", 0.163, 0.1, WARN), psi_finding("chronic_conditions", 0.118, 0.1, WARN))
    decision = Decision(WARN, "WARN, 2 findings in drift", (*found, *summaries(), PERFORMED), LIMITS)
    return replace(_base(), decision=decision, versions_seen=(("1.4.0", 700), ("1.4.1", 27)))


def fail_night() -> AuditResult:
    """(2) FAIL: income arrived in cents, a column is nearly empty."""
    psi: dict[str, float | None] = {**PSI, "income": 3.1187, "score": 0.2514, "education_years": None}
    few = "3 non-missing values tonight, at least 200 are needed"
    found = (
        psi_finding("score", 0.2514, 0.25, FAIL),
        psi_finding("family_size", 0.163, 0.1, WARN),
        psi_finding("income", 3.1187, 0.25, FAIL),
        psi_finding("chronic_conditions", 0.118, 0.1, WARN),
        finding(
            Stage.DRIFT,
            "psi",
            NONE,
            f"PSI of education_years was not evaluated: {few}",
            column="education_years",
            limit=0.25,
            n=3,
        ),
    )
    decision = Decision(
        FAIL,
        "FAIL, 2 findings in drift, performance pending",
        (*found, *summaries("19 of 24 drift scores are below their limits."), WAITING),
        LIMITS,
    )
    return replace(_base(), drift=drift(psi), performance=pending(), decision=decision)


def stopped_night() -> AuditResult:
    """(3) Two critical checks failed: nothing after them was computed."""
    bad = (
        check(
            "expect_column_values_to_be_between(score)",
            "score",
            Severity.CRITICAL,
            FAIL,
            "31 of 727 values of score are outside 0 to 1.",
            31,
        ),
        check(
            "expect_column_values_to_be_unique(visit_id)",
            "visit_id",
            Severity.CRITICAL,
            FAIL,
            "14 of 727 values of visit_id are repeated.",
            14,
        ),
        check(
            "expect_column_values_to_be_in_set(plan)",
            "plan",
            Severity.WARNING,
            FAIL,
            "5 of 727 values of plan are outside the declared set.",
            5,
        ),
        check(
            "expect_column_mean_to_be_between(age)",
            "age",
            Severity.WARNING,
            NONE,
            "The expectation raised: column age has no mean.",
            None,
        ),
    )
    found = tuple(
        finding(
            Stage.VALIDATION,
            c.name,
            WARN if c.outcome is FAIL and c.severity is Severity.WARNING else c.outcome,
            c.reason,
            column=c.column,
            severity=c.severity,
            value=c.unexpected_share,
            conclusion="stopped" if c.severity is Severity.CRITICAL else None,
        )
        for c in bad
    )
    decision = Decision(FAIL, "FAIL, stopped, 2 findings in validation", (*found, *summaries()[:3]), LIMITS)
    return replace(
        _base(), validation=validation(*bad), drift=None, performance=None, explanation=None, decision=decision
    )


def missing_night() -> AuditResult:
    """(4) The log never came."""
    reason = (
        "No prediction log for night 2026-07-01: 'input/log/readmission-2026-07-01.parquet' does not exist. "
        "Deliver it and run this night again; it is audited as soon as it is there."
    )
    fault = finding(Stage.SNAPSHOT, "prediction_log", NONE, reason, n=None, conclusion="missing night")
    decision = Decision(NONE, "NOT_EVALUATED, missing night, 1 finding in snapshot", (fault,), LIMITS)
    return replace(
        _base(),
        snapshot=None,
        profile=(),
        validation=None,
        drift=None,
        performance=None,
        explanation=None,
        versions_seen=(),
        inputs=_base().inputs[3:],
        decision=decision,
    )


def pass_night() -> AuditResult:
    """(5) PASS, labels not yet due."""
    psi: dict[str, float | None] = {**PSI, "family_size": 0.0463, "chronic_conditions": 0.0218}
    decision = Decision(
        PASS, "PASS, performance pending", (*summaries("All 27 drift scores are below their limits."), WAITING), LIMITS
    )
    return replace(_base(), drift=drift(psi), performance=pending(), decision=decision)


def grouped_night() -> AuditResult:
    """(6) FAIL by what tells groups apart: one attribute is judged, one has no groups, a slice has hidden ones."""
    limit = AppliedLimit(Stage.PERFORMANCE, "impact_ratio", None, None, 0.8, False)
    reason = "Impact ratio of sex is 0.5 (95 % interval 0.4 to 0.7, 700 rows); the limit 0.8 is not met."
    unfair = finding(
        Stage.PERFORMANCE, "impact_ratio", FAIL, reason, column="sex", value=0.5, limit=0.8, conclusion="not met"
    )
    decision = Decision(FAIL, "FAIL, 1 finding in performance", (unfair, *summaries(), PERFORMED), (*LIMITS, limit))
    return replace(_base(), decision=decision, fairness=fairness())


def fairness() -> Fairness:
    """Groups with every kind of number that may be there or not."""
    few = "fewer than 11 rows stand behind it, 30 are needed"
    metrics = (
        GroupMetric("female", "selection_rate", 0.2, 0.16, 0.25, 340, 0.21, 0.5, 0.4, 0.7, -0.2, -0.3, -0.1, "not met"),
        GroupMetric("male", "selection_rate", 0.4, 0.35, 0.45, 360, 0.35, conclusion="compared with"),
        GroupMetric("missing", "selection_rate", 0.5, 0.3, 0.7, 27, None, 1.25, 0.5, None, conclusion="inconclusive"),
        GroupMetric("other", "selection_rate", None, None, None, None, None, conclusion="insufficient", reason=few),
        GroupMetric("female", "tpr", 0.5, 0.4, 0.6, 80, 0.5),
        GroupMetric("male", "tpr", None, None, None, 12, None, conclusion="insufficient", reason=few),
        GroupMetric("female", "calibration_gap", -0.02, -0.05, 0.01, 340, None),
        GroupMetric(None, "impact_ratio", 0.5, 0.4, 0.7, 700, 0.6),
        GroupMetric(None, "equalised_odds_difference", None, None, None, 80, None, reason="fewer than two groups"),
    )
    crowded = Grouping("protected", "zip", (), None, 0, "zip has more than 100 values")
    return Fairness(
        (Grouping("protected", "sex", metrics, "male", 1), crowded, Grouping("slice", "site", metrics, "male", 3)),
        favourable=1,
        min_group=30,
        labelled=500,
        proxy_rows=700,
        seed=7,
    )


def charted_night() -> AuditResult:
    """Rows in control, the mean prediction out of it; one number not measured tonight, one in phase I."""
    return replace(pass_night(), charts=control_charts())


def control_charts() -> ControlCharts:
    first = Baseline(NIGHT - timedelta(days=60), NIGHT - timedelta(days=33), 28, 0, 54.0, 1.0, (0.5,) * 7, 0.2)
    rows = ControlChart(
        *("volume.rows", "count", 727.0, 727, 29, first, 728.6, 650.0, None, -0.03, 730.0, 700.0, 760.0, 0.2, 0.0, 5.7)
    )
    moved = replace(
        rows, metric="drift.mean_prediction", scale="identity", value=0.36, n=727, centre=0.3, lower=0.27, upper=0.33,
        z=6.0, ewma=0.31, ewma_lower=0.29, ewma_upper=0.32, broken=("limits", "nelson_5"), judged=("limits",),
    )  # fmt: skip
    absent = ControlChart("performance.auc", "share", None, None, 3, first, reason="it was not measured tonight")
    young = ControlChart("drift.largest_psi", "amount", 0.04, 700, 9, reason="9 of the 28 nights of phase I have it")
    joint = JointAnomaly((), None, None, reason="its numbers do not have the 28 nights of phase I yet")
    return ControlCharts((rows, moved, absent, young), joint, 28, ((NIGHT - timedelta(days=1), digest("before")),))


def charted_history(nights: int = 12) -> tuple[HistoryPoint, ...]:
    """Earlier nights of those charts: limits came on the fourth, one value is far out, one is missing."""
    points = []
    for back in range(nights, 0, -1):
        low, high = (650.0, 810.0) if back <= nights - 3 else (None, None)
        value = None if back == 5 else 9000.0 if back == 3 else 720.0 + 3 * back
        broken = ("limits",) if back == 3 else ()
        chart = ChartPoint("volume.rows", value, 728.0 if low else None, low, high, broken)
        night = NIGHT - timedelta(days=back)
        points.append(HistoryPoint(night, digest(str(night)), PASS, 0.04, "age", 0.74, (chart,)))
    return tuple(points)


def history(nights: int = 24) -> tuple[HistoryPoint, ...]:
    """Earlier nights; one was never audited, one has no numbers."""
    points = []
    for back in range(nights, 0, -1):
        if back == 9:
            continue
        night = NIGHT - timedelta(days=back)
        if back == 5:
            points.append(HistoryPoint(night, digest(str(night)), NONE, None, None, None))
            continue
        psi = 0.05 + 0.03 * math.sin(back) + (0.09 if back in (3, 2, 1) else 0) + (0.9 if back == 15 else 0)
        verdict = FAIL if psi >= 0.25 else WARN if psi >= 0.1 else PASS
        metric = None if back < 3 else 0.735 + 0.012 * math.cos(back * 1.7)
        points.append(HistoryPoint(night, digest(str(night)), verdict, psi, "family_size", metric))
    return tuple(points)


NIGHTS = {
    "warn": warn_night,
    "fail": fail_night,
    "stopped": stopped_night,
    "missing": missing_night,
    "pass": pass_night,
    "grouped": grouped_night,
    "charted": charted_night,
}

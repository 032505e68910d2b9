"""Facets that the OpenLineage standard does not have: stage, decision, drift, model.

Their JSON Schemas stand in `facets/`, one file each, which never changes: a facet that says something else gets a
new version and a new file, in a folder named by that version. Key is `audit_` + name, as the standard asks of own
facets. Aggregates and our own words only; the scores themselves are in the evidence record.
"""

from collections import Counter
from collections.abc import Iterable
from typing import Any

from audit_pipeline import __version__
from audit_pipeline.records import Dataset, DriftScore, Finding, Outcome, Stage, StageTrace, Trace

HOME = "https://github.com/audit-pipeline/audit-pipeline"
PRODUCER = f"{HOME}/tree/v{__version__}"
VERSIONS = {  # of the schemas in `facets/`; what is not named here has its first
    "AuditModelDatasetFacet": "1-1-0",  # knows the framework
}
FIRST = "1-0-0"

Facets = dict[str, dict[str, Any]]


def _facet(name: str, /, **content: Any) -> dict[str, Any]:
    """Return a facet of schema `name`, without what is None."""
    version = VERSIONS.get(name, FIRST)
    place = f"facets/{version}" if name in VERSIONS else "facets"
    url = f"{HOME}/raw/facets-{version}/audit_pipeline/lineage/{place}/{name}.json#/$defs/{name}"
    known = {key: value for key, value in content.items() if value is not None}
    return {"_producer": PRODUCER, "_schemaURL": url, **known}


def _counts(outcomes: Iterable[Outcome]) -> dict[str, int]:
    """Return how many answers came to each outcome."""
    seen = Counter(outcomes)
    words = {"pass": Outcome.PASS, "warn": Outcome.WARN, "fail": Outcome.FAIL}
    return {
        **{key: seen[outcome] for key, outcome in words.items()},
        "notEvaluated": seen[Outcome.NOT_EVALUATED],
    }


def run_facets(trace: Trace, stage: StageTrace, *, ended: bool) -> Facets:
    """Return the own run facets of one stage; what it came to only when `ended`."""
    outcome = stage.outcome if ended else None
    answers = _answers(trace, stage.stage) if outcome else None
    facets = {
        "audit_stage": _facet(
            "AuditStageRunFacet",
            model=trace.model_id,
            modelVersion=trace.model_version or None,
            night=trace.night.isoformat(),
            stage=stage.stage.value,
            attempt=trace.run.attempt,
            outcome=outcome.value if outcome else None,
            counts=_counts(answers) if answers is not None else None,
        )
    }
    if outcome and stage.stage is Stage.DRIFT:
        facets["audit_drift"] = _drift(trace.drift)
    if outcome and stage.stage is Stage.AUDIT and trace.decision:
        facets["audit_decision"] = _facet(
            "AuditDecisionRunFacet",
            verdict=trace.decision.verdict.value,
            conclusion=trace.decision.conclusion,
            counts=_counts(finding.outcome for finding in trace.decision.findings if finding.counts),
            findings=[_named(finding) for finding in trace.decision.findings if _matters(finding)],
        )
    return facets


def dataset_facets(trace: Trace, dataset: Dataset) -> Facets:
    """Return the own facets of a dataset: which model it is, when it is one."""
    if dataset.kind != "model":
        return {}
    facet = _facet(
        "AuditModelDatasetFacet",
        name=trace.model_id,
        version=trace.model_version or None,
        sha256=dataset.version or None,
        framework=dataset.framework,
    )
    return {"audit_model": facet}


def _answers(trace: Trace, stage: Stage) -> list[Outcome]:
    """Return the outcomes a stage answers for: its checks, its findings, or (audit) all that count."""
    if stage is Stage.VALIDATION and trace.checks:
        return [check.outcome for check in trace.checks]
    findings = trace.decision.findings if trace.decision else ()
    return [f.outcome for f in findings if f.counts and (stage is Stage.AUDIT or f.stage is stage)]


def _matters(finding: Finding) -> bool:
    """Whether a finding moved the verdict away from PASS."""
    return finding.counts and finding.outcome is not Outcome.PASS


def _named(finding: Finding) -> dict[str, Any]:
    """Return a finding by name, without its numbers."""
    named = {"stage": finding.stage.value, "name": finding.name, "outcome": finding.outcome.value}
    return {**named, "column": finding.column} if finding.column else named


def _drift(scores: tuple[DriftScore, ...]) -> dict[str, Any]:
    """Return how many columns were measured, and the largest score of each exact method."""
    exact = [score for score in scores if score.engine == "exact"]
    worst: dict[str, DriftScore] = {}
    for score in exact:
        held = worst.get(score.method)
        if score.value is not None and (held is None or held.value is None or score.value > held.value):
            worst[score.method] = score
    return _facet(
        "AuditDriftRunFacet",
        columns=len({score.column for score in exact}),
        notEvaluated=sum(score.value is None for score in exact),
        largest=[
            {"method": method, "column": score.column, "value": score.value, "n": score.n}
            for method, score in sorted(worst.items())
        ],
    )

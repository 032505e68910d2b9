"""What one model-night comes to: every measurement held against the policy, and the worst that counts.

A stage that did not run has not passed: it leaves a NOT_EVALUATED finding, and the verdict is not PASS. Labels
that are not yet due are the one exception: shown as pending, not counted.
"""

from collections import Counter
from collections.abc import Iterator

from audit_pipeline.config import ModelConfig
from audit_pipeline.decision.attribution import attribution, attribution_limits, under_stress
from audit_pipeline.decision.charts import charts
from audit_pipeline.decision.checks import expectations, quality, row_ids
from audit_pipeline.decision.concept import concept, concept_limits
from audit_pipeline.decision.domain import domain, domain_limits
from audit_pipeline.decision.drift import drift, drift_limits
from audit_pipeline.decision.explanation import explanation, explanation_limits
from audit_pipeline.decision.fairness import fairness, fairness_limits
from audit_pipeline.decision.findings import not_evaluated
from audit_pipeline.decision.measured import Measured
from audit_pipeline.decision.performance import performance, performance_limits
from audit_pipeline.records import Decision, Finding, Outcome, Stage, worst

ENDS = ("missing night", "empty night", "unreadable", "stopped")  # conclusions after which a line does not go on


def decide(model: ModelConfig, measured: Measured) -> Decision:
    """Return the verdict on `measured` under the model's policy."""
    findings = (
        *measured.faults,
        *row_ids(model, measured.snapshot),
        *expectations(model, measured.validation),
        *quality(model, measured.validation),
        *drift(model, measured.drift, measured.earlier),
        *domain(model, measured.drift),
        *performance(model, measured.performance),
        *concept(model, measured.performance),
        *fairness(model, measured),
        *explanation(model, measured.explanation),
        *attribution(model, measured.explanation),
        *under_stress(model, measured.explanation),
        *charts(model, measured),
    )
    findings = (*findings, *_not_run(model, measured, findings))
    verdict = worst(finding.outcome for finding in findings if finding.counts)
    limits = (
        *drift_limits(model),
        *domain_limits(model),
        *performance_limits(model),
        *concept_limits(model),
        *fairness_limits(model),
        *explanation_limits(model),
        *attribution_limits(model),
    )
    return Decision(verdict, _conclusion(verdict, findings), findings, limits)


def _not_run(model: ModelConfig, measured: Measured, findings: tuple[Finding, ...]) -> Iterator[Finding]:
    """Say which stages brought nothing, unless a finding says why already or the line ended before them."""
    if any(finding.conclusion in ENDS for finding in findings):
        return
    brought: dict[Stage, object] = {
        Stage.SNAPSHOT: measured.snapshot,
        Stage.VALIDATION: measured.validation,
        Stage.DRIFT: measured.drift,
        Stage.PERFORMANCE: measured.performance,
    }
    if model.explained:
        brought[Stage.EXPLANATION] = measured.explanation
    explained = {finding.stage for finding in findings if finding.counts}
    for stage, result in brought.items():
        if result is None and stage not in explained:
            yield not_evaluated(stage, stage.value, f"The stage {stage} did not run.", n=None, counts=True)


def _conclusion(verdict: Outcome, findings: tuple[Finding, ...]) -> str:
    """Say the verdict with what qualifies it: stopped, pending, what decided."""
    words = [str(verdict)]
    words += sorted({finding.conclusion for finding in findings if finding.conclusion in ENDS})
    deciding = Counter(finding.stage for finding in findings if finding.counts and finding.outcome is verdict)
    if verdict is not Outcome.PASS:
        words.append(" and ".join(f"{_findings(count)} in {stage}" for stage, count in deciding.items()))
    if any(finding.conclusion == "pending" for finding in findings):
        words.append("performance pending")
    return ", ".join(words)


def _findings(count: int) -> str:
    return f"{count} finding{'s' if count != 1 else ''}"

"""A moved relation is told always, and judged where the owner says what comes of it."""

from dataclasses import replace
from typing import Any

import pytest

from audit_pipeline.config import ModelConfig
from audit_pipeline.decision import decide
from audit_pipeline.records import Concept, ConceptNumber, Finding, Maturity, Outcome, Severity
from audit_pipeline_tests.decision.made import finding, metric, model, night, performance

PASS, WARN, FAIL, NONE = Outcome.PASS, Outcome.WARN, Outcome.FAIL, Outcome.NOT_EVALUATED
INPUTS = ConceptNumber("inputs", 0.62, 0.58, 0.66, 0.43, 1e-8, 5e-8, True)
STILL = replace(INPUTS, value=0.51, found=False)
SLOPE = ConceptNumber("slope", -0.3, -0.4, -0.2, -0.21, 0.0004, 0.0016, True)
STRUCTURE = ConceptNumber("structure", 0.25, 0.17, 0.33, 0.25, 0.0005, 0.0016, True, "age")


def concept(conclusion: str, *numbers: ConceptNumber, reason: str | None = None) -> Concept:
    return Concept(conclusion, numbers, "brier", 700, 5000, 1000.0, 0.05, 0.1, 7, reason)


def decided(config: ModelConfig, found: Concept | None, **changes: Any) -> tuple[Outcome, tuple[Finding, ...]]:
    measured = replace(performance(metric("auc", 0.8)), concept=found, **changes)
    decision = decide(config, night(performance=measured))
    return decision.verdict, tuple(f for f in decision.findings if f.name == "concept")


MOVED = concept("both", INPUTS, SLOPE, STRUCTURE)
QUIET = concept("covariate only", INPUTS, replace(SLOPE, found=False))
UNKNOWN = concept("not evaluated", reason="the reference has no labels")


@pytest.mark.parametrize(
    ("outcome", "found", "verdict", "counts"),
    [
        ("shown", MOVED, PASS, False),
        ("shown", QUIET, PASS, None),
        ("shown", UNKNOWN, PASS, None),
        ("shown", None, PASS, None),
        ("WARN", MOVED, WARN, True),
        ("FAIL", MOVED, FAIL, True),
        ("WARN", QUIET, PASS, True),
        ("FAIL", UNKNOWN, NONE, True),
        ("FAIL", None, PASS, None),
    ],
)
def test_what_a_conclusion_comes_to(outcome: str, found: Concept | None, verdict: Outcome, counts: bool | None) -> None:
    got, findings = decided(model(concept={"outcome": outcome}), found)
    assert got is verdict
    assert [f.counts for f in findings] == ([] if counts is None else [counts])


def test_a_move_that_is_only_shown_is_for_information() -> None:
    _, [found] = decided(model(), MOVED)
    assert (found.outcome, found.severity, found.conclusion, found.column) == (WARN, Severity.INFO, "both", "age")
    assert (found.value, found.limit, found.n) == (0.25, 0.1, 700)
    assert found.reason == (
        "The relation of inputs and outcome moved, and so did the inputs: the slope of the outcome over the score by "
        "-0.21 standard deviations (adjusted p 0.0016); the outcome in a part of the inputs (most by age) by 0.25 "
        "standard deviations (adjusted p 0.0016); 700 labelled rows against 5,000."
    )


def test_the_reasons_of_what_did_not_move() -> None:
    judged = model(concept={"outcome": "WARN"})
    _, [inputs] = decided(judged, QUIET)
    assert inputs.reason == (
        "The relation of inputs and outcome has not moved, though the inputs did, 700 labelled rows against 5,000."
    )
    _, [none] = decided(judged, concept("none", STILL, replace(SLOPE, found=False)))
    assert ", nor did the inputs," in none.reason
    _, [unknown] = decided(judged, UNKNOWN)
    assert unknown.reason == (
        "Whether the relation of inputs and outcome moved was not evaluated: the reference has no labels."
    )


@pytest.mark.parametrize(
    ("changes", "counts"),
    [
        ({"maturity": Maturity.PROVISIONAL}, False),  # more labels may come
        ({"maturity": Maturity.PROVISIONAL, "overdue": True}, True),
        ({"maturity": Maturity.PENDING, "labelled": 0}, False),  # said by the finding on labels
    ],
)
def test_what_labels_that_are_to_come_cannot_tell_does_not_count(changes: dict[str, Any], counts: bool) -> None:
    _, [found] = decided(model(concept={"outcome": "FAIL"}), UNKNOWN, **changes)
    assert (found.outcome, found.counts) == (NONE, counts)


def test_provisional_labels_are_named_and_the_limit_is_listed() -> None:
    judged = model(concept={"outcome": "FAIL", "effect": 0.2, "alpha": 0.01})
    _, [found] = decided(judged, MOVED, maturity=Maturity.PROVISIONAL)
    assert found.reason.endswith("provisional labels, 700 labelled rows against 5,000.")
    [limit] = [x for x in decide(judged, night()).limits if x.name == "concept"]
    assert (limit.warn, limit.fail, limit.alpha, limit.high_is_bad) == (None, 0.2, 0.01, True)
    assert not [x for x in decide(model(), night()).limits if x.name == "concept"]
    assert finding(decide(judged, night(performance=replace(performance(), concept=MOVED))).findings, "concept", "age")

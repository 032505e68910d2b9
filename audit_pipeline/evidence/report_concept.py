"""The report's words on concept drift: the conclusion as a sentence, the tests as rows, the loss in its parts."""

from dataclasses import dataclass

from audit_pipeline.evidence.svg import padded
from audit_pipeline.records import AuditResult, Concept, ConceptNumber

SENTENCES = {
    "none": "Neither the inputs nor the relation of inputs and outcome moved beyond chance.",
    "covariate only": "The inputs moved; what follows from them did not.",
    "concept": "The relation of inputs and outcome moved, and the inputs did not.",
    "both": "The inputs moved, and so did the relation of inputs and outcome.",
    "not evaluated": "Whether the relation of inputs and outcome moved was not evaluated.",
}
TESTS = {  # name -> (what it asks, value where nothing moved)
    "inputs": ("inputs: AUC of telling night from reference", 0.5),
    "loss": ("loss, where the inputs are the same", 0.0),
    "calibration": ("mean outcome, where the inputs are the same", 0.0),
    "slope": ("slope of the outcome over the score", 0.0),
    "structure": ("outcome in a part of the inputs, in standard deviations", 0.0),
}
LOSSES = {"brier": "Brier score", "absolute_error": "absolute error"}


@dataclass(frozen=True, slots=True)
class TestRow:
    """One test: what it asks, and the axis it is drawn on."""

    number: ConceptNumber
    asks: str
    still: float  # value where nothing moved
    domain: tuple[float, float]


@dataclass(frozen=True, slots=True)
class ConceptSection:
    """What the template shows."""

    found: Concept
    sentence: str
    rows: tuple[TestRow, ...]
    loss: str
    shown: dict[str, ConceptNumber]  # by name, those that are no test


def concept_section(result: AuditResult) -> ConceptSection | None:
    """Gather the section; None where it was not asked, or there was nothing to ask of."""
    performance = result.performance
    found = performance.concept if performance else None
    if found is None or performance is None or not performance.labelled:
        return None
    rows = tuple(_row(number) for number in found.numbers if number.name in TESTS)
    shown = {number.name: number for number in found.numbers if number.name not in TESTS}
    return ConceptSection(found, SENTENCES[found.conclusion], rows, LOSSES[found.loss], shown)


def _row(number: ConceptNumber) -> TestRow:
    """Give a test an axis that holds its interval and the value of no move."""
    asks, still = TESTS[number.name]
    ends = [value for value in (number.value, number.lo, number.hi, still) if value is not None]
    return TestRow(number, asks, still, padded(ends))

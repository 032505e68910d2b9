"""What there is to judge of one model-night."""

from dataclasses import dataclass

from audit_pipeline.records import (
    ControlCharts,
    Drift,
    EarlierNight,
    Explanation,
    Fairness,
    Finding,
    Performance,
    Snapshot,
    Validation,
)


@dataclass(frozen=True, slots=True)
class Measured:
    """What the stages of one model-night brought; None where a stage did not run."""

    snapshot: Snapshot | None = None
    validation: Validation | None = None
    drift: Drift | None = None
    performance: Performance | None = None
    explanation: Explanation | None = None
    faults: tuple[Finding, ...] = ()  # what kept a stage from running
    fairness: Fairness | None = None
    earlier: tuple[EarlierNight, ...] = ()  # newest first; see `nights_to_look_back`
    charts: ControlCharts | None = None

"""Three data-quality scores of the night, from the expectations that count values.

Completeness: present among the values that must not be missing. Accuracy: within their declared domain.
Consistency: unique, or in the declared relation to other columns. Which expectation feeds which score stands in
`kinds.KINDS`. Each is 1 - (unexpected values) / (values looked at), summed over its expectations.
"""

from collections.abc import Iterable
from typing import get_args

from audit_pipeline.checks.kinds import KINDS, Score
from audit_pipeline.records import CheckResult, Outcome, QualityScore


def quality_scores(results: Iterable[CheckResult]) -> tuple[QualityScore, ...]:
    """Return the three scores; one without an evaluated expectation has no value, and a reason."""
    evaluated = [result for result in results if result.outcome is not Outcome.NOT_EVALUATED]
    return tuple(_score(name, evaluated) for name in get_args(Score))


def _score(name: str, results: list[CheckResult]) -> QualityScore:
    """Return one score over its expectations."""
    own = [r for r in results if r.expectation in KINDS and KINDS[r.expectation].score == name]
    n = sum(r.n or 0 for r in own)
    if not n:
        return QualityScore(name, None, 0, f"No expectation that measures {name} was evaluated.")
    return QualityScore(name, 1 - sum(r.unexpected or 0 for r in own) / n, n)

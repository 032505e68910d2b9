"""Whether a night's data can be trusted: the owner's suite, evaluated by Great Expectations.

`import audit_pipeline.checks` is light: the package itself is imported when a suite is first evaluated.
"""

from audit_pipeline.checks.propose import propose_yaml
from audit_pipeline.checks.scores import quality_scores
from audit_pipeline.checks.validation import validate

__all__ = ["propose_yaml", "quality_scores", "validate"]

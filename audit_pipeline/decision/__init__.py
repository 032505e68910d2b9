"""Findings against the owner's policy, and the verdict."""

from audit_pipeline.decision.decide import decide
from audit_pipeline.decision.drift import nights_to_look_back
from audit_pipeline.decision.measured import Measured

__all__ = ["Measured", "decide", "nights_to_look_back"]

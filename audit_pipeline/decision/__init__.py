"""Findings against the owner's policy, and the verdict."""

from audit_pipeline.decision.decide import Measured, decide

__all__ = ["Measured", "decide"]

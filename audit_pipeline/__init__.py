"""Nightly, provable audits of production machine-learning models."""

from audit_pipeline.offline import switch_off

__version__ = "0.1.0"

switch_off()

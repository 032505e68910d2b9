"""Nightly, provable audits of production machine-learning models."""

from audit_pipeline.offline import switch_off

__version__ = "0.1.0"

switch_off()

# Thresholds of the collector for a process of ours: a sixth of the imports' time went into looking at what stays.
COLLECTED = (100_000, 20, 50)

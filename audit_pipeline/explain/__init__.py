"""Explanation: a pinned model artefact, a seeded sample, and what drives the model on it."""

from audit_pipeline.explain.explain import explain
from audit_pipeline.explain.models import load, pinned_digest
from audit_pipeline.explain.sample import draw

__all__ = ["draw", "explain", "load", "pinned_digest"]

"""Explanation: a pinned model artefact, a seeded sample, and what drives the model on it."""

from audit_pipeline.explain.explain import MINIMUM_ROWS, explain
from audit_pipeline.explain.models import load, pinned_digest
from audit_pipeline.explain.sample import draw

__all__ = ["MINIMUM_ROWS", "draw", "explain", "load", "pinned_digest"]

"""Dagster's side: a translation of the pipeline, not a place to think."""

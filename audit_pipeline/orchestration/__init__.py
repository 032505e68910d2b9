"""Dagster's side: a translation of the pipeline, not a place to think."""

import warnings

from dagster import PreviewWarning

# Partitioned checks are in preview in 1.13; pyproject pins the minor version, and a test runs them.
warnings.filterwarnings("ignore", category=PreviewWarning)

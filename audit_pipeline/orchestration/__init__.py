"""Dagster's side: a translation of the pipeline, not a place to think."""

import os
import warnings

os.environ["DAGSTER_DISABLE_TELEMETRY"] = "1"  # before Dagster is imported; the instance's settings say it as well

from dagster import PreviewWarning

# Partitioned checks are in preview in 1.13; pyproject pins the minor version, and a test runs them.
warnings.filterwarnings("ignore", category=PreviewWarning)

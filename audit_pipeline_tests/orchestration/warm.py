"""Definitions whose one asset says what its process has imported already: run by the product's own executor."""

import sys

import dagster as dg

from audit_pipeline.orchestration.build import executor

HEAVY = ("great_expectations", "evidently", "shap", "sklearn.ensemble", "skops.io", "sqlalchemy", "alembic")


@dg.asset
def imported() -> dg.MaterializeResult[None]:
    """Show the heavy packages that were there when the step began."""
    return dg.MaterializeResult(metadata={"there": [name for name in HEAVY if name in sys.modules]})


defs = dg.Definitions(assets=[imported], jobs=[dg.define_asset_job("look")], executor=executor())

"""`defs` for Dagster: the project in AUDIT_PROJECT, or the folder `data`."""

import os
from pathlib import Path

from audit_pipeline.config import load_project
from audit_pipeline.orchestration.build import definitions

defs = definitions(load_project(Path(os.environ.get("AUDIT_PROJECT", "data"))))

"""`python -m audit_pipeline`."""

from audit_pipeline.cli import main

main()

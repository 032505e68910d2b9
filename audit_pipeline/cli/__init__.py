"""The command line: one file per command, parsing and printing only."""

from audit_pipeline.cli.app import main

__all__ = ["main"]

"""Freezes a source: canonical columns, pseudonyms, one deterministic Parquet file named by its sha256.

`take` writes it, `row_groups` prove its parts, `profile` describes it in aggregates.
"""

from audit_pipeline.snapshot.digest import row_groups
from audit_pipeline.snapshot.profile import profile
from audit_pipeline.snapshot.pseudonym import pseudonym
from audit_pipeline.snapshot.take import take

__all__ = ["profile", "pseudonym", "row_groups", "take"]

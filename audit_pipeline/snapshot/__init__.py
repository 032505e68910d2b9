"""Freezes a source: canonical columns, pseudonyms, one deterministic Parquet file named by its sha256.

`take` writes it, `profile` describes it in aggregates; `audit_pipeline.row_groups` prove its parts.
"""

from audit_pipeline.snapshot.profile import profile
from audit_pipeline.snapshot.pseudonym import pseudonym
from audit_pipeline.snapshot.take import take

__all__ = ["profile", "pseudonym", "take"]

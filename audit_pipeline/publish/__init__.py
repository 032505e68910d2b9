"""`audit.duckdb`: a projection of the evidence store, swapped in whole."""

from audit_pipeline.publish.publish import publish
from audit_pipeline.publish.read import Answer, published, query

__all__ = ["Answer", "publish", "published", "query"]

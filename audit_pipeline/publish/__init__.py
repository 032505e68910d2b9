"""`audit.duckdb`: a projection of the evidence store, swapped in whole; and what each role may see of it."""

from audit_pipeline.publish.publish import publish
from audit_pipeline.publish.read import Answer, published, query
from audit_pipeline.publish.role import role_faults

__all__ = ["Answer", "publish", "published", "query", "role_faults"]

"""How far a night moved from the reference, and how good its predictions were; light to import."""

from audit_pipeline.metrics.concept import measure_concept
from audit_pipeline.metrics.domain import measure_domain
from audit_pipeline.metrics.drift import measure_drift
from audit_pipeline.metrics.performance import measure_performance

__all__ = ["measure_concept", "measure_domain", "measure_drift", "measure_performance"]

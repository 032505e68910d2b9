"""Which file is the model, and how is it asked? One module per format, behind one `load`."""

from audit_pipeline.explain.models.load import load, one_thread
from audit_pipeline.explain.models.pinned import pinned_digest

__all__ = ["load", "one_thread", "pinned_digest"]

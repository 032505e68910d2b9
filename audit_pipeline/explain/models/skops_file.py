"""A scikit-learn model in skops's format: only reviewed types are made. The only door to skops.

The type names in the file are compared with the reviewed list before anything is loaded.
"""

from typing import Any

from audit_pipeline.errors import UntrustedModelError
from audit_pipeline.explain.guard import guarded


def read(data: bytes, reviewed: tuple[str, ...], name: str) -> Any:
    """Return the estimator.

    Raises:
        UntrustedModelError: a type is outside `reviewed`; nothing was loaded.
        ExplainError: it is no skops file.
    """
    advice = "Save the model again with `skops.io.dump` in the versions installed here, and pin the new sha256."
    with guarded(f"Reading the model file '{name}'", advice=advice):
        import skops.io

        unknown = set(skops.io.get_untrusted_types(data=data)) - set(reviewed)
        if unknown:
            raise UntrustedModelError(name, types=unknown)
        return one_job(skops.io.loads(data, trusted=list(reviewed)))


def one_job(model: Any) -> Any:
    """Set every `n_jobs` of `model` to 1: threads may add floats in another order, and then the bits differ."""
    if hasattr(model, "get_params"):
        jobs = {key: 1 for key in model.get_params() if key.rpartition("__")[2] == "n_jobs"}
        if jobs:
            model.set_params(**jobs)
    return model

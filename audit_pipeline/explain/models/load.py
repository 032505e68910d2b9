"""One `load` for all formats: pinned bytes in, a model out that is asked like one of scikit-learn.

Order matters: the sha256 is compared first; only then is the file parsed, from the same bytes that were hashed.
"""

from collections.abc import Iterable
from contextlib import AbstractContextManager
from functools import lru_cache
from pathlib import Path
from typing import Any, cast

from audit_pipeline.explain.budget import Budget
from audit_pipeline.explain.guard import guarded
from audit_pipeline.explain.models import apart, pickle_file, skops_file
from audit_pipeline.explain.models.pinned import pinned_bytes

KEPT = 4  # models of skops, with their bytes, from one night to the next


def load(
    path: Path, *, sha256: str, trusted: Iterable[str], name: str, kind: str = "skops", budget: Budget | None = None
) -> Any:
    """Return the model in the file `path`.

    Args:
        path: the file.
        sha256: what its bytes must hash to, in hex.
        trusted: of skops and pickle: reviewed type names the file may hold beside those skops trusts by itself.
        name: what an error calls the file.
        kind: its format, as `artefact.format` says it.
        budget: of time; the process that holds the model is ended when it is over (not of skops).

    Returns:
        What has `predict`, maybe `predict_proba` and `classes_`, and `feature_names_in_` where the file knows them.

    Raises:
        ModelDigestError: the bytes are others; nothing was parsed.
        UntrustedModelError: a type is outside `trusted`; nothing was loaded.
        ExplainError: the file is not there, is not of this format, or its extra is not installed.
    """
    data, reviewed = pinned_bytes(path, sha256=sha256, name=name), tuple(sorted(set(trusted)))
    if kind == "pickle":  # a process of its own, which lasts as long as the model is asked
        with guarded(f"Reading the model file '{name}'", advice="Convert the model to skops or ONNX."):
            return pickle_file.read(data, reviewed, name, budget=budget or Budget())
    if kind in apart.FORMATS:
        return apart.read(data, name, kind, sha256=sha256, budget=budget or Budget())
    return _loaded(data, reviewed, name)


@lru_cache(maxsize=KEPT)
def _loaded(data: bytes, reviewed: tuple[str, ...], name: str) -> Any:
    """Return the model of these bytes; the nights of a run share it."""
    return skops_file.read(data, reviewed, name)


def one_thread() -> AbstractContextManager[Any]:
    """Return a context in which BLAS and OpenMP use one thread, so that sums are added in one order."""
    # scikit-learn's own dependency
    from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

    return cast("AbstractContextManager[Any]", threadpool_limits(limits=1))

"""Is this file the reviewed model, and may it be opened? The only door to skops and scikit-learn.

Order matters: the sha256 of the bytes is compared before anything looks inside them, then the type names in the
file are compared with the reviewed list, and only then is it loaded, from the same bytes that were hashed.
"""

import hashlib
import hmac
import re
from collections.abc import Iterable
from contextlib import AbstractContextManager
from functools import lru_cache
from pathlib import Path
from typing import Any, cast

from audit_pipeline.config.model import Artefact
from audit_pipeline.errors import ExplainError, ModelDigestError, UntrustedModelError
from audit_pipeline.explain.guard import guarded

KEPT = 4  # models, with their bytes, from one night to the next
PIN_BYTES = 65_536  # a sha256sum file is a line; more is not read


def pinned_digest(artefact: Artefact, root: Path) -> str:
    """Return the sha256 in hex that `artefact` pins: given itself, or in a sha256sum file below `root`.

    Raises:
        ExplainError: the sha256sum file is missing, or its first word is not 64 hex digits.
    """
    kind, _, where = artefact.sha256.partition(":")
    if kind != "file":
        return artefact.sha256
    try:
        with (root / where).open("rb") as file:
            text = file.read(PIN_BYTES).decode("ascii", errors="replace")
    except OSError as error:
        raise ExplainError(
            f"The sha256 of the model cannot be read: '{where}' is missing or not readable. "
            "Restore it from the model's release, or pin the sha256 itself in `artefact.sha256`."
        ) from error
    # sha256sum begins the line with a backslash when it had to escape the file's name
    found = re.match(r"\s*\\?([0-9a-fA-F]{64})(?![0-9a-zA-Z])", text)
    if found is None:
        raise ExplainError(
            f"'{where}' does not begin with a sha256 (64 hex digits). "
            "Write it with `sha256sum MODEL`, or pin the sha256 itself in `artefact.sha256`."
        )
    return found[1].lower()


def load(path: Path, *, sha256: str, trusted: Iterable[str], name: str) -> Any:
    """Return the model in the skops file `path`.

    Args:
        path: the file.
        sha256: what its bytes must hash to, in hex.
        trusted: reviewed type names the file may hold beside those skops trusts by itself.
        name: what an error calls the file.

    Raises:
        ModelDigestError: the bytes are others; nothing was parsed.
        UntrustedModelError: a type is outside `trusted`; nothing was loaded.
        ExplainError: the file is not there or is no skops file.
    """
    return _loaded(_pinned_bytes(path, sha256=sha256, name=name), tuple(sorted(set(trusted))), name)


@lru_cache(maxsize=KEPT)
def _loaded(data: bytes, reviewed: tuple[str, ...], name: str) -> Any:
    """Return the model of these bytes; the nights of a run share it."""
    advice = "Save the model again with `skops.io.dump` in the versions installed here, and pin the new sha256."
    with guarded(f"Reading the model file '{name}'", advice=advice):
        import skops.io

        unknown = set(skops.io.get_untrusted_types(data=data)) - set(reviewed)
        if unknown:
            raise UntrustedModelError(name, types=unknown)
        return one_job(skops.io.loads(data, trusted=list(reviewed)))


def _pinned_bytes(path: Path, *, sha256: str, name: str) -> bytes:
    """Return the bytes of `path` when they hash to `sha256`."""
    try:
        data = path.read_bytes()
    except OSError as error:
        raise ExplainError(
            f"The model file '{name}' cannot be read: it is missing or not readable. Restore the pinned artefact."
        ) from error
    found = hashlib.sha256(data).hexdigest()
    if not hmac.compare_digest(found, sha256.lower()):
        raise ModelDigestError(name, expected=sha256, found=found)
    return data


def one_job(model: Any) -> Any:
    """Set every `n_jobs` of `model` to 1: threads may add floats in another order, and then the bits differ."""
    if hasattr(model, "get_params"):
        jobs = {key: 1 for key in model.get_params() if key.rpartition("__")[2] == "n_jobs"}
        if jobs:
            model.set_params(**jobs)
    return model


def one_thread() -> AbstractContextManager[Any]:
    """Return a context in which BLAS and OpenMP use one thread, so that sums are added in one order."""
    # scikit-learn's own dependency
    from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

    return cast("AbstractContextManager[Any]", threadpool_limits(limits=1))

"""Is this file the reviewed model? Its sha256 is compared before anything looks inside it."""

import hashlib
import hmac
import re
from pathlib import Path

from audit_pipeline.config.model import Artefact
from audit_pipeline.errors import ExplainError, ModelDigestError

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


def pinned_bytes(path: Path, *, sha256: str, name: str) -> bytes:
    """Return the bytes of `path` when they hash to `sha256`; what is parsed later are these bytes.

    Raises:
        ModelDigestError: the bytes are others.
        ExplainError: the file is not there.
    """
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

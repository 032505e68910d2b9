"""The project's key: it signs roots of the log (Ed25519 in a DSSE envelope) and marks what its programs wrote there.

This is the one door to `securesystemslib` and `cryptography`. A key is named by its public half in hex, so that whoever
has the name can check the signature. A line of the log carries an HMAC by a key of the run that wrote it, derived from
the private half: who can read the key file can write lines, and nobody else can. Against somebody who can read it,
nothing here helps (docs/threat-model.md).
"""

import hmac
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from audit_pipeline.config.project import ProjectConfig
from audit_pipeline.config.secrets import read_key
from audit_pipeline.errors import EvidenceError

PAYLOAD_TYPE = "application/vnd.audit-pipeline.root+json"
WRITERS = b"audit-pipeline: writers of the log"  # keeps this use of the key apart from any other


class SigningKey:
    """A private key."""

    def __init__(self, seed: bytes) -> None:
        """`seed` is the private half, 32 bytes (RFC 8032)."""
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

        self._private = Ed25519PrivateKey.from_private_bytes(seed)
        self._writers = hmac.digest(seed, WRITERS, "sha256")
        self.key_id = self._private.public_key().public_bytes_raw().hex()

    def mac(self, run: str, content: bytes) -> str:
        """Return the mark of `run` on `content`, in hex."""
        session = hmac.digest(self._writers, run.encode(), "sha256")
        return hmac.digest(session, content, "sha256").hex()

    def signer(self) -> Any:
        """Return the key as securesystemslib knows one."""
        from securesystemslib.signer import CryptoSigner

        return CryptoSigner(self._private, _public(self.key_id))


@dataclass(frozen=True, slots=True)
class Signed:
    """What an envelope says, and whose signatures hold."""

    payload: bytes
    by: frozenset[str]  # keys whose signature was checked and holds
    forged: frozenset[str]  # keys that are named, and whose signature does not hold


def signing_key(config: ProjectConfig, root: Path) -> SigningKey | None:
    """Return the key that `keys.signing` refers to; None when it refers to none.

    Raises:
        KeyMissingError: it is not there.
    """
    reference = config.keys.signing
    return SigningKey(read_key("signing", reference, root)) if reference else None


def sign(payload: bytes, keys: Sequence[SigningKey]) -> dict[str, Any]:
    """Return the DSSE envelope of `payload`, signed by each of `keys`; by none, it is unsigned."""
    from securesystemslib.dsse import Envelope

    envelope = Envelope(payload, PAYLOAD_TYPE, {})
    for key in keys:
        envelope.sign(key.signer())
    return dict(envelope.to_dict())


def opened(envelope: Any) -> Signed:
    """Return what an envelope holds, after checking each of its signatures by the key it names.

    Raises:
        EvidenceError: it is no envelope, or says the same in other bytes than a writer of ours.
    """
    from securesystemslib.dsse import Envelope
    from securesystemslib.exceptions import VerificationError

    try:
        signatures = [dict(signature) for signature in envelope["signatures"]]
        found = Envelope.from_dict({**envelope, "signatures": signatures})
        if found.to_dict() != envelope or found.payload_type != PAYLOAD_TYPE:
            raise EvidenceError("is no envelope of a root")
        public = {name: _public(name) for name in found.signatures}
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise EvidenceError("is no envelope of a root") from error
    by = set()
    for name, key in public.items():
        try:
            found.verify([key], 1)
            by.add(name)
        except VerificationError:
            continue
    return Signed(found.payload, frozenset(by), frozenset(set(public) - by))


def _public(key_id: str) -> Any:
    """Return a public key by its name, which is the key.

    Raises:
        ValueError: it is none.
    """
    from securesystemslib.signer import SSlibKey

    if len(bytes.fromhex(key_id)) != 32 or key_id != key_id.lower():
        raise ValueError("no Ed25519 key")
    return SSlibKey(key_id, "ed25519", "ed25519", {"public": key_id})

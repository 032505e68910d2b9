"""Pseudonyms: HMAC-SHA256 (RFC 2104) of a value's UTF-8 text, in hex; the same in Python and in SQL.

DuckDB has sha256 but no HMAC, so SQL nests two hashes over the padded key. The pads are bound parameters:
the key never stands in the text of a query.
"""

import hashlib
import hmac

from audit_pipeline.errors import KeyMissingError

BLOCK = 64  # bytes; sha256's block size
INNER, OUTER = 0x36, 0x5C  # the pads of RFC 2104


def pseudonym(value: str, key: bytes) -> str:
    """Return the pseudonym of `value`: 64 hex digits."""
    return hmac.new(key, value.encode(), hashlib.sha256).hexdigest()


def pseudonym_sql(text: str) -> str:
    """Return SQL for the pseudonym of a VARCHAR expression; NULL stays NULL. Needs `pads` as parameters."""
    return f"sha256($outer::blob || unhex(sha256($inner::blob || encode({text}))))"


def pads(key: bytes | None) -> dict[str, bytes]:
    """Return the parameters of `pseudonym_sql`.

    Raises:
        KeyMissingError: there is no key: nothing may be written then.
    """
    if not key:
        raise KeyMissingError("pseudonym", reference="keys.pseudonym of project.yaml")
    block = (key if len(key) <= BLOCK else hashlib.sha256(key).digest()).ljust(BLOCK, b"\0")
    return {"inner": bytes(byte ^ INNER for byte in block), "outer": bytes(byte ^ OUTER for byte in block)}

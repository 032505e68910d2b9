"""Only files in clear can be erased from or purged so far: whoever asks in an encrypted store is told first of all."""

from audit_pipeline.errors import KeptError
from audit_pipeline.evidence import Store
from audit_pipeline.vault import ENCRYPTED, FOLDERS


def require_in_clear(store: Store, what: str) -> None:
    """See that no file of the store is encrypted.

    Raises:
        KeptError: one is; `what` is the command, which has done nothing.
    """
    for folder in FOLDERS:
        found = next((store.root / folder).rglob(f"*{ENCRYPTED}"), None)
        if found is not None:
            raise KeptError(
                f"{found.relative_to(store.root).as_posix()} is encrypted, and `{what}` cannot write encrypted files "
                "anew yet: nothing was done."
            )

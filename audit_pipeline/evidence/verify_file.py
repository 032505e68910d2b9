"""Is a file of the store the one that a record names? In clear by its sha256; encrypted by that of both its forms.

Without the project's key an encrypted file is held against the sha256 of its encrypted form, which the record names
too; whether it holds what it should is then not known, and said.
"""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from audit_pipeline.errors import CiphertextError, KeyMissingError, MemoryRoomError
from audit_pipeline.evidence.verify_log import Problem
from audit_pipeline.vault import ENCRYPTED, Vault


@dataclass(frozen=True, slots=True)
class Look:
    """What a file was found to be."""

    sha256: str = ""  # of the plaintext; "" when it is not known
    fault: str = ""  # why it is not
    ciphertext: str = ""  # sha256 of the encrypted form, "" when it is not encrypted
    locked: bool = False  # it is encrypted, and the key is not at hand


class Files:
    """What is known about files of the store; each is read once, however many records name it."""

    def __init__(self, vault: Vault) -> None:
        """Nothing is read yet."""
        self.vault, self._resolved = vault, vault.root.resolve()
        self.seen: dict[str, Look] = {}
        self.anew: set[str] = set()  # right, and encrypted another time than the record says

    def look(self, name: str) -> Look:
        """Return what the file `name` is."""
        if name not in self.seen:
            self.seen[name] = self._look(name)
        return self.seen[name]

    def _look(self, name: str) -> Look:
        try:
            path = self.vault.where(name)
            if not path.resolve().is_relative_to(self._resolved):
                return Look(fault="leads out of the store: what stands there is not evidence")
            if not path.is_file():
                return Look(fault="is missing: a record or the log names it")
            if self.vault.is_encrypted(name) and (self.vault.root / name).exists():
                return Look(fault=f"stands there twice, in clear and as {ENCRYPTED}: one of them was added")
            return self._encrypted(name) if self.vault.is_encrypted(name) else Look(self.vault.sha256(name))
        except (OSError, ValueError, RuntimeError) as error:  # the last two: no possible name, a ring of links
            return Look(fault=f"cannot be read: {getattr(error, 'strerror', None) or type(error).__name__}")

    def _encrypted(self, name: str) -> Look:
        try:
            ciphertext = self.vault.ciphertext(name) or ""
        except CiphertextError as error:
            return Look(fault=f"cannot be decrypted: {error.fault}")
        try:
            return Look(self.vault.sha256(name), ciphertext=ciphertext)
        except CiphertextError as error:
            return Look(fault=f"cannot be decrypted: {error.fault}", ciphertext=ciphertext)
        except KeyMissingError:
            return Look(ciphertext=ciphertext, locked=True)

    def notes(self) -> Iterator[str]:
        """Say what could not be told of encrypted files."""
        if locked := sum(look.locked for look in self.seen.values()):
            yield (
                f"{locked} files are encrypted and their key is not at hand: they stand as the records say, and "
                "whether they hold what they should was not checked."
            )
        if self.anew:
            yield f"{len(self.anew)} files hold what they should, and were encrypted again after the record was made."


def file_problems(files: Files, file: dict[str, Any], encrypted: str | None) -> Iterator[Problem]:
    """Check one file that a record names.

    Args:
        files: what is known.
        file: as the record names it.
        encrypted: sha256 of its encrypted form by the record; None: it stood there in clear then.
    """
    name = file["path"]
    found = files.look(name)
    if found.fault:
        yield Problem(name, found.fault)
    elif found.locked and found.ciphertext != encrypted:
        what = "is not the one in its record" if encrypted else "is in no record"
        yield Problem(name, f"sha256 of its encrypted form {what}: with the key, `verify` tells whether it was changed")
    elif not found.locked and found.sha256 != file["sha256"]:
        yield Problem(name, f"sha256 of {Path(name).name} is not the one in its record: the file was changed")
        yield from _group_problems(files.vault, file)
    elif found.ciphertext != (encrypted or ""):
        files.anew.add(name)


def _group_problems(vault: Vault, file: dict[str, Any]) -> Iterator[Problem]:
    """Name the row groups of a changed snapshot that are not as recorded."""
    try:
        with vault.session(), vault.plain(file["path"]).open("rb") as data:
            for group in file.get("row_groups", []):
                data.seek(group["offset"])
                if hashlib.sha256(data.read(group["length"])).hexdigest() != group["sha256"]:
                    yield Problem(file["path"], f"row group {group['index']} was changed")
    except MemoryRoomError:
        yield Problem(file["path"], "which of its row groups were changed is not told: it does not fit into memory")

"""Is a file of the store the one that a record names? In clear by its sha256; encrypted by that of both its forms.

Without the project's key an encrypted file is held against the sha256 of its encrypted form, which the record names
too; whether it holds what it should is then not known, and said.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

from audit_pipeline.errors import CiphertextError, KeyMissingError, MemoryRoomError
from audit_pipeline.evidence.entry import LogEntry
from audit_pipeline.evidence.erased import erasures
from audit_pipeline.evidence.purged import purges
from audit_pipeline.evidence.verify_erased import erased_faults
from audit_pipeline.evidence.verify_log import Problem
from audit_pipeline.row_groups import range_sha256
from audit_pipeline.vault import ENCRYPTED, Vault

MISSING = "is missing: a record or the log names it"


@dataclass(frozen=True, slots=True)
class Look:
    """What a file was found to be."""

    sha256: str = ""  # of the plaintext; "" when it is not known
    fault: str = ""  # why it is not
    ciphertext: str = ""  # sha256 of the encrypted form, "" when it is not encrypted
    locked: bool = False  # it is encrypted, and the key is not at hand


class Files:
    """What is known about files of the store; each is read once, however many records name it."""

    def __init__(self, vault: Vault, entries: Sequence[LogEntry] = ()) -> None:
        """Take what the log says of erased rows and purged files; nothing is read yet."""
        self.vault, self._resolved = vault, vault.root.resolve()
        self.seen: dict[str, Look] = {}
        self.anew: set[str] = set()  # right, and encrypted another time than the record says
        self._erased, self._purged = erasures(entries), purges(entries)
        self._told: dict[str, str] = {}  # path -> what became of it

    def purge_faults(self, name: str, sha256: str, night: date) -> Iterator[str] | None:
        """Return what is wrong with the purge of a file that is not there; None when it was not purged."""
        digests = (sha256, *(erasure.new_sha256 for erasure in self._erased.get(name, ())))
        purge = next((self._purged[name, digest] for digest in digests if (name, digest) in self._purged), None)
        if purge is None:
            return None
        self._told[name] = str(purge)
        return iter([f"was {purge}, before its time"] if purge.too_early(night) else [])

    def erased_faults(self, file: dict[str, Any], found: Look) -> list[str] | None:
        """Return what is wrong with a file that rows were erased from; None when none were."""
        name = file["path"]
        if name not in self._erased:
            return None
        count = sum(erasure.rows for erasure in self._erased[name])
        self._told[name] = f"rows were erased ({count:,} in the file)"
        newest = self._erased[name][-1]
        if found.locked:
            what = f"sha256 of its encrypted form is not the one that the erasure in entry {newest.entry} left"
            same = newest.encrypted == found.ciphertext
            return [] if same else [f"{what}: with the key, `verify` tells whether it was changed"]
        if found.ciphertext and found.ciphertext != newest.encrypted:
            self.anew.add(name)
        try:
            with self.vault.session():
                return list(erased_faults(self.vault.plain(name), file, self._erased[name], found.sha256))
        except MemoryRoomError:
            return ["its row groups were not held against its erasure: it does not fit into memory"]

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
                return Look(fault=MISSING)
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
        """Say what was erased and purged of the files that were looked at, and what could not be told."""
        for what, count in Counter(self._told.values()).items():
            yield f"{count} file{'s' if count != 1 else ''}: {what}."
        if locked := sum(look.locked for look in self.seen.values()):
            yield (
                f"{locked} files are encrypted and their key is not at hand: they stand as the records say, and "
                "whether they hold what they should was not checked."
            )
        if self.anew:
            yield f"{len(self.anew)} files hold what they should, and were encrypted again after the record was made."


def named_problems(files: Files, file: dict[str, Any], encrypted: str | None, night: date) -> Iterator[Problem]:
    """Check one file that a record of `night` names; an erasure or a purge of it in the log is held against the log."""
    found = files.look(file["path"])
    known: Iterable[str] | None = None
    if found.fault == MISSING:
        known = files.purge_faults(file["path"], file["sha256"], night)
    elif not found.fault:
        known = files.erased_faults(file, found)
    if known is None:
        yield from file_problems(files, file, encrypted)
    else:
        yield from (Problem(file["path"], text) for text in known)


def file_problems(files: Files, file: dict[str, Any], encrypted: str | None) -> Iterator[Problem]:
    """Check one file that a record names, as if nothing had been erased or purged.

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
                if range_sha256(data, group["offset"], group["length"]) != group["sha256"]:
                    yield Problem(file["path"], f"row group {group['index']} was changed")
    except MemoryRoomError:
        yield Problem(file["path"], "which of its row groups were changed is not told: it does not fit into memory")

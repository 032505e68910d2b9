"""Every error of the product, with its tree.

    AuditError                      base; `exit_code` tells the command line what to return
    ├── ConfigError                 all faults of the configuration at once, with file and key
    ├── SourceError                 the night's log, labels or reference
    │   ├── NightMissingError       no file or no rows of the table for this night
    │   ├── NightEmptyError         the log is there and holds no row
    │   ├── ColumnMissingError      a configured column is not there
    │   ├── ColumnTypeError         values that cannot be read as the declared type
    │   └── UnreadableError         the file cannot be parsed as its format
    ├── CheckError                  the suite as a whole could not be run
    ├── MetricError                 a statistic could not be computed
    ├── ExplainError                the model could not be loaded or explained
    │   ├── ModelDigestError        the artefact is not the file the configuration pins
    │   └── UntrustedModelError     the artefact holds types outside the reviewed list
    ├── EvidenceError               the store is not what its records say
    │   ├── CiphertextError         an encrypted file, or its wrapped key, was changed, cut off or swapped
    │   ├── StorageError            the disk is full or refuses; what stood before is not lost
    │   ├── AddressTakenError       another file stands where one is to be kept
    │   ├── ErasedError             a source still holds rows that were erased
    │   └── BusyError               a run is at work: what must be alone has not begun
    ├── KeptError                   a hold or a retention class forbids to delete
    ├── NotReplayableError          what a past result stands on is not there any more
    ├── KeyMissingError             a key that is needed is not where its reference points
    │   ├── EncryptedError          a file is encrypted, and the key at hand does not open it
    │   └── SecretMissingError      another secret, such as a channel's address, is not there
    ├── MemoryRoomError             there is no room in memory for what may not be on a disk
    ├── LineageError                an event or a lineage question cannot be answered
    │   └── RelayError              the consumer of lineage did not take an event, and may take it later
    ├── PublishError                the published database is missing or could not be written
    ├── QueryError                  a question the published database cannot answer
    │   └── NothingAuditedError     there is no evidence to ask about yet
    ├── NotifyError                 an alert could not be delivered
    └── DemoDataError               the demo's data set is absent or another one

A message says what, where, and what to do next. It never holds a row's values or a secret:
column names and counts only. Facts stand as attributes, so that no caller parses text.
"""

import difflib
from collections.abc import Iterable
from dataclasses import dataclass
from enum import IntEnum

from audit_pipeline.small_cells import in_words


class ExitCode(IntEnum):
    """What the command line returns; one meaning each."""

    PASSED = 0  # WARN included
    FAILED = 1  # a verdict is FAIL
    USAGE = 2  # usage or configuration
    NOT_EVALUATED = 3  # something due could not be evaluated
    NOT_DELIVERED = 4  # evidence made but not delivered (publish, alert or relay)


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """Return " Did you mean 'x'?" for the nearest known word, or nothing."""
    near = difflib.get_close_matches(word, list(known), n=1, cutoff=0.6)
    return f" Did you mean '{near[0]}'?" if near else ""


class AuditError(Exception):
    """Base of all errors the product raises on purpose."""

    exit_code = ExitCode.NOT_EVALUATED


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing wrong in the configuration."""

    file: str
    key: str  # dotted path inside the file; "" for the file as a whole
    message: str  # what is wrong and what would be right

    def __str__(self) -> str:
        """`file: key: message`."""
        return f"{self.file}: {self.key + ': ' if self.key else ''}{self.message}"


class ConfigError(AuditError):
    """The configuration is not usable; carries every fault that was found."""

    exit_code = ExitCode.USAGE

    def __init__(self, faults: Iterable[Fault]) -> None:
        """Build the message from all faults, one line each."""
        self.faults = tuple(faults)
        count = len(self.faults)
        head = f"{count} fault{'s' if count != 1 else ''} in the configuration:"
        super().__init__("\n".join([head, *(f"  {fault}" for fault in self.faults)]))


class SourceError(AuditError):
    """The prediction log, the labels or the reference of a night cannot be used."""


class NightMissingError(SourceError):
    """There is nothing for this night where the configuration says it should be."""

    def __init__(self, what: str, *, night: str, where: str) -> None:
        """`what` is 'prediction log' or 'labels'; `where` the file or table that was looked for."""
        self.what, self.night, self.where = what, night, where
        super().__init__(
            f"No {what} for night {night}: '{where}' does not exist. "
            "Deliver it and run this night again; it is audited as soon as it is there."
        )


class NightEmptyError(SourceError):
    """The log of this night is there and holds no row."""

    def __init__(self, *, night: str, where: str) -> None:
        """`where` is the file or table that holds no row."""
        self.night, self.where = night, where
        super().__init__(
            f"The prediction log of night {night} ('{where}') has no rows. "
            "If the model served nobody that night this is expected; else ask the log's producer."
        )


class ColumnMissingError(SourceError):
    """A configured column is not in the log."""

    def __init__(self, column: str, *, log: str, available: Iterable[str], others: Iterable[str] = ()) -> None:
        """`log` names the file or table; `available` its columns; `others` are missing as well."""
        self.column, self.log, self.available = column, log, sorted(available)
        self.others = tuple(others)
        also = f" Also missing: {', '.join(self.others)}." if self.others else ""
        super().__init__(
            f"Column '{column}' is not in '{log}'.{did_you_mean(column, self.available)}{also} "
            f"It has: {', '.join(self.available)}. Correct the log or `columns` in the model file."
        )


class ColumnTypeError(SourceError):
    """A column holds values that cannot be read as its declared type."""

    def __init__(self, column: str, *, log: str, declared: str, rows: int, others: Iterable[str] = ()) -> None:
        """`rows` counts the values that cannot be read; none is shown; `others` are faulty as well."""
        self.column, self.log, self.declared, self.rows = column, log, declared, rows
        self.others = tuple(others)
        also = f"The same goes for: {', '.join(self.others)}. " if self.others else ""
        super().__init__(
            f"Column '{column}' of '{log}' is declared as {declared}, but {in_words(rows)} "
            f"values cannot be read as one. {also}"
            "Correct the log, or the column's `type` in the model file."
        )


class UnreadableError(SourceError):
    """A file or table cannot be parsed."""

    def __init__(self, where: str, *, form: str) -> None:
        """`form` is the format it should have."""
        self.where, self.form = where, form
        super().__init__(
            f"'{where}' cannot be read as {form}: it is damaged, cut off, or of another format. "
            "Deliver it again, or correct `format` in the model file."
        )


class CheckError(AuditError):
    """The suite as a whole could not be run."""


class MetricError(AuditError):
    """A statistic could not be computed; the reason stands in the message."""


class ExplainError(AuditError):
    """The model could not be loaded or explained."""


class ModelDigestError(ExplainError):
    """The model file is not the one that the configuration pins."""

    def __init__(self, path: str, *, expected: str, found: str) -> None:
        """Both digests are sha256 in hex."""
        self.path, self.expected, self.found = path, expected, found
        super().__init__(
            f"The model file '{path}' has sha256 {found[:16]}..., the model file pins {expected[:16]}.... "
            "It was not opened. Restore the pinned artefact, or review the new one and pin its sha256."
        )


class UntrustedModelError(ExplainError):
    """The artefact holds types that nobody has reviewed."""

    def __init__(self, path: str, *, types: Iterable[str]) -> None:
        """`types` are the type names outside `artefact.trusted`."""
        self.path, self.types = path, sorted(types)
        super().__init__(
            f"The model file '{path}' holds types outside `artefact.trusted`: {', '.join(self.types)}. "
            "It was not loaded. Review them, then add them to the list."
        )


class EvidenceError(AuditError):
    """The evidence store is not what its records say."""

    exit_code = ExitCode.FAILED


class StorageError(EvidenceError):
    """The disk is full or refuses: nothing half-written is left, and the same run completes once that is mended."""

    exit_code = ExitCode.NOT_EVALUATED

    def __init__(self, name: str, *, why: str) -> None:
        """`name` is the file, or what is made of several; `why` a clause."""
        self.name, self.why = name, why
        super().__init__(f"'{name}' was not written: {why}. What stood before is not lost: mend it and run again.")


class CiphertextError(EvidenceError):
    """An encrypted file, or the wrapped key beside it, is not what was written."""

    def __init__(self, name: str, fault: str) -> None:
        """`name` is the file without the suffix of its encryption; `fault` a clause."""
        self.name, self.fault = name, fault
        super().__init__(
            f"{name} cannot be decrypted: {fault}. `audit-pipeline verify` says what else is not as the log "
            "says; restore it from a backup."
        )


class AddressTakenError(EvidenceError):
    """Another file stands at the address of one that is to be kept."""

    def __init__(self, path: str) -> None:
        """`path` is below the audit folder."""
        self.path = path
        super().__init__(f"{path} was changed: its sha256 is not its name. Run `audit-pipeline verify`.")


class ErasedError(EvidenceError):
    """A source still holds rows that were erased here: it is not frozen again."""

    exit_code = ExitCode.NOT_EVALUATED

    def __init__(self, source: str, *, path: str) -> None:
        """`source` is what was to be frozen, `path` what was made of it before and lost rows since."""
        self.source, self.path = source, path
        super().__init__(
            f"'{source}' still holds rows that were erased from {path}: it was not frozen again. "
            "Erase the person in the source as well, then run this night again."
        )


class BusyError(EvidenceError):
    """Somebody is at work in the store, and this must be alone."""

    exit_code = ExitCode.NOT_EVALUATED

    def __init__(self, what: str) -> None:
        """`what` is the command that did not begin."""
        self.what = what
        super().__init__(
            f"A run is at work in this store: `{what}` has not begun. Call it again when the run has ended."
        )


class KeptError(AuditError):
    """A legal hold or a retention class forbids to delete what was asked for; nothing was deleted."""

    exit_code = ExitCode.USAGE


class NotReplayableError(AuditError):
    """A past night cannot be computed anew; the message is a clause that says why."""


class KeyMissingError(AuditError):
    """A key is not where its reference points."""

    exit_code = ExitCode.USAGE

    def __init__(self, name: str, *, reference: str) -> None:
        """`reference` is `file:PATH` or `env:NAME`; the key itself is never shown."""
        self.name, self.reference = name, reference
        super().__init__(
            f"The {name} key is not at '{reference}'. Restore it from your backup, or, for a project "
            "that has no evidence yet, make one with `audit-pipeline init DIR --keys-only`."
        )


class EncryptedError(KeyMissingError):
    """A file is encrypted, and the key at hand does not open it."""

    def __init__(self, name: str, *, why: str) -> None:
        """`name` is the file without the suffix of its encryption; `why` a clause that names the key."""
        self.name, self.why = name, why
        AuditError.__init__(
            self,
            f"{name} is encrypted {why}. Name the right key in `keys.encryption` of project.yaml, restore it from "
            "your backup, or, where `audit-pipeline keys rewrap` did not finish, call that again.",
        )


class SecretMissingError(KeyMissingError):
    """A secret other than a key is not where its reference points."""

    def __init__(self, name: str, *, reference: str) -> None:
        """`reference` is `file:PATH` or `env:NAME`; the secret itself is never shown."""
        self.name, self.reference = name, reference
        kind, _, where = reference.partition(":")
        remedy = f"Set the variable {where}" if kind == "env" else f"Write it to the file {where}"
        AuditError.__init__(self, f"The {name} is not at '{reference}'. {remedy} where this program runs.")


class MemoryRoomError(AuditError):
    """There is no room in memory for what may not be on a disk."""

    exit_code = ExitCode.USAGE

    def __init__(self, fault: str) -> None:
        """`fault` is a clause that says what is wrong."""
        self.fault = fault
        super().__init__(
            f"{fault}. Raise `limits.decrypted`, or name a tmpfs with more room in `limits.tmpfs` of project.yaml "
            "(a container's own is enlarged with --shm-size)."
        )


class LineageError(AuditError):
    """An event or a lineage question that cannot be answered."""

    exit_code = ExitCode.USAGE


class RelayError(LineageError):
    """The consumer of lineage did not take an event, and may take it later."""

    exit_code = ExitCode.NOT_DELIVERED


class PublishError(AuditError):
    """The published database is missing or could not be written."""

    exit_code = ExitCode.NOT_DELIVERED


class QueryError(AuditError):
    """A question that the published database cannot answer; the message says why."""

    exit_code = ExitCode.USAGE


class NothingAuditedError(QueryError):
    """A project without evidence: what has not been audited has not passed."""

    exit_code = ExitCode.NOT_EVALUATED

    def __init__(self, project: str) -> None:
        """`project` is its folder."""
        self.project = project
        super().__init__(f"Nothing has been audited in '{project}' yet. Start with `audit-pipeline run`.")


class NotifyError(AuditError):
    """An alert could not be delivered."""

    exit_code = ExitCode.NOT_DELIVERED


class DemoDataError(AuditError):
    """The data set that the demo is built from is absent, or not the one its figures stand on."""

    exit_code = ExitCode.USAGE

    def __init__(self, fault: str) -> None:
        """`fault` is a clause that says what is wrong."""
        self.fault = fault
        super().__init__(
            f"The demo's data cannot be read: {fault}. Install the tested release (`pip install -c constraints.txt "
            "statsmodels`), or audit your own data (`audit-pipeline init DIR --from LOG`)."
        )

"""project.yaml: what all models of a project share."""

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Annotated, Any, Literal, Self
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import AfterValidator, Field, field_validator, model_validator

from audit_pipeline.config.base import Broken, Ruled, Strict, fits, mapping
from audit_pipeline.config.model import Name
from audit_pipeline.config.retention import Hold, Retention, broken_retention
from audit_pipeline.config.role import DatabaseRole
from audit_pipeline.errors import did_you_mean

Reference = Annotated[
    str,
    fits(r"file:.+|env:[A-Z_][A-Z0-9_]*", "`env:NAME` or `file:PATH`: where the secret is, never the secret itself"),
]


Amount = Annotated[str, fits(r"[1-9]\d*(MB|GB)", "an amount such as 500MB or 2GB")]

RESOURCES = ("threads", "memory")  # limits on which no number depends, and that a record notes
PLACES = ("decrypted", "tmpfs")  # limits that are of this machine alone


class Nights(Strict):
    """Which nights there are, and when one is complete."""

    first: date = Field(description="first night of data; earlier ones are not expected")
    last: date | None = Field(default=None, description="last night, for a replay or a retired project")
    complete_at: Annotated[str, fits(r"([01]\d|2[0-3]):[0-5]\d", 'a time of day in quotes, e.g. "02:00"')] = Field(
        default="02:00", description="local time of the next day at which a night's log is complete"
    )

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.last is not None and self.last < self.first:
            raise ValueError(f"last ({self.last}) is before first ({self.first})")
        return self


class Owner(Strict):
    """Who answers for models, and how to reach them."""

    name: str = Field(description="as an alert addresses it")
    channels: tuple[Name, ...] = Field(default=(), description="keys of `channels`")


class Channel(Strict):
    """A place alerts go to."""

    url: Reference = Field(description="`env:NAME` or `file:PATH` that holds an Apprise URL")


class Limits(Strict):
    """Sizes at which the machinery changes, and bounds on its use."""

    checks_duckdb_from_rows: Annotated[int, Field(ge=0)] = Field(
        default=50_000, description="Great Expectations runs on DuckDB from this many rows, on pandas below"
    )
    evidently_rows: Annotated[int, Field(ge=100)] = Field(
        default=20_000,
        description="Evidently computes over the rows up to here; above it shows the exact numbers",
    )
    explain_rows: Annotated[int, Field(ge=50, le=100_000)] = Field(
        default=2_000, description="rows of the recorded sample that is explained"
    )
    threads: Annotated[int, Field(ge=1, le=64)] = Field(default=2, description="DuckDB threads per audit")
    memory: Amount = Field(default="1GB", description="DuckDB memory per audit")
    decrypted: Amount = Field(
        default="2GB", description="with `keys.encryption`: files that may stand decrypted in memory at once, per audit"
    )
    tmpfs: str = Field(
        default="/dev/shm",  # noqa: S108 (a folder of this user alone is made there)
        description="with `keys.encryption`: file system in memory where they are decrypted",
    )

    @property
    def sizes(self) -> tuple[tuple[str, int], ...]:
        """What a number may depend on; the others only say how soon it is there, or where."""
        return tuple((name, size) for name, size in self if name not in (*RESOURCES, *PLACES))

    @property
    def resources(self) -> dict[str, int | str]:
        """What an audit may use of the machine."""
        return {name: getattr(self, name) for name in RESOURCES}


class Keys(Strict):
    """Secrets by reference."""

    pseudonym: Reference = Field(
        default="file:audit/keys/pseudonym.key", description="HMAC key of the pseudonyms, 32 bytes in hex"
    )
    signing: Reference | None = Field(
        default=None,
        description="key that signs the log (Ed25519, private half), 32 bytes in hex; without it, roots are unsigned",
    )
    encryption: Reference | None = Field(
        default=None,
        description="key of files with rows (AES-256-GCM), 32 bytes in hex; without it, they are written in clear",
    )


class SourceCode(Strict):
    """Where code and configuration of the audits are kept, for the lineage; absent, nothing is said of it."""

    repository: Annotated[str, fits(r"https?://[^@\s]+", "an http(s) address without a user name or password")] = Field(
        description="address of the repository"
    )
    path: str = Field(default="", description="folder of this project in the repository")
    version: str = Field(description="what is deployed, e.g. a commit; `env:NAME` reads it at each audit")

    def deployed(self) -> str:
        """Return the deployed version; "unknown" when the variable that says it is not set."""
        kind, _, name = self.version.partition(":")
        return os.environ.get(name, "").strip() or "unknown" if kind == "env" else self.version


def _server(text: str) -> str:
    """Refuse what is no plain address of a server; a login in it would be a secret."""
    try:
        parts = urlsplit(text)
        plain = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0
    except ValueError:  # a port or an IPv6 address that is none
        plain = False
    if not plain or re.search(r"[^!-~]|[@?#]|/api/v1/lineage/?$", text):
        raise ValueError("must be an address such as http://marquez:5000, without login, query or /api/v1/lineage")
    return text


class Relay(Strict):
    """The one consumer that is sent the lineage events, by Marquez's protocol: POST to `url`/api/v1/lineage."""

    url: Annotated[str, AfterValidator(_server)] = Field(description="where it listens")
    api_key: Reference | None = Field(
        default=None, description="`env:NAME` or `file:PATH` that holds its API key, sent as a bearer token"
    )
    timeout_s: Annotated[float, Field(gt=0, le=10)] = Field(
        default=5.0, description="seconds without an answer after which it is tried again later"
    )


class Lineage(Strict):
    """What the lineage says beside what the audits did, and where it goes beside this machine."""

    source_code: SourceCode | None = None
    relay: Relay | None = Field(default=None, description="nothing is sent anywhere without it")


class Anchor(Strict):
    """A second place for the log's roots, out of reach of whoever may write to `audit/`."""

    file: str | None = Field(
        default=None, description="file that every root is appended to, e.g. on write-once storage; `verify` reads it"
    )
    channel: Name | None = Field(default=None, description="key of `channels` that is sent the newest root")

    @model_validator(mode="after")
    def _somewhere(self) -> Self:
        if self.file is None and self.channel is None:
            raise ValueError("names neither `file` nor `channel`")
        return self


class ProjectConfig(Ruled):
    """One project: a folder with models that share owners, keys and an evidence store."""

    schema_version: Literal[1] = Field(description="version of this file's form")
    name: Name = Field(description="of the project; namespace of its jobs in the lineage")
    description: str = Field(default="", description="what these models are for")
    time_zone: str = Field(default="UTC", description="IANA name, e.g. Europe/Berlin; a night is a calendar day in it")
    nights: Nights
    seed: Annotated[int, Field(ge=0, lt=2**32)] = Field(
        default=20260101, description="every random choice derives from it and is recorded"
    )
    owners: dict[Name, Owner] = Field(min_length=1)
    channels: dict[Name, Channel] = Field(default_factory=dict)
    keys: Keys = Field(default_factory=Keys)
    limits: Limits = Field(default_factory=Limits)
    lineage: Lineage = Field(default_factory=Lineage)
    anchor: Anchor | None = Field(default=None, description="without it, nothing protects against a rollback")
    roles: dict[Name, DatabaseRole] = Field(
        default_factory=dict,
        description="with roles, `audit.duckdb` itself is readable by its owner and its group only",
    )
    retention: Retention = Field(default_factory=Retention)
    holds: tuple[Hold, ...] = Field(default=(), description="legal holds; end one by taking it out of the list")

    @field_validator("time_zone")
    @classmethod
    def _known_zone(cls, zone: str) -> str:
        try:
            ZoneInfo(zone)
        except (ZoneInfoNotFoundError, ValueError, OSError):
            raise ValueError(f"'{zone}' is no IANA time zone; one is Europe/Berlin") from None
        return zone

    @classmethod
    def broken(cls, data: dict[str, Any]) -> Iterator[Broken]:
        """Hold the channels that are named against those there are, and retention classes against each other."""
        channels = mapping(data.get("channels"))
        anchored = mapping(data.get("anchor")).get("channel")
        if isinstance(anchored, str) and anchored not in channels:
            yield ("anchor", "channel"), f"'{anchored}' is not in `channels`.{did_you_mean(anchored, channels)}"
        yield from broken_retention(data.get("retention"))
        for key, owner in mapping(data.get("owners")).items():
            named = mapping(owner).get("channels")
            for channel in named if isinstance(named, list | tuple) else ():
                if channel not in channels:
                    text = f"'{channel}' is not in `channels`.{did_you_mean(str(channel), channels)}"
                    yield ("owners", key, "channels"), text

    @property
    def zone(self) -> ZoneInfo:
        """The project's time zone."""
        return ZoneInfo(self.time_zone)


@dataclass(frozen=True, slots=True)
class Layout:
    """Where a project keeps its things; every path below `root`."""

    root: Path

    @property
    def audit(self) -> Path:
        """The evidence store."""
        return self.root / "audit"

    @property
    def database(self) -> Path:
        """The published database."""
        return self.database_of(None)

    def database_of(self, role: str | None) -> Path:
        """The published database of a role of `roles`; of none the whole one."""
        return self.audit / (f"audit.{role}.duckdb" if role else "audit.duckdb")

    @property
    def outbox(self) -> Path:
        """Lineage events waiting for the loader; drained files are kept."""
        return self.audit / "lineage" / "outbox"

    @property
    def relayed(self) -> Path:
        """How far each consumer of lineage has been told."""
        return self.audit / ".state" / "relay"

    @property
    def inbox(self) -> Path:
        """Where other producers (Airflow, Spark, dbt) drop files of OpenLineage events; they stay there."""
        return self.audit / "lineage" / "inbox"

    @property
    def quarantine(self) -> Path:
        """What was refused, with the reason."""
        return self.audit / "quarantine"

    @property
    def dagster_home(self) -> Path:
        """DAGSTER_HOME of the default instance."""
        return self.audit / "dagster"

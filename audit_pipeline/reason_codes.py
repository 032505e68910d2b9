"""Reasons kept for single rows of a night: a file with rows, beside the snapshot and treated as it is.

It is encrypted where the project encrypts, erased with the person (its rows are found by their `row_id`), purged with
the class `snapshots`, and in no published table. It holds the row ids as they are frozen, and no value of a row.
"""

from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING

from audit_pipeline.config import ModelConfig
from audit_pipeline.config.policy import ReasonCodesPolicy
from audit_pipeline.evidence.canonical import sha256 as digest_of
from audit_pipeline.records import Column, FileRef, ReasonCodes, Snapshot
from audit_pipeline.small_cells import told
from audit_pipeline.snapshot.write import schema_of, writer
from audit_pipeline.stages import sentence, unless_full
from audit_pipeline.vault import Vault
from audit_pipeline.window import PARQUET

if TYPE_CHECKING:
    from audit_pipeline.explain.reasons import Reasons

ROLE = "reason_codes"
COLUMNS = (("reason_rank", "integer"), ("reason_feature", "category"), ("reason_contribution", "number"))


def keep_reasons(
    vault: Vault,
    snapshot: Snapshot,
    artefact: Path,
    model: ModelConfig,
    asked: ReasonCodesPolicy,
    *,
    sha256: str,
    seed: int,
    rows: int,
) -> ReasonCodes:
    """Work out the reasons of a night's cases and keep them; what fails is told, and the explanation stands.

    Args:
        vault: where rows are kept.
        snapshot: the night's.
        artefact: the model file's bytes.
        model: its configuration.
        asked: whose reasons, and how many.
        sha256: what the artefact must hash to, in hex.
        seed: of every random choice.
        rows: upper bound of the sample that rows are explained against.
    """
    from audit_pipeline.explain.reasons import reasons

    try:
        found = reasons(vault.plain(snapshot.path), artefact, model, asked, sha256=sha256, seed=seed, rows=rows)
        file = _kept(vault, snapshot, found) if found.row_ids else None
    except Exception as error:  # noqa: BLE001 (the edge: reasons of single rows never take the explanation down)
        unless_full(error)
        return ReasonCodes(asked.cases, None, asked.top, None, sentence(error))
    return ReasonCodes(asked.cases, told(found.cases, snapshot.rows), asked.top, file)


def _kept(vault: Vault, snapshot: Snapshot, found: "Reasons") -> FileRef:
    """Write the reasons beside the snapshot."""
    import pyarrow as pa

    row_id = next(column for column in snapshot.columns if column.role == "row_id")
    kinds = [(row_id.name, row_id.type), *COLUMNS]
    schema = schema_of([Column(name, kind, "reason", "sensitive") for name, kind in kinds])
    parts = (found.row_ids, found.ranks, found.features, found.contributions)
    table = pa.table([pa.array(part, field.type) for part, field in zip(parts, schema, strict=True)], schema=schema)
    buffer = BytesIO()
    with writer(buffer, schema) as out:
        out.write_table(table)
    data = buffer.getvalue()
    digest = digest_of(data)
    path = f"{Path(snapshot.path).parent.as_posix()}/{digest}.parquet"
    vault.put(path, data, digest)
    return FileRef(ROLE, path, digest, len(data), PARQUET)

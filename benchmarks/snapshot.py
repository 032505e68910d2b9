"""Freezing a night, or only sorting and writing it: `python -m benchmarks.snapshot take|copy MADE WORK MODULES`."""

import sys
from datetime import date
from pathlib import Path

from benchmarks.imports import remember
from benchmarks.process import say

NIGHT = date(2026, 1, 5)
THREADS = 2
MEMORY = "1GB"


def main(way: str, made: str, work: str, modules: str) -> None:
    """Write the night's log one way or the other."""
    target = Path(work)
    target.mkdir(parents=True)
    size = (take if way == "take" else copy)(Path(made), target)
    remember(Path(modules))
    say(bytes=size)


def take(made: Path, work: Path) -> int:
    """Freeze it as the pipeline does: canonical types, pseudonyms, sorted, digests of file and row groups."""
    import yaml

    from audit_pipeline import snapshot, sources
    from audit_pipeline.config import ModelConfig
    from audit_pipeline.records import Column
    from audit_pipeline.vault import Vault

    model = ModelConfig.model_validate(yaml.safe_load((made / "model.yaml").read_text()))
    columns = [Column(name, c.type, c.role, c.privacy) for name, c in model.columns.items()]
    frozen = snapshot.take(
        sources.open_night(model.log, made, NIGHT),
        columns,
        vault=Vault(work),
        place=f"snapshots/made/{NIGHT}",
        suffix=".parquet",
        key=bytes(32),
        threads=THREADS,
        memory=MEMORY,
    )
    return frozen.bytes


def copy(made: Path, work: Path) -> int:
    """Sort and write it, and nothing else: what DuckDB's own COPY costs."""
    import duckdb

    target = work / "copy.parquet"
    with duckdb.connect(config={"threads": THREADS, "memory_limit": MEMORY, "temp_directory": str(work)}) as con:
        con.execute(f"copy (select * from '{made / f'{NIGHT}.parquet'}' order by row) to '{target}' (compression zstd)")
    return target.stat().st_size


if __name__ == "__main__":
    main(*sys.argv[1:])

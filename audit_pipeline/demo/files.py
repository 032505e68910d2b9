"""Files of the demo: Parquet bytes that do not vary, atomic writes, and the stamp that says what is built."""

import hashlib
import json
import os
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

from audit_pipeline.demo.cohort import INTEGERS, NUMBERS

if TYPE_CHECKING:
    import pandas as pd

STAMP = "stamp.json"
PACKAGES = ("numpy", "pandas", "pyarrow", "scikit-learn", "skops")  # what the bytes depend on beside the code
KEY_PHRASES = {
    "pseudonym.key": b"audit-pipeline demo key: public, never use it for real data",
    "signing.key": b"audit-pipeline demo signing key: public, its signatures prove nothing",
}
KEY_NOTE = """pseudonym.key and signing.key are the DEMO keys, made by `audit-pipeline demo`.
Each is the sha256 of a phrase in the public source code: the pseudonyms protect nobody (the demo's data is public), and
anyone can make the signatures. A project of your own gets random keys from `audit-pipeline init DIR`.
"""


def parquet(table: "pd.DataFrame") -> bytes:
    """Return a table as Parquet: integers stay integers when some are missing, text is text, NaN is null."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    kinds = {
        **dict.fromkeys((*NUMBERS, "score", "prediction"), pa.float64()),
        **dict.fromkeys((*INTEGERS, "label"), pa.int64()),
    }
    columns = {
        name: pa.array(table[name], type=kinds.get(name, pa.string()), from_pandas=True) for name in table.columns
    }
    sink = pa.BufferOutputStream()
    pq.write_table(pa.table(columns), sink, compression="zstd")
    content: bytes = sink.getvalue().to_pybytes()
    return content


def write(path: Path, data: bytes) -> None:
    """Write a file whole or not at all; its folder is made."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    temporary.write_bytes(data)
    temporary.replace(path)


def write_keys(audit: Path) -> None:
    """Write the demo's keys and a note that says what they are; a key that is there stays."""
    folder = audit / "keys"
    for name, phrase in KEY_PHRASES.items():
        path = folder / name
        if path.exists():
            continue
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        (folder / "README.txt").write_text(KEY_NOTE, encoding="utf-8")
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            file.write(hashlib.sha256(phrase).hexdigest() + "\n")


def recipe(*, seed: int, data_sha256: str) -> dict[str, str]:
    """Return everything the bytes of the inputs depend on: seed, data, code and package versions."""
    code = hashlib.sha256()
    for file in sorted(Path(__file__).parent.glob("*.py")):
        code.update(file.read_bytes())
    packages = {name: version(name) for name in PACKAGES}
    return {"seed": str(seed), "data": data_sha256, "code": code.hexdigest(), **packages}


def is_built(folder: Path, wanted: Mapping[str, str]) -> bool:
    """Say whether `folder` holds what `wanted` makes: the stamp agrees, and every file is what was written."""
    try:
        stamp = json.loads((folder / STAMP).read_text(encoding="utf-8"))
        return stamp["recipe"] == wanted and all(
            hashlib.sha256((folder / name).read_bytes()).hexdigest() == sha256
            for name, sha256 in stamp["files"].items()
        )
    except (OSError, ValueError, KeyError):  # no stamp, a damaged one, or a file that is gone
        return False


def write_stamp(folder: Path, wanted: Mapping[str, str], files: Mapping[str, str]) -> None:
    """Write the stamp; the last file of a build, so that a build that was cut off is done again."""
    content = {"recipe": dict(wanted), "files": dict(sorted(files.items()))}
    write(folder / STAMP, (json.dumps(content, indent=1) + "\n").encode())

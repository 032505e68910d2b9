"""The signed log of a large fleet: `python -m benchmarks.log ENTRIES`.

A log with many entries is written, its lines marked, and sealed; then what is done every night, and what an auditor
does. The lines are written into the file at once, since a durable append each would measure the disk.
"""

import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks.process import say

PROOFS = 1000


def main(entries: str) -> None:
    """Time everything once, and say it in CPU milliseconds."""
    from audit_pipeline.config import Layout
    from audit_pipeline.evidence import SigningKey, Store, seal
    from audit_pipeline.evidence.merkle import inclusion_proof
    from audit_pipeline.evidence.tree import tree_in
    from audit_pipeline.evidence.verify_log import check_log

    with tempfile.TemporaryDirectory() as folder:
        log = Store(Layout(root=Path(folder)), SigningKey(b"\1" * 32)).log
        _fill(log, int(entries))
        seal(log)
        about: dict[str, Any] = {"model_id": "", "night": "", "digest": "", "body": {}}
        more = _ms(lambda: log.append("alert", **about))
        root = _ms(lambda: seal(log))
        checked = _ms(lambda: check_log(log))
        with tree_in(log.tree) as tree:
            proofs = _ms(lambda: [inclusion_proof(tree.node, i * 97 % tree.size, tree.size) for i in range(PROOFS)])
    say(**{"append one": more, "sign one more root": root, "verify": checked, "prove one": proofs / PROOFS})


def _fill(log: Any, entries: int) -> None:
    """Write the key's entry and records up to `entries`."""
    from audit_pipeline.evidence.entry import line_of

    log.append("alert", model_id="", night="", digest="", body={})
    body = {"result_digest": "a" * 64, "verdict": "PASS", "owner": "team", "run_id": "r" * 36}
    said = {"time": "2026-07-01T02:00:00.000000+00:00", "kind": "record", "night": "2026-07-01", "digest": "d" * 64}
    with log.lines.file.open("ab") as file:
        for index in range(2, entries):
            content = {**said, "index": index, "model_id": f"model_{index % 200:03d}", "body": body}
            file.write(line_of(content, run="r" * 36, key=log.key) + b"\n")


def _ms(work: Callable[[], object]) -> float:
    began = time.process_time()
    work()
    return 1000 * (time.process_time() - began)


if __name__ == "__main__":
    main(*sys.argv[1:])

"""One explanation: `python -m benchmarks.explain whole|importances MADE MODULES`.

Both load the same 100 boosted trees over 30 features and explain 2,000 rows: `whole` as a night does (importances by
slice too, shuffles, drift of the attributions against the kept reference, stress), `importances` with SHAP alone.
"""

import sys
from pathlib import Path
from typing import Any

from benchmarks.imports import remember
from benchmarks.process import say

ROWS = 2_000


def main(way: str, made: str, modules: str) -> None:
    """Explain one way or the other, and say what the work itself cost."""
    folder = Path(made)
    found = (whole if way == "whole" else importances)(folder)
    remember(Path(modules))
    say(**found)


def whole(folder: Path) -> dict[str, Any]:
    """Explain as a night does; the first run keeps the reference's explanation."""
    import yaml

    from audit_pipeline.cached import Cached
    from audit_pipeline.config import ModelConfig
    from audit_pipeline.explain import explain
    from audit_pipeline.explain.reference import Beside
    from benchmarks.made import NIGHTS

    model = ModelConfig.model_validate(yaml.safe_load((folder / "model.yaml").read_text()))
    assert model.artefact is not None
    found = explain(
        folder / f"{NIGHTS[1]}.parquet",
        folder / "model.skops",
        model,
        sha256=model.artefact.sha256,
        seed=1,
        rows=ROWS,
        beside=Beside((folder / "reference.parquet",), None, Cached(folder / "kept" / "reference"), "benchmark"),
    )
    assert found.importances, found.reason
    assert found.attribution is not None
    assert found.attribution.features, found.attribution.reason
    return {"rows": found.n}


def importances(folder: Path) -> dict[str, Any]:
    """Mean |SHAP| of the same model on the first rows."""
    import pandas as pd
    import shap
    import skops.io

    from benchmarks.made import FEATURES, NIGHTS

    data = (folder / "model.skops").read_bytes()
    model = skops.io.loads(data, trusted=skops.io.get_untrusted_types(data=data))
    frame = pd.read_parquet(folder / f"{NIGHTS[1]}.parquet")[:ROWS]
    values = shap.TreeExplainer(model[-1]).shap_values(model[:-1].transform(frame[FEATURES]))
    return {"rows": len(values)}


if __name__ == "__main__":
    main(*sys.argv[1:])

"""No model file: what imitates the log is explained, says how well it does, and never passes for the model."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from audit_pipeline.config import ModelConfig
from audit_pipeline.decision.explanation import explanation
from audit_pipeline.explain import explain
from audit_pipeline.records import Explanation, Outcome
from audit_pipeline_tests.explain.kit import night, people


def logged(folder: Path, frame: pd.DataFrame, score: Any, **changes: str) -> tuple[Path, ModelConfig]:
    """A night without an artefact."""
    made = night(folder, None, frame, score=score, data=b"", kind="onnx")
    raw = made.config.model_dump(exclude={"artefact"}) | {"surrogate": True}
    for name, kind in changes.items():
        raw["columns"][name]["type"] = kind
    return made.snapshot, ModelConfig.model_validate(raw)


def explained(snapshot: Path, config: ModelConfig) -> Explanation:
    return explain(snapshot, None, config, sha256=None, seed=7, rows=2_000)


def rule(frame: pd.DataFrame) -> Any:
    """What a hidden model does: age and site count, visits a little, the rest not at all."""
    drive = (frame["age"].fillna(50) - 50) / 12 - 1.5 * (frame["site"] == "a") + 0.05 * frame["visits"]
    return 1 / (1 + np.exp(-drive.to_numpy()))


def test_a_surrogate_finds_what_drives_the_log_and_says_how_well(tmp_path: Path) -> None:
    frame = people(1_200).assign(day=pd.date_range("2026-01-01", periods=1_200, freq="h"))
    snapshot, config = logged(tmp_path, frame, rule(frame), day="timestamp")
    found = explained(snapshot, config)
    assert found.reason is None
    assert (found.explains, found.agreement, found.model_sha256) == ("surrogate", None, None)
    assert found.method.startswith("surrogate fitted on the log: shap.TreeExplainer")
    assert [i.feature for i in found.importances[:2]] == ["age", "site"]
    assert {i.feature for i in found.importances} == set(frame)
    fit = found.fidelity
    assert fit is not None
    assert 0.9 < fit.lo <= fit.value <= fit.hi <= 1
    assert (fit.n, fit.fitted, found.n) == (600, 600, 600)
    assert found == explained(snapshot, config)  # the same bits
    [finding] = explanation(config, found)
    assert (finding.outcome, finding.counts, finding.name) == (Outcome.NOT_EVALUATED, False, "surrogate")
    assert "The model itself was not explained" in finding.reason


def test_a_log_that_no_feature_explains_has_no_fidelity(tmp_path: Path) -> None:
    frame = people(400)
    found = explained(*logged(tmp_path, frame, np.random.default_rng(0).random(400)))
    assert found.fidelity is not None
    assert found.fidelity.value < 0.1  # no better than the mean
    assert found.fidelity.lo < 0 < 0.2


@pytest.mark.parametrize(("rows", "constant", "said"), [(99, False, "needs 100"), (200, True, "same for all rows")])
def test_too_few_rows_or_nothing_to_imitate(tmp_path: Path, rows: int, constant: bool, said: str) -> None:
    frame = people(rows)
    snapshot, config = logged(tmp_path, frame, np.full(rows, 0.5) if constant else rule(frame))
    found = explained(snapshot, config)
    assert (found.importances, found.fidelity) == ((), None)
    assert said in str(found.reason)
    [finding] = explanation(config, found)
    assert (finding.outcome, finding.counts) == (Outcome.NOT_EVALUATED, True)


def test_r2_of_a_surrogate_by_hand() -> None:
    from audit_pipeline.explain.models.surrogate import _r2

    # logged 1, 2, 3 about a mean of 2: spread 2; errors 0, 1, 0: 1 - 1/2. The first row thrice, the last once:
    # mean 1.5, spread 4 * 0.75 = 3, errors 0: 1
    own, log = np.array([1.0, 3.0, 3.0]), np.array([1.0, 2.0, 3.0])
    assert _r2(own, log, np.array([[1.0, 1.0, 1.0], [3.0, 0.0, 1.0]])) == pytest.approx([0.5, 1.0])


def test_a_surrogate_is_for_a_model_without_a_file(tmp_path: Path) -> None:
    _, config = logged(tmp_path, people(60), np.full(60, 0.5))
    raw = config.model_dump() | {"artefact": {"path": "m", "sha256": "ab" * 32}}
    with pytest.raises(ValueError, match="is for a model without `artefact`"):
        ModelConfig.model_validate(raw)

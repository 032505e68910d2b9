"""Many variants in few calls are the same as each on its own."""

from typing import Any

import numpy as np
import pandas as pd
import pytest

from audit_pipeline.explain import blocks
from audit_pipeline_tests.explain.kit import people


def answer(frame: pd.DataFrame) -> Any:
    """A number that every column has a part in."""
    text = frame["site"].map(lambda value: len(value) if isinstance(value, str) else 7).to_numpy(dtype=float)
    return np.nan_to_num(frame["age"].to_numpy()) + 100 * frame["visits"].to_numpy() + text + frame["smoker"].to_numpy()


@pytest.mark.parametrize("most", [1, 130, 50_000])
def test_equal_to_one_call_each(monkeypatch: pytest.MonkeyPatch, most: int) -> None:
    monkeypatch.setattr(blocks, "MOST", most)
    frame = people(60)
    variants: list[Any] = [
        {},
        {"age": np.full(60, np.nan)},
        {"visits": np.full(60, 3.5)},
        {"site": np.full(60, "b_c", dtype=object), "smoker": np.zeros(60, dtype=bool)},
    ]
    found = blocks.scores(answer, frame, variants)
    assert found.shape == (4, 60)
    for row, variant in zip(found, variants, strict=True):
        np.testing.assert_array_equal(row, answer(frame.assign(**variant)))
    assert len({tuple(row) for row in found}) == 4

"""One row explained: it adds up, equals what stands in the record, and its reasons push towards the decision."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline

from audit_pipeline.errors import ExplainError, ModelDigestError
from audit_pipeline.explain.called import rows_called
from audit_pipeline.explain.engine_shap import attribute
from audit_pipeline.explain.local import RowsExplained, explain_rows, ranked
from audit_pipeline.explain.scored import scored_sample
from audit_pipeline_tests.explain.kit import Night, night, outcome, people
from audit_pipeline_tests.explain.test_explain import pipeline


def asked(made: Night, *row_ids: str) -> RowsExplained:
    frames = [rows_called(made.snapshot, list(made.config.columns), {"row": row_id}) for row_id in row_ids]
    return explain_rows(
        made.snapshot, made.artefact, made.config, pd.concat(frames), sha256=made.sha256, seed=7, rows=2_000
    )


@pytest.mark.parametrize(
    "model", [RandomForestClassifier(10, random_state=0), LogisticRegression(), KNeighborsClassifier(5)]
)
def test_a_row_alone_has_the_values_that_it_has_in_the_record(tmp_path: Path, model: Any) -> None:
    """Tree, linear and black box: the background is the sample of the night, not the rows that are asked for."""
    frame = people(60)
    made = night(tmp_path, pipeline(model).fit(frame, outcome(frame)), frame)
    scored = scored_sample(made.snapshot, made.artefact, made.config, sha256=made.sha256, seed=7, rows=2_000)
    recorded = attribute(scored.model, scored.frame, seed=7)
    found = asked(made, "r00003", "r00041")
    assert found.method == recorded.method
    for row, place in zip(found.rows, (3, 41), strict=True):
        by = {part.feature: part.contribution for part in row.contributions}
        assert [by[name] for name in scored.model.columns] == pytest.approx(recorded.values[place], abs=1e-12)
        assert row.base == pytest.approx(recorded.base)
        assert row.output == pytest.approx(row.base + sum(by.values()))
        assert row.own == row.logged
    assert found.error < 1e-9


def test_reasons_of_a_linear_model_worked_by_hand(tmp_path: Path) -> None:
    # f = 2a - 3b + c, means of the 60 rows: a 29.5, b 14.75, c 5. Row 0 has a = 0, b = 0, c = 5: contributions -59,
    # +44.25 and 0, together -14.75: the reasons for an output below the base are a alone. Row 59 has a = 59, b = 29.5,
    # c = 5: +59, -44.25, 0: above it, and again a.
    a = np.arange(60.0)
    frame = pd.DataFrame({"a": a, "b": a / 2, "c": np.full(60, 5.0)})
    model = LinearRegression().fit(frame, a)
    model.coef_, model.intercept_ = np.array([2.0, -3.0, 1.0]), 0.0
    made = night(tmp_path, model, frame, task="regression")
    first, last = asked(made, "r00000", "r00059").rows
    assert {p.feature: p.contribution for p in first.contributions} == pytest.approx({"a": -59, "b": 44.25, "c": 0})
    assert [p.feature for p in first.contributions] == ["a", "b", "c"]
    assert [(p.feature, p.value) for p in first.reasons] == [("a", 0.0)]
    assert [(p.feature, p.value) for p in last.reasons] == [("a", 59.0)]
    assert first.decision is None
    assert first.base == pytest.approx(59 - 44.25 + 5)
    assert first.logged == first.own == 5.0


def test_reasons_of_a_decision_push_its_way_and_a_logged_decision_wins(tmp_path: Path) -> None:
    frame = people(80)
    made = night(tmp_path, pipeline(LogisticRegression()).fit(frame, outcome(frame)), frame)
    scores = pd.read_parquet(made.snapshot)["out"].to_numpy()
    yes, no = (f"r{place:05d}" for place in (scores.argmax(), scores.argmin()))
    for row, word, way in zip(asked(made, yes, no).rows, ("yes", "no"), (1, -1), strict=True):
        assert row.decision == word
        assert row.reasons
        assert all(part.contribution * way > 0 for part in row.reasons)
        sizes = [abs(part.contribution) for part in row.reasons]
        assert sizes == sorted(sizes, reverse=True)
    table = pd.read_parquet(made.snapshot).assign(said=0)
    table.to_parquet(made.snapshot)
    said = {"type": "integer", "privacy": "none", "role": "prediction"}
    columns = made.config.model_dump()["columns"] | {"said": said}
    logged = Night(
        made.snapshot,
        made.artefact,
        type(made.config).model_validate(made.config.model_dump() | {"columns": columns}),
        made.sha256,
    )
    [row] = asked(logged, yes).rows
    assert row.decision == "no"  # whatever the score says


def test_a_missing_value_is_missing_and_a_row_that_cannot_be_explained_says_so(tmp_path: Path) -> None:
    frame = people(70)
    model = pipeline(LogisticRegression()).fit(frame, outcome(frame))
    score = model.predict_proba(frame)[:, 1]
    frame.loc[0, "age"], score[1], frame.loc[2, "age"] = np.nan, np.nan, np.inf
    made = night(tmp_path, model, frame, score=score)
    [row] = asked(made, "r00000").rows
    assert {p.feature: p.value for p in row.contributions}["age"] is None
    for row_id in ("r00001", "r00002"):
        with pytest.raises(ExplainError, match="infinite number or no logged out"):
            asked(made, row_id)
    made.artefact.write_bytes(made.artefact.read_bytes() + b" ")
    with pytest.raises(ModelDigestError):
        asked(made, "r00000")


def test_equal_contributions_are_ranked_by_name_and_none_of_the_other_way() -> None:
    assert ranked(np.array([1.0, -2.0, 1.0, 0.0]), ["z", "b", "a", "c"], 1.0) == [2, 0]
    assert ranked(np.array([1.0, -2.0, 1.0, 0.0]), ["z", "b", "a", "c"], -1.0) == [1]


def test_an_identifier_is_a_value_and_never_sql(tmp_path: Path) -> None:
    model = make_pipeline(LinearRegression())
    frame = pd.DataFrame({"a": np.arange(60.0)})
    made = night(tmp_path, model.fit(frame, frame["a"]), frame, task="regression")
    hostile = "x' OR '1'='1"
    assert rows_called(made.snapshot, ["row"], {"row": hostile}).empty
    with pytest.raises(ExplainError, match="could not be read from the snapshot"):
        rows_called(made.snapshot, ["row"], {'row" OR "a': "1"})

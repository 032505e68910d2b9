"""The injected faults: where the file says, strong enough to be found, and nowhere else."""

import json
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest

from audit_pipeline.demo.build import build_inputs
from audit_pipeline.demo.cohort import NIGHTS, prepare, split
from audit_pipeline.demo.incidents import INCOME_SHARE, draw, expected
from audit_pipeline.demo.models import MODELS, DemoModel
from audit_pipeline.demo.source import read


def psi(reference: pd.Series, current: pd.Series) -> float:
    """An own plain PSI: shares per category, or per tenth of the reference, at least half a row in each."""
    sides = [side.dropna().to_numpy() for side in (reference, current)]
    if reference.dtype.kind in "iuf":
        edges = np.unique(np.quantile(sides[0], np.arange(0.1, 0.95, 0.1)))
        sides = [np.searchsorted(edges, side) for side in sides]
    kinds = np.unique(np.concatenate(sides))
    counts = [np.maximum([np.sum(side == kind) for kind in kinds], 0.5) for side in sides]
    a, b = (count / count.sum() for count in counts)
    return float(((b - a) * np.log(b / a)).sum())


def log(root: Path, model: DemoModel, night: date) -> pd.DataFrame:
    return pd.read_parquet(root / f"input/logs/{model.model_id}/{night}.parquet")


def entries(root: Path) -> list[dict[str, Any]]:
    content = json.loads((root / "input/incidents.json").read_text())
    assert "Injected" in content["note"]
    found: list[dict[str, Any]] = content["incidents"]
    return found


@pytest.fixture(scope="session", params=[20260101, 4])
def built(request: pytest.FixtureRequest, root: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The default inputs, and those of another seed."""
    if request.param == 20260101:
        return root
    folder = tmp_path_factory.mktemp("other")
    build_inputs(folder, seed=request.param)
    return folder


def test_income_drifts_where_the_file_says_and_nothing_else_comes_near(built: Path) -> None:
    injected = {(e["model_id"], e["night"]) for e in entries(built) if e["kind"] == "income_in_thousands"}
    broken = {(e["model_id"], e["night"]) for e in entries(built) if e["kind"] == "broken_log"}
    scores: list[float] = []
    for model in MODELS:
        reference = pq.read_table(built / f"input/reference/{model.model_id}.parquet").to_pandas()
        for night in NIGHTS:
            if (model.model_id, str(night)) in broken:
                continue
            current = log(built, model, night)
            for column in [*model.features, "site", model.output]:
                value = psi(reference[column], current[column])
                if column == "income" and (model.model_id, str(night)) in injected:
                    assert value > 0.5
                elif (model.model_id, str(night)) in injected and column == model.output:
                    continue  # the models scored the wrong income, so their output may move
                else:
                    scores.append(value)
    assert len(injected) == 2
    assert max(scores) < 0.1  # the default limit that warns


def test_the_affected_rows_are_those_of_the_sites_and_as_many_as_the_file_says(built: Path) -> None:
    cohorts = split(prepare(read()), seed=json.loads((built / "input/incidents.json").read_text())["seed"])
    for entry in entries(built):
        if entry["kind"] != "income_in_thousands":
            continue
        model = next(model for model in MODELS if model.model_id == entry["model_id"])
        night = date.fromisoformat(entry["night"])
        delivered, true = log(built, model, night), cohorts.nights[night]
        hit = delivered["site"].isin(entry["sites"]).to_numpy()
        assert np.allclose(delivered["income"][hit] * 1_000, true["income"][hit])
        assert (delivered["income"][~hit] == true["income"][~hit]).all()
        assert entry["affected"] == {"income divided by 1,000": int(hit.sum())}
        assert hit.mean() >= INCOME_SHARE
        assert 1 <= len(entry["sites"]) < 6


def test_the_broken_log_has_each_fault_in_as_many_rows_as_the_file_says(built: Path) -> None:
    (entry,) = [e for e in entries(built) if e["kind"] == "broken_log"]
    model = next(model for model in MODELS if model.model_id == entry["model_id"])
    delivered = log(built, model, date.fromisoformat(entry["night"]))
    once = delivered.drop_duplicates("request_id")
    top = 1 if model.task == "binary" else 1_000
    found = {
        f"{model.output} is null": once[model.output].isna().sum(),
        "xage is null": once["xage"].isna().sum(),
        f"{model.output} outside its domain": ((once[model.output] < 0) | (once[model.output] > top)).sum(),
        "num outside its domain": (once["num"] < 1).sum(),
        "request_id delivered a second time": len(delivered) - len(once),
    }
    assert entry["affected"] == found
    assert min(found.values()) >= 11
    assert entry["rows"] == len(delivered)


def test_logs_beside_the_incidents_are_whole(built: Path) -> None:
    for model in MODELS:
        for night in NIGHTS:
            if (model.model_id, night) in expected(built):
                continue
            rows = log(built, model, night)
            assert rows["request_id"].is_unique
            assert rows[[model.output, "xage", "num", "disea"]].notna().all(axis=None)
            assert rows[model.output].between(0, 1 if model.task == "binary" else 100).all()
            assert rows["num"].between(1, 20).all()


def test_expected_are_the_pairs_of_the_file_and_another_seed_moves_them(root: Path) -> None:
    pairs = expected(root)
    assert pairs == {(e["model_id"], date.fromisoformat(e["night"])) for e in entries(root)}
    assert len(pairs) == 3
    cohorts = split(prepare(read()), seed=1)
    plans = {draw(cohorts, seed=seed) for seed in range(40)}
    assert {plan.broken_model for plan in plans} == {model.model_id for model in MODELS}
    assert {plan.income_night for plan in plans} == set(NIGHTS)
    assert {plan.broken_night for plan in plans} == set(NIGHTS)
    assert all(plan.income_night != plan.broken_night for plan in plans)
    assert all("inpatient_admission" not in plan.income_models for plan in plans)

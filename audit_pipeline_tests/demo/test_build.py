"""What is written: the same bytes, no outcome among the inputs, labels two nights late, the default project fits."""

import hashlib
import json
import shutil
import stat
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import skops.io

from audit_pipeline.config import ModelConfig, load_project
from audit_pipeline.demo.build import build_inputs
from audit_pipeline.demo.cohort import LABEL_DELAY_NIGHTS, NIGHTS, Cohorts
from audit_pipeline.demo.files import is_built, recipe, write_keys
from audit_pipeline.demo.models import MODELS, VERSION, DemoModel, predict
from audit_pipeline.demo.source import SHA256
from audit_pipeline.errors import ConfigError

REPOSITORY = Path(__file__).parents[2]
SEED = 20260101
OUTCOMES = {"totadm", "inpmis", "binexp", "lnmeddol", "admissions", "visits", "label", "year", "time", "zper"}


def digests(folder: Path) -> dict[str, str]:
    files = [path for path in folder.rglob("*") if path.is_file()]
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def config(model: DemoModel) -> ModelConfig:
    return load_project(REPOSITORY / "data").model(model.model_id).config


def test_the_same_seed_gives_the_same_bytes(root: Path, tmp_path: Path) -> None:
    lines: list[str] = []
    inputs = build_inputs(tmp_path, seed=SEED, progress=lines.append)
    assert inputs.built
    assert len(lines) == 4  # the data, and three models
    assert digests(tmp_path) == digests(root)


def test_what_is_built_is_not_touched_and_what_was_changed_is_made_again(root: Path, tmp_path: Path) -> None:
    shutil.copytree(root, tmp_path, dirs_exist_ok=True)
    log = tmp_path / "input/logs/high_utilizer/2026-01-02.parquet"
    times = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*") if path.is_file()}
    assert not build_inputs(tmp_path, seed=SEED).built
    assert times == {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*") if path.is_file()}
    log.write_bytes(log.read_bytes()[:-1])
    assert build_inputs(tmp_path, seed=SEED).built
    assert digests(tmp_path) == digests(root)


def test_another_seed_or_a_lost_file_is_not_what_is_built(root: Path, tmp_path: Path) -> None:
    shutil.copytree(root, tmp_path, dirs_exist_ok=True)
    assert is_built(tmp_path / "input", recipe(seed=SEED, data_sha256=SHA256))
    assert not is_built(tmp_path / "input", recipe(seed=SEED + 1, data_sha256=SHA256))
    (tmp_path / "input/incidents.json").unlink()
    assert not is_built(tmp_path / "input", recipe(seed=SEED, data_sha256=SHA256))


def test_no_outcome_and_no_training_person_is_in_a_log(root: Path, cohorts: Cohorts) -> None:
    training = {f"person-{person}" for person in cohorts.training["zper"]}
    for file in [*(root / "input/logs").rglob("*.parquet"), *(root / "input/reference").glob("*.parquet")]:
        table = pq.read_table(file)
        named = set(table.column_names) - ({"label"} if file.parent.name == "reference" else set())
        assert not named & OUTCOMES
        assert not [name for name in named if name.endswith(("dol", "vis"))]
        assert not training & set(table["person"].to_pylist())


def test_labels_are_there_for_nights_that_are_two_nights_old(root: Path, cohorts: Cohorts) -> None:
    for model in MODELS:
        found = {date.fromisoformat(path.stem) for path in (root / "input/labels" / model.model_id).iterdir()}
        assert found == {night for night in NIGHTS if night + timedelta(days=LABEL_DELAY_NIGHTS) <= NIGHTS[-1]}
        assert len(found) == 8
        labels = pq.read_table(root / f"input/labels/{model.model_id}/{NIGHTS[0]}.parquet").to_pandas()
        log = pq.read_table(root / f"input/logs/{model.model_id}/{NIGHTS[0]}.parquet").to_pandas()
        assert (labels["request_id"] == log["request_id"]).all()
        assert (log["person"] == [f"person-{zper}" for zper in cohorts.nights[NIGHTS[0]]["zper"]]).all()


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.model_id)
def test_the_logged_output_is_what_the_artefact_says_of_the_logged_inputs(model: DemoModel, root: Path) -> None:
    trusted = list(config(model).artefact.trusted)  # type: ignore[union-attr]
    content = json.loads((root / "input/incidents.json").read_text())["incidents"]
    broken = {(e["model_id"], e["night"]) for e in content if e["kind"] == "broken_log"}
    pipeline = skops.io.load(root / f"input/models/{model.model_id}.skops", trusted=trusted)
    for night in NIGHTS:
        log = pq.read_table(root / f"input/logs/{model.model_id}/{night}.parquet").to_pandas()
        if (model.model_id, str(night)) in broken:
            continue  # its log broke after scoring
        assert np.allclose(predict(model, pipeline, log), log[model.output], rtol=0, atol=1e-9)


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.model_id)
def test_the_default_project_describes_every_file(model: DemoModel, root: Path) -> None:
    settings = config(model)
    kinds = {"number": pa.float64(), "integer": pa.int64(), "category": pa.string()}
    assert settings.features == model.features
    assert settings.version == VERSION
    files = {settings.log.path.format(night=night) for night in NIGHTS}  # type: ignore[union-attr]
    assert files == {str(path.relative_to(root)) for path in (root / "input/logs" / model.model_id).iterdir()}
    for file in files:
        schema = pq.read_schema(root / file)
        assert {name: kinds[column.type] for name, column in settings.columns.items()} == {
            name: schema.field(name).type for name in schema.names
        }
    reference = pq.read_schema(root / str(settings.reference.path))
    assert set(reference.names) == {*settings.columns, str(settings.reference.label)}
    assert (root / settings.artefact.path).is_file()  # type: ignore[union-attr]
    assert (root / settings.artefact.sha256.removeprefix("file:")).is_file()  # type: ignore[union-attr]
    assert settings.labels is not None
    assert settings.labels.delay_nights == LABEL_DELAY_NIGHTS


def test_the_default_project_loads_and_has_the_nights_of_the_replay() -> None:
    try:
        project = load_project(REPOSITORY / "data")
    except ConfigError as error:
        pytest.fail(str(error))
    assert (project.config.nights.first, project.config.nights.last) == (NIGHTS[0], NIGHTS[-1])
    assert set(project.models) == {model.model_id for model in MODELS}


def test_the_keys_are_the_demos_private_to_their_owner_and_never_replaced(root: Path, tmp_path: Path) -> None:
    for name in ("pseudonym.key", "signing.key"):
        key = root / "audit/keys" / name
        assert len(bytes.fromhex(key.read_text().strip())) == 32
        assert stat.S_IMODE(key.stat().st_mode) == 0o600
        assert stat.S_IMODE(key.parent.stat().st_mode) == 0o700
        assert "DEMO keys" in (key.parent / "README.txt").read_text()
        own = tmp_path / "keys" / name
        own.parent.mkdir(exist_ok=True)
        own.write_text("ab" * 32)
    write_keys(tmp_path)
    assert {path.name: path.read_text() for path in (tmp_path / "keys").iterdir()} == {
        "pseudonym.key": "ab" * 32,
        "signing.key": "ab" * 32,
    }

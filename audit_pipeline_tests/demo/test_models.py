"""The artefacts: the same bytes, loadable by a short reviewed list, the same numbers after loading."""

import hashlib
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import skops.io

from audit_pipeline.config import load_project
from audit_pipeline.demo.cohort import Cohorts
from audit_pipeline.demo.models import MODELS, DemoModel, artefact, outcome, predict, train

REPOSITORY = Path(__file__).parents[2]
SEED = 20260101


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.model_id)
def test_a_renumbered_artefact_predicts_what_the_pipeline_predicts(model: DemoModel, cohorts: Cohorts) -> None:
    pipeline = train(model, cohorts.training, seed=SEED)
    trusted = load_project(REPOSITORY / "data").model(model.model_id).config.artefact.trusted  # type: ignore[union-attr]
    data = artefact(pipeline)
    assert set(skops.io.get_untrusted_types(data=data)) == set(trusted)
    loaded = skops.io.loads(data, trusted=list(trusted))
    ours, theirs = predict(model, pipeline, cohorts.reference), predict(model, loaded, cohorts.reference)
    assert np.array_equal(ours, theirs)


def test_skops_alone_would_not_give_the_same_bytes(cohorts: Cohorts) -> None:
    pipeline = train(MODELS[1], cohorts.training, seed=SEED)
    again = train(MODELS[1], cohorts.training, seed=SEED)
    assert skops.io.dumps(pipeline) != skops.io.dumps(again)  # why `artefact` renumbers
    assert artefact(pipeline) == artefact(again)


@pytest.mark.acceptance
def test_another_process_gives_the_same_artefact(root: Path) -> None:
    code = (
        "import hashlib; from audit_pipeline.demo import cohort, models, source\n"
        "rows = cohort.split(cohort.prepare(source.read()), seed=20260101).training\n"
        "print(hashlib.sha256(models.artefact(models.train(models.MODELS[0], rows, seed=20260101))).hexdigest())"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    file = root / "input/models/high_utilizer.skops"
    assert done.stdout.strip() == hashlib.sha256(file.read_bytes()).hexdigest()


def test_the_checksum_file_is_what_sha256sum_reads(root: Path) -> None:
    for model in MODELS:
        name = f"{model.model_id}.skops"
        command = ["sha256sum", "--check", "--status", f"{name}.sha256"]
        assert subprocess.run(command, cwd=root / "input/models", check=False).returncode == 0


def test_outcomes_worked_by_hand(cohorts: Cohorts) -> None:
    rows = cohorts.reference.head(4).assign(visits=[0, 3, 4, 77], admissions=[0, 1, 2, 0])
    by_id = {model.model_id: outcome(model, rows).tolist() for model in MODELS}
    assert by_id == {
        "high_utilizer": [0, 0, 1, 1],  # four or more
        "inpatient_admission": [0, 1, 1, 0],  # one or more
        "outpatient_visits": [0, 3, 4, 77],
    }

"""From the model file to report, tables, lineage and replay: a night with a surrogate, and one of an XGBoost model."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, get_args

import pandas as pd
import pytest
import xgboost

from audit_pipeline.config import Project, load_project
from audit_pipeline.config.model import Artefact
from audit_pipeline.engines import LOADERS
from audit_pipeline.evidence import Store
from audit_pipeline.fleet import publish_store
from audit_pipeline.pipeline import Audited, audit_model_night
from audit_pipeline.publish import published
from audit_pipeline.records import Finding, Outcome, RunContext, Stage
from audit_pipeline.replay import ReplayOutcome, replay
from audit_pipeline.trace import FRAMEWORKS
from audit_pipeline_tests.small_project import NIGHTS, build

RUN = RunContext("run", datetime(2026, 3, 9, tzinfo=UTC))
NIGHT = NIGHTS[0]


@dataclass(frozen=True)
class Nights:
    """A published project of two audited nights."""

    project: Project
    churn: Audited  # with a surrogate
    spend: Audited  # with a booster that did not write the log


@pytest.fixture(scope="module")
def nights(tmp_path_factory: pytest.TempPathFactory) -> Nights:
    root = build(tmp_path_factory.mktemp("models") / "project", nights=[NIGHT], labelled=[])
    churn, spend = root / "models" / "churn.yaml", root / "models" / "spend.yaml"
    lines = churn.read_text().splitlines()
    churn.write_text("\n".join("surrogate: true" if line.startswith("artefact:") else line for line in lines))
    log = pd.read_csv(root / "input" / "spend" / f"{NIGHT}.csv")
    data = xgboost.DMatrix(log[["amount"]], log["forecast"])
    booster = xgboost.train({"objective": "reg:squarederror", "nthread": 1}, data, 20)
    model = bytes(booster.save_raw("json"))
    (root / "input" / "spend.json").write_bytes(model)
    pin = f"artefact: {{path: input/spend.json, format: xgboost, sha256: {hashlib.sha256(model).hexdigest()}}}\n"
    spend.write_text(spend.read_text() + pin)
    project = load_project(root)
    audits = [audit_model_night(project, name, NIGHT, run=RUN) for name in ("churn", "spend")]
    publish_store(project)
    return Nights(project, *audits)


def rows(project: Project, sql: str) -> list[Any]:
    with published(project.layout) as connection:
        return connection.execute(sql).fetchall()


def of_explanation(findings: Sequence[Finding]) -> dict[str, Finding]:
    return {finding.name: finding for finding in findings if finding.stage is Stage.EXPLANATION}


def page(project: Project, audited: Audited) -> str:
    [found] = [f.path for f in audited.committed.artifacts if Path(f.path).name == "report.html"]
    return (Store.of(project).root / found).read_text()


@pytest.mark.acceptance
def test_a_surrogate_is_called_one_everywhere(nights: Nights) -> None:
    [finding] = of_explanation(nights.churn.result.decision.findings).values()
    assert (finding.name, finding.outcome, finding.counts) == ("surrogate", Outcome.NOT_EVALUATED, False)
    report = page(nights.project, nights.churn)
    assert "This explains a surrogate, not the model." in report
    assert "What moves the surrogate’s output" in report
    found = rows(nights.project, "select distinct explains, method, fidelity > 0.5 from importance order by 1")
    assert found[1] == ("surrogate", "surrogate fitted on the log: shap.TreeExplainer (path-dependent)", True)
    assert found[0] == ("model", "TreeSHAP of XGBoost (path-dependent)", None)


@pytest.mark.acceptance
def test_a_booster_that_did_not_write_the_log_is_found_and_named(nights: Nights) -> None:
    result = nights.spend.result
    agreement = of_explanation(result.decision.findings)["agreement"]
    assert (agreement.outcome, result.decision.verdict) == (Outcome.FAIL, Outcome.FAIL)
    assert {"xgboost", "xgboost-cpu"} & {name for name, _ in result.engines}
    [stage] = [s for s in nights.spend.trace.stages if s.stage is Stage.EXPLANATION]
    [model] = [dataset for dataset in stage.inputs if dataset.kind == "model"]
    assert result.explanation is not None
    assert (model.framework, model.version) == ("XGBoost", result.explanation.model_sha256)


@pytest.mark.acceptance
def test_both_nights_come_out_again_from_the_store(nights: Nights) -> None:
    store = Store.of(nights.project)
    for entry in store.heads().values():
        again = replay(store, entry)
        assert again.outcome is ReplayOutcome.REPLAYED, again


def test_every_format_has_a_framework_and_a_loader() -> None:
    formats = set(get_args(Artefact.model_fields["format"].annotation))
    assert formats == set(FRAMEWORKS) == set(LOADERS)

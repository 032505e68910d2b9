"""One model-night without Dagster gives what it gives with it; what crashes leaves no evidence and says so."""

import json
import re
import shutil
from datetime import UTC, date, datetime
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from audit_pipeline import lineage
from audit_pipeline.config import Project, load_project
from audit_pipeline.due import due_nights
from audit_pipeline.errors import ConfigError, EvidenceError, KeyMissingError
from audit_pipeline.evidence import Store
from audit_pipeline.evidence.verify import verify
from audit_pipeline.fleet import publish_store
from audit_pipeline.pipeline import audit_model_night
from audit_pipeline.publish import published
from audit_pipeline.records import Outcome, RunContext, Stage, Trace
from audit_pipeline_tests.small_project import MODELS, NIGHTS, PERSON, ROWS, write_labels, write_log

RUN = RunContext("a run without Dagster", datetime(2026, 3, 9, tzinfo=UTC))
N1, N2, N3, N4, N5 = NIGHTS
DATA = Path(__file__).parents[1] / "data"


def digests(project: Project) -> dict[tuple[str, str], str]:
    heads = Store(project.layout).heads()
    return {key: entry.body["result_digest"] for key, entry in heads.items()}


def with_warnings(project: Project, persist: str) -> Project:
    """The project whose churn model warns of any PSI from 0.1 on; its artefact need not match what is logged."""
    file = project.root / "models" / "churn.yaml"
    policy = (
        f"policy: {{drift: {{psi: {{warn: 0.1, fail: 9}}, persist: {persist}}}, explanation: {{agreement: {{}}}}}}\n"
    )
    file.write_text(re.sub(r"policy: .*\n", policy, file.read_text()))
    return load_project(project.root)


def visits_moved(night: date) -> np.ndarray:
    """Visits with a mean of 4.2 instead of 3."""
    return np.random.default_rng(night.toordinal()).poisson(4.2, ROWS).astype(float)


def test_with_dagster_and_without_the_results_are_equal(fresh: Project, audited: Path) -> None:
    for night in NIGHTS[:2]:
        for model in MODELS:
            audit_model_night(fresh, model, night, run=RUN, newest=N2)
    assert len(digests(fresh)) == 4
    assert digests(fresh) == digests(load_project(audited))


def test_the_same_night_again_is_no_new_record(two_nights: Project) -> None:
    before = (two_nights.layout.audit / "log" / "entries.jsonl").read_bytes()
    again = audit_model_night(two_nights, "churn", N2, run=RUN, newest=N2)
    assert not again.committed.new
    assert (two_nights.layout.audit / "log" / "entries.jsonl").read_bytes() == before
    assert verify(Store.of(two_nights)).problems == ()


def test_stages_are_told_in_order_and_stand_in_the_record(fresh: Project) -> None:
    heard: list[Stage] = []
    audited = audit_model_night(fresh, "spend", N1, run=RUN, on_stage=heard.append)
    assert heard == [Stage.SNAPSHOT, Stage.VALIDATION, Stage.DRIFT, Stage.PERFORMANCE, Stage.AUDIT]
    assert [trace.stage for trace in audited.trace.stages] == list(Stage)
    [unrun] = [t for t in audited.trace.stages if t.stage is Stage.EXPLANATION]
    assert unrun.outcome is None  # spend has no artefact: it did not run, which is no pass


@pytest.mark.parametrize("columns", [{"score": None}, {"request": "the same for all"}])
def test_data_that_breaks_a_critical_rule_ends_the_line_there(two_nights: Project, columns: dict[str, str]) -> None:
    write_log(two_nights.root, "churn", N3, **columns)
    result = audit_model_night(two_nights, "churn", N3, run=RUN).result
    assert result.decision.verdict is Outcome.FAIL
    assert "stopped" in result.decision.conclusion
    assert result.drift is None
    assert result.performance is None
    assert result.explanation is None


def test_a_night_that_was_stopped_is_no_reference_for_those_after_it(two_nights: Project) -> None:
    write_log(two_nights.root, "spend", N3, forecast=None)
    assert audit_model_night(two_nights, "spend", N3, run=RUN).result.decision.verdict is Outcome.FAIL
    write_log(two_nights.root, "spend", N4)
    after = audit_model_night(two_nights, "spend", N4, run=RUN).result
    assert [night for night, _ in after.look_back] == [N2, N1]


def test_the_first_night_of_a_window_is_the_reference_of_the_second(audited: Path) -> None:
    project = load_project(audited)
    store = Store(project.layout)
    heads = store.heads()
    first, second = heads["spend", "2026-03-01"], heads["spend", "2026-03-02"]
    result = store.read_record("spend", "2026-03-02", second.digest)["result"]
    assert result["look_back"] == [["2026-03-01", first.body["result_digest"]]]
    assert result["drift"]["scores"]


def test_a_warning_that_stays_fails_and_names_the_nights_it_stayed_over(fresh: Project) -> None:
    project = with_warnings(fresh, "{nights: 2, of: 3}")
    verdicts, back = [], []
    for night in (N1, N2, N3):
        write_log(project.root, "churn", night, **({} if night == N1 else {"visits": visits_moved(night)}))
        result = audit_model_night(project, "churn", night, run=RUN, newest=night).result
        verdicts.append(result.decision.verdict)
        back.append([earlier for earlier, _ in result.look_back])
    assert verdicts == [Outcome.PASS, Outcome.WARN, Outcome.FAIL]
    assert back == [[], [N1], [N2, N1]]  # a night that does not warn depends on no other
    again = audit_model_night(project, "churn", N3, run=RUN, newest=N3)
    assert not again.committed.new
    [found] = [f for f in again.result.decision.findings if f.conclusion == "persistent"]
    assert (found.name, found.column) == ("psi", "visits")
    # in the lineage the verdict stands on the drift scores of those nights as well, by their digests
    scores = [d.version for d in again.trace.stages[-1].inputs if d.kind == "drift"]
    assert scores == [again.committed.result_digest, *(digest for _, digest in again.result.look_back)]


def test_a_verdict_does_not_stand_on_an_earlier_record_that_was_changed(fresh: Project) -> None:
    project = with_warnings(fresh, "{nights: 5, of: 7}")
    for night in (N1, N2):
        write_log(project.root, "churn", night, visits=visits_moved(night))
    audit_model_night(project, "churn", N1, run=RUN, newest=N1)
    [record] = (project.layout.audit / "evidence" / "churn" / N1.isoformat()).iterdir()
    record.write_bytes(record.read_bytes().replace(b'"WARN"', b'"PASS"'))
    with pytest.raises(EvidenceError, match="was changed"):
        audit_model_night(project, "churn", N2, run=RUN, newest=N2)


def test_a_night_that_did_not_come_is_a_record_that_says_so(two_nights: Project) -> None:
    result = audit_model_night(two_nights, "spend", N3, run=RUN).result
    assert (result.decision.verdict, result.snapshot) == (Outcome.NOT_EVALUATED, None)
    assert result.decision.conclusion.startswith("NOT_EVALUATED, missing night")


def test_what_crashes_leaves_no_record_and_tells_how_far_it_came(two_nights: Project) -> None:
    write_log(two_nights.root, "churn", N3)
    (two_nights.root / "audit" / "keys" / "pseudonym.key").unlink()
    before, told = digests(two_nights), list[Trace]()
    with pytest.raises(KeyMissingError):
        audit_model_night(two_nights, "churn", N3, run=RUN, on_crash=told.append)
    assert digests(two_nights) == before
    [trace] = told
    assert [stage.error is not None for stage in trace.stages] == [True, False, False, False, False, False]
    assert {stage.outcome for stage in trace.stages} == {None}


def test_an_audit_writes_no_lineage_and_its_trace_gives_all_of_it(fresh: Project) -> None:
    audited = audit_model_night(fresh, "spend", N1, run=RUN)
    assert not fresh.layout.outbox.exists()
    lineage.append(fresh.layout.outbox, lineage.events_of(audited.trace))
    publish_store(fresh)
    with published(fresh.layout) as connection:
        states = dict(connection.execute("SELECT stage, state FROM lineage.run").fetchall())
    # nothing to compare the first night with, no artefact to explain; spend has no labels
    expected = {"drift": "FAIL", "explanation": "ABORT"}
    assert states == {stage.value: expected.get(stage.value, "COMPLETE") for stage in Stage}


def test_a_trace_reads_back_from_json_as_it_was(fresh: Project) -> None:
    trace = audit_model_night(fresh, "churn", N1, run=RUN).trace
    assert lineage.decode(json.loads(json.dumps(lineage.encode(trace)))) == trace


def grouped(project: Project, model: str, text: str) -> Project:
    """Declare groups in a model file."""
    path = project.root / "models" / f"{model}.yaml"
    path.write_text(path.read_text() + text)
    return load_project(project.root)


def test_bias_against_a_group_fails_the_night_and_goes_the_whole_way(fresh: Project) -> None:
    """Scores rise with age: the young are selected far less often, in the log as in the reference."""
    declared = "fairness: {protected: [age], bands: {age: [50]}}\n"
    project = grouped(fresh, "churn", declared)
    limit = "policy: {fairness: {impact_ratio: {fail_below: 0.8}}, "
    path = project.root / "models" / "churn.yaml"
    path.write_text(path.read_text().replace("policy: {", limit))
    project = load_project(project.root)
    audited = audit_model_night(project, "churn", N1, run=RUN, newest=N1)
    [found] = [f for f in audited.result.decision.findings if f.name == "impact_ratio"]
    assert (found.outcome, found.conclusion, found.column) == (Outcome.FAIL, "not met", "age")
    assert audited.result.decision.verdict is Outcome.FAIL
    again = audit_model_night(project, "churn", N1, run=RUN, newest=N1)
    assert not again.committed.new  # the same inputs, the same sample, the same digest
    publish_store(project)
    with published(project.layout) as connection:
        rows = connection.execute('SELECT "group", conclusion, n FROM v_ll144 ORDER BY n').fetchall()
        edges = connection.execute("SELECT outcome FROM fairness WHERE metric = 'impact_ratio'").fetchall()
    assert {group for group, *_ in rows} == {"under 50", "50 and over"}
    assert sorted(conclusion for _, conclusion, _ in rows) == ["compared with", "not met"]
    assert edges == [("FAIL",)]
    [report] = [a for a in audited.committed.artifacts if a.path.endswith("report.html")]
    page = (project.layout.audit / report.path).read_text(encoding="utf-8")
    assert 'id="fairness"' in page
    [performance] = [t for t in audited.trace.stages if t.stage is Stage.PERFORMANCE]
    sources = dict(performance.outputs[0].sources)["fairness of age"]
    assert [source.column for source in sources] == ["age", "score"]  # no label is there yet


def test_a_relation_that_turned_round_warns_and_goes_the_whole_way(fresh: Project) -> None:
    """Inputs, scores and the mean outcome stay; outcomes of the old turn round."""
    path = fresh.root / "models" / "churn.yaml"
    path.write_text(path.read_text().replace("policy: {", "policy: {concept: {outcome: WARN}, "))
    project = load_project(fresh.root)
    log = pd.read_parquet(project.root / "input" / "churn" / f"{N1}.parquet")
    file = write_labels(project.root, N1)
    write_labels(project.root, N2)
    known = pd.read_csv(file)
    old = known["request"].isin(log.loc[log["age"] > 55, "request"])
    known.assign(outcome=known["outcome"].where(~old, 1 - known["outcome"])).to_csv(file, index=False)
    for night, conclusion in ((N1, "concept"), (N2, "none")):
        audited = audit_model_night(project, "churn", night, run=RUN, newest=N3)
        performance = audited.result.performance
        assert performance is not None
        assert performance.concept is not None
        assert (performance.concept.conclusion, performance.concept.n) == (conclusion, ROWS)
        if night == N1:
            assert not audit_model_night(project, "churn", night, run=RUN, newest=N3).committed.new
            [found] = [f for f in audited.result.decision.findings if f.name == "concept"]
            assert (found.outcome, found.counts, found.conclusion) == (Outcome.WARN, True, "concept")
            [stage] = [t for t in audited.trace.stages if t.stage is Stage.PERFORMANCE]
            sources = dict(stage.outputs[0].sources)["concept drift"]
            assert [source.column for source in sources if source.direct] == ["age", "visits", "score", "label"]
            assert {(s.column, s.subtype) for s in sources if not s.direct} == {
                ("request", "JOIN")
            }  # of log and labels
            [report] = [a for a in audited.committed.artifacts if a.path.endswith("report.html")]
            page = (project.layout.audit / report.path).read_text(encoding="utf-8")
            assert "The relation of inputs and outcome moved, and the inputs did not." in page
            [theirs] = [a for a in audited.committed.artifacts if a.path.endswith("evidently.json")]
            assert "concept: slope" in (project.layout.audit / theirs.path).read_text(encoding="utf-8")
    publish_store(project)
    with published(project.layout) as connection:
        rows = connection.execute("SELECT conclusion, maturity, n FROM concept ORDER BY night").fetchall()
        moved = connection.execute("SELECT name FROM concept_number WHERE found").fetchall()
        trend = connection.execute("SELECT count(*) FROM v_metric_trend WHERE metric = 'residual_z'").fetchall()
    assert rows == [("concept", "final", ROWS), ("none", "final", ROWS)]
    assert ("slope",) in moved
    assert trend == [(2,)]


def test_groups_that_cannot_be_counted_leave_the_performance_standing(fresh: Project) -> None:
    labels = 'labels: {path: "input/spend_labels/{night}.csv", column: paid, privacy: none, delay_nights: 0}\n'
    project = grouped(fresh, "spend", labels + "fairness: {protected: [amount], bands: {amount: [80]}}\n")
    log = pd.read_csv(write_log(project.root, "spend", N1, forecast=1e200))
    (project.root / "input" / "spend_labels").mkdir()
    log[["claim"]].assign(paid=100.0).to_csv(project.root / "input" / "spend_labels" / f"{N1}.csv", index=False)
    result = audit_model_night(project, "spend", N1, run=RUN).result
    assert result.performance is not None
    assert result.performance.labelled == len(log)
    [fault] = [f for f in result.decision.findings if f.name == "fairness"]
    assert (fault.outcome, fault.counts, result.fairness) == (Outcome.NOT_EVALUATED, True, None)
    assert fault.reason == "the errors are too large: their squares are no finite numbers"
    assert result.decision.verdict is Outcome.NOT_EVALUATED


def test_an_unknown_model_is_refused_before_anything_is_written(fresh: Project) -> None:
    with pytest.raises(ConfigError, match="no model 'chrun'"):
        audit_model_night(fresh, "chrun", N1, run=RUN)
    assert not (fresh.layout.audit / "log").exists()


def test_no_person_stands_in_a_record_or_a_page(audited: Path) -> None:
    kept = [p for p in (audited / "audit").rglob("*") if p.is_file() and p.suffix in (".json", ".html", ".jsonl")]
    assert len(kept) > 8
    assert [p for p in kept if PERSON.encode() in p.read_bytes()] == []


@pytest.mark.soak
def test_three_models_of_the_demo_on_three_nights_are_equal_with_dagster_and_without(tmp_path: Path) -> None:
    from audit_pipeline.demo.build import build_inputs
    from audit_pipeline.orchestration.instance import instance_of
    from audit_pipeline.orchestration.run import run_due

    ways = []
    for name in ("with", "without"):
        root = tmp_path / name
        shutil.copytree(DATA, root, ignore=shutil.ignore_patterns("audit", "input"))
        ways.append(root)
    build_inputs(ways[0])
    shutil.copytree(ways[0] / "input", ways[1] / "input")
    shutil.copytree(ways[0] / "audit", ways[1] / "audit")
    through, plain = (load_project(root) for root in ways)
    due = due_nights(through, last=date(2026, 1, 3), now=datetime.now(UTC))
    assert len(due) == 9
    with instance_of(through) as instance:
        assert [done.crashed for done in run_due(through, instance, due)] == [{}, {}, {}]
    for item in due:
        audit_model_night(plain, item.model_id, item.night, run=RUN, newest=date(2026, 1, 10))
    assert len(digests(plain)) == 9
    assert json.dumps(sorted(digests(plain).items())) == json.dumps(sorted(digests(through).items()))

"""One model-night as Dagster shows it: green, stopped, and crashed."""

import re
import traceback
from pathlib import Path

import dagster as dg
import pytest
from dagster_shared.error import SerializableErrorInfo

from audit_pipeline.config import Project, load_project
from audit_pipeline.errors import AuditError, KeyMissingError, UnreadableError
from audit_pipeline.evidence import Store
from audit_pipeline.evidence.verify import verify
from audit_pipeline.orchestration.assets import CHECKS
from audit_pipeline.orchestration.build import definitions
from audit_pipeline.orchestration.failure import told_without_values
from audit_pipeline.orchestration.instance import instance_of
from audit_pipeline.orchestration.metadata import bars
from audit_pipeline.orchestration.run import run_due
from audit_pipeline.records import Stage
from audit_pipeline_tests.orchestration.kit import bytes_below, checked, digests, nights_due, run_of, shown, stages_of
from audit_pipeline_tests.small_project import MODELS, NIGHTS, PERSON, write_log

N1, N2, N3, N4, N5 = NIGHTS


def test_each_model_is_six_assets_of_its_domain_and_four_checks_that_block_nothing(fresh: Project) -> None:
    defs = definitions(fresh)
    graph = defs.resolve_asset_graph()
    assert {tuple(key.path) for key in graph.get_all_asset_keys()} == stages_of(MODELS)
    groups = {key.path[0]: graph.get(key).group_name for key in graph.get_all_asset_keys()}
    assert groups == {"churn": "retention", "spend": "billing"}
    assert {(c.asset_key.path[0], c.name) for c in graph.asset_check_keys} == {(m, c) for m in MODELS for c in CHECKS}
    assert not any(graph.get(key).blocking for key in graph.asset_check_keys)
    for steps in defs.resolve_asset_graph().assets_defs:
        assert not steps.can_subset
        assert [spec.owners for spec in steps.specs] == [["team:team"]] * len(Stage)


def test_the_partitions_are_the_nights_of_the_project(fresh: Project) -> None:
    partitions = definitions(fresh).resolve_job_def("nightly").partitions_def
    assert partitions is not None
    assert partitions.get_partition_keys() == [str(night) for night in NIGHTS]


def test_a_night_shows_rows_tables_plots_links_schema_and_lineage(audited: Path) -> None:
    project = load_project(audited)
    with instance_of(project) as instance:
        newest = instance.get_run_records(limit=1)[0].dagster_run
        assert newest.status is dg.DagsterRunStatus.SUCCESS
        materialized, checks = shown(instance, newest.run_id), checked(instance, newest.run_id)
    assert set(materialized) == stages_of(MODELS)
    assert set(checks) == {(m, c) for m in MODELS for c in CHECKS}
    assert {c.partition for c in checks.values()} == {"2026-03-02"}
    assert {m.partition for m in materialized.values()} == {"2026-03-02"}
    about = {key: m.metadata for key, m in materialized.items()}
    assert about["churn", "snapshot"]["dagster/partition_row_count"].value == 600
    schema = about["churn", "snapshot"]["dagster/column_schema"].value
    assert [c.name for c in schema.columns] == ["request", "person", "age", "visits", "score"]
    assert "pseudonymised" in next(c.description for c in schema.columns if c.name == "person")
    lineage = about["churn", "drift"]["dagster/column_lineage"].value.deps_by_column
    assert lineage["age"] == [dg.TableColumnDep(dg.AssetKey(["churn", "snapshot"]), "age")]
    assert set(about["churn", "explanation"]["dagster/column_lineage"].value.deps_by_column) == {"age", "visits"}
    for key, plot in ((("churn", "drift"), "psi"), (("churn", "explanation"), "importance")):
        assert about[key][plot].value.startswith("![")
    for stage, table in (("validation", "results"), ("drift", "scores"), ("explanation", "features")):
        assert about["churn", stage][table].value.records
    report = Path(about["churn", "audit"]["report"].value)
    assert report.name == "report.html"
    assert report.exists()
    for model in MODELS:
        entry = digests(project)[model, "2026-03-02"]
        assert about[model, "audit"]["result_digest"].value == entry


def test_a_stage_that_did_not_run_says_so_and_has_not_passed(audited: Path) -> None:
    project = load_project(audited)
    with instance_of(project) as instance:
        first = instance.get_run_records(limit=1, ascending=True)[0].dagster_run
        materialized, checks = shown(instance, first.run_id), checked(instance, first.run_id)
    # spend's first night has nothing to be compared with, and no artefact to be explained
    assert materialized["spend", "drift"].metadata["outcome"].value == "NOT_EVALUATED"
    assert "Drift was not measured" in materialized["spend", "drift"].metadata["problem"].value
    assert materialized["spend", "explanation"].metadata["outcome"].value == "NOT_EVALUATED (not run)"
    assert not checks["spend", "verdict"].passed
    assert checks["spend", "verdict"].severity is dg.AssetCheckSeverity.ERROR


def test_a_stopped_night_is_a_green_run_with_red_checks(two_nights: Project) -> None:
    write_log(two_nights.root, "churn", N3, score=None)
    with instance_of(two_nights) as instance:
        [done] = run_due(two_nights, instance, nights_due(two_nights, ("churn", N3)))
        run, materialized = run_of(instance, done.run_id), shown(instance, done.run_id)
        checks = checked(instance, done.run_id)
    assert done.crashed == {}
    assert run.status is dg.DagsterRunStatus.SUCCESS
    assert set(materialized) == stages_of(["churn"])  # every stage is emitted always
    outcomes = {stage: m.metadata["outcome"].value for (_, stage), m in materialized.items()}
    assert outcomes["validation"] == "FAIL"
    assert outcomes["drift"] == outcomes["explanation"] == "NOT_EVALUATED (not run)"
    assert materialized["churn", "audit"].metadata["verdict"].value == "FAIL"
    passed = {name: e.passed for (_, name), e in checks.items()}
    assert passed == {"gx_critical": False, "gx_warning": True, "gx_info": True, "verdict": False}
    assert checks["churn", "gx_critical"].severity is dg.AssetCheckSeverity.ERROR


def test_a_night_that_did_not_come_passes_nothing(two_nights: Project) -> None:
    with instance_of(two_nights) as instance:
        [done] = run_due(two_nights, instance, nights_due(two_nights, ("churn", N3)))
        checks, materialized = checked(instance, done.run_id), shown(instance, done.run_id)
    assert not any(e.passed for e in checks.values())
    assert materialized["churn", "audit"].metadata["verdict"].value == "NOT_EVALUATED"
    assert "dagster/partition_row_count" not in materialized["churn", "snapshot"].metadata  # not zero rows: unknown


def test_a_crash_is_a_red_run_and_the_other_models_are_audited(two_nights: Project) -> None:
    write_log(two_nights.root, "churn", N3)
    write_log(two_nights.root, "spend", N3)
    (two_nights.root / "audit" / "keys" / "pseudonym.key").unlink()
    with instance_of(two_nights) as instance:
        [done] = run_due(two_nights, instance, nights_due(two_nights, ("churn", N3), ("spend", N3)))
        run, materialized = run_of(instance, done.run_id), shown(instance, done.run_id)
    assert run.status is dg.DagsterRunStatus.FAILURE
    assert set(materialized) == stages_of(["spend"])
    expected = str(KeyMissingError("pseudonym", reference="file:audit/keys/pseudonym.key"))
    assert done.crashed == {"churn": expected}
    assert ("spend", "2026-03-03") in digests(two_nights)
    assert ("churn", "2026-03-03") not in digests(two_nights)
    Store(two_nights.layout).sweep_if_alone()
    assert verify(Store.of(two_nights)).problems == ()


def test_what_a_foreign_exception_says_does_not_reach_dagster() -> None:
    with pytest.raises(AuditError) as told, told_without_values():
        try:
            raise ValueError(f"row value {PERSON}")
        except ValueError as error:
            raise RuntimeError(f"cannot convert {PERSON}") from error
    kept = str(SerializableErrorInfo.from_traceback(traceback.TracebackException.from_exception(told.value)))
    assert re.search(r"RuntimeError was raised \(.*test_assets\.py:\d+\)", kept)
    assert "planted" not in kept


def test_our_own_error_is_told_as_it_is_without_what_caused_it() -> None:
    with pytest.raises(UnreadableError) as told, told_without_values():
        try:
            raise ValueError(f"row value {PERSON}")
        except ValueError as error:
            raise UnreadableError("input/x.csv", form="csv") from error
    kept = str(SerializableErrorInfo.from_traceback(traceback.TracebackException.from_exception(told.value)))
    assert "'input/x.csv' cannot be read as csv" in kept
    assert "planted" not in kept


def test_no_identifier_is_in_anything_that_dagster_or_the_store_keeps(audited: Path) -> None:
    found = {p.relative_to(audited).as_posix(): PERSON.encode() in data for p, data in bytes_below(audited).items()}
    assert found["input/churn/2026-03-01.parquet"]  # the control: it can be found where it is
    assert len([p for p in found if p.startswith("audit/dagster/")]) > 3
    assert [p for p, there in found.items() if there and not p.startswith("input/")] == []


def test_a_name_cannot_break_out_of_the_plot() -> None:
    import base64
    from xml.etree import ElementTree

    chart = bars('a < b & "c"', [("<script>x</script>", 1.0), ("plain", 0.5)])
    svg = base64.b64decode(chart.split("base64,")[1].rstrip(")"))
    root = ElementTree.fromstring(svg)
    assert "<script>x</script>" in [text.text for text in root.iter("{http://www.w3.org/2000/svg}text")]
    assert not list(root.iter("{http://www.w3.org/2000/svg}script"))


def test_telemetry_is_off(fresh: Project) -> None:
    import os

    with instance_of(fresh) as instance:
        assert not instance.telemetry_enabled
        assert not instance.nux_enabled
        assert instance.run_monitoring_enabled
    assert os.environ["DAGSTER_DISABLE_TELEMETRY"] == "1"

"""Every kind of fault: which file, which key, and what would be right."""

from pathlib import Path

import pytest

from audit_pipeline_tests.config.small import MODEL, PROJECT, SUITE, changed, faults, write

M, P, S = "models/risk.yaml", "project.yaml", "expectations/risk.yaml"


def test_the_small_project_has_no_fault(tmp_path: Path) -> None:
    assert faults(write(tmp_path)) == []


@pytest.mark.parametrize(
    ("old", "new", "fault"),
    [
        ("owner: team", "ownr: team", "ownr: is no known key. Did you mean 'owner'?"),
        ("privacy: quasi_identifier", "privcy: none", "columns.age.privcy: is no known key. Did you mean 'privacy'?"),
        ("privacy: quasi_identifier", "role: feature", "columns.age.privacy: is missing: direct identifiers are"),
        ("type: integer", "type: int", "columns.age.type: Input should be 'number', 'integer', 'category'"),
        ("task: binary", "task: ranking", "task: Input should be 'binary', 'regression' or 'multiclass'"),
        ('version: "1"', "version: 1", "version: must be text: put it in quotes"),
        ("model_id: risk", "model_id: Risk", "model_id: must be a name: lower-case letters, digits and _"),
        ("model_id: risk", "model_id: riks", "model_id: is 'riks', but the file is named 'risk'"),
        ("owner: team", "owner: taem", "owner: 'taem' is not in `owners` of project.yaml. Did you mean 'team'?"),
        ("{night}", "night", "log: `path` must hold `{night}`, so that a night's file can be found"),
        (".parquet\"}", ".xls\"}", "log: the suffix of 'logs/{night}.xls' tells no format: add `format: parquet"),
        ("log: {path:", "log: {database: a.duckdb, path:", "log: give either `path` (a file) or `database`"),
        ("log: {path:", "log: {table: a, path:", "log: `table` and `night_column` belong to `database`"),
        ("label: outcome", "window: {nights: 7}", "reference: `window` stands alone"),
        ("label: outcome", "label: age", "reference.label: 'age' must not be a column of the log"),
        ("role: score", "role: feature", "columns: no column has `role: score`, which a binary model needs"),
        ("role: row_id", "role: feature", "columns: no column has `role: row_id`: name the column that is unique"),
        ("ward: {type: category", "ward: {role: row_id, type: category", "columns: role row_id is given to id, ward"),
        ("psi: {warn: 0.1, fail", "psi: {warn: 0.3, fail", "policy.drift.psi: warn (0.3) must not be above fail"),
        ("psi: {warn", "alpha: 0, psi: {warn", "policy.drift.alpha: Input should be greater than 0"),
        ("psi: {warn", "persist: {nights: 5, of: 3}, psi: {warn", "policy.drift.persist: nights (5) must not be above"),
        ("warn: 0.1, fail", "warn: .nan, fail", "policy.drift.psi.warn: Input should be a finite number"),
        ("warn: 0.1, fail", "warn: high, fail", "policy.drift.psi.warn: Input should be a valid number"),
        ("warn_below: 0.7", "warn_below: 0.5", "policy.performance.metrics.auc: warn_below (0.5) must not be under"),
        ("auc: {warn_below: 0.7, fail_below: 0.6}", "auc: {}", "policy.performance.metrics: auc without a limit"),
        ("{auc:", "{acu:", "policy.performance.metrics.acu: is no metric of a binary model. Did you mean 'auc'?"),
        ("{age: {ignore", "{agee: {ignore", "policy.drift.columns.agee: is not in `columns` of this file. Did"),
        ("policy:\n", "policy:\n  charts: {nights: 5}\n", "policy.charts.nights: Input should be greater than"),
        ("policy:\n", "policy:\n  charts: {warn: {volume.rows: [limit]}}\n", "policy.charts.warn.volume.rows[0]: Inp"),
        ("policy:\n", "policy:\n  charts: {warn: {volume.row: [limits]}}\n",
         "policy.charts.warn.volume.row: is not charted. Did you mean 'volume.rows'? There are: joint, volume.rows"),
        ("policy:\n", "policy:\n  charts: {warn: {performance.rmse: [limits]}}\n", "policy.charts.warn.performance.rm"),
        ("policy:\n", "policy:\n  charts: {warn: {joint: [ewma]}}\n", "policy.charts.warn.joint: has one rule"),
        ("policy:\n", "policy:\n  charts: {warn: {fairness.impact_ratio.ward: [limits]}}\n",
         "policy.charts.warn.fairness.impact_ratio.ward: is not the number of a protected attribute: there is none"),
        ("metrics: {auc", "worse_than_reference: {acu: {fail: 1}}, metrics: {auc", "policy.performance.worse_than_ref"),
        ("metrics: {auc", "worse_than_reference: {auc: {}}, metrics: {auc", "policy.performance.worse_than_reference:"),
        ("metrics: {auc", "worse_than_reference: {auc: {fail: -1}}, metrics: {auc", "policy.performance.worse_than_re"),
        ("metrics: {auc", "worse_than_reference: {prevalence: {fail: 1}}, metrics: {auc",
         "policy.performance.worse_than_reference.prevalence: is neither better nor worse when high"),
        ("metrics: {auc", "metrics: {cost: {fail_above: 1}, auc",
         "policy.performance.metrics.cost: is not measured without `costs` in this file"),
        ("task: binary", "task: binary\ncosts: {tp: 1, fp: 1, fn: 1, unit: EUR}", "costs.tn: is missing: no, rightly"),
        ("task: binary", "task: regression\ncosts: {tp: 1, fp: 1, fn: 1, tn: 0, unit: EUR}", "costs: belong to a bina"),
        ("ward: {type", "hi: {role: prediction_hi, type: number, privacy: none}\n  ward: {type",
         "columns: prediction_lo and prediction_hi belong together"),
        ("task: binary", "task: binary\nprobabilities: {a: risk}", "probabilities: belong to a multiclass model, and"),
        ("label: outcome}", "label: y}\nartefact: {path: m.skops, sha256: abc}", "artefact.sha256: must be 64 hex"),
    ],
)  # fmt: skip
def test_a_fault_of_the_model_file(tmp_path: Path, old: str, new: str, fault: str) -> None:
    found = faults(write(tmp_path, model=changed(MODEL, old, new)))
    assert any(line.startswith(f"{M}: {fault}") for line in found), found


GENERALISED = {  # what is said of the column age, an integer -> the fault
    "{}": "generalise: says nothing: give one of bands, round, floor, top, to, prefix",
    "{round: 5, floor: 5}": "generalise: gives more than one rule; only `round` and `floor` go with `top`",
    "{bands: [0, 18], top: 90}": "generalise: gives more than one rule",
    "{bands: [18, 18]}": "generalise: `bands` must rise",
    "{bands: [0.5]}": "generalise.bands: must be whole, as the values are",
    "{floor: 2.5}": "generalise.floor: must be whole, as the values are",
    "{round: 0}": "generalise.round: Input should be greater than 0",
    "{to: year}": "generalise.to: does not fit the type integer: it takes bands, round, floor, top",
    "{floor: 5}, role: subject_id": "generalise: is for columns with the role feature, segment, time; this one is a",
}


@pytest.mark.parametrize("said", GENERALISED)
def test_a_rule_that_makes_no_value_coarser(tmp_path: Path, said: str) -> None:
    model = changed(MODEL, "quasi_identifier}", f"quasi_identifier, generalise: {said}}}")
    assert any(f"columns.age.{GENERALISED[said]}" in fault for fault in faults(write(tmp_path, model=model)))


def test_what_cannot_be_made_coarser(tmp_path: Path) -> None:
    identifier = changed(MODEL, "quasi_identifier}", "direct_identifier, generalise: {floor: 5}}")
    assert "has nothing to do: a direct identifier becomes a pseudonym" in str(
        faults(write(tmp_path, model=identifier))
    )
    labels = 'labels: {path: "l/{night}.csv", column: y, privacy: none, delay_nights: 1, generalise: {round: 5}}\n'
    [fault] = faults(write(tmp_path, model=MODEL + labels))
    assert "labels.generalise: is for outcomes that are numbers, and this is a binary model" in fault


@pytest.mark.parametrize(
    ("old", "new", "fault"),
    [
        ("name: hospital", "nmae: hospital", "nmae: is no known key. Did you mean 'name'?"),
        ("Europe/Berlin", "Europe/Berln", "time_zone: 'Europe/Berln' is no IANA time zone"),
        ("Europe/Berlin", "../etc/passwd", "time_zone: '../etc/passwd' is no IANA time zone"),
        ("first: 2026-01-01", "first: 01.01.2026", "nights.first: Input should be a valid date"),
        ("first: 2026-01-01", "first: 2026-02-30", "is not readable YAML (line 5, column 17): no such date"),
        ("first: 2026-01-01", "first: 2026-01-02, last: 2026-01-01", "nights: last (2026-01-01) is before first"),
        ('"02:00"', "22:00", "nights.complete_at: must be text: put it in quotes"),
        ('"02:00"', '"25:00"', 'nights.complete_at: must be a time of day in quotes, e.g. "02:00"'),
        ("[pager]", "[pagr]", "owners.team.channels: 'pagr' is not in `channels`. Did you mean 'pager'?"),
        ("env:PAGER_URL", "https://hook.example/T0K3N", "channels.pager.url: must be `env:NAME` or `file:PATH`"),
        ("{team: {name: Team, channels: [pager]}}", "{}", "owners: Dictionary should have at least 1 item"),
        ("{team: {", "{Team A: {", "owners.Team A: must be a name: lower-case letters"),
        ("schema_version: 1", "schema_version: 2", "schema_version: Input should be 1"),
        ("nights:", "limits: {memory: lots}\nnights:", "limits.memory: must be an amount such as 500MB or 2GB"),
    ],
)  # fmt: skip
def test_a_fault_of_the_project_file(tmp_path: Path, old: str, new: str, fault: str) -> None:
    found = faults(write(tmp_path, project=changed(PROJECT, old, new)))
    assert any(line.startswith(f"{P}: {fault}") for line in found), found


@pytest.mark.parametrize(
    "url",
    [
        "marquez:5000",
        "ftp://marquez",
        "http://",
        "http://me:s3cret@marquez",
        "http://marquez?key=s3cret",
        "http://marquez#s3cret",
        "http://marquez:s3cret",
        "http://marquez:70000",
        "http://mar quez",
        "http://märquez",
        "http://[::1",
        "http://marquez/api/v1/lineage",
    ],
)
def test_the_address_of_the_relay_is_plain_and_a_wrong_one_is_not_repeated(tmp_path: Path, url: str) -> None:
    found = faults(write(tmp_path, project=f"{PROJECT}lineage: {{relay: {{url: '{url}'}}}}\n"))
    asked = "must be an address such as http://marquez:5000, without login, query or /api/v1/lineage"
    assert found == [f"{P}: lineage.relay.url: {asked}"]


@pytest.mark.parametrize(
    ("relay", "fault"),
    [
        ("{}", "lineage.relay.url: is missing"),
        ("{url: 'http://m', api_key: s3cret}", "lineage.relay.api_key: must be `env:NAME` or `file:PATH`"),
        ("{url: 'http://m', timeout_s: 0}", "lineage.relay.timeout_s: Input should be greater than 0"),
        ("{url: 'http://m', timeot_s: 1}", "lineage.relay.timeot_s: is no known key. Did you mean 'timeout_s'?"),
    ],
)
def test_a_fault_of_the_relay(tmp_path: Path, relay: str, fault: str) -> None:
    (found,) = faults(write(tmp_path, project=f"{PROJECT}lineage: {{relay: {relay}}}\n"))
    assert found.startswith(f"{P}: {fault}")


@pytest.mark.parametrize(
    "url", ["http://marquez:5000", "https://x.org/behind/proxy/", "http://[::1]:5000", "http://10.0.0.1"]
)
def test_an_address_of_the_relay(tmp_path: Path, url: str) -> None:
    assert faults(write(tmp_path, project=f"{PROJECT}lineage: {{relay: {{url: '{url}'}}}}\n")) == []


@pytest.mark.parametrize(
    ("old", "new", "fault"),
    [
        ("model_id: risk", "model_id: rsik", "model_id: is 'rsik', the model file says 'risk'"),
        ("to_not_be_null", "to_not_be_nul", "expectations[0].type: 'expect_column_values_to_not_be_nul' is no"),
        ("{column: id}", "{column: iid}", "expectations[0].kwargs.column: 'iid' is not in `columns` of the model"),
        ("{column: id}", "{column: id, most: 1}", "expectations[0].kwargs.most: is no argument of expect_column"),
        ("{column: id}", "{}", "expectations[0].kwargs: expect_column_values_to_not_be_null needs `column`"),
        ("severity: critical, ", "", "expectations[0].severity: is missing: critical ends the line"),
        ("severity: critical", "severity: fatal", "expectations[0].severity: Input should be 'critical', 'warning'"),
        ("severity: critical", "severty: critical", "expectations[0].severty: is no known key. Did you mean 'sever"),
    ],
)  # fmt: skip
def test_a_fault_of_the_suite(tmp_path: Path, old: str, new: str, fault: str) -> None:
    found = faults(write(tmp_path, suite=changed(SUITE, old, new)))
    assert any(line.startswith(f"{S}: {fault}") for line in found), found


MULTICLASS = """
schema_version: 1
model_id: risk
version: "1"
owner: team
domain: care
task: multiclass
probabilities: {home: p_home, ward: p_ward}
log: {path: "logs/{night}.parquet"}
reference: {window: {nights: 7}}
columns:
  id: {type: category, privacy: none, role: row_id}
  where: {type: category, privacy: none, role: prediction}
  p_home: {type: number, privacy: none, role: probability}
  p_ward: {type: number, privacy: none, role: probability}
policy: {performance: {metrics: {macro_f1: {fail_below: 0.5}, log_loss: {warn_above: 1}}}}
"""


def test_a_multiclass_model_has_no_fault(tmp_path: Path) -> None:
    assert faults(write(tmp_path, model=MULTICLASS)) == []


@pytest.mark.parametrize(
    ("old", "new", "fault"),
    [
        ("ward: p_ward}", "ward: p_wrad}", "probabilities.ward: 'p_wrad' is no column with `role: probability`"),
        (", ward: p_ward}", "}", "probabilities: names no class for p_ward, which has `role: probability`"),
        (", ward: p_ward}", "}", "probabilities: names one class; a multiclass model has at least two"),
        ("ward: p_ward}", "ward: p_home}", "probabilities: gives one column to two classes"),
        ("where: {type: category", "where: {type: number", "columns.where.type: is number; a class is one of"),
        ("probabilities: {home: p_home, ward: p_ward}", "", "policy.performance.metrics.log_loss: is not measured"),
        ("reference:", "artefact: {path: m.skops, sha256: file:m}\nreference:", "artefact: is explained for binary"),
        ("reference:", "fairness: {slices: [where]}\nreference:", "fairness: is measured of a binary or regression"),
        ("metrics: {macro", "worse_than_reference: {macro_f1: {fail: 0.1}}, metrics: {macro",
         "policy.performance.worse_than_reference: needs outcomes of the reference"),
    ],
)  # fmt: skip
def test_a_fault_of_a_multiclass_model(tmp_path: Path, old: str, new: str, fault: str) -> None:
    found = faults(write(tmp_path, model=changed(MULTICLASS, old, new)))
    assert any(line.startswith(f"{M}: {fault}") for line in found), found


def test_an_empty_suite_is_no_suite(tmp_path: Path) -> None:
    suite = SUITE.partition("expectations:")[0]
    (empty,) = faults(write(tmp_path, suite=f"{suite}expectations: []"))
    assert empty.startswith(f"{S}: expectations: Tuple should have at least 1 item")
    (missing,) = faults(write(tmp_path, suite=suite))
    assert missing == f"{S}: expectations: is missing"


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("task: binary\ntask: regression", "is not readable YAML (line 2, column 1): key 'task' is given twice"),
        ("a:\n  b: {type: number, type: integer}", "is not readable YAML (line 2, column 21): key 'type' is given"),
        ("a: [1", "is not readable YAML (line "),
        ("? [a]\n: 1", "is not readable YAML (line 1, column 3): a key must be plain text"),
        ("- a\n- b", "must be a mapping of keys to values"),
        ("", "must be a mapping of keys to values"),
        ("a: !!python/object/apply:os.system [ls]", "is not readable YAML (line 1, column 4): could not determine"),
    ],
)  # fmt: skip
def test_what_is_not_readable_is_told_with_its_place(tmp_path: Path, text: str, fault: str) -> None:
    found = faults(write(tmp_path, model=text))
    assert any(line.startswith(f"{M}: {fault}") for line in found), found


def test_a_file_in_another_encoding_is_told(tmp_path: Path) -> None:
    write(tmp_path)
    (tmp_path / M).write_bytes("description: Größe".encode("latin-1"))
    assert f"{M}: is not UTF-8 text: save it as UTF-8" in faults(tmp_path)


def test_yaml_anchors_and_merges_are_read(tmp_path: Path) -> None:
    merged = changed(MODEL, "age: {type: integer, privacy: quasi_identifier}", "age: &a {type: integer, privacy: none}")
    merged = changed(merged, "ward: {type: category, privacy: none}", "ward: {<<: *a, type: category}")
    assert faults(write(tmp_path, model=merged)) == []


def test_files_that_do_not_belong_together(tmp_path: Path) -> None:
    write(tmp_path)
    (tmp_path / S).rename(tmp_path / "expectations" / "rsik.yaml")
    assert faults(tmp_path) == [
        f"{S}: does not exist; every model needs a suite (`audit-pipeline init DIR --from LOG` proposes one)",
        "expectations/rsik.yaml: belongs to no model: there is no models/rsik.yaml. Did you mean 'risk.yaml'?",
    ]


def test_one_model_has_one_file(tmp_path: Path) -> None:
    write(tmp_path)
    for folder, text in (("models", MODEL), ("expectations", SUITE)):
        (tmp_path / folder / "risk.yml").write_text(text)
    assert faults(tmp_path) == ["models/risk.yml: there is also risk.yaml: one model has one file"]


def test_a_folder_without_project_or_models(tmp_path: Path) -> None:
    (missing,) = faults(tmp_path)
    assert missing.endswith(
        "does not exist. Make a project with `audit-pipeline init DIR`, or name one with --project DIR"
    )
    (tmp_path / "project.yaml").write_text(PROJECT)
    (empty,) = faults(tmp_path)
    assert empty.startswith("models/: holds no model file. `audit-pipeline init DIR --from LOG` proposes one")


def test_all_faults_of_all_files_come_at_once(tmp_path: Path) -> None:
    # One fault of each kind that could hide another: keys, rules between keys, rules between files.
    model = changed(MODEL, "owner: team", "owner: taem")
    model = changed(model, "type: integer, privacy: quasi_identifier", "type: int")
    model = changed(model, "privacy: none}\n  risk", "privacy: none, role: row_id}\n  risk")
    suite = changed(SUITE, "severity: critical", "severity: fatal") + "  - {type: expect_nothing, severity: info}\n"
    suite += "  - {type: expect_column_to_exist, severity: info, kwargs: {column: wadr}}\n"
    project = changed(changed(PROJECT, "Berlin", "Berln"), "[pager]", "[pagr]")
    found = faults(write(tmp_path, project=project, model=model, suite=suite))
    keys = [": ".join(line.split(": ")[:2]) for line in found]
    assert keys == [
        f"{P}: time_zone",
        f"{P}: owners.team.channels",
        f"{M}: columns.age.type",
        f"{M}: columns.age.privacy",
        f"{M}: columns",
        f"{M}: owner",
        f"{S}: expectations[0].severity",
        f"{S}: expectations[1].type",
        f"{S}: expectations[2].kwargs.column",
    ]


def test_no_fault_shows_what_stands_where_a_secret_belongs(tmp_path: Path) -> None:
    secret = "slack://T0K3N/S3CR3T"
    project = changed(PROJECT, "env:PAGER_URL", secret)
    found = faults(write(tmp_path, project=project + f"keys: {{pseudonym: {secret}}}\n"))
    assert len(found) == 2
    assert not any("T0K3N" in line or "S3CR3T" in line for line in found)


FAIR = "fairness: {protected: [ward, age], bands: {age: [18, 65]}, slices: [ward]}\n"


@pytest.mark.parametrize(
    ("old", "new", "fault"),
    [
        ("[ward, age]", "[wrad, age]", "fairness.protected: 'wrad' is not in `columns` of this file. Did you mean"),
        ("slices: [ward]", "slices: [[ward, aeg]]", "fairness.slices: 'aeg' is not in `columns` of this file. Did you"),
        ("[ward, age]", "[id, age]", "fairness.protected: 'id' tells persons apart and makes no groups"),
        ("slices: [ward]", "slices: [risk]", "fairness.slices: 'risk' is of type number: give its edges, e.g. `bands"),
        ("[18, 65]", "[65, 18]", "fairness.bands.age: must be a list of edges, each above the one before"),
        ("{age: [18", "{ward: [1], age: [18", "fairness.bands.ward: is of type category: only a number or an integer"),
        ("{age: [18", "{risk: [0.5], age: [18", "fairness.bands.risk: is neither in `protected` nor in `slices`"),
        ("slices:", "intersections: [[ward, id]], slices:", "fairness.intersections: 'id' is not in `protected`."),
        ("slices:", "intersections: [[ward]], slices:", "fairness.intersections: each needs two different columns"),
        ("slices:", "names: {ward: {a: x, b: x}}, slices:", "fairness.names.ward: gives two groups the same name"),
        ("slices:", "names: {age: {under 17: x}}, slices:", "fairness.names.age: 'under 17' is no band"),
        ("slices:", "min_group: 5, slices:", "fairness.min_group: Input should be greater than or equal to 11"),
        ("slices:", "favourable: 2, slices:", "fairness.favourable: Input should be 0 or 1"),
    ],
)  # fmt: skip
def test_a_fault_of_the_groups(tmp_path: Path, old: str, new: str, fault: str) -> None:
    assert faults(write(tmp_path, model=MODEL + FAIR)) == []
    found = faults(write(tmp_path, model=MODEL + changed(FAIR, old, new)))
    assert any(line.startswith(f"{M}: {fault}") for line in found), found


@pytest.mark.parametrize(
    ("limit", "groups", "fault"),
    [
        ("impact_ratio: {fail_above: 0.8}", FAIR, "policy.fairness: impact_ratio is judged by warn_below"),
        ("proxy_auc: {warn_below: 0.8}", FAIR, "policy.fairness: proxy_auc is judged by warn_above and fail_above"),
        ("mae_difference: {fail_above: 1}", FAIR, "policy.fairness.mae_difference: is not measured of a binary model."),
        ("impact_ratio: {fail_below: 0.8}", "", "policy.fairness.impact_ratio: is judged over `fairness.protected`"),
        (
            "proxy_auc: {warn_above: 0.8}",
            changed(FAIR, "slices:", "proxy_rows: 0, slices:"),
            "policy.fairness.proxy_auc: is not measured with `fairness.proxy_rows: 0`",
        ),
    ],
)  # fmt: skip
def test_a_fault_of_the_policy_on_groups(tmp_path: Path, limit: str, groups: str, fault: str) -> None:
    model = changed(MODEL, "policy:\n", f"policy:\n  fairness: {{{limit}}}\n") + groups
    found = faults(write(tmp_path, model=model))
    assert any(line.startswith(f"{M}: {fault}") for line in found), found


def test_a_regression_model_decides_nothing(tmp_path: Path) -> None:
    model = changed(changed(MODEL, "task: binary", "task: regression"), "role: score", "role: prediction")
    model = changed(model, "{auc: {warn_below: 0.7, fail_below: 0.6}}", "{}")
    found = faults(write(tmp_path, model=model + changed(FAIR, "slices:", "favourable: 1, slices:")))
    assert found == [f"{M}: fairness.favourable: belongs to a binary model: a regression model decides nothing"]


def test_groups_of_a_model_of_another_task_are_refused(tmp_path: Path) -> None:
    found = faults(write(tmp_path, model=changed(MODEL, "task: binary", "task: ranking") + FAIR))
    assert f"{M}: fairness: is measured of a binary or regression model only" in found


@pytest.mark.parametrize(
    ("column", "artefact", "fault"),
    [
        ("  age: {type: integer, privacy: none, monotone: rising}", True, "columns.age.monotone: Input should be"),
        ("  age: {type: integer, privacy: none, monotone: increasing}", False, "cannot be checked without `artefact`"),
        ("  ward: {type: category, privacy: none, monotone: increasing}", True, "belongs to a feature of type number"),
        ("  at: {type: number, privacy: none, role: segment, monotone: decreasing}", True, "belongs to a feature"),
        ("  age: {type: number, privacy: none, monotone: decreasing}", True, ""),
    ],
)
def test_what_can_be_monotone(tmp_path: Path, column: str, artefact: bool, fault: str) -> None:
    name = column.partition(":")[0].strip()
    kept = "\n".join(line for line in MODEL.splitlines() if not line.startswith(f"  {name}:"))
    model = changed(kept + "\n", "columns:\n", f"columns:\n{column}\n")
    if artefact:
        model += f"artefact: {{path: m.skops, sha256: {'a' * 64}}}\n"
    found = faults(write(tmp_path, model=model))
    assert [fault in line for line in found] == ([True] if fault else []), found

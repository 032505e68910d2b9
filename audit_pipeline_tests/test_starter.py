"""A project from nothing, and one proposed from a log with names nobody has seen before."""

import json
import random
import stat
import subprocess
import sys
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import yaml

from audit_pipeline import checks, snapshot, sources, starter
from audit_pipeline.config import AuditedModel, load_project
from audit_pipeline.errors import ColumnMissingError, ConfigError, SourceError, UnreadableError
from audit_pipeline.keys import make_keys
from audit_pipeline.records import Column, Outcome
from audit_pipeline.vault import Vault

NIGHT = date(2026, 11, 20)
GIVEN = {"row_id": "vorgang", "score": "wahrscheinlichkeit"}


def frame(night: date = NIGHT, rows: int = 400) -> pd.DataFrame:
    """A log with German names, two columns that name persons, and gaps."""
    rng = random.Random(night.toordinal())
    return pd.DataFrame(
        {
            "vorgang": [f"{night}-{i:05d}" for i in range(rows)],
            "Kunden-Nr.": [f"K{rng.randrange(10**6):06d}" for _ in range(rows)],
            "Nachname": [rng.choice(["Müller", "Schmidt", "Weiß"]) for _ in range(rows)],
            "alter": [rng.randrange(18, 90) for _ in range(rows)],
            "on": [rng.choice(["ja", "nein"]) for _ in range(rows)],
            "betrag": [None if i % 40 == 0 else round(rng.gauss(100, 20), 2) for i in range(rows)],
            "wahrscheinlichkeit": [round(rng.random(), 4) for _ in range(rows)],
        }
    )


def write(folder: Path, name: str, data: pd.DataFrame | None = None) -> Path:
    """Write a log in the format of its suffix."""
    data, path = frame() if data is None else data, folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.suffix == ".parquet":
        data.to_parquet(path)
    elif path.suffix == ".jsonl":
        data.to_json(path, orient="records", lines=True, force_ascii=False)
    else:
        data.to_csv(path, index=False)
    return path


def only(root: Path) -> AuditedModel:
    """Load the project; return its one model."""
    (model,) = load_project(root).models.values()
    return model


def test_a_commented_project_has_examples_and_says_what_is_missing(tmp_path: Path) -> None:
    root = tmp_path / "my project"
    starter.start(root)
    assert (root / "models" / "my_model.yaml.example").is_file()
    with pytest.raises(ConfigError) as caught:
        load_project(root)
    (fault,) = caught.value.faults  # only that there is no model yet
    assert "init DIR --from LOG" in fault.message


def test_the_examples_load_once_they_are_renamed(tmp_path: Path) -> None:
    starter.start(tmp_path / "p")
    for folder in ("models", "expectations"):
        example = tmp_path / "p" / folder / "my_model.yaml.example"
        example.rename(example.with_suffix(""))
    assert only(tmp_path / "p").config.model_id == "my_model"


def test_the_keys_are_for_their_owner_alone_and_never_replaced(tmp_path: Path) -> None:
    keys = make_keys(tmp_path)
    assert [key.name for key in keys] == ["pseudonym.key", "signing.key", "encryption.key"]
    for key in keys:
        assert (stat.S_IMODE(key.stat().st_mode), stat.S_IMODE(key.parent.stat().st_mode)) == (0o600, 0o700)
        assert len(bytes.fromhex(key.read_text())) == 32
    before = [key.read_bytes() for key in keys]
    assert len(set(before)) == 3
    keys[1].unlink()
    again = [key.read_bytes() for key in make_keys(tmp_path)]
    assert again[0] == before[0]
    assert again[1] != before[1]


def test_nothing_that_exists_is_overwritten(tmp_path: Path) -> None:
    starter.start_from(tmp_path / "p", write(tmp_path, "log-2026-11-20.csv"), roles=GIVEN)
    before = {file: file.read_bytes() for file in (tmp_path / "p").rglob("*") if file.is_file()}
    with pytest.raises(ConfigError, match="exists already"):
        starter.start(tmp_path / "p")
    with pytest.raises(ConfigError, match="exists already"):
        starter.start_from(tmp_path / "p", tmp_path / "log-2026-11-20.csv", roles=GIVEN)
    assert {file: file.read_bytes() for file in before} == before


@pytest.mark.parametrize("suffix", [".csv", ".parquet", ".jsonl"])
def test_the_proposal_loads_and_its_suite_passes_on_its_log(tmp_path: Path, suffix: str) -> None:
    root = tmp_path / "p"
    started = starter.start_from(root, write(tmp_path, f"vorhersagen-2026-11-20{suffix}"), roles=GIVEN)
    assert (started.model_id, started.nights) == ("vorhersagen", (NIGHT,))
    model = only(root)
    columns = model.config.columns
    assert (model.config.task, model.config.row_id, model.config.output) == ("binary", "vorgang", "wahrscheinlichkeit")
    assert {name: columns[name].type for name in ("alter", "on", "betrag")} == {
        "alter": "integer",
        "on": "category",
        "betrag": "number",
    }
    declared = [Column(name, c.type, c.role, c.privacy) for name, c in columns.items()]
    relation = sources.open_night(model.config.log, root, NIGHT)
    frozen = snapshot.take(
        relation,
        declared,
        vault=Vault(tmp_path),
        place="s",
        suffix=".parquet",
        key=b"k" * 32,
        threads=1,
        memory="256MB",
    )
    found = checks.validate(
        tmp_path / frozen.path,
        model.suite,
        frozen.columns,
        night=NIGHT,
        rows=frozen.rows,
        duckdb_from_rows=50_000,
        threads=1,
        memory="256MB",
    )
    assert [(r.name, r.reason) for r in found.results if r.outcome is not Outcome.PASS] == []


def test_what_names_a_person_is_left_out_and_named_nowhere(tmp_path: Path) -> None:
    root = tmp_path / "p"
    starter.start_from(root, write(tmp_path, "log-2026-11-20.csv"), roles=GIVEN)
    assert set(only(root).config.columns) == {"vorgang", "alter", "on", "betrag", "wahrscheinlichkeit"}
    proposed = (root / "models" / "log.yaml").read_text()
    assert '# "Kunden-Nr.": {type: category, privacy: direct_identifier' in proposed
    values = {str(value) for column in ("vorgang", "Kunden-Nr.", "Nachname") for value in frame()[column]}
    for file in root.rglob("*"):
        if file.is_file() and file.suffix in (".yaml", ".example"):
            assert not [value for value in values if value in file.read_text(encoding="utf-8")]


def test_a_log_whose_name_has_the_date_stays_where_it_is(tmp_path: Path) -> None:
    for number in range(3):
        night = NIGHT + timedelta(days=number)
        write(tmp_path / "logs", f"scores_{night}.csv", frame(night))
    started = starter.start_from(tmp_path / "p", tmp_path / "logs" / f"scores_{NIGHT}.csv", roles=GIVEN)
    assert started.nights == (NIGHT, NIGHT + timedelta(days=1), NIGHT + timedelta(days=2))
    assert only(tmp_path / "p").config.log.path == str(tmp_path / "logs" / "scores_{night}.csv")
    assert load_project(tmp_path / "p").config.nights.first == NIGHT


def test_a_folder_may_have_the_date(tmp_path: Path) -> None:
    log = write(tmp_path / "night=2026-11-20", "part.parquet")
    starter.start_from(tmp_path / "p", log, roles=GIVEN)
    assert only(tmp_path / "p").config.log.path == str(tmp_path / "night={night}" / "part.parquet")


def test_a_log_without_a_date_is_copied(tmp_path: Path) -> None:
    log = write(tmp_path, "export.csv")
    with pytest.raises(ConfigError, match="say which one it is with --night YYYY-MM-DD"):
        starter.start_from(tmp_path / "p", log, roles=GIVEN)
    assert not (tmp_path / "p").exists()
    starter.start_from(tmp_path / "p", log, night=NIGHT, roles=GIVEN)
    assert (tmp_path / "p" / "input" / "export" / "2026-11-20.csv").read_bytes() == log.read_bytes()
    assert only(tmp_path / "p").config.log.path == "input/export/{night}.csv"


def test_a_second_model_joins_the_project(tmp_path: Path) -> None:
    root = tmp_path / "p"
    starter.start_from(root, write(tmp_path, "a-2026-11-20.csv"), roles=GIVEN)
    text = (root / "project.yaml").read_text().replace("model_owner:", "data_team:")
    (root / "project.yaml").write_text(text)
    starter.start_from(root, write(tmp_path, "b-2026-11-20.csv"), roles=GIVEN)
    (root / "models" / "a.yaml").write_text(
        (root / "models" / "a.yaml").read_text().replace("model_owner", "data_team")
    )
    assert set(load_project(root).models) == {"a", "b"}
    assert (root / "project.yaml").read_text() == text


def told(tmp_path: Path, data: pd.DataFrame, roles: dict[str, str] | None = None, **options: Any) -> list[str]:
    """Return the faults of a proposal; nothing must have been written."""
    with pytest.raises(ConfigError) as caught:
        starter.start_from(tmp_path / "p", write(tmp_path, "log-2026-11-20.csv", data), roles=roles, **options)
    assert not (tmp_path / "p").exists()
    return [f"{fault.key}: {fault.message}" for fault in caught.value.faults]


def test_names_that_tell_nothing_are_asked_for_together(tmp_path: Path) -> None:
    data = frame().drop(columns="Kunden-Nr.")
    data["beleg"], data["anteil"] = data["vorgang"] + "-b", data["wahrscheinlichkeit"] / 2
    row_id, score = told(tmp_path, data)
    assert row_id.endswith("which column is unique per prediction. Name it with --row-id: vorgang, beleg")
    assert "--score (probability: wahrscheinlichkeit, anteil)" in score
    assert "--prediction (number: alter, betrag, wahrscheinlichkeit, anteil)" in score


def test_what_only_one_column_can_be_is_proposed_for_review(tmp_path: Path) -> None:
    log = write(tmp_path, "log-2026-11-20.csv", frame().drop(columns="Kunden-Nr."))
    roles = {g.column.role: (g.column.name, g.why) for g in starter.start_from(tmp_path / "p", log).guesses}
    assert roles["row_id"][0] == "vorgang"
    assert roles["score"][0] == "wahrscheinlichkeit"
    assert "REVIEW role" in roles["score"][1]


def test_without_a_unique_column_there_is_no_project(tmp_path: Path) -> None:
    data = frame().drop(columns=["vorgang", "Kunden-Nr."])
    (fault,) = told(tmp_path, data, {"score": "wahrscheinlichkeit"})
    assert fault.startswith("row_id: no column is unique and without gaps. Labels join on one: add a number per")


@pytest.mark.parametrize(
    ("roles", "fault"),
    [
        (GIVEN | {"row_id": "alter"}, "--row-id: 'alter' is not unique per prediction: "),
        (GIVEN | {"score": "Nachname"}, "--score: 'Nachname' does not hold numbers (with a decimal point); there are"),
        (GIVEN | {"score": "alter"}, "--score: 'alter' has values outside 0 to 1: a number that is no probability"),
    ],
)  # fmt: skip
def test_a_column_that_cannot_have_its_role(tmp_path: Path, roles: dict[str, str], fault: str) -> None:
    (found,) = told(tmp_path, frame(), roles)
    assert found.startswith(fault)


def test_other_things_that_cannot_be_proposed_from(tmp_path: Path) -> None:
    assert "must be a name" in told(tmp_path, frame(), GIVEN, model_id="My Model")[0]
    with pytest.raises(ColumnMissingError, match="Did you mean 'wahrscheinlichkeit'"):
        starter.start_from(tmp_path / "p", tmp_path / "log-2026-11-20.csv", roles={"score": "wahrscheinlichkeiten"})
    with pytest.raises(ConfigError, match=r"the suffix tells no format: it must be one of \.parquet"):
        starter.start_from(tmp_path / "p", write(tmp_path, "log-2026-11-20.txt"))
    with pytest.raises(SourceError, match="has no rows"):
        starter.start_from(tmp_path / "p", write(tmp_path, "none-2026-11-20.csv", frame().head(0)))
    damaged = write(tmp_path, "cut-2026-11-20.parquet")
    damaged.write_bytes(damaged.read_bytes()[:-20])
    with pytest.raises(UnreadableError):
        starter.start_from(tmp_path / "p", damaged)
    assert not (tmp_path / "p").exists()


def test_a_number_that_is_predicted_makes_a_regression(tmp_path: Path) -> None:
    data = (
        frame()
        .rename(columns={"vorgang": "request_id", "betrag": "predicted_amount"})
        .drop(columns="wahrscheinlichkeit")
    )
    starter.start_from(tmp_path / "p", write(tmp_path, "amounts 2026-11-20.csv", data))
    config = only(tmp_path / "p").config
    assert (config.model_id, config.task, config.row_id, config.output) == (
        "amounts",
        "regression",
        "request_id",
        "predicted_amount",
    )


def test_awkward_names_survive(tmp_path: Path) -> None:
    names = {"alter": 'a "quoted" word', "on": "null", "betrag": "größe: cm # x"}
    folder = tmp_path / "it's {here}"
    starter.start_from(
        tmp_path / "p", write(folder, "log-2026-11-20.parquet", frame().rename(columns=names)), roles=GIVEN
    )
    model = only(tmp_path / "p")
    assert set(names.values()) <= set(model.config.columns)
    assert len(sources.list_nights(model.config.log, tmp_path / "p")) == 1


@pytest.mark.acceptance
def test_end_to_end_as_a_new_user(tmp_path: Path) -> None:
    for number in range(2):
        night = NIGHT + timedelta(days=number)
        write(tmp_path, f"vorhersagen-{night}.csv", frame(night))

    def program(*words: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "audit_pipeline", *words]
        return subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)

    options = ("--row-id", "vorgang", "--score", "wahrscheinlichkeit")
    made = program("init", "mein", "--from", "vorhersagen-2026-11-20.csv", *options)
    assert (made.returncode, made.stderr) == (0, "")
    assert "the first (2026-11-20) comes to NOT_EVALUATED, exit code 3" in made.stdout
    ran = program("run", "--project", "mein", "--json")
    assert ran.returncode == 3, ran.stderr
    assert "Traceback" not in ran.stderr
    first, second = json.loads(ran.stdout)["audited"]
    assert first["verdict"] == "NOT_EVALUATED"
    assert "this is the first audited night" in first["reasons"][0]
    assert second["verdict"] in ("PASS", "WARN", "FAIL")
    for line in (first, second):
        assert Path(line["report"]).read_text(encoding="utf-8").startswith("<!")
    again = program("run", "--project", "mein")
    assert (again.returncode, again.stdout) == (0, "")
    assert "Nothing is due" in again.stderr


def test_a_new_project_is_named_after_its_folder_and_begins_today(tmp_path: Path) -> None:
    starter.start(tmp_path / "p")
    made = yaml.safe_load((tmp_path / "p" / "project.yaml").read_text())
    assert (made["name"], made["nights"]["first"]) == ("p", date.today())

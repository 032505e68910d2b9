"""Who trains, who is replayed: by person, and only with years that person has."""

from collections import Counter

import numpy as np
import pandas as pd

from audit_pipeline.demo.cohort import NIGHTS, Cohorts, prepare, split
from audit_pipeline.demo.source import read


def test_a_training_person_is_nowhere_else(cohorts: Cohorts) -> None:
    training = set(cohorts.training["zper"])
    others = set(cohorts.reference["zper"]).union(*(set(rows["zper"]) for rows in cohorts.nights.values()))
    assert training
    assert not training & others
    assert set(cohorts.training["year"]) == {1}
    assert 0.45 < len(training) / (len(training) + len(set(cohorts.reference["zper"]))) < 0.55


def test_every_later_year_of_the_others_is_replayed_once_and_no_other_year(cohorts: Cohorts) -> None:
    raw, training = read(), set(cohorts.training["zper"])
    # a person of the training half may lack year 1, so the halves are told apart by who is replayed
    replayed = pd.concat(cohorts.nights.values())
    persons = set(replayed["zper"])
    assert not persons & training
    due = raw[raw["zper"].isin(persons) & (raw["year"] >= 2)]
    assert Counter(zip(replayed["zper"], replayed["year"], strict=True)) == Counter(
        zip(due["zper"], due["year"], strict=True)
    )
    assert set(replayed["year"]) == {2, 3, 4, 5}


def test_a_replayed_row_is_that_persons_row_of_that_year(cohorts: Cohorts) -> None:
    raw = read().set_index(["zper", "year"])
    rows = cohorts.nights[NIGHTS[3]]
    source = raw.loc[list(zip(rows["zper"], rows["year"], strict=True))]
    for column in ("income", "xage", "ghindx", "black", "coins"):
        assert np.array_equal(rows[column].to_numpy(), source[column].to_numpy(), equal_nan=True)
    assert (rows["visits"].to_numpy() == source["mdvis"].to_numpy()).all()
    assert (rows["site"] == [f"site_{code}" for code in source["site"]]).all()


def test_self_rated_health_joins_the_dummies() -> None:
    raw = read()
    table = prepare(raw)
    raw = raw.sort_values(["zper", "year"], ignore_index=True)
    # at most one dummy is 1, so counts must agree one by one, and the rest is the omitted category
    counts = table["health"].value_counts()
    assert counts["poor"] == raw["hlthp"].sum()
    assert counts["fair"] == raw["hlthf"].sum()
    assert counts["good"] == raw["hlthg"].sum()
    assert counts["excellent"] == len(raw) - raw[["hlthp", "hlthf", "hlthg"]].to_numpy().sum()


def test_every_night_mixes_sites_and_years_and_another_seed_deals_anew(cohorts: Cohorts) -> None:
    for rows in cohorts.nights.values():
        assert rows["site"].nunique() == 6
        assert rows["year"].nunique() == 4
        assert len(rows) in (729, 730)
    other = split(prepare(read()), seed=7)
    assert set(other.training["zper"]) != set(cohorts.training["zper"])
